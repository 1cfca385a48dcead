"""Write the table of fenced calls into `docs/determinism.md`, from the fences themselves.

python tools/fences.py [--check]
"""

from __future__ import annotations

from _page import ROOT, make_page

from cocoindex_sim.world._fence import NO_OUTSIDE, FencedLoop
from cocoindex_sim.world._outside import fenced_calls

PAGE = ROOT / "docs" / "determinism.md"
BEGIN, END = "| call | what to do instead |\n|---|---|\n", "\n## Only documented\n"


def main() -> None:
    make_page(__doc__ or "", PAGE, page)


def page() -> str:
    """The page as it is, with the table anew."""
    top, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, end, bottom = rest.partition(END)
    assert begin, f"{PAGE} has no table of calls"
    assert end, f"{PAGE} has nothing below its table of calls"
    return top + BEGIN + table() + END + bottom


def table() -> str:
    """The rows, one for each thing there is to do."""
    methods = sorted(f"loop.{name}()" for name in vars(FencedLoop) if not name.startswith("_"))
    calls = fenced_calls() | {NO_OUTSIDE: methods}
    rows = {", ".join(map(shown, found)): what for what, found in calls.items()}
    return "".join(f"| {calls} | {what} |\n" for calls, what in rows.items())


def shown(call: str) -> str:
    """As code, unless it is a description."""
    return call if " " in call else f"`{call}`"


if __name__ == "__main__":
    main()
