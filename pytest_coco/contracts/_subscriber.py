"""The pipeline behind a keyed source: a subscriber that does as the engine's does, and keeps an eye on the protocol.

Per key one operation runs at a time, and of those behind it only the last told; a scan waits for what runs, and what is
told meanwhile runs after it (LIV-18..25).
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any, Final

from cocoindex_sim.values import encode_key, is_non_existence

from ._consumer import Consumer
from ._history import GONE
from ._items import Handle, Items, shown
from ._stage import OWN_TASKS, Stage

__all__ = ["ItemSubscriber"]

_BUSY_S_MAX: Final = 0.3


class _Slot:
    """The operations of one key: what to do next, and whether one runs."""

    __slots__ = ("running", "waiting")

    def __init__(self) -> None:
        self.waiting: tuple[Any, Any, asyncio.Future[None]] | None = None
        self.running: asyncio.Task[None] | None = None


class ItemSubscriber(Consumer):
    """What `watch()` of a view or a feed gets in a check. `view`: what `update_all` reads; None for a feed.

    `at`: what to do, once, when the watch has got somewhere: "scan begins", "item scanned", "scan ends", "told",
    "ready". `required`: how far each key has to be when the watch says that it is ready.
    """

    def __init__(self, stage: Stage, items: Items, *, view: Any = None, is_live: bool = True) -> None:
        super().__init__(stage)
        self.is_live = is_live
        self.required: dict[bytes, int] = {}
        self.reported: list[BaseException] = []
        self._items = items
        self._view = view
        self._scans = asyncio.Lock()
        self._is_scanning = False
        self._slots: dict[bytes, _Slot] = {}
        self._reached: dict[bytes, int] = {}  # by key, the position applied last in this watch
        self._failed: set[bytes] = set()

    # -- what a source calls ---------------------------------------------------------------------------------------

    async def update_all(self) -> None:
        """Read the view, process every item, and remove what it does not have."""
        self._called("update_all()")
        stage = self._stage
        if self._view is None:
            stage.violation(
                "protocol",
                "watch() of a feed called update_all()",
                "a feed can't be read as a whole: tell of each item with update() and delete(), or give the class"
                " an __aiter__ that yields all (key, value) pairs",
            )
            return
        async with self._scans:
            await self._let_finish()
            self._is_scanning = True
            try:
                await self._scan()
            finally:
                self._is_scanning = False
                for encoded, slot in self._slots.items():
                    self._run_next(encoded, slot)
        await self._passed("scan ends")

    async def update(self, key: Any, value: Any) -> Handle:
        """Process an item; returns when that is scheduled."""
        self._called(f"update({key!r}, {value!r})")
        return await self._told(key, value)

    async def delete(self, key: Any) -> Handle:
        """Remove an item; returns when that is scheduled."""
        self._called(f"delete({key!r})")
        return await self._told(key, GONE)

    async def mark_ready(self) -> None:
        """Say that everything that was there at the beginning is processed; in a catch-up this never returns."""
        self._called("mark_ready()")
        self.ready_count += 1
        behind = self._items.behind(self.required) if self.ready_count == 1 else []
        if behind:
            self._stage.violation(
                "ready",
                f"watch() said mark_ready() before what was there at its beginning was processed: {'; '.join(behind)}",
                "call mark_ready() after update_all() has returned, or after ready() of every handle of what there was",
            )
        await self._passed("ready")
        if not self.is_live:
            self.is_closed = True
            assert self.watch is not None
            self.watch.task.cancel()
            await asyncio.get_running_loop().create_future()

    async def report_exception(self, exc: BaseException) -> None:
        """Take note of an error."""
        self._stage.note(f"reported: {exc!r}")
        self.reported.append(exc)

    async def read_committed_state(self, key: Any) -> Any:
        """What was written under a key, in this run or an earlier one."""
        return self._items.kept.get(key)

    async def write_committed_state(self, key: Any, value: Any) -> None:
        """Keep a value."""
        await asyncio.sleep(0)
        self._items.kept[key] = value

    def has_failed(self, key: Any) -> bool:
        """Whether an item could not be processed when it was its turn last."""
        return encode_key(key) in self._failed

    # -- what becomes of it ----------------------------------------------------------------------------------------

    async def _scan(self) -> None:
        stage = self._stage
        await self._passed("scan begins")
        seen: dict[bytes, None] = {}
        tasks = []
        try:
            iterator = aiter(self._view)
            async with aclosing(iterator) if hasattr(iterator, "aclose") else _Nothing():
                async for item in iterator:
                    key, value = item
                    encoded = encode_key(key)
                    if encoded in seen:
                        stage.violation(
                            "protocol", f"the iteration yielded the key {key!r} twice", "yield every key once"
                        )
                    seen[encoded] = None
                    stage.note(f"scanned {key!r}: {value!r}")
                    done = asyncio.get_running_loop().create_future()
                    tasks.append(self._spawn(self._process(encoded, key, value, done)))
                    await self._passed("item scanned")
        except Exception as error:  # reported; what was read is processed, and nothing is removed (FEED-08)
            await self.report_exception(error)
            seen = dict.fromkeys([*seen, *self._items.rows])
        if tasks:
            await asyncio.gather(*tasks)
        for encoded in [each for each in self._items.rows if each not in seen]:
            key = self._items.rows[encoded][0]
            self._apply(encoded, key, GONE)

    async def _told(self, key: Any, value: Any) -> Handle:
        try:
            encoded = encode_key(key)
        except TypeError as error:
            self._stage.violation("protocol", f"the key {key!r} is no StableKey", "use str, int, bytes, tuples of them")
            raise error
        done = asyncio.get_running_loop().create_future()
        slot = self._slots.setdefault(encoded, _Slot())
        if slot.waiting is not None:
            slot.waiting[2].set_result(None)
        slot.waiting = key, value, done
        self._run_next(encoded, slot)
        await self._passed("told")
        return Handle(done)

    def _run_next(self, encoded: bytes, slot: _Slot) -> None:
        if slot.waiting is None or slot.running is not None or self._is_scanning:
            return
        (key, value, done), slot.waiting = slot.waiting, None

        def over(task: asyncio.Task[None]) -> None:
            slot.running = None
            if not task.cancelled() and not self.is_closed:
                self._run_next(encoded, slot)

        slot.running = self._spawn(self._process(encoded, key, value, done))
        slot.running.add_done_callback(over)

    async def _let_finish(self) -> None:
        while running := [slot.running for slot in self._slots.values() if slot.running is not None]:
            await asyncio.wait(running)
            await asyncio.sleep(0)

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        running = self._items.running
        task = asyncio.get_running_loop().create_task(work, name=f"{OWN_TASKS}item")
        running[task] = self._stage.lives
        task.add_done_callback(running.pop)
        return task

    async def _process(self, encoded: bytes, key: Any, value: Any, done: asyncio.Future[None]) -> None:
        stage = self._stage
        await asyncio.sleep(stage.delay_s(_BUSY_S_MAX))
        while encoded in self._items.held:  # noqa: ASYNC110  mostly in virtual time
            await asyncio.sleep(0.05)
        if encoded in self._items.raising:
            stage.note(f"processing {key!r} failed, and an exception handler raised that")
            self._failed.add(encoded)
            done.set_exception(RuntimeError(f"an exception handler raised this about {key!r}"))
            done.exception()  # a view need not ask
            return
        try:
            plain = value if is_non_existence(value) else await stage.call_inside("plain", value)
        except Exception as error:
            stage.note(f"processing {key!r} failed: {error}")
            self._failed.add(encoded)
        else:
            self._failed.discard(encoded)
            self._apply(encoded, key, plain)
        if not done.done():
            done.set_result(None)

    def _apply(self, encoded: bytes, key: Any, value: Any) -> None:
        stage, history = self._stage, self._items.history
        stage.note(f"processed {key!r}: {shown(value)}")
        reached = self._reached.get(encoded, -1)
        position = history.position(encoded, value, reached)
        if position is None:
            if not is_non_existence(value):
                stage.violation(
                    "values", f"the item {key!r} came as {value!r}, which it never was",
                    "yield and tell keys and values as they are in the source, the same way in both",
                )  # fmt: skip
            elif encoded in self._items.rows:
                stage.violation(
                    "values", f"the item {key!r} was removed, and the source never was without it",
                    "take a source that does not answer, or not in full, for one that does not answer, not for an empty"
                    " one: let its error out of __aiter__, and delete only what surely has gone",
                )  # fmt: skip
        elif position < reached:
            before = history.value(encoded, reached)
            stage.violation(
                "order", f"the item {key!r} went back: it was {shown(before)}, then {shown(value)}, which is older",
                "tell the changes of a key in their order, and none that the scan, or a later change, has overtaken",
            )  # fmt: skip
        self._reached[encoded] = max(reached, -1 if position is None else position)
        if is_non_existence(value):
            self._items.rows.pop(encoded, None)
        else:
            self._items.rows[encoded] = key, value


class _Nothing:
    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *_: object) -> None:
        pass
