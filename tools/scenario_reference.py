"""Writes docs/reference/scenarios.md and the JSON Schema beside it, both from the vocabulary of scenario files.

python tools/scenario_reference.py           write them, and the line in scenario files that leads to the schema
python tools/scenario_reference.py --check   fail if any of them is out of date
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from cocoindex_sim.scenario import SUFFIX, reference_page, schema_text

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reference" / "scenarios.md"
SCHEMA = ROOT / "docs" / "reference" / "scenarios.schema.json"
MARK = "# yaml-language-server: $schema="


def led(path: Path, text: str) -> str:
    """The text of a scenario file, with the line that leads editors to the schema."""
    line = MARK + Path(os.path.relpath(SCHEMA, path.parent)).as_posix()
    first, _, rest = text.partition("\n")
    return f"{line}\n{rest if first.startswith(MARK) else text}"


def wanted() -> Iterator[tuple[Path, str]]:
    """Each file with what it should hold."""
    yield PAGE, reference_page()
    yield SCHEMA, schema_text()
    for directory in ("scenarios", "examples"):
        for path in sorted((ROOT / directory).rglob("*" + SUFFIX)):
            yield path, led(path, path.read_text("utf-8"))


def main() -> int:
    """Exit code 1 when something is out of date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = [(path, text) for path, text in wanted() if not path.is_file() or path.read_text("utf-8") != text]
    for path, text in stale:
        if check:
            print(f"{path.relative_to(ROOT)} is out of date; run python tools/scenario_reference.py", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
