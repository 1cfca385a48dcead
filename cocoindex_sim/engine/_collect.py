"""Deleting what is no longer mounted: components with their target states, outer before inner (CMP-18, -20).

A tombstone marks exactly one component to delete. The commit of the component above writes those of a whole stale
subtree. Mounting a marked component again saves it, once it has run: its memo does not count, as its subtree is marked
as well.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec.structs import replace

from ..ports import ComponentRecord, RecordKey, TombstoneRecord, Write
from ..values import ROOT_PATH, ComponentRemoved, RemovalFailed, StablePath
from ._component import Component
from ._submit import Submission

if TYPE_CHECKING:
    from ._cycle import Cycle
    from ._run import Run
    from ._stats import StatsCounter

__all__ = ["remove_components", "stale_below", "stored_components", "tombstones_for"]

_AT_ONCE = 1024  # deletions in flight, as many as builds by default: they share transactions, in bounded memory
UNKNOWN = "<unknown>"


class UnresolvedContainerError(Exception):
    """A removed component has rows whose container is not declared in this run, and is still there."""


def stale_below(component: Component) -> list[StablePath]:
    """The stored components below one that commits, which it did not mount, directly or through what it mounted."""
    run, mounted, after = component.run, component.children, None
    stale: list[StablePath] = []
    while page := run.committer.space.nearest_paths("component", component.path, after=after):
        for encoded in page:
            if encoded in mounted:
                continue
            path = StablePath(encoded)
            if encoded in component.directories:  # it was a component, and holds live ones now (CMP-19)
                live = sorted(child for child in mounted if child.startswith(encoded))
                stale.extend(one for one in stored_components(run, path) if not _is_below(one.encoded, live))
            else:
                stale.extend(stored_components(run, path))
        after = StablePath(page[-1])
    return stale


def _is_below(path: bytes, tops: list[bytes]) -> bool:
    """Whether a path is one of these, which are sorted and not nested, or below one."""
    at = bisect_right(tops, path)
    return at > 0 and path.startswith(tops[at - 1])


def stored_components(run: Run, top: StablePath = ROOT_PATH) -> Iterator[StablePath]:
    """Every component on record at or below a path, outer before inner."""
    after = None
    while page := run.committer.space.scan("component", top, after=after):
        yield from (key.path for key, _ in page)
        after = page[-1][0]


def tombstones_for(paths: list[StablePath]) -> list[Write]:
    """The writes that make deletions survive a crash."""
    return [(RecordKey("tombstone", path), TombstoneRecord()) for path in paths]


async def remove_components(
    cycle: Cycle, paths: Iterable[StablePath], stats: StatsCounter | None = None, *, last_try: bool = False
) -> list[BaseException]:
    """Delete these components, outer before inner. Gives what failed.

    What can't be deleted keeps its records and its tombstone, and so does everything below it. What waits for a
    container that is not gone yet goes to `cycle.deferred`, or has failed if this is the `last_try`.
    It is counted in `stats`: those of the component that does not mount it any more (STAT-24).
    """
    errors: list[BaseException] = []
    in_order = sorted(paths)
    if stats is not None and stats is not cycle.stats:
        cycle.counted_in.update((path.encoded, stats) for path in in_order)
    encoded = [path.encoded for path in in_order]
    cycle.run.marked.update(encoded)
    cycle.run.tombstones.difference_update(encoded)  # tried now, or waiting for one that failed
    level, below = _forest(in_order)
    waiting: list[StablePath] = []
    while level:
        inner: list[StablePath] = []
        for path, error in await _attempt(cycle, level, _remove):
            if isinstance(error, UnresolvedContainerError):
                waiting.append(path)  # the container may be one of those below
            elif error is not None:
                _failed(cycle, path, error)
                errors.append(error)
                continue
            inner.extend(below.get(path, ()))
        level = inner
    for path, error in await _attempt(cycle, waiting, _remove):
        if isinstance(error, UnresolvedContainerError) and not last_try:
            cycle.deferred.append(path)
        elif error is not None:
            _failed(cycle, path, error)
            errors.append(error)
    return errors


def _forest(paths: list[StablePath]) -> tuple[list[StablePath], dict[StablePath, list[StablePath]]]:
    """The outermost of these paths, which are in order, and for each path the nearest ones below it."""
    outermost: list[StablePath] = []
    below: dict[StablePath, list[StablePath]] = {}
    around: list[StablePath] = []
    for path in paths:
        while around and not path.encoded.startswith(around[-1].encoded):
            around.pop()
        (below.setdefault(around[-1], []) if around else outermost).append(path)
        around.append(path)
    return outermost, below


async def remove_leftovers(cycle: Cycle, paths: Iterable[StablePath]) -> list[BaseException]:
    """Delete rows that mounted components left behind before their container was declared. Gives what failed."""
    errors: list[BaseException] = []
    for path, error in await _attempt(cycle, sorted(paths), _remove_left):
        if isinstance(error, UnresolvedContainerError):
            cycle.went_wrong = True  # no failure: asked again in the next run
        elif error is not None:
            _failed(cycle, path, error)
            errors.append(error)
    return errors


def keepers_of_rows(run: Run, paths: Iterable[StablePath]) -> set[bytes]:
    """Which components have to run for the rows of these to be removed: what declares the containers, and all above."""
    containers: set[StablePath] = set()
    for path in paths:
        record = run.component(path)
        if record is not None:
            for key in (*record.targets, *record.left):
                containers.update(StablePath(key).ancestors())
    keepers: set[bytes] = set()
    for container in containers:
        found = run.target(container)
        if found is not None:
            owner = StablePath(found.owner)
            keepers.update(above.encoded for above in (owner, *owner.ancestors()))
    return keepers


async def _remove_left(cycle: Cycle, path: StablePath) -> BaseException | None:
    run = cycle.run
    record = run.component(path)
    if record is None or not record.left:
        return None
    submission = Submission(cycle, path)
    try:
        await submission.wait_for_claims(record.left)
        submission.plan_removed(record.left, reprocess=run.full_reprocess)
        if submission.has_actions:
            await submission.pre_commit(submission.possible())
            await submission.apply()
        targets = tuple(sorted({*record.targets, *submission.kept}))
        rest = replace(record, targets=targets, left=tuple(submission.left))
        await run.committer.commit([*submission.settled(), (RecordKey("component", path), rest)])
    except GeneratorExit:
        raise
    except BaseException as error:
        if run.interrupted and isinstance(error, asyncio.CancelledError):
            raise
        return error
    finally:
        submission.release()
    return _unresolved(submission) if submission.left else None


def _unresolved(submission: Submission) -> UnresolvedContainerError:
    row = StablePath(submission.left[0])
    return UnresolvedContainerError(f"{row} can't be deleted: its container is neither declared nor removed")


Removal: TypeAlias = "Callable[[Cycle, StablePath], Coroutine[Any, Any, BaseException | None]]"


async def _attempt(
    cycle: Cycle, paths: list[StablePath], remove: Removal
) -> list[tuple[StablePath, BaseException | None]]:
    outcomes: list[tuple[StablePath, BaseException | None]] = []
    for start in range(0, len(paths), _AT_ONCE):
        group = paths[start : start + _AT_ONCE]
        tasks = [cycle.run.spawn(remove(cycle, path), "remove") for path in group]
        outcomes.extend(zip(group, await asyncio.gather(*tasks), strict=True))
    return outcomes


async def _remove(cycle: Cycle, path: StablePath) -> BaseException | None:
    run = cycle.run
    record = run.component(path)
    if record is None:
        run.committer.enqueue([(RecordKey("tombstone", path), None)])
        run.marked.discard(path.encoded)
        return None
    processor = record.processor or UNKNOWN
    if path.encoded not in cycle.removing:
        cycle.removing.add(path.encoded)
        _stats_of(cycle, path).started(processor)
    try:
        await _remove_component(cycle, path, record)
    except UnresolvedContainerError as error:
        return error
    except GeneratorExit:
        raise
    except BaseException as error:
        if run.interrupted and isinstance(error, asyncio.CancelledError):
            raise
        return error
    _stats_of(cycle, path).deleted(processor)
    if run.observers:
        run.emit(ComponentRemoved(path))
    return None


async def _remove_component(cycle: Cycle, path: StablePath, record: ComponentRecord) -> None:
    run = cycle.run
    keys = sorted({*record.targets, *record.left})
    submission = Submission(cycle, path)
    try:
        await submission.wait_for_claims(keys)
        submission.plan_removed(keys, forget=True)
        if submission.has_actions:
            # Should it be mounted again after a failure, it has to run: what it declared may be gone.
            in_doubt = replace(record, memo=None, in_doubt=True)
            await submission.pre_commit([*submission.possible(), (RecordKey("component", path), in_doubt)])
            await submission.apply()
        writes = submission.settled()
        if submission.left:
            # What is below goes all the same: a memo would bring this component back without it.
            rest = replace(record, targets=(), left=tuple(submission.left), memo=None, in_doubt=True)
            await run.committer.commit([*writes, (RecordKey("component", path), rest)])
            raise _unresolved(submission)
        writes.append((RecordKey("component", path), None))
        writes.append((RecordKey("tombstone", path), None))
        if record.has_state:
            writes.append((RecordKey("state", path), None))
        if run.get(RecordKey("live", path)) is not None:
            writes.append((RecordKey("live", path), None))
        if record.has_calls:
            writes.extend((RecordKey("memo", path, call), None) for call in run.committer.space.scan_calls(path))
        await run.committer.commit(writes)
        run.marked.discard(path.encoded)
    finally:
        submission.release()


def _stats_of(cycle: Cycle, path: StablePath) -> StatsCounter:
    return cycle.counted_in.get(path.encoded, cycle.stats)


def _failed(cycle: Cycle, path: StablePath, error: BaseException) -> None:
    run = cycle.run
    cycle.went_wrong = True
    error.add_note(f"while component {path} was removed; it stays on record, and the next update tries again")
    record = run.component(path)
    _stats_of(cycle, path).failed((record.processor if record is not None else "") or UNKNOWN)
    if run.observers:
        run.emit(RemovalFailed(path, repr(error)))
