"""Run the benchmarks for two packages in turn, in one sitting, and print medians and their ratios.

python -m benchmarks [--rounds 3] [--only components,files,live,kafka,sim,plugin,growth] [A] [B]

Both packages have to be importable by this interpreter. A ratio above 1 means that A is faster, or smaller. `sim`,
`plugin` and `growth` have tables of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ._measure import SITTING

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_S = 600


class Benchmark(NamedTuple):
    """Arguments after the package, and the figures to compare; of each, smaller is better.

    `start_s` is taken off `seconds`: what the environment takes whichever package runs. With `has_floor` the same work
    is also done by `bare`, without any engine.
    """

    arguments: tuple[str, ...]
    figures: tuple[str, ...]
    start_s: float = 0.0
    has_floor: bool = False


BENCHMARKS = {
    "components": Benchmark(("10000",), ("cold", "nochange", "edit1pct", "del1pct", "rss_mb", "state_mb")),
    "files": Benchmark(("3000",), ("cold", "nochange", "edit1pct", "del1pct", "rss_mb", "state_mb"), has_floor=True),
    "live": Benchmark(("30",), ("p50_ms", "p99_ms", "burst_s")),
    "kafka": Benchmark(("20000", "2000"), ("seconds",), start_s=3.0),
}


OWN_TABLES = ("sim", "plugin", "growth")
"""Benchmarks that print a table of their own."""


def run(name: str, package: str) -> dict[str, float]:
    """The figures of one benchmark of one package."""
    benchmark = BENCHMARKS[name]
    figures = figures_of(name, package, benchmark.arguments, TIMEOUT_S)
    if "seconds" in figures:
        figures["seconds"] = max(figures["seconds"] - benchmark.start_s, 1e-3)
    return figures


def figures_of(name: str, package: str, arguments: Sequence[str], timeout_s: float) -> dict[str, float]:
    """What a benchmark prints, in a process of its own. Exits, with what it printed, when there are no figures."""
    command = [sys.executable, "-m", f"benchmarks.{name}", package, *arguments]
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "COCOINDEX_DISABLE_USAGE_TRACKING": "1"},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        sys.exit(f"{' '.join(command)} did not end within {timeout_s} s")
    last = done.stdout.strip().rpartition("\n")[2]
    if done.returncode != 0 or not last.startswith("{"):
        sys.exit(f"{' '.join(command)} gave no figures, exit {done.returncode}\n{done.stdout}{done.stderr}")
    figures: dict[str, float] = json.loads(last)
    return figures


def compare(name: str, packages: Sequence[str], rounds: int) -> None:
    """Run one benchmark for both packages, A B A B, and print its table."""
    floor = ("bare",) if BENCHMARKS[name].has_floor else ()
    rows: dict[str, list[dict[str, float]]] = {package: [] for package in (*packages, *floor)}
    for _ in range(rounds):
        for package, figures in rows.items():
            figures.append(run(name, package))
    a, b = packages
    print(f"{name} {' '.join(BENCHMARKS[name].arguments)}")
    for figure in BENCHMARKS[name].figures:
        ours, theirs = (statistics.median(row[figure] for row in rows[package]) for package in packages)
        ratio = theirs / ours if ours else float("inf")
        bare = [row[figure] for package in floor for row in rows[package] if figure in row]
        least = f"   bare {statistics.median(bare):10.3f}" if bare else ""
        print(f"  {figure:10} {a} {ours:10.3f}   {b} {theirs:10.3f}   ratio {ratio:7.2f}{least}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Compare two packages.")
    parser.add_argument("--rounds", type=int, default=3, help="how often each runs (default: %(default)s)")
    parser.add_argument("--only", default=",".join(BENCHMARKS), metavar="NAMES", help="default: %(default)s")
    parser.add_argument("a", nargs="?", default="cocoindex_sim", metavar="A", help="default: %(default)s")
    parser.add_argument("b", nargs="?", default="cocoindex", metavar="B", help="default: %(default)s")
    options = parser.parse_args(arguments)
    names = options.only.split(",")
    if options.a == options.b:
        parser.error(f"{options.a!r} is compared with itself; name two packages")
    if unknown := [name for name in names if name not in OWN_TABLES and name not in BENCHMARKS]:
        parser.error(f"no benchmark is called {unknown[0]!r}; there are {', '.join([*BENCHMARKS, *OWN_TABLES])}")
    with tempfile.TemporaryDirectory() as sitting:
        os.environ[SITTING] = sitting
        for name in names:
            if name in OWN_TABLES:
                subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=ROOT, check=True)
            else:
                compare(name, (options.a, options.b), options.rounds)
    return 0
