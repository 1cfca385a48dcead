"""The command line: `coco-sim`."""

from ._main import main as main
