"""A place to run engine code in: virtual loop, memory store, trace, and a target that keeps a journal."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Literal

import cocoindex_sim as coco
from cocoindex_sim.engine import Process
from cocoindex_sim.ports import Ports
from cocoindex_sim.store import MemoryStore
from cocoindex_sim.values import Event, event_name
from cocoindex_sim.world import Policy, VirtualLoop
from cocoindex_sim.world._trace import Trace


class Clock:
    """Virtual time of the bench's loop."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def monotonic_ns(self) -> int:
        return self._bench.loop.now_ns

    time_ns = monotonic_ns


class Bench:
    """One durable store; `process` is the life that has it open, `crash` ends it and begins the next.

    `policy`: who goes next on the loop of every life; asyncio's own order without.
    """

    def __init__(self, policy: Policy | None = None) -> None:
        self._policy = policy
        self._disk = MemoryStore()
        self._exits: list[Any] = []
        self.trace: Trace
        self._begin()

    def _begin(self) -> None:
        self.loop = VirtualLoop(self._policy)
        self.trace = Trace(self.loop)
        self._holder: Any = None

        def open_store(directory: str, map_size_bytes: int) -> Any:
            self._holder = self._disk.open()
            return self._holder

        ports = Ports(clock=Clock(self), file_system=None, open_store=open_store, event_loop=lambda: self.loop)  # type: ignore[arg-type]
        self.process = Process(ports)
        self.process.observers.append(self.trace)
        self._active = self.process.active()
        self._active.__enter__()
        self.env = coco.Environment(coco.Settings(db_path="state"))

    def app(self, main: Callable[..., Any], *args: Any, name: str = "app", **config: Any) -> coco.App[..., Any]:
        """An app in this life."""
        return coco.App(coco.AppConfig(name=name, environment=self.env, **config), main, *args)

    def run(self, work: Any) -> Any:
        """Run something awaitable to its end."""
        return self.loop.run_until_complete(work)

    def update(self, app: coco.App[..., Any], **options: Any) -> Any:
        """One update to its end."""
        return self.run(app.update(**options).result())

    def stats(self, app: coco.App[..., Any], **options: Any) -> dict[str, coco.ComponentStats]:
        """The counts of one update, which may fail."""
        handle = app.update(**options)
        with suppress(Exception):
            self.run(handle.result())
        stats = handle.stats()
        assert stats is not None
        return {name.rpartition(".")[2]: counts for name, counts in stats.by_component.items()}

    def update_until(self, app: coco.App[..., Any], event: str, nth: int = 1, **options: Any) -> None:
        """Begin an update and stop it dead right after the nth event of this name. Call `crash` next."""
        assert self.halt_at(app.update(**options).result(), event, nth), f"no {event} number {nth}"

    def halt_at(self, work: Coroutine[Any, Any, Any], event: str, nth: int = 1) -> bool:
        """As `update_until`, for any work. Whether there was such an event; otherwise the work has ended."""
        seen = 0

        class Watcher:
            def on_event(watcher, one: Event) -> None:
                nonlocal seen
                seen += event_name(one) == event
                if seen == nth:
                    self.loop.halt()

        self.process.observers.append(Watcher())
        task = self.loop.create_task(work, context=contextvars.copy_context())
        self.loop.run_until(lambda: seen >= nth or task.done())
        if task.done():
            task.exception()
        return seen >= nth

    def crash(self) -> None:
        """kill -9, and a new process on what was durable. Apps and decorated functions have to be made anew."""
        self._end()
        self._begin()

    def events(self, *names: str) -> list[str]:
        """The events since the last look as `name path`, of these names only (all without any)."""
        taken = self.trace.take_events()
        return [
            f"{event_name(event)} {getattr(event, 'path', getattr(event, 'target', ''))}".strip()
            for event in taken
            if not names or event_name(event) in names
        ]

    def _end(self) -> None:
        self._holder.cut()
        self.loop.close_abruptly()
        self._active.__exit__(None, None, None)

    def close(self) -> None:
        self._end()


class Journal:
    """A target whose content is `content`, whose `reconcile` arguments and sink calls are written down.

    `fail_before` / `fail_after`: keys whose action raises before it has, or once it has had, its effect. `before_action`
    is called with each key.
    """

    def __init__(self, content: dict[Any, Any] | None = None) -> None:
        self.content: dict[Any, Any] = {} if content is None else content
        self.asked: list[tuple[Any, Any, list[Any], bool]] = []
        self.calls: list[list[tuple[Any, Any]]] = []
        self.fail_before: set[Any] = set()
        self.fail_after: set[Any] = set()
        self.before_action: Callable[[Any], object] = lambda key: None
        self.sink = coco.TargetActionSink.from_fn(self._apply)

    def reconcile(
        self, key: Any, desired: Any, prev: Collection[Any], missing: bool, /
    ) -> coco.TargetReconcileOutput | None:
        self.asked.append((key, desired, list(prev), missing))
        if coco.is_non_existence(desired):
            if not prev and not missing:
                return None
            return coco.TargetReconcileOutput((key, None), self.sink, coco.NON_EXISTENCE)
        if not missing and prev and all(record == desired for record in prev):
            return None
        return coco.TargetReconcileOutput((key, desired), self.sink, desired)

    def _apply(self, context: coco.ContextProvider, actions: Sequence[tuple[Any, Any]]) -> None:
        self.calls.append(list(actions))
        for key, value in actions:
            self.before_action(key)
            if key in self.fail_before:
                raise OSError(f"{key} failed before")
            self._put(key, value)
            if key in self.fail_after:
                raise OSError(f"{key} failed after")

    def _put(self, key: Any, value: Any) -> None:
        if value is None:
            self.content.pop(key, None)
        else:
            self.content[key] = value

    def provider(self, name: str = "test/journal") -> Any:
        """The provider of this target in the current process."""
        return coco.register_root_target_states_provider(name, self)

    def take_asked(self) -> list[tuple[Any, Any, list[Any], bool]]:
        """The `reconcile` arguments since the last look, by key."""
        taken, self.asked = self.asked, []
        return sorted(taken, key=lambda one: str(one[0]))

    def take_calls(self) -> list[list[tuple[Any, Any]]]:
        """The sink calls since the last look."""
        taken, self.calls = self.calls, []
        return taken


class Tables(Journal):
    """A target of containers: `content` maps each table to its rows, which `rows` applies; its keys are (table, row).

    A table goes with all its rows. A changed value invalidates it as `invalidation` says, which takes all its rows
    ("destructive"), or the first one ("lossy"). `asks_rows`: the rows of a table that goes are asked first.
    """

    def __init__(self, content: dict[Any, Any] | None = None, *, asks_rows: bool = False) -> None:
        super().__init__(content)
        self.invalidation: Literal["destructive", "lossy"] | None = None
        self.rows = Journal()
        self.rows._put = self._put_row  # type: ignore[method-assign]  # rows are part of the content
        self.sink = coco.TargetActionSink.from_fn(
            self._apply, child_handler=lambda context, action: Rows(self, action[0])
        )
        if asks_rows:
            self.child_handler_for_deletion = lambda key, prev: Rows(self, key)

    def reconcile(
        self, key: Any, desired: Any, prev: Collection[Any], missing: bool, /
    ) -> coco.TargetReconcileOutput | None:
        output = super().reconcile(key, desired, prev, missing)
        if coco.is_non_existence(desired):
            return output
        invalidation = self.invalidation if any(record != desired for record in prev) else None
        return coco.TargetReconcileOutput((key, (desired, invalidation)), self.sink, desired, invalidation)

    def _put(self, table: Any, wanted: Any) -> None:
        if wanted is None:
            self.content.pop(table, None)
            return
        rows = self.content.setdefault(table, {})
        if wanted[1] == "destructive":
            rows.clear()
        elif wanted[1] == "lossy":
            rows.pop(min(rows, default=None), None)

    def _put_row(self, key: Any, value: Any) -> None:
        table, row = key
        if value is not None:
            self.content[table][row] = value
        elif table in self.content:
            self.content[table].pop(row, None)


class Rows:
    """The handler of the rows of one table."""

    def __init__(self, tables: Tables, table: Any) -> None:
        self._tables = tables
        self._table = table

    def reconcile(
        self, key: Any, desired: Any, prev: Collection[Any], missing: bool, /
    ) -> coco.TargetReconcileOutput | None:
        return self._tables.rows.reconcile((self._table, key), desired, prev, missing)
