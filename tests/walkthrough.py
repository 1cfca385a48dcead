"""Does what a page tells its reader to do: writes the files it shows, types its commands, compares what they print.

`python -m tests.walkthrough docs/tutorial.md DIRECTORY` does so with the Python it is called with, and whatever that has.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

#: Seconds one command may take.
PATIENCE_S = 300


class Block(NamedTuple):
    """One fenced block of a page; a first line `# name` says which file it is."""

    language: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        first = re.match(r"# ([\w./-]*\.\w+)\n", self.text)
        return first[1] if first else None


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page that have a language, also those in lists and notes, in their order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in re.finditer(r"^( *)```(\w+)\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL):
        lines = match[3].splitlines(keepends=True)
        plain = "".join(line.removeprefix(match[1]) for line in lines)
        found.append(Block(match[2], plain, text.count("\n", 0, match.start()) + 1))
    return found


class Command(NamedTuple):
    """A line after `$`, and what it prints, in which `...` stands for anything; nothing shown: it only has to succeed."""

    text: str
    prints: str

    def fits(self, printed: str) -> bool:
        lines = [".*?".join(re.escape(part) for part in line.split("...")) for line in self.prints.splitlines()]
        pattern = "".join(r"(?:.*\n)*?" if line == ".*?" else rf"{line}\s*\n" for line in lines)
        return re.fullmatch(pattern, printed.rstrip() + "\n") is not None


def commands(block: Block) -> Iterator[Command]:
    """The commands of a `console` block."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        text, _, prints = part.partition("\n")
        yield Command(text, prints.strip("\n"))


def walk(page: Path, place: Path) -> int:
    """Follow the page in the directory `place`, from the top; how many commands that were.

    Raises: AssertionError naming the command that did not do what the page says.
    """
    typed = 0
    for block in blocks(page):
        if block.file is not None:
            (place / block.file).parent.mkdir(parents=True, exist_ok=True)
            (place / block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "diff":
            _change(block, f"{page.name}:{block.line}", place)
        elif block.language == "console":
            for command in commands(block):
                _type(command, f"{page.name}:{block.line}", place)
                typed += 1
    return typed


def _change(block: Block, where: str, place: Path) -> None:
    """Apply a `diff` block: below `---` and `+++`, with the name of the file, one hunk without line numbers."""
    header, _, *lines = block.text.splitlines(keepends=True)
    file = place / header.removeprefix("---").strip()
    before = "".join(line[1:] for line in lines if line[0] in " -")
    after = "".join(line[1:] for line in lines if line[0] in " +")
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1, f"{where}: is {text.count(before)} times in {file.name}, not once:\n{before}"
    file.write_text(text.replace(before, after), encoding="utf-8")


def _type(command: Command, where: str, place: Path) -> None:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("COCOINDEX_", "PYTEST_", "COCO_"))
    }
    binaries = str(Path(sys.executable).parent)
    run = subprocess.run(
        ["bash", "-c", command.text],
        cwd=place,
        env=kept | {"PATH": f"{binaries}{os.pathsep}{kept.get('PATH', '')}", "COLUMNS": "100", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    if command.prints:
        assert command.fits(run.stdout), f"{where}: $ {command.text}\nprints\n{run.stdout}\nand not\n{command.prints}"
    else:
        assert run.returncode == 0, f"{where}: $ {command.text}\nends with {run.returncode}:\n{run.stdout}"


if __name__ == "__main__":
    count = walk(Path(sys.argv[1]), Path(sys.argv[2]))
    assert count, f"{sys.argv[1]} has no commands"
    print(f"{count} commands typed")
