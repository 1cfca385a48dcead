"""A pipeline in a file that is edited between the lives of a process."""

from __future__ import annotations

import importlib.util
import linecache
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from .bench import Bench

HEAD = "import functools\nimport cocoindex_sim as coco\nran = []\n\n"


class Project:
    """A pipeline file. Each `run` is a process of its own that loads the text it is given, on the same store.

    In the text, `main` is the root function, and `ran` lists what ran.
    """

    def __init__(self, bench: Bench, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bench = bench
        self.path = directory / "pipeline.py"
        self._monkeypatch = monkeypatch
        self._begun = False

    def load(self, text: str, *, name: str = "pipeline", run_as: str | None = None) -> ModuleType:
        """Write the file and execute it in the present process. `run_as`: its `__name__`, if not that of the file."""
        self._begun = True
        path = self.path.with_stem(name)
        path.write_text(HEAD + textwrap.dedent(text), encoding="utf-8")
        linecache.clearcache()
        spec = importlib.util.spec_from_file_location(run_as or name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        self._monkeypatch.setitem(sys.modules, run_as or name, module)
        spec.loader.exec_module(module)
        return module

    def update(self, text: str, *, source: bool = True, **names: str | None) -> tuple[Any, list[str]]:
        """What one update gives and runs, in a process of its own. `source`: whether its code is found in a file."""
        if self._begun:
            self.bench.crash()
        self._begun = True
        if source:
            module = self.load(text, **names)  # type: ignore[arg-type]  # both are names
        else:
            module = ModuleType("pipeline")
            exec(compile(HEAD + textwrap.dedent(text), "<generated>", "exec"), module.__dict__)
        result = self.bench.update(self.bench.app(module.main))
        return result, module.ran

    def run(self, text: str, **options: Any) -> list[str]:
        """What one update runs."""
        return self.update(text, **options)[1]


def edited(text: str, *edits: tuple[str, str]) -> str:
    """The text with each of these passages, which occur once, replaced."""
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def pipeline(body: str, call: str = "f(1)") -> str:
    """A pipeline whose root makes this call."""
    return textwrap.dedent(body) + f"\n@coco.fn\nasync def main():\n    return {call}\n"
