"""How time, memory and state grow with the number of components, and what one edit among them costs.

python -m benchmarks.growth [--peer-most 100000]    the sitting that the docs show, kept in growth.json
python -m benchmarks.growth PACKAGE COUNT...        a table of these sizes only

Each size runs in a process of its own: `components`, then `live_edit`. Up to 10,000 components it is measured three
times, and the median taken. `--peer-most` says up to which size CocoIndex is measured; a million take it a quarter
of an hour.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ._measure import Figures
from .compare import figures_of

KEPT = Path(__file__).with_name("growth.json")
COUNTS = (1_000, 10_000, 100_000, 1_000_000)
PACKAGES = ("cocoindex_sim", "cocoindex")
THRICE_UP_TO = 10_000
TIMEOUT_S = 3_600

ROW = "{:14}{:>10}  {:>17}  {:>17}  {:>17}  {:>15}  {:>13}  {:>16}  {:>22}"
HEAD = ROW.format(
    "", "components", "cold, s (us each)", "unchanged, s (us)", "1% edited, s (us)", "memory, MB (KB)", "state, MB (B)",
    "commits, edited", "live edit, ms: 50%, 99%",
)  # fmt: skip


def measure(package: str, count: int) -> Figures:
    """All figures of one size; of several rounds, the medians."""
    rounds = []
    for _ in range(3 if count <= THRICE_UP_TO else 1):
        grown = figures_of("components", package, (str(count),), TIMEOUT_S)
        edits = figures_of("live_edit", package, (str(count),), TIMEOUT_S)
        rounds.append(grown | {f"live_{name}": value for name, value in edits.items()})
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def row(package: str, count: int, figures: Figures) -> str:
    """One line of the table, in brackets what it is for each component."""

    def of(name: str, unit: float, digits: int = 2) -> str:
        return f"{figures[name]:.{digits}f} ({figures[name] / count * unit:.{0 if unit == 1e6 else 1}f})"

    return ROW.format(
        package, f"{count:,}", of("cold", 1e6), of("nochange", 1e6), of("edit1pct", 1e6), of("rss_mb", 1e3, 0),
        of("state_mb", 1e6, 1), f"{figures['cold_commits']:.0f}, {figures['edit1pct_commits']:.0f}",
        f"{figures['live_p50_ms']:.1f}, {figures['live_p99_ms']:.1f}",
    )  # fmt: skip


def measured(sizes: Iterable[tuple[str, int]]) -> Iterator[tuple[str, int, Figures]]:
    """Measure, and print each line as soon as it is known."""
    print(HEAD)
    for package, count in sizes:
        figures = measure(package, count)
        print(row(package, count, figures), flush=True)
        yield package, count, figures


def sitting(peer_most: int) -> None:
    """Measure all sizes of both packages, and keep the figures."""
    mine, peer = PACKAGES
    if importlib.util.find_spec(peer) is None:
        raise SystemExit("CocoIndex is missing: pip install -e '.[peer]', or name a package and sizes")
    sizes = [(package, count) for count in COUNTS for package in PACKAGES if package == mine or count <= peer_most]
    found: dict[str, dict[str, Figures]] = {package: {} for package in PACKAGES}
    load = 0.0  # of a quiet machine it is about one: the benchmark itself
    for package, count, figures in measured(sizes):
        found[package][str(count)] = figures
        load = max(load, os.getloadavg()[0])
    kept: dict[str, Any] = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": round(load, 1),
        "cocoindex": importlib.metadata.version(peer),
        "sizes": found,
    }
    KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    print(f"kept in {KEPT.name}; python tools/growth_plot.py makes the plot and the table of the docs")


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--peer-most", type=int, default=100_000, metavar="COUNT", help="default: %(default)s")
    parser.add_argument("package", nargs="?", metavar="PACKAGE")
    parser.add_argument("counts", nargs="*", type=int, metavar="COUNT")
    options = parser.parse_args()
    if options.package is None:
        sitting(options.peer_most)
    elif options.counts:
        for _ in measured((options.package, count) for count in options.counts):
            pass
    else:
        parser.error(f"name the sizes to measure {options.package} with")


if __name__ == "__main__":
    main()
