"""Edits, renames, moves, deletes and restores Markdown files below a directory: `edit_markdown.py DIR SEED SECONDS`."""

from __future__ import annotations

import os
import pathlib
import random
import shutil
import sys
import time


class Editor:
    """Does one random thing after the other. What it deleted last it may restore."""

    def __init__(self, root: pathlib.Path, rng: random.Random) -> None:
        self.root = root
        self.rng = rng
        self.count = 0
        self.attic: list[tuple[pathlib.Path, dict[str, str]]] = []

    def text(self) -> str:
        self.count += 1
        return f"# Title {self.count}\n\nA *paragraph* about {self.rng.random()}.\n"

    def files(self) -> list[pathlib.Path]:
        return sorted(path for path in self.root.rglob("*.md") if path.is_file())

    def directories(self) -> list[pathlib.Path]:
        return sorted(path for path in self.root.rglob("*") if path.is_dir())

    def fresh(self, parent: pathlib.Path, suffix: str = "") -> pathlib.Path:
        self.count += 1
        return parent / f"new{self.count}{suffix}"

    def act(self) -> None:
        """One change, or a quick sequence of them."""
        action = self.rng.choice(
            [self.edit, self.edit, self.save, self.create, self.create, self.rename, self.rename_over, self.delete,
             self.move_directory, self.delete_directory, self.restore, self.restore, self.touch]
        )  # fmt: skip
        action()

    def edit(self) -> None:
        self.rng.choice(self.files()).write_text(self.text())

    def save(self) -> None:
        """As editors do: a new file takes the place of the old one."""
        path = self.rng.choice(self.files())
        beside = path.with_name(f".{path.name}.tmp")
        beside.write_text(self.text())
        os.replace(beside, path)

    def create(self) -> None:
        parent = self.rng.choice([self.root, *self.directories()])
        if self.rng.random() < 0.4:
            parent = self.fresh(parent) / "deep"
            parent.mkdir(parents=True)
        for _ in range(self.rng.randint(1, 5)):
            self.fresh(parent, ".md").write_text(self.text())

    def rename(self) -> None:
        path = self.rng.choice(self.files())
        path.rename(self.fresh(self.rng.choice([self.root, *self.directories()]), ".md"))

    def rename_over(self) -> None:
        one, other = self.rng.sample(self.files(), 2)
        os.replace(one, other)

    def touch(self) -> None:
        self.rng.choice(self.files()).touch()

    def delete(self) -> None:
        for path in self.rng.sample(self.files(), 2):
            self.attic.append((path, {"": path.read_text()}))
            path.unlink()

    def move_directory(self) -> None:
        source = self.rng.choice(self.directories())
        targets = [one for one in [self.root, *self.directories()] if source not in (one, *one.parents)]
        source.rename(self.fresh(self.rng.choice(targets)))

    def delete_directory(self) -> None:
        path = self.rng.choice(self.directories())
        if len(self.files()) < 100:
            return
        self.attic.append((path, {str(one.relative_to(path)): one.read_text() for one in path.rglob("*.md")}))
        shutil.rmtree(path)

    def restore(self) -> None:
        if not self.attic:
            return
        path, contents = self.attic.pop(self.rng.randrange(len(self.attic)))
        for name, text in contents.items():
            one = path / name if name else path
            one.parent.mkdir(parents=True, exist_ok=True)
            one.write_text(text)


def main() -> None:
    root, seed, seconds = pathlib.Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    editor = Editor(root, random.Random(seed))
    ends = time.monotonic() + seconds
    actions = 0
    while time.monotonic() < ends:
        for _ in range(editor.rng.choice([1, 1, 1, 2, 5, 20])):
            editor.act()
            actions += 1
        time.sleep(editor.rng.choice([0, 0.001, 0.01, 0.05, 0.2, 0.5]))
    print(actions)


if __name__ == "__main__":
    main()
