"""Live components: components that keep running and rebuild themselves, or single children, when something changes."""

from __future__ import annotations

import asyncio
import inspect
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from ..ports import ComponentRecord, RecordKey, StateRecord
from ..values import LiveEnded, LiveReady, LiveStarted, StableKey, StablePath, UsageError, encode_key
from ._build import Invocation, build, invocation_of
from ._codec import decode_value, encode_value
from ._collect import remove_components, stored_components, tombstones_for
from ._component import Component, ComponentContext, LiveNode, Phase, _current, current_component
from ._cycle import Cycle
from ._exceptions import Reporter, no_handlers, report, reporter_of
from ._handle import ComponentMountHandle
from ._live_order import Order, Work
from ._outcome import NOTHING, Outcome
from ._subpath import ComponentSubpath, split_parts

if TYPE_CHECKING:
    from ._run import Run

__all__ = [
    "LiveActivity",
    "LiveComponent",
    "LiveComponentOperator",
    "default_subpath_name",
    "is_live_class",
    "start_live",
]

logger = logging.getLogger("cocoindex_sim")

GRACE_S: Final = 1.0
"""How long the end of a run waits for a `process_live` that does not let itself be cancelled, in seconds."""


@runtime_checkable
class LiveComponent(Protocol):
    """A component that keeps running. Mount the class, not an instance; a base class is not needed (LIV-05)."""

    async def process(self) -> None:
        """Mount and declare everything, as a function component does. It may be sync, too (LIV-10)."""
        ...

    async def process_live(self, operator: LiveComponentOperator) -> None:
        """Scan, report readiness, then react to changes, all through the operator, for as long as it takes."""
        ...


def is_live_class(target: object) -> bool:
    """Whether mounting this starts a live component (LIV-05)."""
    return (
        isinstance(target, type)
        and callable(getattr(target, "process", None))
        and callable(getattr(target, "process_live", None))
    )


def default_subpath_name(processor_fn: Any) -> str | None:
    """What a component lives under that is mounted without a subpath; None if it needs one (CMP-06, LIV-07)."""
    for attribute in ("__coco_subpath_name__", "__name__"):
        name = getattr(processor_fn, attribute, None)
        if isinstance(name, str):
            return name
    return None


class LiveActivity:
    """One live component at work: its instance, its `process_live`, and the operations this asked for."""

    def __init__(self, node: LiveNode, instance: Any) -> None:
        cls = type(instance)
        self.node = node
        self.run: Run = node.run
        self.path = node.path
        self.instance = instance
        self.processor = f"{cls.__qualname__}.process"
        self.order = Order(self.run.loop, self.run.spawn, self.run.slots)
        self.is_ready = False
        self.is_closed = False  # stopped: by a removal, a replacement, the end of the run
        self.is_interrupted = False  # cancelled: with the run, or with every task of the loop
        self.has_returned = False
        self.mounted: asyncio.Future[Outcome[Any]] = self.run.loop.create_future()  # what the mount handle waits for
        self.went_wrong = False
        self.task: asyncio.Task[None] | None = None  # runs `process_live`
        self.returned: asyncio.Future[None] = self.run.loop.create_future()  # it is over, or was given up
        self.ended: asyncio.Future[None] = self.run.loop.create_future()  # and so is everything it asked for
        self._limit: asyncio.TimerHandle | None = None
        self._is_cancelled = False
        self.mounts: dict[LiveActivity, None] = {}  # live components at work that its cycles and operations mounted

    # -- its life --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin, once a predecessor at the same path has come to its end."""
        run, before = self.run, self.run.live.get(self.path.encoded)
        run.live_began(self)
        owner = self.node.cycle.owner
        if owner is not None:
            owner.mounts[self] = None
            if owner.is_closed:
                self.close()
        run.has_history = True  # from now on, its cycles find what earlier ones left
        self.node.stats.live_began()
        self.node.enter(Phase.RUNNING)
        self._put_on_record()
        run.spawn(self._live(before), "live").add_done_callback(self._over)

    def _put_on_record(self) -> None:
        """Have the component on record before anything below it, which would look stale to those above."""
        if self.run.component(self.path) is None:
            record = ComponentRecord(self.processor)
            self.run.committer.enqueue([(RecordKey("component", self.path), record)])

    async def _live(self, before: LiveActivity | None) -> None:
        run, path, closing = self.run, self.path.encoded, False
        try:
            if before is not None:
                await before.stop()
            if path in run.marked:  # being here, it stays, whether it ever scans or not
                run.marked.discard(path)
                run.tombstones.discard(path)
                run.committer.enqueue([(RecordKey("tombstone", self.path), None)])
            if not self.is_closed:
                if run.observers:
                    run.emit(LiveStarted(self.path, self.processor))
                self.task = run.loop.create_task(self._process_live(), name="process_live")
                self.task.add_done_callback(self._give_up)
                await asyncio.shield(self.returned)
        except GeneratorExit:  # the loop is gone
            closing = True
            raise
        except asyncio.CancelledError:
            self.is_interrupted = True
            if not run.interrupted:  # the loop ends: every task was cancelled, `process_live` too
                self.is_closed = self._is_cancelled = True
            self.cancel()
            if self.task is not None:
                await asyncio.shield(self.returned)
        finally:
            if not closing:
                await self._end()

    async def _process_live(self) -> None:
        _current.set(ComponentContext(self.node, self.node.collector))
        no_handlers()
        result = self.instance.process_live(LiveComponentOperator(self))
        if not inspect.isawaitable(result):
            raise TypeError(f"{type(self.instance).__qualname__}.process_live must be async, it returned {result!r}")
        await result

    def cancel(self) -> None:
        """Have `process_live` end, and give up on it if it does not within `GRACE_S`."""
        if self.task is not None and not self.task.done():
            if not self._is_cancelled:  # once: a second time would end its clean-up
                self._is_cancelled = True
                self.task.cancel()
            self.expect_end()

    def expect_end(self) -> None:
        """Give up on `process_live` if it does not end within `GRACE_S`."""
        if self._limit is None:
            self._limit = self.run.loop.call_later(GRACE_S, self._give_up)

    def _give_up(self, task: asyncio.Task[None] | None = None) -> None:
        if self._limit is not None:
            self._limit.cancel()
        if self.returned.done():
            return
        if task is None and self.task is not None:
            logger.warning("live component %s: process_live goes on %s s after it was cancelled", self.path, GRACE_S)
            self.task.cancel()
        self.returned.set_result(None)

    def _failure(self) -> BaseException | None:
        """What `process_live` raised, if that was not what it was asked to do."""
        task = self.task
        if task is None or not task.done():
            return None
        if not task.cancelled():
            return task.exception()
        asked = self.is_closed or self.is_interrupted or (self.is_ready and not self.run.is_live)
        return None if asked else asyncio.CancelledError("process_live was cancelled, and not by the engine")

    async def _end(self) -> None:
        """`process_live` is over."""
        error = self._failure()
        self.has_returned = True
        if error is not None:
            when = "after mark_ready" if self.is_ready else "before mark_ready"
            logger.error("live component %s: process_live failed %s: %r", self.path, when, error, exc_info=error)
        if not self.is_ready:
            if error is not None or self.is_closed or self.is_interrupted:
                self._fail(error)
            else:
                self.become_ready()
        await self.order.all_done()

    def _over(self, task: asyncio.Task[None]) -> None:
        """Also called when it was cancelled before it began, and so ran no code of its own."""
        run, error = self.run, self._failure()
        if not self.is_ready:
            self._fail(None)
        self.has_returned = True
        self.node.phase = Phase.DONE if error is None else Phase.FAILED
        if run.observers:
            run.emit(LiveEnded(self.path, None if error is None else repr(error)))
        if (owner := self.node.cycle.owner) is not None:
            del owner.mounts[self]
        self.ended.set_result(None)
        self.node.stats.live_ended()
        run.live_ended(self)

    def become_ready(self) -> None:
        """What was there when it began is processed (LIV-46)."""
        if self.is_ready:
            return
        self.is_ready = True
        run, parent = self.run, self.node.parent
        self._retry_removals()
        if run.observers:
            run.emit(LiveReady(self.path))
        if self.went_wrong:
            self.node.any_descendant_failed = True
        self.mounted.set_result(NOTHING)
        assert parent is not None
        parent.child_ended(self.node, background=True)

    def _fail(self, error: BaseException | None) -> None:
        """It ended before it was ready: what mounted it can't become ready either (LIV-35), unless it was removed."""
        self.is_ready = True
        parent = self.node.parent
        assert parent is not None
        self.node.phase = Phase.FAILED
        if parent.broken_by is None and error is not None:
            parent.broken_by = self.path, error
        self.mounted.set_result(Outcome(None, error))
        parent.child_ended(self.node, background=True)

    def _retry_removals(self) -> None:
        """Try again what earlier runs could not delete below, unless it was mounted again by now."""
        run, own = self.run, self.path.encoded
        for path in sorted(run.tombstones - run.remounted):
            if path.startswith(own) and path != own and not run.is_below_live(path, own):
                run.remounted.add(path)  # whatever comes of it
                self.order.run(path[len(own) :], partial(self._retry_removal, path[len(own) :]))

    async def _retry_removal(self, subpath: bytes) -> Outcome[Any]:
        mounted_again = self.path.encoded + subpath not in self.run.marked
        return NOTHING if mounted_again else await self._delete(subpath)

    async def stop(self) -> None:
        """End it for good: cancel `process_live`, and wait for the operations that began."""
        self.close()
        await asyncio.shield(self.ended)

    def close(self) -> None:
        """Have it end, and all live components that its cycles and operations mounted: these may wait for them."""
        if not self.is_closed:
            self.is_closed = True
            self.order.drop_waiting()
            self.cancel()
            for activity in list(self.mounts):
                activity.close()

    def check_active(self) -> None:
        """RuntimeError after the end (LIV-41); CancelledError when a catch-up update needs it no more (LIV-32)."""
        if self.is_ready and not self.run.is_live and not self.has_returned:
            raise asyncio.CancelledError("the catch-up update is over for this live component")
        if self.is_closed or self.has_returned:
            raise RuntimeError(f"live component {self.path} is no longer active: its process_live was ended")

    # -- what it asks for ------------------------------------------------------------------------------------------

    async def update_full(self) -> None:
        """Build everything (LIV-11)."""
        here = current_component()
        if here is not None and here is not self.node and here.path.is_at_or_below(self.path) and here.run is self.run:
            raise RuntimeError(
                f"update_full of {self.path} can't be awaited inside {here.path}, which it would wait for"
            )
        outcome = await asyncio.shield(self.order.alone(self._update_full))
        if outcome.unhandled is not None:
            raise outcome.unhandled
        if isinstance(outcome.error, asyncio.CancelledError):  # it may hear of an interrupt before `process_live` does
            raise asyncio.CancelledError("the update was interrupted")

    async def _update_full(self) -> Outcome[Any]:
        run, instance = self.run, self.instance
        if self.is_closed:
            return NOTHING
        cycle = Cycle(run, self.path, self.node.stats, self)
        root = Component(cycle, self.path, self.processor, self.node.parent)
        root.handlers, root.stats = self.node.handlers, self.node.stats
        begin = getattr(instance, "__coco_invocation__", None)
        invocation = invocation_of(instance.process, (), {}) if begin is None else begin()
        root.collector = invocation.new_collector()
        await run.slots.take()
        outcome = await self._build(root, invocation)
        reporter = reporter_of(self.node)
        if outcome.error is None:
            await cycle.finish(partial(report, run, reporter))
        self._absorb(root)
        # Contexts of tasks keep it for a while, and an edit should not be what frees the paths of a million children.
        root.children.clear()
        return await self._reported(outcome, reporter)

    async def _build(self, component: Component, invocation: Invocation) -> Outcome[Any]:
        """Build with a slot that was taken."""
        try:
            return await build(component, invocation)
        finally:
            component.give_up_slot()

    def _absorb(self, component: Component) -> None:
        """What went into the first build also went into the memo of whoever mounted this."""
        if not self.is_ready:
            self.node.collector.absorb_child(component.collector)
            if component.phase is Phase.FAILED or component.any_descendant_failed:
                self.went_wrong = True

    async def _reported(self, outcome: Outcome[Any], reporter: Reporter) -> Outcome[Any]:
        error = outcome.error
        if error is None:
            return NOTHING
        if isinstance(error, asyncio.CancelledError):
            return outcome if self.run.interrupted else NOTHING
        return Outcome(None, error, await report(self.run, reporter, error))

    def update(
        self, subpath: bytes, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> asyncio.Future[Outcome[Any]]:
        """Build one child, when it is its turn."""
        if is_live_class(target):
            work: Work = partial(self._update_live, subpath, target(*args, **kwargs))
            takes_slot = False
        else:
            work = partial(self._update, subpath, invocation_of(target, args, kwargs))
            takes_slot = True
        self._decided(subpath)
        return self.order.run(subpath, work, takes_slot=takes_slot)

    def _decided(self, subpath: bytes) -> None:
        """What an earlier run could not delete there is not to be tried again: it comes back, or is deleted anyway."""
        if self.run.tombstones and self.path.encoded + subpath in self.run.tombstones:
            self.run.remounted.add(self.path.encoded + subpath)

    def _anchor(self, subpath: bytes) -> Component:
        """What stands for this component as the parent of one child."""
        cycle = Cycle(self.run, StablePath(self.path.encoded + subpath), self.node.stats, self)
        anchor = Component(cycle, self.path, self.processor, None)
        anchor.stats = self.node.stats
        anchor.record = record = self.run.component(self.path)
        ends = split_parts(subpath)[:-1]
        anchor.reserve(subpath, ends)
        if record is None:
            self._put_on_record()
        elif record.memo is not None:
            self.run.forget_memo(self.path)
        for end in ends:
            self.run.forget_memo(StablePath(self.path.encoded + subpath[:end]))
        return anchor

    def _forget_memos(self, subpath: bytes) -> None:
        """Something below these components is not as they left it: they may not be reused."""
        for end in (0, *split_parts(subpath)[:-1]):
            self.run.forget_memo(StablePath(self.path.encoded + subpath[:end]))

    async def _update(self, subpath: bytes, invocation: Invocation) -> Outcome[Any]:
        run = self.run
        before = run.live.get(self.path.encoded + subpath)
        if before is not None:  # a function takes the path of a live component (LIV-50)
            run.slots.give_back()
            await before.stop()
            await run.slots.take()
        anchor = self._anchor(subpath)
        cycle = anchor.cycle
        child = Component(cycle, cycle.top, invocation.processor, anchor, invocation.new_collector())
        child.handlers, child.mount_kind = self.node.handlers, "process_live"
        outcome = await self._build(child, invocation)
        reporter = reporter_of(child)
        if outcome.error is None:
            await cycle.finish(partial(report, run, reporter))
        self._absorb(child)
        return await self._reported(outcome, reporter)

    async def _update_live(self, subpath: bytes, instance: Any) -> Outcome[Any]:
        anchor = self._anchor(subpath)
        node = LiveNode(anchor.cycle, anchor.cycle.top, type(instance).__qualname__, anchor)
        node.handlers, node.mount_kind = self.node.handlers, "process_live"
        anchor.child_began()
        activity = LiveActivity(node, instance)
        activity.start()
        outcome = await asyncio.shield(activity.mounted)
        return await self._reported(outcome, reporter_of(node))

    def delete(self, subpath: bytes) -> asyncio.Future[Outcome[Any]]:
        """Remove every component at or below a subpath, when it is its turn (LIV-26)."""
        self._decided(subpath)
        return self.order.run(subpath, partial(self._delete, subpath))

    async def _delete(self, subpath: bytes) -> Outcome[Any]:
        run = self.run
        cycle = Cycle(run, StablePath(self.path.encoded + subpath), self.node.stats)
        reporter = Reporter(cycle.top, None, "process_live", self.path, self.node.handlers)
        try:
            await run.stop_live(cycle.top)
            self._forget_memos(subpath)
            await run.committer.settle()
            paths = list(stored_components(run, cycle.top))
            await run.committer.commit(tombstones_for(paths))
            errors = await remove_components(cycle, paths, last_try=True)
        except GeneratorExit:
            raise
        except BaseException as error:
            errors = [error]
        outcomes = [await self._reported(Outcome(None, error), reporter) for error in errors]
        return next((outcome for outcome in outcomes if outcome.unhandled is not None), NOTHING)

    # -- what it keeps ---------------------------------------------------------------------------------------------

    def _committed_states(self) -> dict[bytes, Any]:
        record = self.run.get(RecordKey("live", self.path))
        return dict(record.values) if isinstance(record, StateRecord) else {}

    def read_committed_state(self, key: StableKey) -> Any:
        """A kept value, or None."""
        stored = self._committed_states().get(encode_key(key))
        return None if stored is None else decode_value(stored, Any)

    async def write_committed_state(self, key: StableKey, value: Any) -> None:
        """Keep a value, durably."""
        states = self._committed_states() | {encode_key(key): encode_value(value)}
        self._put_on_record()
        await self.run.committer.commit([(RecordKey("live", self.path), StateRecord(tuple(sorted(states.items()))))])


class LiveComponentOperator:
    """What `process_live` works with. Everything is relative to the live component's path.

    RuntimeError from every method but `report_exception` once `process_live` has ended; CancelledError where a
    catch-up update is over for the component.
    """

    __slots__ = ("_activity",)

    def __init__(self, activity: LiveActivity) -> None:
        self._activity = activity

    async def update_full(self) -> None:
        """Run `process()` as a complete build: what it does not declare or mount again goes.

        Waits for the operations asked for before, and for everything mounted in it to be ready. What `process()`
        raises goes to the exception handlers; raises only what these raise (LIV-14).
        """
        self._activity.check_active()
        await self._activity.update_full()

    async def update(
        self, subpath: ComponentSubpath, processor_fn: Any, *args: Any, **kwargs: Any
    ) -> ComponentMountHandle:
        """Mount or rebuild one child, a function or a live component class; returns when it is scheduled.

        Of several updates and deletes that wait on one subpath only the last runs (LIV-23). TypeError for a part that
        is no StableKey; raises what the constructor of a live component class raises.
        """
        self._activity.check_active()
        if not callable(processor_fn):
            raise TypeError(
                f"operator.update takes a subpath, then a function or a live component class; got {processor_fn!r}"
            )
        return ComponentMountHandle([self._activity.update(_encoded(subpath), processor_fn, args, kwargs)])

    async def delete(self, subpath: ComponentSubpath) -> ComponentMountHandle:
        """Remove every component at or below a subpath, if there is any; returns when it is scheduled."""
        self._activity.check_active()
        return ComponentMountHandle([self._activity.delete(_encoded(subpath))])

    async def mark_ready(self) -> None:
        """Say that everything that was there at the beginning is processed.

        In live mode it returns, and may be called again. In a catch-up update it never does: CancelledError is raised
        here, and the update is over for this component (LIV-31).
        """
        activity = self._activity
        activity.check_active()
        activity.become_ready()
        if not activity.run.is_live:
            if asyncio.current_task() is activity.task:
                activity.expect_end()
            else:
                activity.cancel()
            raise asyncio.CancelledError("the catch-up update is over for this live component")

    @property
    def is_live(self) -> bool:
        """Whether this goes on after `mark_ready`, or that is the end as in a catch-up update."""
        return self._activity.run.is_live

    def has_failed(self, subpath: ComponentSubpath) -> bool:
        """Whether the component at a subpath, when it last ran in this update, failed."""
        activity = self._activity
        return activity.path.encoded + _encoded(subpath) in activity.run.failed

    async def report_exception(self, exc: BaseException) -> None:
        """Hand an exception to the exception handlers, or to the log; raises what the last handler raises (LIV-38)."""
        activity = self._activity
        raised = await report(activity.run, reporter_of(activity.node), exc)
        if raised is not None:
            raise raised

    async def read_committed_state(self, key: StableKey) -> Any:
        """A value that this component kept, in this run or an earlier one; None if there is none (LIV-40)."""
        self._activity.check_active()
        return self._activity.read_committed_state(key)

    async def write_committed_state(self, key: StableKey, value: Any) -> None:
        """Keep a value until the component is unmounted or the app dropped; returns once it is durable."""
        self._activity.check_active()
        await self._activity.write_committed_state(key, value)


def _encoded(subpath: ComponentSubpath) -> bytes:
    if not isinstance(subpath, ComponentSubpath):
        raise TypeError(f"expected a ComponentSubpath, got {subpath!r}; wrap the key: coco.component_subpath(key)")
    if not subpath.encoded:
        raise UsageError("Path is empty: an operation on a live component needs a subpath below it")
    return subpath.encoded


def start_live(node: LiveNode, instance: Any) -> asyncio.Future[Outcome[Any]]:
    """Start a live component that was mounted; the future is done when it is ready."""
    activity = LiveActivity(node, instance)
    activity.start()
    return activity.mounted
