"""Mounting: how components come to be (CMP)."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Iterable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Concatenate, Final, NoReturn, ParamSpec, TypeVar

from ..ports import ComponentRecord, RecordKey
from ..values import ComponentMounted, StablePath, Symbol, encode_key
from ._build import Invocation, invocation_of, reuse_at_once
from ._component import Component, ComponentContext, LiveNode, Phase, current_context
from ._crew import Started
from ._deadline import check_deadline, current_deadline_ns, in_time, set_deadline_ns
from ._declare import declare_target_state_with_child
from ._dependencies import Collector
from ._exceptions import MountKind, scoped_handlers
from ._handle import ComponentMountHandle
from ._live import default_subpath_name, is_live_class, start_live
from ._outcome import Outcome
from ._subpath import ComponentSubpath, split_parts
from ._targets import TargetState, TargetStateProvider

if TYPE_CHECKING:
    from ._run import Run

__all__ = [
    "map",
    "mount",
    "mount_child",
    "mount_live",
    "mount_target",
    "split_arguments",
    "subpath_of",
    "use_mount",
]

_REUSED_IN_A_TURN: Final = 1024
"""How many children are reused before other tasks have their turn."""

T = TypeVar("T")
R = TypeVar("R")
P = ParamSpec("P")


async def mount(*pos_args: Any, **kwargs: Any) -> ComponentMountHandle:
    """Mount a background child: `mount([subpath,] fn, *args, **kwargs)`.

    Returns when the child is scheduled. Its failure affects neither the parent nor its siblings (CMP-09). ValueError
    for a path that is taken; RuntimeError outside a component.
    """
    context = current_context()
    check_deadline()
    subpath, target, args = split_arguments(pos_args)
    return ComponentMountHandle(
        [await mount_child(context, subpath_of(subpath, target), target, args, kwargs, "mount")]
    )


async def mount_child(
    context: ComponentContext, subpath: bytes, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any],
    kind: MountKind,
) -> asyncio.Future[Outcome[Any]]:  # fmt: skip
    """Mount a function or a live component class in the background; the future is done when it is ready."""
    if isinstance(target, type) and is_live_class(target):
        return mount_live(context, subpath, target(*args, **kwargs))
    invocation = invocation_of(target, args, kwargs)
    path = _place(context, subpath)
    run = context.component.run
    reused = reuse_at_once(context, path, invocation) if invocation.key is not None and run.has_history else None
    if reused is not None:
        run.reused += 1
        if run.reused % _REUSED_IN_A_TURN == 0:
            await asyncio.sleep(0)
        return run.nothing if reused.value is None else _done(run, reused)
    child = _child(context, path, invocation.processor, collector=invocation.new_collector())
    _in_background(child, kind)
    context.component.give_up_slot()
    if run.live or not run.slots.take_at_once():
        await _wait_for_slot(child, is_background=True)
    return _begin(child, invocation, is_background=True)


def mount_live(context: ComponentContext, subpath: bytes, instance: Any) -> asyncio.Future[Outcome[Any]]:
    """Mount an instance of a live component class; the future is done when it is ready."""
    node = _child(context, _place(context, subpath), type(instance).__qualname__, LiveNode)
    assert isinstance(node, LiveNode)
    _in_background(node, "process_live")
    context.component.give_up_slot()
    return start_live(node, instance)


async def use_mount(*pos_args: Any, **kwargs: Any) -> Any:
    """Mount a foreground child and wait for it: `use_mount([subpath,] fn, *args, **kwargs)`.

    Returns the child's value once it and all its descendants are done and it has committed; raises what it raised
    (CMP-10).
    """
    context = current_context()
    check_deadline()
    subpath, target, args = split_arguments(pos_args)
    if is_live_class(target):
        raise TypeError(f"live component {target.__qualname__} cannot be used with use_mount; mount it")
    return await _use(context, subpath_of(subpath, target), invocation_of(target, args, kwargs))


async def _use(context: ComponentContext, subpath: bytes, invocation: Invocation) -> Any:
    path = _place(context, subpath)
    outcome: Outcome[Any] | None = None
    if invocation.key is not None:
        outcome = reuse_at_once(context, path, invocation)
    if outcome is None:
        child = _child(context, path, invocation.processor, collector=invocation.new_collector())
        await _wait_for_slot(child, is_background=False)
        outcome = await asyncio.shield(_begin(child, invocation, is_background=False))
    try:
        return in_time(outcome.get())
    finally:
        del outcome


async def mount_target(target_state: TargetState[Any]) -> TargetStateProvider[Any, Any]:
    """Declare a container in a child component of its own and wait until its rows can be declared (CMP-16)."""
    context = current_context()
    check_deadline()
    key = Symbol("cocoindex/mount_target"), tuple(target_state.path.parts())
    invocation = Invocation(declare_target_state_with_child, None, (target_state,), {})
    subpath = b"".join(encode_key(part) for part in key)
    provider: TargetStateProvider[Any, Any] = await _use(context, subpath, invocation)
    return provider


async def map(  # CocoIndex's name
    fn: Callable[Concatenate[T, P], Coroutine[Any, Any, R]],
    items: Iterable[T] | AsyncIterable[T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> list[R]:
    """Call an async function on every item concurrently, without components; results in the order of the items.

    Waits for every call that was started; then the first failure in input order is raised (CMP-15).
    """
    check_deadline()
    tasks: list[asyncio.Task[Outcome[Any]]] = []

    def one(item: T) -> None:
        work = fn(item, *args, **kwargs)
        if not inspect.isawaitable(work):
            raise TypeError(f"map needs a function that returns an awaitable; {fn!r} returned {work!r}")
        tasks.append(asyncio.ensure_future(_settled(work)))

    try:
        if isinstance(items, AsyncIterable):
            async for item in items:
                one(item)
        else:
            for item in items:
                one(item)
    finally:
        outcomes = await asyncio.gather(*tasks)
    return [outcome.get() for outcome in outcomes]


async def _settled(work: Awaitable[Any]) -> Outcome[Any]:
    try:
        return Outcome(in_time(await work), None)
    except GeneratorExit:
        raise
    except BaseException as error:  # a task that ends with KeyboardInterrupt takes its loop along
        return Outcome(None, error)


def split_arguments(pos_args: tuple[Any, ...]) -> tuple[bytes | None, Any, tuple[Any, ...]]:
    """The subpath if there is one, what is mounted, and the arguments after it."""
    subpath: bytes | None = None
    if pos_args and isinstance(pos_args[0], ComponentSubpath):
        subpath = pos_args[0].encoded
        pos_args = pos_args[1:]
    if not pos_args or not callable(pos_args[0]):
        if pos_args and is_live_class(type(pos_args[0])):
            _refuse_instance(pos_args[0], subpath)
        got = repr(pos_args[0]) if pos_args else "nothing"
        raise TypeError(f"mount takes an optional ComponentSubpath and then a function, got {got}")
    return subpath, pos_args[0], pos_args[1:]


def _refuse_instance(instance: object, subpath: bytes | None) -> NoReturn:
    cls = type(instance).__qualname__
    if subpath is None:
        raise TypeError(f"{instance!r} requires a ComponentSubpath, and then is no function: mount the class {cls}")
    raise AttributeError(f"{instance!r} has no __qualname__: mount the class {cls}, with its arguments")  # LIV-09


def subpath_of(subpath: bytes | None, target: Any) -> bytes:
    """The subpath that was given, or the default one (CMP-06, LIV-07)."""
    if subpath is not None:
        return subpath
    name = default_subpath_name(target)
    if name is None:
        raise TypeError(f"{target!r} has no __name__: mounting it requires a ComponentSubpath as first argument")
    return encode_key(Symbol(name))


def _place(context: ComponentContext, subpath: bytes) -> StablePath:
    """Give a child its place in the tree."""
    parent, run = context.component, context.component.run
    subpath = context.subpath + subpath
    # Most subpaths are a single string, and that ends where the first zero byte is.
    single = subpath[:1] == b"\x28" and subpath.find(b"\0") == len(subpath) - 1
    path = parent.reserve(subpath, () if single else split_parts(subpath)[:-1])
    if path.encoded in run.tombstones:
        run.remounted.add(path.encoded)
    if parent.record is None:
        # A component is on record before anything below it can be: else that would look stale to those above.
        parent.record = ComponentRecord(parent.processor)
        run.committer.enqueue([(RecordKey("component", parent.path), parent.record)])
    call = context.call
    while call is not None:
        call.mounted = True
        call = call.outer
    return path


def _child(
    context: ComponentContext, path: StablePath, processor: str, kind: type[Component] = Component,
    collector: Collector | None = None,
) -> Component:  # fmt: skip
    """The child itself. From here on its parent waits for it."""
    parent, run = context.component, context.component.run
    child = kind(parent.cycle, path, processor, parent, collector)
    if context.group is not None:
        child.stats = context.group
        child.stats.member_began()
    parent.child_began()
    if run.observers:
        run.emit(ComponentMounted(path, processor))
    return child


def _done(run: Run, outcome: Outcome[Any]) -> asyncio.Future[Outcome[Any]]:
    future: asyncio.Future[Outcome[Any]] = run.loop.create_future()
    future.set_result(outcome)
    return future


def _in_background(child: Component, kind: MountKind) -> None:
    child.mount_kind = kind
    scoped, of_environment = scoped_handlers(), child.run.environment_handlers
    child.handlers = (*scoped, *of_environment) if scoped else of_environment


async def _wait_for_slot(child: Component, *, is_background: bool) -> None:
    """Wait until a child may run. The component that mounts it gives up its own slot for good (CMP-17)."""
    run, parent = child.run, child.parent
    assert parent is not None
    parent.give_up_slot()
    try:
        if child.path.encoded in run.live:  # a function takes the path of a live component (LIV-50)
            await run.live[child.path.encoded].stop()
        await run.slots.take()
    except BaseException:
        child.phase = Phase.FAILED
        parent.child_ended(child, background=is_background)
        raise


def _begin(child: Component, invocation: Invocation, *, is_background: bool) -> asyncio.Future[Outcome[Any]]:
    """Have a child run that has its slot."""
    context = copy_context()  # what it says of the mounting component holds no longer once the body begins
    if is_background and current_deadline_ns() is not None:
        context.run(set_deadline_ns, None)
    started = Started(child, invocation, context, is_background=is_background)
    child.run.crew.begin(started)
    return started.ended
