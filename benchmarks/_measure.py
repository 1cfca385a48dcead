"""What the benchmarks share: a clock, an in-memory target, sizes, and the one line of figures they print."""

from __future__ import annotations

import importlib
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Figures = dict[str, float]

SITTING = "BENCHMARKS_SITTING"
"""An environment variable: the directory of a sitting, whose content stays until its end."""

META_PAGE = 4096
META_NUMBER = 144
"""Where a meta page of LMDB's file has the number of its transaction (`struct MDB_meta`, after the page's header)."""


class Journal:
    """A target held in a dict: its handler, and what it holds.

    `package` is the one under test: it has CocoIndex's API, whichever it is.
    """

    def __init__(self, package: Any) -> None:
        self.content: dict[Any, Any] = {}
        self._package = package
        self._sink = package.TargetActionSink.from_fn(self._apply)

    def _apply(self, context: Any, actions: Collection[tuple[Any, Any]]) -> None:
        for key, value in actions:
            if value is None:
                self.content.pop(key, None)
            else:
                self.content[key] = value

    def reconcile(self, key: Any, desired: Any, past: Collection[Any], maybe_missing: bool, /) -> Any:
        """An action unless what is wanted is surely there already."""
        absent = self._package.NON_EXISTENCE
        if self._package.is_non_existence(desired):
            if not past and not maybe_missing:
                return None
            return self._package.TargetReconcileOutput((key, None), self._sink, absent)
        if not maybe_missing and past and all(record == desired for record in past):
            return None
        return self._package.TargetReconcileOutput((key, desired), self._sink, desired)


def arguments(usage: str) -> tuple[str, list[int]]:
    """The package and the numbers of the command line. Exits with the usage when they do not fit it."""
    words = usage.split()
    given = sys.argv[1:]
    if len(given) != len(words) or not all(number.isdecimal() for number in given[1:]):
        sys.exit(f"usage: python -m benchmarks.{Path(sys.argv[0]).stem} {usage}")
    return given[0], [int(number) for number in given[1:]]


def package_under_test(name: str) -> Any:
    """A package with CocoIndex's API, by name."""
    return importlib.import_module(name)


@contextmanager
def working_directory() -> Iterator[Path]:
    """A new directory; gone afterwards, or with its sitting.

    For minutes after thousands of files were removed, ext4 takes up to ten times as long to make a new one. So what one
    run leaves must not go before the next one is measured.
    """
    sitting = os.environ.get(SITTING)
    directory = Path(tempfile.mkdtemp(dir=sitting))
    try:
        yield directory
    finally:
        if sitting is None:
            shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def timed(figures: Figures, name: str) -> Iterator[None]:
    """Note how long the block takes, in seconds, and as `_cpu` how long all threads of this process were at work."""
    cpu, start = time.process_time(), time.perf_counter()
    yield
    figures[name] = round(time.perf_counter() - start, 3)
    figures[f"{name}_cpu"] = round(time.process_time() - cpu, 3)


def rss_mb() -> int:
    """The most memory this process ever held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1024 * 1024 if sys.platform == "darwin" else 1024)


def size_mb(directory: Path) -> float:
    """What the files below a directory hold."""
    return round(sum(path.stat().st_size for path in directory.rglob("*") if path.is_file()) / 1e6, 1)


def commits(directory: Path) -> int:
    """How many durable transactions the LMDB environment below a directory has seen: LMDB numbers them.

    Read from its two meta pages, of which the younger one counts: a process may not open an environment twice.
    """
    (data,) = directory.rglob("data.mdb")
    with data.open("rb") as file:
        pages = [file.read(META_PAGE) for _ in range(2)]
    return max(int.from_bytes(page[META_NUMBER : META_NUMBER + 8], sys.byteorder) for page in pages)


def report(figures: Figures) -> None:
    """Print the figures, as the one line of JSON that `compare` reads."""
    print(json.dumps(figures), flush=True)
