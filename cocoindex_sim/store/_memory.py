"""State in memory, the same bytes as on disk: what survives the crashes of a simulated process.

A `MemoryStore` is the disk, a `MemoryHolder` a process that has it open. A commit is whole or absent: the content of
the disk is what was committed, whatever becomes of the holder. A crash cuts the holder, so that nothing the dead
process still tries has an effect, and the next process opens the same `MemoryStore`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile
from typing import Any, TypeVar

from sortedcontainers import SortedDict  # type: ignore[import-untyped]  # it ships no types

from ..values import StateError
from ._scan import Cursor
from ._space import ByteStore

__all__ = ["MemoryHolder", "MemoryStore"]

T = TypeVar("T")


class MemoryStore:
    """The durable content of a simulated state directory; `directory` names it in errors.

    `committed` is called after each commit, while its caller waits: what it raises, the caller gets.
    """

    def __init__(self, directory: str = "memory", *, committed: Callable[[], object] = lambda: None) -> None:
        self.directory = directory
        self._committed = committed
        self._content: Any = SortedDict()
        self._holder: MemoryHolder | None = None

    def open(self) -> MemoryHolder:
        """A new holder. Raises StateError while another one is neither closed nor cut."""
        if self._holder is not None and self._holder.usable:
            raise StateError(f"environment already open in this program: {self.directory!r}; close the other one first")
        self._holder = MemoryHolder(self.directory, self._content, self._committed)
        return self._holder


class MemoryHolder(ByteStore):
    """A `StateStore` over the content of a `MemoryStore`, until it is closed or cut."""

    def __init__(self, directory: str, content: Any, committed: Callable[[], object]) -> None:
        super().__init__(directory)
        self._content = content
        self._committed = committed
        self._refusal: str | None = None

    @property
    def usable(self) -> bool:
        """Whether it is neither closed nor cut."""
        return self._refusal is None

    def cut(self) -> None:
        """Crash: every later call raises StateError, and changes nothing."""
        self._refusal = "was cut off by a crash; nothing of this process is kept any more"
        self._committed = _nothing  # an environment keeps its holder until it is collected: not its world, too

    def close(self) -> None:
        """Give the directory back. Idempotent."""
        self._refusal = self._refusal or "is closed; open the environment again"
        self._committed = _nothing

    def _check(self) -> None:
        if self._refusal is not None:
            raise StateError(f"the state directory {self.directory!r} {self._refusal}")

    def lookup(self, stored_key: bytes) -> bytes | None:
        """The value under a stored key."""
        self._check()
        value: bytes | None = self._content.get(stored_key)
        return value

    def read(self, visit: Callable[[Cursor], T]) -> T:
        """What `visit` makes of a cursor on the latest commit."""
        # Worker threads may read while another one commits.
        with self.writing:
            self._check()
            return visit(_MemoryCursor(self._content))

    def write(self, batch: dict[bytes, bytes | None], cleared: bytes = b"") -> None:
        """Put and delete in one step."""
        self._check()
        content = self._content
        if cleared:
            for key in list(takewhile(lambda key: key.startswith(cleared), content.irange(cleared))):
                del content[key]
        for key, value in batch.items():
            if value is None:
                content.pop(key, None)
            else:
                content[key] = value
        self._committed()


def _nothing() -> None:
    pass


class _MemoryCursor:
    __slots__ = ("_at", "_content", "_keys")

    def __init__(self, content: Any) -> None:
        self._content = content
        self._keys: Any = content.keys()
        self._at = 0

    def set_range(self, key: bytes, /) -> bool:
        self._at = self._content.bisect_left(key)
        return self._at < len(self._keys)

    def next(self) -> bool:
        self._at += 1
        return self._at < len(self._keys)

    def key(self) -> bytes:
        key: bytes = self._keys[self._at]
        return key

    def value(self) -> bytes:
        value: bytes = self._content[self._keys[self._at]]
        return value
