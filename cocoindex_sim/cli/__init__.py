"""The command line: `coco-sim`."""


def main() -> None:
    """Entry point of the console script."""
