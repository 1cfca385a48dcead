"""What a pipeline has made of a source: it outlives a watch, and a process."""

from __future__ import annotations

import asyncio
from typing import Any

from cocoindex_sim.values import is_non_existence

from ._history import GONE, History

__all__ = ["Handle", "Items", "shown"]


class Items:
    """What a pipeline has made of a source so far: `rows` by encoded key, `kept` what watches commit.

    Keys in `held` are not finished before they leave it; of those in `raising` an exception handler raises.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self.rows: dict[bytes, tuple[Any, Any]] = {}
        self.kept: dict[Any, Any] = {}
        self.held: set[bytes] = set()
        self.raising: set[bytes] = set()
        self.running: dict[asyncio.Task[None], int] = {}
        """What processes an item, and in which life of the process it began."""

    def at_rest(self, life: int) -> bool:
        """Whether nothing is being processed any more, in this life."""
        return all(task.done() or began != life for task, began in self.running.items())

    def position(self, encoded: bytes) -> int | None:
        """How far a key has got: the position of what there is of it."""
        value = self.rows[encoded][1] if encoded in self.rows else GONE
        return self.history.position(encoded, value)

    def behind(self, required: dict[bytes, int]) -> list[str]:
        """The keys that have not got as far as they should, one line for each."""
        lines = []
        for encoded, position in required.items():
            got = self.position(encoded)
            if got is None or got < position:
                wanted = self.history.value(encoded, position)
                found = self.rows.get(encoded, (None, GONE))[1]
                lines.append(f"{self.history.key(encoded)!r} is {shown(found)}, and was {shown(wanted)}")
        return lines


def shown(value: Any) -> str:
    """A value, or that there is none."""
    return "not there" if is_non_existence(value) else repr(value)


class Handle:
    """What `update` and `delete` give: ready when the item is processed, or another took its place."""

    def __init__(self, done: asyncio.Future[None]) -> None:
        self._done = done

    async def ready(self) -> None:
        """Wait until it is; may be awaited repeatedly."""
        await asyncio.shield(self._done)
