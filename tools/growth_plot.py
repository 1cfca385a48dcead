"""Write `docs/growth.svg`, and its table in `docs/performance.md`, from what `python -m benchmarks.growth` has kept.

python tools/growth_plot.py [--check]

Drawn by hand: four panels of a few lines each ask for less than a library to draw them, and come out the same anywhere.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from _page import ROOT, out_of_date

KEPT = ROOT / "benchmarks" / "growth.json"
PLOT = ROOT / "docs" / "growth.svg"
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- from benchmarks/growth.json -->\n", "<!-- until here -->\n"

NAMES = {"cocoindex_sim": "cocoindex-sim", "cocoindex": "CocoIndex"}
COLOURS = {"cocoindex_sim": "#0072b2", "cocoindex": "#d55e00"}  # told apart by those who see few colours, too

Sizes = dict[int, dict[str, float]]
"""The figures of one package, by number of components."""


class Panel(NamedTuple):
    """One of the four plots: the figures it shows, and how their lines are drawn."""

    title: str
    figures: dict[str, str]


PANELS = (
    Panel("an update, s: cold solid, nothing changed dashed", {"cold": "", "nochange": "5 4"}),
    Panel("live: until the target has one edited item, ms", {"live_p50_ms": ""}),
    Panel("memory, MB, what the benchmark holds included", {"rss_mb": ""}),
    Panel("state on disk, MB", {"state_mb": ""}),
)
WIDTH, HEIGHT = 340, 210  # of the field of one panel
LEFT, TOP, APART = 52, 74, 70

Scale = Callable[[float], float]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if plot or page are out of date")
    check = parser.parse_args().check
    kept = json.loads(KEPT.read_text("utf-8"))
    sizes = {
        package: {int(count): figures for count, figures in found.items()} for package, found in kept["sizes"].items()
    }
    made = ((PLOT, plot(sizes)), (PAGE, page(table(kept, sizes))))
    problems = [problem for path, text in made if (problem := out_of_date(path, text, check=check))]
    if problems:
        sys.exit("\n".join(problems))


# -- the table ---------------------------------------------------------------------------------------------------------


def page(made: str) -> str:
    """The page as it is, with the table anew."""
    top, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, end, bottom = rest.partition(END)
    assert begin, f"{PAGE} has no place for the table"
    assert end, f"{PAGE} does not say where the table ends"
    return top + BEGIN + made + END + bottom


def table(kept: dict[str, object], sizes: dict[str, Sizes]) -> str:
    """What was measured on, and a row for each size."""
    head = (
        "components", "cold, s (µs each)", "unchanged, s (µs each)", "1 % edited, s (µs each)", "memory, MB",
        "state, MB", "commits: cold, unchanged, 1 % edited", "live edit, ms: median, 99 %; CPU",
    )  # fmt: skip
    lines = [
        "",
        f"Python {kept['python']}, CocoIndex {kept['cocoindex']},"
        f" {kept['cores']} cores, a load of up to {kept['load']}:",
        "",
        f"| {' | '.join(head)} |",
        "|---" * len(head) + "|",
    ]
    lines += [
        f"| {' | '.join(cells(package, count, figures))} |"
        for package in NAMES
        for count, figures in sizes[package].items()
    ]
    return "\n".join([*lines, "", textwrap.fill(in_words(sizes), 120), "", ""])


def cells(package: str, count: int, figures: dict[str, float]) -> Iterator[str]:
    """One row."""
    yield f"{count:,}" if package == "cocoindex_sim" else f"{count:,}, {NAMES[package]}"
    for name in ("cold", "nochange", "edit1pct"):
        yield f"{figures[name]:.2f} ({figures[name] / count * 1e6:.0f})"
    yield f"{figures['rss_mb']:.0f}"
    yield f"{figures['state_mb']:.1f}"
    yield ", ".join(f"{figures[f'{name}_commits']:,.0f}" for name in ("cold", "nochange", "edit1pct"))
    yield f"{figures['live_p50_ms']:.1f}, {figures['live_p99_ms']:.1f}; {figures['live_cpu_ms']:.1f}"


def in_words(sizes: dict[str, Sizes]) -> str:
    """What the table says of the aims, in numbers."""
    mine = sizes["cocoindex_sim"]
    few, most = min(mine), max(mine)
    base = 10_000 if 10_000 in mine else few

    def ratio(name: str, one: int, other: int, *, each: bool) -> str:
        of = {count: mine[count][name] / (count if each else 1) for count in (one, other)}
        return f"{of[other] / of[one]:.2f}"

    cold, cold_cpu, same, same_cpu = (
        ratio(name, base, most, each=True) for name in ("cold", "cold_cpu", "nochange", "nochange_cpu")
    )
    edit, edit_cpu = (ratio(name, few, most, each=False) for name in ("live_p50_ms", "live_cpu_ms"))
    return (
        f"A component of {most:,} takes {cold} times what one of {base:,} takes when all are new ({cold_cpu} in CPU"
        f" time), and {same} times ({same_cpu}) when nothing changed. An edit among {most:,} takes {edit} times as long"
        f" as among {few:,} ({edit_cpu} in CPU time)."
    )


# -- the plot ----------------------------------------------------------------------------------------------------------


def plot(sizes: dict[str, Sizes]) -> str:
    """The whole picture."""
    width, height = 2 * (LEFT + WIDTH) + APART, TOP + 2 * (HEIGHT + APART) - 30
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        ' font-family="sans-serif" font-size="12" fill="#222">',
        "<title>Time, memory and state over the number of components</title>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for place, package in enumerate(NAMES):
        x = LEFT + 130 * place
        lines.append(f'<circle cx="{x + 5}" cy="20" r="4" fill="{COLOURS[package]}"/>')
        lines.append(f'<text x="{x + 15}" y="24" font-weight="bold">{NAMES[package]}</text>')
    what = "over the number of components, both axes logarithmic"
    lines.append(f'<text x="{width - 20}" y="24" text-anchor="end">{what}</text>')
    for place, panel in enumerate(PANELS):
        lines += drawn(panel, sizes, LEFT + place % 2 * (LEFT + WIDTH + 20), TOP + place // 2 * (HEIGHT + APART))
    return "\n".join([*lines, "</svg>", ""])


def drawn(panel: Panel, sizes: dict[str, Sizes], left: int, top: int) -> Iterator[str]:
    """One panel with its axes and lines."""
    counts = sorted({count for found in sizes.values() for count in found})
    values = [row[name] for found in sizes.values() for row in found.values() for name in panel.figures]
    xs = decades(counts)
    ys = decades(values)
    across, up = log_scale(xs, left, left + WIDTH), log_scale(ys, top + HEIGHT, top)
    yield f'<text x="{left}" y="{top - 12}" font-weight="bold">{panel.title}</text>'
    for x in xs:
        at = f"{across(x):.1f}"
        yield f'<path d="M{at} {top}V{top + HEIGHT}" stroke="#ddd"/>'
        yield f'<text x="{at}" y="{top + HEIGHT + 18}" text-anchor="middle">{short(x)}</text>'
    for y in ys:
        at = f"{up(y):.1f}"
        yield f'<path d="M{left} {at}H{left + WIDTH}" stroke="#ddd"/>'
        yield f'<text x="{left - 6}" y="{up(y) + 4:.1f}" text-anchor="end">{short(y)}</text>'
    for package in reversed(NAMES):
        for name, dashes in panel.figures.items():
            points = [(across(count), up(row[name])) for count, row in sorted(sizes[package].items())]
            yield from line(points, COLOURS[package], dashes)


def line(points: Sequence[tuple[float, float]], colour: str, dashes: str) -> Iterator[str]:
    """A line with a dot at each size that was measured."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>'
    for x, y in points:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'


def decades(values: Sequence[float]) -> list[float]:
    """The powers of ten from below the least of these to above the largest."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return [float(f"1e{power}") for power in range(low, max(high, low + 1) + 1)]


def log_scale(marks: Sequence[float], begin: float, end: float) -> Scale:
    """Where a value stands between two places, on a logarithmic scale."""
    low, high = math.log10(marks[0]), math.log10(marks[-1])
    return lambda value: begin + (math.log10(value) - low) / (high - low) * (end - begin)


def short(value: float) -> str:
    """A power of ten, in few characters."""
    for unit, letter in ((1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{letter}"
    return f"{value:g}"


if __name__ == "__main__":
    main()
