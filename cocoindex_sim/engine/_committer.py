"""Group commit: all writes that are ready at one moment share one durable transaction, off the event loop."""

from __future__ import annotations

import asyncio

from ..ports import Record, RecordKey, StateSpace, Write

__all__ = ["Committer", "PreviewCommitter"]


class Committer:
    """The state of one app as the engine sees it: what is durable, overlaid with what is on its way.

    Batches become durable in the order they were handed in.
    """

    __slots__ = ("_flusher", "_loop", "_overlay", "_queue", "_waiters", "_written", "commits", "space")

    def __init__(self, space: StateSpace, loop: asyncio.AbstractEventLoop) -> None:
        self.space = space
        self.commits = 0
        self._loop = loop
        self._overlay: dict[RecordKey, Record | None] = {}
        self._queue: list[Write] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._flusher: asyncio.Task[None] | None = None
        self._written: asyncio.Future[None] | None = None  # the batch that is being written is durable, or failed

    def get(self, key: RecordKey) -> Record | None:
        """The latest record, durable or not."""
        if self._overlay and key in self._overlay:
            return self._overlay[key]
        return self.space.get(key)

    def enqueue(self, writes: list[Write]) -> None:
        """Let these ride with the next commit."""
        self._queue.extend(writes)
        self._overlay.update(writes)

    async def commit(self, writes: list[Write]) -> None:
        """Make these, and all handed in before, durable."""
        self.enqueue(writes)
        await self.flush()

    async def flush(self) -> None:
        """Make everything handed in so far durable."""
        if not self._queue:
            return
        done = self._loop.create_future()
        self._waiters.append(done)
        if self._flusher is None:
            self._flusher = self._loop.create_task(self._flush(), name="commit")
        await done

    async def settle(self) -> None:
        """Wait until nothing that was handed in before is on its way: for reads that need the store itself: scans."""
        if self._queue:
            await self.flush()  # batches go in order
        elif self._flusher is not None:  # not for the batches after it: there may be no end of them
            if self._written is None:
                self._written = self._loop.create_future()
            await asyncio.shield(self._written)

    async def _flush(self) -> None:
        try:
            while self._waiters:
                await asyncio.sleep(0)  # whoever finishes in this turn of the loop shares the transaction
                batch, self._queue = self._queue, []
                waiters, self._waiters = self._waiters, []
                await self._write(batch, waiters)
        finally:
            self._flusher = None

    async def _write(self, batch: list[Write], waiters: list[asyncio.Future[None]]) -> None:
        try:
            await self._loop.run_in_executor(None, self.space.commit, batch)
            self.commits += 1
        except GeneratorExit:  # the loop is gone
            raise
        except BaseException as error:
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(error)
        else:
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)
        finally:
            overlay = self._overlay
            for key, record in batch:
                if key in overlay and overlay[key] is record:
                    del overlay[key]
            written, self._written = self._written, None
            if written is not None and not written.done():
                written.set_result(None)


class PreviewCommitter(Committer):
    """Keeps what a preview would store to itself: later steps of the preview read it, and nothing becomes durable."""

    __slots__ = ()

    def enqueue(self, writes: list[Write]) -> None:
        """Remember these for the length of the preview."""
        self._overlay.update(writes)

    async def flush(self) -> None:
        """Nothing is on its way."""
