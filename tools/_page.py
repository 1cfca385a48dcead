"""What all tools that make a page do with it: write it, or say that it is out of date."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

__all__ = ["ROOT", "make_page", "out_of_date"]

ROOT = Path(__file__).resolve().parent.parent


def make_page(about: str, page: Path, text: Callable[[], str]) -> None:
    """The whole of a tool that makes one page; `about` is its docstring. With `--check`, exits if it is out of date."""
    parser = argparse.ArgumentParser(description=about.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page is not what it would be")
    problem = out_of_date(page, text(), check=parser.parse_args().check)
    if problem:
        sys.exit(problem)


def out_of_date(page: Path, text: str, *, check: bool) -> str | None:
    """Write the page; or, to check it, only say what is wrong with it, if anything."""
    if not check:
        page.write_text(text, encoding="utf-8")
    elif not page.exists() or page.read_text(encoding="utf-8") != text:
        return f"{page.relative_to(ROOT)} is out of date; run python tools/{Path(sys.argv[0]).name}"
    return None
