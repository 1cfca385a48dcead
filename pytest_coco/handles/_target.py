"""What the pipeline of a test has brought about: files and rows, and what became of them since the last look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cocoindex_sim.values import key_text
from cocoindex_sim.world import (
    MIRROR,
    Contains,
    Diff,
    Exactly,
    JournalTarget,
    Matches,
    TargetExpectation,
    World,
    compare_diff,
    compare_rows,
    compare_targets,
    diff_of,
)

from ._unmet import refuse

__all__ = ["CocoTarget"]

Content = str | bytes | Contains | Matches


def _expected(content: Content) -> TargetExpectation:
    if isinstance(content, Contains | Matches):
        return content
    return Exactly(content.encode() if isinstance(content, str) else content)


class CocoTarget:
    """The targets of a world: files that the pipeline was the last to write, and rows of simulated targets.

    `coco_target["prices"]` is the simulated target of that name. A content that is expected is text, bytes,
    `Contains(text)` or `Matches(pattern)`. Expectations raise `Unmet`.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._seen: dict[str, bytes] = {}

    def __getitem__(self, name: str) -> JournalTarget:
        return self._world.target(name)

    @property
    def files(self) -> dict[str, bytes]:
        """The files, by path relative to the directory of the pipeline."""
        return self._world.target_files()

    def rows(self, target: str = MIRROR) -> dict[Any, Any]:
        """The rows of one simulated target, by key; of the one that mirrors a source, if none is named."""
        return self._world.target(target).rows

    def expect_files(self, files: Mapping[str, Content]) -> None:
        """Exactly these files are there, with this content."""
        __tracebackhide__ = True
        found = compare_targets([(path, _expected(content)) for path, content in files.items()], self.files)
        self._look()
        if found is not None:
            refuse(found.fact, found.lines)

    def expect_rows(self, rows: Mapping[str, Content], target: str = MIRROR) -> None:
        """Exactly these rows are in one simulated target: content by key, both of them as text."""
        __tracebackhide__ = True
        wanted = [(target, key, _expected(content)) for key, content in rows.items()]
        found = compare_rows(wanted, {target: self._world.target(target)})
        self._look()
        if found is not None:
            refuse(found.fact, found.lines)

    def expect_diff(
        self, *, added: Iterable[str] = (), changed: Iterable[str] = (), removed: Iterable[str] = ()
    ) -> None:
        """Since the last look, which is any expectation of this fixture, these and no others came, changed and went.

        Files go by their path, rows by `target/key`.
        """
        __tracebackhide__ = True
        before, after = self._seen, self._look()
        found = compare_diff(Diff(frozenset(added), frozenset(changed), frozenset(removed)), diff_of(before, after))
        if found is not None:
            refuse("the targets did not change as expected since the last look", found.lines)

    def expect_unchanged(self) -> None:
        """Nothing came, changed or went since the last look."""
        __tracebackhide__ = True
        self.expect_diff()

    def _look(self) -> dict[str, bytes]:
        held = {**self.files}
        for name, target in sorted(self._world.targets.items()):
            for key, value in target.rows.items():
                held[f"{name}/{key if isinstance(key, str) else key_text(key)}"] = repr(value).encode()
        self._seen = held
        return held
