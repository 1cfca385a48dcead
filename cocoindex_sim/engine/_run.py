"""One run: a single update or drop of one app, and what its components share."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from functools import partial
from typing import Any, Final, Literal, TypeVar

from msgspec.structs import replace

from ..ports import ComponentRecord, Generation, Observer, Record, RecordKey, StateSpace, TargetRecord
from ..values import ROOT_PATH, Event, RunFinished, RunStarted, StablePath, Symbol
from ._build import build, invocation_of
from ._call_memo import CallWaits
from ._collect import remove_components, stored_components
from ._committer import Committer, PreviewCommitter
from ._component import Component, _current
from ._context_keys import ContextProvider
from ._crew import Crew
from ._cycle import Cycle
from ._deadline import current_deadline_ns, set_deadline_ns
from ._exceptions import ExceptionHandler, Failure, report_failure
from ._live import LiveActivity
from ._outcome import Outcome
from ._process import Process
from ._sink import SinkQueue
from ._slots import Slots
from ._stats import StatsCounter
from ._submit import PlannedChange, Submission
from ._targets import ATTACHMENT, TargetActionSink, TargetStateProvider
from ._tasks import Tasks

__all__ = ["Run", "RunMode"]

LIVE_FAILURES_MAX: Final = 1_000
"""How many background failures a live run remembers."""

DECLARED_KNOWN_MAX: Final = 100_000
"""Of how many target states a first run remembers that they were declared."""

T = TypeVar("T")
RunMode = Literal["update", "full_reprocess", "drop"]


class Run:
    """One update or drop of one app, on one event loop."""

    def __init__(
        self,
        *,
        app: str,
        mode: RunMode,
        process: Process,
        space: StateSpace,
        context_provider: ContextProvider,
        max_inflight_components: int,
        environment_name: str = "",
        exception_handler: ExceptionHandler | None = None,
        preview: bool = False,
        stats: StatsCounter | None = None,
        live: bool = False,
    ) -> None:
        self.app = app
        self.mode = mode
        self.process = process
        self.environment_name = environment_name
        self.environment_handlers = () if exception_handler is None else (exception_handler,)
        # Of background work, that no handler took. A live run may go on for weeks, and keeps the last ones.
        self.failures: deque[Failure] = deque(maxlen=LIVE_FAILURES_MAX if live else None)
        self.context_provider = context_provider
        self.loop = asyncio.get_running_loop()
        self.is_preview = preview
        self.plan: list[PlannedChange] = []  # what a preview would have applied
        self.committer = PreviewCommitter(space, self.loop) if preview else Committer(space, self.loop)
        self.slots = Slots(max_inflight_components, self.loop)
        self.crew = Crew(self, process.ports.bodies_at_once)
        self.stats = StatsCounter() if stats is None else stats
        self.ready: asyncio.Future[Any] = self.loop.create_future()  # what the root returned, once it is ready
        self.full_reprocess = mode == "full_reprocess"
        self.is_drop = mode == "drop"
        self.tombstones: set[bytes] = set()  # deletions left over from earlier runs, not tried yet in this one
        self.marked: set[bytes] = set()  # components that may have a tombstone, also of this run
        self.remounted: set[bytes] = set()  # those of them that are mounted again
        self.doubted: set[bytes] = set()  # components that lost target states, or have such ones below them
        self.failed: set[bytes] = set()  # components whose last build in this run failed
        self.has_history = False  # whether anything was on record when the run began
        self._declared: set[bytes] = set()  # target states that were declared in a first run: some of them
        self.submitting: dict[bytes, Submission] = {}  # target states with a sink call in flight, and whose
        self.call_waits = CallWaits()
        self.resolved: dict[bytes, TargetStateProvider[Any, Any]] = {}  # containers declared in this run
        self.is_live = live  # whether live components go on once they are ready
        self.live: dict[bytes, LiveActivity] = {}  # those at work, by path
        self._live_paths: list[bytes] = []  # these paths, in order: there may be many, and most commits ask
        self._live_changed: asyncio.Future[None] | None = None
        self._makes_way = False
        self.interrupted = False
        self.reused = 0  # children that were over as soon as they were mounted
        self._nothing: asyncio.Future[Outcome[Any]] | None = None
        self.observers: list[Observer] = process.observers  # without any, no events are made
        self._sinks: dict[TargetActionSink[Any], SinkQueue] = {}
        self._last_queue: SinkQueue | None = None
        self._tasks = Tasks()

    # -- what components ask for -----------------------------------------------------------------------------------

    def emit(self, event: Event) -> None:
        """Tell the observers."""
        for observer in self.observers:
            observer.on_event(event)

    def get(self, key: RecordKey) -> Record | None:
        """The latest record of a key."""
        return self.committer.get(key)

    def component(self, path: StablePath) -> ComponentRecord | None:
        """The latest record of a component."""
        record = self.committer.get(RecordKey("component", path))
        return record if isinstance(record, ComponentRecord) else None

    def target(self, path: StablePath) -> TargetRecord | None:
        """The latest record of a target state."""
        record = self.committer.get(RecordKey("target", path))
        return record if isinstance(record, TargetRecord) else None

    def is_first_declared(self, target: bytes) -> bool:
        """Whether nothing can be on record of a target state that is declared now, to spare a look.

        In the first run of all that is so for whatever was not declared before. Only so many paths are remembered.
        """
        known = self._declared
        if self.has_history or target in known or len(known) >= DECLARED_KNOWN_MAX:
            return False
        known.add(target)
        return True

    def target_rows(self, container: StablePath) -> list[tuple[StablePath, TargetRecord]]:
        """The states directly below a container."""
        return list(self._scan_targets(container, nearest=True))

    def targets_below(self, container: StablePath) -> list[tuple[StablePath, TargetRecord]]:
        """All states below a container."""
        return list(self._scan_targets(container, nearest=False))

    def _scan_targets(self, container: StablePath, *, nearest: bool) -> Any:
        space, after = self.committer.space, None
        scan = space.scan_nearest if nearest else space.scan
        while page := scan("target", container, after=after):
            for key, _ in page:
                if key.path != container and (row := self.target(key.path)) is not None:
                    yield key.path, row
            after = page[-1][0]

    def provider_of(self, container: StablePath) -> TargetStateProvider[Any, Any] | None:
        """The provider at a path: a registered root, or a container declared in this run."""
        found = self.resolved.get(container.encoded)
        if found is None:
            *above, last = container.parts()
            if not isinstance(last, Symbol):
                return None
            if not above:
                return self.process.find_root_provider(last.name)
            if last.name.startswith(ATTACHMENT):  # nobody asked for it in this run: its states are to go (TGT-25)
                around = self.provider_of(StablePath.of(*above))
                if around is not None and around.handler is not None:
                    return around.attachment(last.name.removeprefix(ATTACHMENT))
        return found

    def generation_of(self, container: bytes) -> Generation | None:
        """The present generation of a container; None if it was in the memory of an earlier run."""
        found = self.resolved.get(container)
        if found is not None:
            return found.generation
        path = StablePath(container)
        root = self.provider_of(StablePath.of(path.parts()[0]))
        if root is not None and getattr(root.handler, "in_memory", False):
            return None
        record = self.target(path)
        return (record.generation if record is not None else None) or Generation()

    def all_settled(self, targets: tuple[bytes, ...], owner: StablePath) -> bool:
        """Whether these states of a component are known to be as it last left them."""
        for encoded in targets:
            record = self.target(StablePath(encoded))
            if record is None or record.owner != owner.encoded or len(record.possible) != 1:
                return False
        return True

    def forget_memo(self, path: StablePath) -> None:
        """A directory is at this path: a component that was there before may not be reused with what is below now."""
        if self.has_history:
            record = self.component(path)
            if record is not None and record.memo is not None:
                self.committer.enqueue([(RecordKey("component", path), replace(record, memo=None))])

    def is_settled(self, top: StablePath) -> bool:
        """Whether a memo of the component there may stand: every component at or below it is as it last left things."""
        for path in stored_components(self, top):
            record = self.component(path)
            if record is None:
                continue
            if record.in_doubt and not self.all_settled(record.targets, path):
                return False
            left = (self.target(StablePath(row)) for row in record.left)
            if any(row is not None and row.owner == path.encoded for row in left):
                return False  # to have them reconciled, should their container be declared again
        return True

    def is_below_live(self, path: bytes, top: bytes) -> bool:
        """Whether an active live component stands between `top`, exclusive, and a path."""
        if not self.live:
            return False
        down_to = (StablePath(path), *StablePath(path).ancestors())
        return any(one.encoded in self.live and one.encoded.startswith(top) and one.encoded != top for one in down_to)

    def _live_at_or_below(self, top: StablePath) -> list[LiveActivity]:
        """The live components at or below a path, in the order of their paths."""
        found = []
        for at in range(bisect_left(self._live_paths, top.encoded), len(self._live_paths)):
            path = self._live_paths[at]
            if not path.startswith(top.encoded):
                break
            found.append(self.live[path])
        return found

    async def stop_unmounted(self, component: Component) -> None:
        """Stop the live components below one that commits, which it did not mount, directly or through others."""
        for activity in self._live_at_or_below(component.path):
            mounted_by = (above.encoded for above in (activity.path, *activity.path.ancestors()))
            if activity.path != component.path and component.children.isdisjoint(mounted_by):
                component.give_up_slot()  # the operations in progress may need it
                await activity.stop()

    async def stop_live(self, top: StablePath = ROOT_PATH) -> None:
        """Stop every live component at or below a path."""
        going = self._live_at_or_below(top)
        for activity in going:
            activity.close()
        for activity in going:
            await activity.stop()

    def live_began(self, activity: LiveActivity) -> None:
        """A live component is at work, in the place of any that was at its path."""
        path = activity.path.encoded
        if path not in self.live:
            insort(self._live_paths, path)
        self.live[path] = activity

    def live_ended(self, activity: LiveActivity) -> None:
        """A live component, and all it had asked for, is over."""
        path = activity.path.encoded
        if self.live.get(path) is activity:
            del self.live[path]
            del self._live_paths[bisect_left(self._live_paths, path)]
        if self._live_changed is not None and not self._live_changed.done():
            self._live_changed.set_result(None)

    def make_way(self) -> None:
        """Let live components end as soon as the root is ready: another run of this app is waiting (LIV-54)."""
        self._makes_way = True
        if self.ready.done():
            self.spawn(self.stop_live(), "make way")

    def sink_queue(self, sink: TargetActionSink[Any]) -> SinkQueue:
        """The queue of a sink in this run."""
        queue = self._last_queue  # of the same object, mostly
        if queue is None or queue.sink is not sink:
            queue = self._sinks.get(sink)
            if queue is None:
                queue = self._sinks[sink] = SinkQueue(sink, self, _outside_component())
            self._last_queue = queue
        return queue

    def spawn(self, work: Coroutine[Any, Any, T], name: str, context: Context | None = None) -> asyncio.Task[T]:
        """Start a task of this run, outside any component."""
        task = self.loop.create_task(work, name=name, context=context or _outside_component())
        self._tasks.add(task)
        if self.interrupted:
            task.cancel()
        return task

    def inherit_deadline(self) -> Context:
        """A context outside any component that keeps the deadline of the running code (TMO-04)."""
        context = _outside_component()
        context.run(set_deadline_ns, current_deadline_ns())
        return context

    @property
    def nothing(self) -> asyncio.Future[Outcome[Any]]:
        """The future of a child that is over and gave None. One for all."""
        if self._nothing is None:
            self._nothing = self.loop.create_future()
            self._nothing.set_result(Outcome(None, None))
        return self._nothing

    def root_is_ready(self, value: Any) -> None:
        """The root, and so all of the first pass, is ready; `value` is what it returned."""
        self.ready.set_result(value)
        self.stats.mark_ready(self.process.ports.clock.monotonic_ns())

    def interrupt(self) -> None:
        """Cancel every task of this run; the run then ends with CancelledError."""
        self.interrupted = True
        for task in self._tasks.pending():
            task.cancel()
        self.crew.dismiss()
        for queue in self._sinks.values():
            queue.dismiss()

    # -- the two kinds of run --------------------------------------------------------------------------------------

    async def update(self, main_fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the root component and all below it; gives what the root returned, or raises what it raised."""
        return await self._observed(self._update(main_fn, args, kwargs))

    async def drop(self) -> None:
        """Delete every component with its target states; raises the first failure (APP-13)."""
        await self._observed(self._drop())

    async def _update(self, main_fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        invocation = invocation_of(main_fn, args, kwargs)
        self.has_history = bool(self.committer.space.scan("component", ROOT_PATH, limit=1))
        self.tombstones = set(self._stored_tombstones())
        self.marked = set(self.tombstones)
        cycle = Cycle(self, ROOT_PATH)
        root = Component(cycle, ROOT_PATH, invocation.processor, None, invocation.new_collector())
        await self.slots.take()
        outcome = await self.spawn(build(root, invocation), "root", self.inherit_deadline())
        while self.interrupted and (pending := self._tasks.pending()):
            await asyncio.wait(pending)
        if outcome.error is None:
            await cycle.finish(partial(report_failure, root))
            self.root_is_ready(outcome.value)
            self.full_reprocess = False  # everything was
            await self._until_live_ends()
        else:
            await self.stop_live()
        await self.committer.settle()
        try:
            return outcome.get()
        finally:
            del outcome

    async def _until_live_ends(self) -> None:
        """Wait until no live component is left (LIV-03). In a catch-up update they end when they are ready."""
        if self._makes_way:
            await self.stop_live()
        while self.live:
            if not self.is_live:  # those that nobody waited for (LIV-48)
                for activity in self._live_at_or_below(ROOT_PATH):
                    if not activity.is_ready:
                        await activity.stop()
            if self.live:
                self._live_changed = self.loop.create_future()
                await self._live_changed

    async def _drop(self) -> None:
        errors = await remove_components(Cycle(self, ROOT_PATH), stored_components(self), last_try=True)
        await self.committer.settle()
        if errors:
            raise errors[0]

    def _stored_tombstones(self) -> list[bytes]:
        found: list[bytes] = []
        after = None
        while page := self.committer.space.scan("tombstone", ROOT_PATH, after=after):
            found.extend(key.path.encoded for key, _ in page)
            after = page[-1][0]
        return found

    async def _observed(self, work: Coroutine[Any, Any, T]) -> T:
        if self.observers:
            self.emit(RunStarted(self.app, self.mode))
        try:
            result = await work
        except BaseException as error:
            if self.observers:
                self.emit(RunFinished(self.app, repr(error)))
            raise
        finally:
            self._tasks.forget_done()  # their exceptions would keep this run, and all it knows
        if self.observers:
            self.emit(RunFinished(self.app, None))
        return result


def _outside_component() -> Context:
    context = copy_context()
    context.run(_current.set, None)
    context.run(set_deadline_ns, None)
    return context
