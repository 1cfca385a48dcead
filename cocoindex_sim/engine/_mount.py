"""Mounting: how components come to be (CMP)."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Iterable
from contextlib import aclosing
from typing import Any, Concatenate, ParamSpec, TypeVar

from ..ports import ComponentRecord, RecordKey
from ..values import ComponentMounted, Symbol, encode_key
from ._build import Invocation, Outcome, build, invocation_of
from ._component import Component, ComponentContext, Phase, current_context
from ._deadline import check_deadline, in_time
from ._declare import declare_target_state_with_child
from ._exceptions import MountKind, report_failure, scoped_handlers
from ._subpath import ComponentSubpath, split_parts
from ._targets import TargetState, TargetStateProvider

__all__ = ["ComponentMountHandle", "map", "mount", "mount_each", "mount_target", "use_mount"]

T = TypeVar("T")
R = TypeVar("R")
P = ParamSpec("P")


class ComponentMountHandle:
    """Lets a parent wait for what it mounted."""

    __slots__ = ("_tasks",)

    def __init__(self, tasks: list[asyncio.Task[Outcome]]) -> None:
        self._tasks = tasks

    async def ready(self) -> None:
        """Wait until the target states of the subtree are applied.

        Returns also when the child failed, unless its exception handlers raised: then the last exception (CMP-11).
        """
        check_deadline()
        for task in self._tasks:
            outcome = await asyncio.shield(task)
            check_deadline()
            if outcome.unhandled is not None:
                raise outcome.unhandled


async def mount(*pos_args: Any, **kwargs: Any) -> ComponentMountHandle:
    """Mount a background child: `mount([subpath,] fn, *args, **kwargs)`.

    Returns when the child is scheduled. Its failure affects neither the parent nor its siblings (CMP-09). ValueError
    for a path that is taken; RuntimeError outside a component.
    """
    context = current_context()
    check_deadline()
    subpath, invocation = _parse(pos_args, kwargs)
    child = _begin(context, subpath, invocation)
    return ComponentMountHandle([await _start(child, invocation, background="mount")])


async def use_mount(*pos_args: Any, **kwargs: Any) -> Any:
    """Mount a foreground child and wait for it: `use_mount([subpath,] fn, *args, **kwargs)`.

    Returns the child's value once it and all its descendants are done and it has committed; raises what it raised
    (CMP-10).
    """
    context = current_context()
    check_deadline()
    subpath, invocation = _parse(pos_args, kwargs)
    return await _use(context, subpath, invocation)


async def _use(context: ComponentContext, subpath: bytes, invocation: Invocation) -> Any:
    child = _begin(context, subpath, invocation)
    outcome = await asyncio.shield(await _start(child, invocation, background=None))
    try:
        return in_time(outcome.get())
    finally:
        del outcome


async def mount_each(*pos_args: Any, **kwargs: Any) -> ComponentMountHandle:
    """Mount one child per item: `mount_each([subpath,] fn, items, *args, **kwargs)`.

    `items`: an iterable or async iterable of (key, value) pairs. Each child lives at `subpath / key` and gets the value
    first, then the other arguments (CMP-14). ValueError for a repeated key, TypeError for an item that is no pair.
    """
    context = current_context()
    check_deadline()
    subpath, target, rest = _split(pos_args)
    if not rest:
        raise TypeError("mount_each needs items: mount_each([subpath,] fn, items, *args)")
    items, args = rest[0], tuple(rest[1:])
    base = subpath if subpath is not None else _default_subpath(target)
    tasks: list[asyncio.Task[Outcome]] = []

    async def one(item: Any) -> None:
        try:
            key, value = item
        except (TypeError, ValueError):
            raise TypeError(f"mount_each items must be (key, value) pairs, got {item!r}") from None
        invocation = invocation_of(target, (value, *args), kwargs)
        child = _begin(context, base + encode_key(key), invocation)
        tasks.append(await _start(child, invocation, background="mount_each"))

    if hasattr(items, "__aiter__"):
        iterator = aiter(items)
        if hasattr(iterator, "aclose"):
            async with aclosing(iterator):
                async for item in iterator:
                    await one(item)
        else:
            async for item in iterator:
                await one(item)
    else:
        for item in items:
            await one(item)
    return ComponentMountHandle(tasks)


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
    tasks: list[asyncio.Task[Outcome]] = []

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
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
    return [outcome.value for outcome in outcomes]


async def _settled(work: Awaitable[Any]) -> Outcome:
    try:
        return Outcome(in_time(await work), None)
    except GeneratorExit:
        raise
    except BaseException as error:  # a task that ends with KeyboardInterrupt takes its loop along
        return Outcome(None, error)


def _split(pos_args: tuple[Any, ...]) -> tuple[bytes | None, Any, tuple[Any, ...]]:
    if pos_args and isinstance(pos_args[0], ComponentSubpath):
        subpath: bytes | None = pos_args[0].encoded
        pos_args = pos_args[1:]
    else:
        subpath = None
    if not pos_args or not callable(pos_args[0]):
        got = repr(pos_args[0]) if pos_args else "nothing"
        raise TypeError(f"mount takes an optional ComponentSubpath and then a function, got {got}")
    return subpath, pos_args[0], pos_args[1:]


def _default_subpath(target: Any) -> bytes:
    name = getattr(target, "__name__", None)
    if name is None:
        raise TypeError(f"{target!r} has no __name__: mounting it requires a ComponentSubpath as first argument")
    return encode_key(Symbol(name))  # CMP-06


def _parse(pos_args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[bytes, Invocation]:
    subpath, target, args = _split(pos_args)
    invocation = invocation_of(target, args, kwargs)
    return (subpath if subpath is not None else _default_subpath(target)), invocation


def _begin(context: ComponentContext, subpath: bytes, invocation: Invocation) -> Component:
    """Give a child its place in the tree. From here on its parent waits for it."""
    parent, run = context.component, context.component.run
    subpath = context.subpath + subpath
    path = parent.reserve(subpath, split_parts(subpath))
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
    child = Component(parent.cycle, path, invocation.processor, parent)
    if context.group is not None:
        child.stats = context.group
        child.stats.member_began()
    parent.child_began()
    if run.observed:
        run.emit(ComponentMounted(path, invocation.processor))
    return child


async def _start(child: Component, invocation: Invocation, *, background: MountKind | None) -> asyncio.Task[Outcome]:
    """Run a child in a task of its own, once there is a slot. `background`: how it was mounted, None for use_mount."""
    parent, slots = child.parent, child.run.slots
    assert parent is not None
    if background is not None:
        child.mount_kind = background
        child.handlers = (*scoped_handlers(), *child.run.environment_handlers)
    if not parent.gave_up_slot:  # a parent that waits for children must not keep them from running (CMP-17)
        parent.gave_up_slot = True
        slots.give_back()
    try:
        await slots.take()
    except BaseException:
        child.phase = Phase.FAILED
        parent.child_ended(child, background=background is not None)
        raise
    deadline = child.run.inherit_deadline() if background is None else None
    return child.run.spawn(_run_child(child, invocation, background is not None), child.processor, deadline)


async def _run_child(child: Component, invocation: Invocation, background: bool) -> Outcome:
    parent = child.parent
    assert parent is not None
    try:
        outcome = await build(child, invocation)
        if background and outcome.error is not None and not isinstance(outcome.error, asyncio.CancelledError):
            outcome = outcome._replace(unhandled=await report_failure(child, outcome.error))
    finally:
        if not child.gave_up_slot:
            child.run.slots.give_back()
        parent.child_ended(child, background=background)
    return outcome
