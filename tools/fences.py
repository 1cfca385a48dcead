"""Write the table of fenced calls into `docs/determinism.md`, from the fences themselves.

python tools/fences.py [--check]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cocoindex_sim.world._fence import NO_OUTSIDE, FencedLoop
from cocoindex_sim.world._outside import fenced_calls

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "determinism.md"
BEGIN, END = "| call | what to do instead |\n|---|---|\n", "\n## Only documented\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page is not what it would be")
    check: bool = parser.parse_args().check
    before = PAGE.read_text(encoding="utf-8")
    top, begin, rest = before.partition(BEGIN)
    _, end, bottom = rest.partition(END)
    assert begin, f"{PAGE} has no table of calls"
    assert end, f"{PAGE} has nothing below its table of calls"
    page = top + BEGIN + table() + END + bottom
    if not check:
        PAGE.write_text(page, encoding="utf-8")
    elif page != before:
        sys.exit(f"{PAGE.relative_to(ROOT)} is out of date; run python tools/fences.py")


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
