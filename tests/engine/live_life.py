"""One process of a pipeline of live components that do what they are told, and what they ask for in a log."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import cocoindex_sim as coco

from .bench import Bench, Journal, Tables
from .live_model import LIVE, Full, Log, Operation, Place, Sources, Spec, Told, is_below

sub = coco.component_subpath
PAUSE_S = 0.01


class Options:
    """How a pipeline is set up, the same in every life."""

    def __init__(self, *, quota: int, handler: str, patient: bool, memo: bool, slow: bool) -> None:
        self.quota = quota
        self.handler = handler  # "none", "swallow" or "raise"
        self.patient = patient  # whether a feed waits for its items before it is ready
        self.memo = memo  # whether the items of view and feed are memoized
        self.slow = slow  # whether bodies take time


class LiveLife:
    """One process: `sources` and the contents of the targets outlive it."""

    def __init__(
        self, bench: Bench, sources: Sources, plain: dict[Any, Any], tables: dict[Any, Any], of: Options
    ) -> None:
        self.bench = bench
        self.sources = sources
        self.options = of
        self.plain = Journal(plain)
        self.tables = Tables(tables)
        self.providers = self.plain.provider("test/plain"), self.tables.provider("test/tables")
        self.logs: dict[Place, Log] = {}  # of the instance that began last
        self.queues: dict[Place, asyncio.Queue[Any]] = {}
        self.handles: list[tuple[Any, Any]] = []
        self.helpers: list[asyncio.Task[Any]] = []
        self.mounted: set[str] = set()
        self.faults: set[tuple[str, Place]] = set()
        self.times_faulty = 0  # how often faults were set
        self.heard: list[str] = []
        self.app = self._app()

    # -- what fails

    def strike(self, when: str, place: Place) -> None:
        """Raise if this is to fail now."""
        if (when, place) in self.faults:
            raise OSError(f"{place} failed {when}")

    def set_faults(self, faults: set[tuple[str, Place]]) -> None:
        self.faults = faults
        self.times_faulty += bool(faults)
        self.plain.fail_before = {place for when, place in faults if when == "before"}
        self.plain.fail_after = {place for when, place in faults if when == "after"}
        self.tables.fail_before = {place for when, place in faults if when == "table"}
        self.tables.rows.fail_before = {
            (place, row) for when, place in faults if when == "row" for row in ("own", "child")
        }

    # -- the pipeline

    def _app(self) -> coco.App[..., Any]:
        life, plain, tables = self, *self.providers

        async def row(table: Any, value: int) -> None:
            coco.declare_target_state(table.target_state("child", value))

        row_memo = coco.fn(memo=True)(row)

        async def leaf(place: Place, value: int) -> None:
            life.strike("early", place)
            coco.declare_target_state(plain.target_state(place, value))

        leaf_memo = coco.fn(memo=True)(leaf)

        async def body(place: Place, spec: Spec) -> None:
            kind, value = spec
            life.strike("early", place)
            if life.options.slow:
                await asyncio.sleep(PAUSE_S)
            if kind.endswith("table"):
                table = await coco.mount_target(tables.target_state(place, value % 2))
                coco.declare_target_state(table.target_state("own", value))
                if value % 2:
                    await coco.mount(sub("row"), row_memo if value > 2 else row, table, value)
            else:
                coco.declare_target_state(plain.target_state(place, value))
            if kind.endswith("tree"):
                for name in "xy"[: value % 3]:
                    await coco.mount(sub(name), leaf_memo, (*place, name), value)
            if kind == "around":
                await coco.mount(sub("L"), Driven, (*place, "L"))
            life.strike("late", place)

        @coco.fn
        async def item(place: Place, spec: Spec) -> None:
            await body(place, spec)

        @coco.fn(memo=True)
        async def memo(place: Place, spec: Spec) -> None:
            await body(place, spec)

        @coco.fn
        async def each(value: tuple[Place, Spec]) -> None:
            await body(*value)

        @coco.fn(memo=True)
        async def each_memo(value: tuple[Place, Spec]) -> None:
            await body(*value)

        def of_spec(place: Place, spec: Spec) -> tuple[Any, ...]:
            if spec.kind == "live":
                return Driven, place
            return memo if spec.kind.startswith("memo") else item, place, spec

        class Driven:
            """A live component that scans first, and then does what it is told."""

            def __init__(self, place: Place) -> None:
                self.place = place
                self.log = Log()

            async def process(self) -> None:
                full = self.log.next_full()
                life.strike("process", self.place)
                full.found = dict(life.sources.of(self.place))
                for name, spec in full.found.items():
                    if isinstance(spec, Spec):
                        await coco.mount(sub(name), *of_spec((*self.place, name), spec))
                    else:
                        coco.declare_target_state(plain.target_state(self.place, spec))

            async def process_live(self, operator: coco.LiveComponentOperator) -> None:
                async def ask(operation: Operation) -> Any:
                    place = (*self.place, *operation.place)
                    if operation.spec is None:
                        return await operator.delete(sub(*operation.place))
                    return await operator.update(sub(*operation.place), *of_spec(place, operation.spec))

                driver = Driver(life, self.place, self.log, operator.update_full, ask)
                await driver.run(operator)

        class View:
            def __init__(self) -> None:
                self.log = Log()

            async def __aiter__(self) -> AsyncIterator[tuple[str, Any]]:
                full = self.log.next_full()
                life.strike("process", ("view",))
                full.found = dict(life.sources.of(("view",)))
                for name, spec in full.found.items():
                    yield name, (("view", name), spec)

            async def watch(self, subscriber: Any) -> None:
                driver = Driver(life, ("view",), self.log, subscriber.update_all, asking(subscriber, "view"))
                await driver.run(subscriber)

        class Feed:
            async def watch(self, subscriber: Any) -> None:
                ask = asking(subscriber, "feed")

                async def catch_up() -> None:
                    waiting = []
                    for key, told in list(life.sources.told.items()):
                        if not told.done:
                            handle = await ask(Operation((key,), told.spec))
                            waiting.append(asyncio.ensure_future(life.acknowledge(key, told, handle)))
                    life.helpers.extend(waiting)
                    if life.options.patient:
                        for one in waiting:
                            await asyncio.shield(one)

                await Driver(life, ("feed",), Log(), catch_up, ask).run(subscriber)

        def asking(subscriber: Any, top: str) -> Any:
            async def ask(operation: Operation) -> Any:
                [key] = operation.place
                if operation.spec is None:
                    return await subscriber.delete(key)
                return await subscriber.update(key, ((top, key), operation.spec))

            return ask

        async def refreshed() -> None:
            coco.declare_target_state(plain.target_state(("refresh",), life.sources.refreshed))

        refresh = coco.auto_refresh(refreshed, interval=timedelta(seconds=1))

        async def main() -> str:
            life.mounted = set(life.sources.mounted)
            handlers = contextlib.AsyncExitStack()
            if life.options.handler != "none":
                await handlers.enter_async_context(coco.exception_handler(life.hear))
            async with handlers:
                fn = each_memo if life.options.memo else each
                if "top" in life.mounted:
                    await coco.mount(sub("top"), Driven, ("top",))
                if "view" in life.mounted:
                    await coco.mount_each(sub("view"), fn, View())
                if "feed" not in life.mounted:
                    for told in life.sources.told.values():
                        told.done = False  # its items go, and so does what a source keeps with them
                else:
                    await coco.mount_each(sub("feed"), fn, Feed())
                if "refresh" in life.mounted:
                    await coco.mount(sub("refresh"), refresh)
            return "result"

        return self.bench.app(main, max_inflight_components=self.options.quota)

    def hear(self, error: BaseException, context: coco.ExceptionContext) -> None:
        self.heard.append(context.stable_path)
        assert isinstance(error, OSError | RuntimeError), repr(error)
        if self.options.handler == "raise":
            raise error

    async def acknowledge(self, key: str, told: Told, handle: Any) -> None:
        """Note that an item is done with, unless something failed meanwhile."""
        self.handles.append((("feed", key), handle))
        before = self.times_faulty if not self.faults else -1
        with contextlib.suppress(Exception):
            await handle.ready()
            told.done = before == self.times_faulty

    def check(self, top: Place, log: Log, full: Full) -> None:
        """After a complete cycle everything that it found is applied, and nothing else is there."""
        if log.entries[-1] is not full or self.logs[top] is not log or full.found is None:
            return
        standing = {(*top, *below): one for below, one in log.left().items()}
        inner = [place for place, one in standing.items() if one == LIVE]
        wanted = {place: one for place, one in standing.items() if one != LIVE}
        content = self.content()
        there = {place for place in content if is_below(place, top) and not any(is_below(place, one) for one in inner)}
        assert {place: content[place] for place in there} == wanted, f"after a cycle of {top}"

    def content(self) -> dict[Place, Any]:
        """What the targets hold."""
        return {**self.plain.content, **self.tables.content}


class Driver:
    """The `process_live` of a live component: it scans, and then does what it is told."""

    def __init__(self, life: LiveLife, place: Place, log: Log, full: Any, ask: Any) -> None:
        self.life, self.place, self.log = life, place, log
        self._full, self._ask = full, ask

    async def run(self, operator: Any) -> None:
        life, place = self.life, self.place
        life.logs[place] = self.log
        queue = life.queues[place] = asyncio.Queue()
        helpers: list[asyncio.Task[Any]] = []
        try:
            await self.full()
            life.strike("start", place)
            await operator.mark_ready()
            while True:
                match await queue.get():
                    case "return":
                        return
                    case "raise":
                        raise OSError("told to")
                    case "full", True:
                        await self.full()
                    case "full", False:
                        helpers.append(asyncio.ensure_future(self.full()))
                    case operation, awaited:
                        handle = await self.operate(operation)
                        if awaited:
                            with contextlib.suppress(OSError, RuntimeError):
                                await handle.ready()
        finally:
            for helper in helpers:
                helper.cancel()
            if life.queues.get(place) is queue:
                del life.queues[place]

    async def full(self) -> None:
        full, before = Full(), self.life.times_faulty
        self.log.entries.append(full)
        try:
            await self._full()
        except (OSError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "no longer active" in str(error):
                raise
            return
        if not self.life.faults and self.life.times_faulty == before:
            self.life.check(self.place, self.log, full)

    async def operate(self, operation: Operation | tuple[str, Told]) -> Any:
        if isinstance(operation, Operation):
            self.log.entries.append(operation)
            handle = await self._ask(operation)
            self.life.handles.append((operation, handle))
        else:
            key, told = operation
            handle = await self._ask(Operation((key,), told.spec))
            self.life.helpers.append(asyncio.ensure_future(self.life.acknowledge(key, told, handle)))
        return handle
