"""Group commit: all writes that are ready at one moment share one durable transaction, off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextvars import copy_context
from functools import partial
from typing import Final, TypeAlias

from ..ports import Record, RecordKey, StateSpace, Write
from ._outcome import tell

__all__ = ["Committer", "PreviewCommitter"]

Durable: TypeAlias = Callable[[BaseException | None], object]
"""Called when some writes are durable, with None, or could not be made so."""

_Batch: TypeAlias = dict[tuple[str, bytes, bytes], Write]
"""Writes by kind, path and fingerprint, whose hashes cost nothing; the last one for a key."""


class _Nothing:
    """To be awaited at once."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


_NOTHING: Final = _Nothing()


class Committer:
    """The state of one app as the engine sees it: what is durable, overlaid with what is on its way.

    Batches become durable in the order they were handed in. No task has a part in that, only callbacks: a batch takes
    three steps of the loop, besides those of who waits for it.
    """

    __slots__ = ("_context", "_filling", "_flying", "_is_due", "_loop", "_waiters", "_written", "commits", "space")

    def __init__(self, space: StateSpace, loop: asyncio.AbstractEventLoop) -> None:
        self.space = space
        self.commits = 0
        self._loop = loop
        self._context = copy_context()
        self._filling: _Batch = {}  # what was handed in since the last batch went out
        self._flying: _Batch = {}  # the batch that is being written
        self._is_due = False  # whether a batch is being written, or is about to be
        self._waiters: list[Durable] = []
        self._written: asyncio.Future[None] | None = None  # the batch that is being written is durable, or failed

    def get(self, key: RecordKey) -> Record | None:
        """The latest record, durable or not."""
        if self._filling or self._flying:
            flat = (key.kind, key.path.encoded, key.fingerprint)
            write = self._filling.get(flat) or self._flying.get(flat)
            if write is not None:
                return write[1]
        return self.space.get(key)

    def enqueue(self, writes: list[Write]) -> None:
        """Let these ride with the next commit."""
        filling = self._filling
        for write in writes:
            key = write[0]
            filling[key.kind, key.path.encoded, key.fingerprint] = write

    def commit(self, writes: list[Write]) -> Awaitable[None]:
        """Make these, and all handed in before, durable."""
        self.enqueue(writes)
        return self.flush()

    def commit_then(self, writes: list[Write], durable: Durable) -> None:
        """As `commit`, and have this called at once when it is done, with what went wrong or None. It must not raise.

        At least one write.
        """
        self.enqueue(writes)
        self._waiters.append(durable)
        if not self._is_due:
            self._call_for_it()

    def flush(self) -> Awaitable[None]:
        """Make everything handed in so far durable."""
        if not self._filling:
            return _NOTHING
        done = self._loop.create_future()
        self._waiters.append(partial(tell, done))
        if not self._is_due:
            self._call_for_it()
        return done

    def _call_for_it(self) -> None:
        self._is_due = True
        self._loop.call_soon(self._begin, context=self._context)

    async def settle(self) -> None:
        """Wait until nothing that was handed in before is on its way: for reads that need the store itself: scans."""
        if self._filling:
            await self.flush()  # batches go in order
        elif self._flying:  # not for the batches after it: there may be no end of them
            if self._written is None:
                self._written = self._loop.create_future()
            await asyncio.shield(self._written)

    def _begin(self) -> None:
        """Write what there is. Whoever finished in the turn of the loop before this shares the transaction."""
        self._flying, self._filling = self._filling, {}
        waiters, self._waiters = self._waiters, []
        try:
            writing = self._loop.run_in_executor(None, self.space.commit, list(self._flying.values()))
        except BaseException as error:
            self._end(waiters, error)
        else:
            writing.add_done_callback(lambda done: self._over(done, waiters), context=self._context)

    def _over(self, writing: asyncio.Future[None], waiters: list[Durable]) -> None:
        if writing.cancelled():
            self._end(waiters, asyncio.CancelledError())
        else:
            self._end(waiters, writing.exception())

    def _end(self, waiters: list[Durable], error: BaseException | None) -> None:
        self._flying = {}
        if error is None:
            self.commits += 1
        for durable in waiters:
            durable(error)
        written, self._written = self._written, None
        if written is not None and not written.done():
            written.set_result(None)
        if self._waiters:
            self._loop.call_soon(self._begin, context=self._context)  # after those that can go on now
        else:
            self._is_due = False


class PreviewCommitter(Committer):
    """Keeps what a preview would store to itself: later steps of the preview read it, and nothing becomes durable."""

    __slots__ = ()

    def flush(self) -> Awaitable[None]:
        """Nothing is on its way."""
        return _NOTHING

    def commit_then(self, writes: list[Write], durable: Durable) -> None:
        """It counts as done."""
        self.enqueue(writes)
        durable(None)
