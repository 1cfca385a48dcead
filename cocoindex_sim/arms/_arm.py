"""Where else a story can happen: which engine, in which interpreter."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

from ..values import CocoSimError

__all__ = ["COCOINDEX", "REAL", "Arm", "ArmError", "find_cocoindex", "real_arm"]

REAL: Final = "real"
"""The arm of our engine on real files."""

COCOINDEX: Final = "cocoindex"
"""The arm of the package `cocoindex`, which is on real files, too."""


class ArmError(CocoSimError, RuntimeError):
    """An arm can't be used here, or its process did not do what it was told; the text says why."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A place for stories outside the simulation: `name` is `real` or `cocoindex`, `python` its interpreter.

    `version`: that of the package `cocoindex`; empty for our engine. `kafka`: the address of an Apache Kafka that
    belongs to the stories, one at a time, which delete all it has; without one, each story has a mock cluster.
    """

    name: Literal["real", "cocoindex"]
    python: str
    version: str = ""
    kafka: str = ""

    @property
    def package(self) -> str:
        """The name of the package whose engine it is."""
        return "cocoindex" if self.name == COCOINDEX else "cocoindex_sim"

    @property
    def is_cocoindex(self) -> bool:
        """Whether CocoIndex itself runs the pipelines here."""
        return self.name == COCOINDEX

    def __str__(self) -> str:
        return f"CocoIndex {self.version}" if self.is_cocoindex else "our engine on real files"


def real_arm() -> Arm:
    """Our engine on real files, in the interpreter that asks."""
    return Arm(REAL, sys.executable)


_ASK = "import importlib.metadata as m; print(m.version('cocoindex'))"


@cache
def find_cocoindex(python: str | None = None) -> Arm:
    """CocoIndex in the interpreter at `python`, or in this one.

    Raises: ArmError when there is none, saying what to do.
    """
    named = python or sys.executable
    how = "name an interpreter that has it with --coco-engine-python or coco_engine_python"
    if python is not None and not Path(python).exists():
        raise ArmError(f"there is no interpreter {python!r}; {how}")
    asked = subprocess.run([named, "-c", _ASK], capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        where = f"the interpreter {named!r}" if python is not None else "this interpreter"
        raise ArmError(f"{where} has no package cocoindex; install it, or {how}")
    return Arm(COCOINDEX, named, asked.stdout.strip())
