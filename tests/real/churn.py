"""Change the files below a directory at random, as people and programs do, for a while.

usage: churn.py ROOT SECONDS SEED

`STORE`, beside the root, is where things are moved to and back from. The last line says how many changes were made.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


class Churn:
    """The changes that can be made; each may find nothing to do."""

    def __init__(self, root: Path, draw: random.Random) -> None:
        self.root = root
        self.store = root.parent / "STORE"
        self.draw = draw
        self.number = 0

    def files(self) -> list[Path]:
        return sorted(path for path in self.root.rglob("*") if path.is_file())

    def directories(self) -> list[Path]:
        return sorted(path for path in self.root.rglob("*") if path.is_dir())

    def a_file(self) -> Path:
        return self.draw.choice(self.files())

    def a_directory(self) -> Path:
        return self.draw.choice([self.root, *self.directories()])

    def text(self) -> str:
        return f"# Title {self.number}\n\n{'word ' * self.draw.randint(1, 200)}\n"

    def edit(self) -> None:
        self.a_file().write_text(self.text())

    def append(self) -> None:
        with self.a_file().open("a") as file:
            file.write(f"line {self.number}\n")

    def save(self) -> None:
        path = self.a_file()
        beside = path.with_name(f".{path.name}~")
        beside.write_text(self.text())
        os.replace(beside, path)

    def create(self) -> None:
        (self.a_directory() / f"new{self.number}.md").write_text(self.text())

    def create_tree(self) -> None:
        directory = self.a_directory() / f"tree{self.number}/deep"
        directory.mkdir(parents=True)
        (directory / "one.md").write_text(self.text())
        (directory.parent / "two.md").write_text(self.text())

    def delete(self) -> None:
        self.a_file().unlink()

    def delete_tree(self) -> None:
        shutil.rmtree(self.draw.choice(self.directories()))

    def rename(self) -> None:
        path = self.a_file()
        path.rename(path.with_name(f"renamed{self.number}.md"))

    def move(self) -> None:
        self.a_file().rename(self.a_directory() / f"moved{self.number}.md")

    def rename_tree(self) -> None:
        path = self.draw.choice(self.directories())
        path.rename(path.with_name(f"d{self.number}"))

    def move_tree(self) -> None:
        self.draw.choice(self.directories()).rename(self.a_directory() / f"m{self.number}")

    def move_out(self) -> None:
        self.draw.choice([*self.directories(), *self.files()]).rename(self.store / f"s{self.number}.md")

    def move_in(self) -> None:
        self.draw.choice(sorted(self.store.iterdir())).rename(self.a_directory() / f"back{self.number}.md")

    def touch(self) -> None:
        os.utime(self.a_file())

    def step(self) -> None:
        """One change."""
        changes: list[Callable[[], None]] = [
            self.edit, self.edit, self.edit, self.append, self.save, self.save, self.create, self.create,
            self.create_tree, self.create_tree, self.delete, self.delete_tree, self.rename, self.move, self.rename_tree,
            self.move_tree, self.move_out, self.move_in, self.move_in, self.touch,
        ]  # fmt: skip
        self.number += 1
        with suppress(OSError, IndexError):  # nothing there to do it with, or a directory to be moved into itself
            self.draw.choice(changes)()


def main(root: Path, seconds: float, seed: int) -> None:
    """Go on for that long."""
    churn = Churn(root, random.Random(seed))
    churn.store.mkdir(exist_ok=True)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for _ in range(churn.draw.choice([1, 1, 1, 2, 5, 30])):
            churn.step()
        time.sleep(churn.draw.choice([0, 0.001, 0.003, 0.01, 0.05, 0.2]))
    print(churn.number, "changes")


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
