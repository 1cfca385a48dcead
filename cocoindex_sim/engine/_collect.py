"""Deleting what is no longer mounted: a component with its target states, then what was below it (CMP-18, -20)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..ports import ComponentRecord, RecordKey, TombstoneRecord, Write
from ..values import ComponentRemoved, RemovalFailed, StablePath
from ._submit import Submission, UnresolvedContainerError

if TYPE_CHECKING:
    from ._run import Run

__all__ = ["nearest_components", "remove_components", "tombstones_for"]

logger = logging.getLogger("cocoindex_sim")

_AT_ONCE = 256  # deletions in flight: enough for shared transactions, and bounded memory
UNKNOWN = "<unknown>"


def nearest_components(run: Run, below: StablePath) -> Iterator[tuple[StablePath, ComponentRecord]]:
    """The stored components that have no other component between them and `below`."""
    after = None
    while page := run.committer.space.scan_nearest("component", below, after=after):
        for key, record in page:
            assert isinstance(record, ComponentRecord)
            yield key.path, record
        after = page[-1][0]


def tombstones_for(paths: list[StablePath]) -> list[Write]:
    """The writes that make deletions survive a crash."""
    return [(RecordKey("tombstone", path), TombstoneRecord()) for path in paths]


async def remove_components(run: Run, paths: list[StablePath]) -> list[BaseException]:
    """Delete these components and all below them, outer before inner. Gives what failed.

    A failed deletion keeps its records and its tombstone, and everything below it, for a later try.
    """
    errors: list[BaseException] = []
    for start in range(0, len(paths), _AT_ONCE):
        group = [run.spawn(_remove_tree(run, path), "remove") for path in paths[start : start + _AT_ONCE]]
        for outcome in await asyncio.gather(*group):
            errors.extend(outcome)
    return errors


async def _remove_tree(run: Run, path: StablePath) -> list[BaseException]:
    record = run.committer.get(RecordKey("component", path))
    children = [child for child, _ in nearest_components(run, path)]
    run.tombstones.discard(path.encoded)
    if isinstance(record, ComponentRecord):
        try:
            await _remove_one(run, path, record, children)
        except UnresolvedContainerError as error:
            # The container may be one of those below, or go later in this run: then its rows have gone with it.
            errors = await remove_components(run, children)
            if path.encoded in run.deferred:
                _failed(run, path, record.processor, error)
                errors.append(error)
            run.deferred[path.encoded] = error
            return errors
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            _failed(run, path, record.processor, error)
            return [error]
    else:  # a directory, or a tombstone whose component is gone
        await run.committer.commit([(RecordKey("tombstone", path), None), *tombstones_for(children)])
    return await remove_components(run, children)


async def _remove_one(run: Run, path: StablePath, record: ComponentRecord, children: list[StablePath]) -> None:
    processor = record.processor or UNKNOWN
    if path.encoded not in run.deferred:
        run.stats.started(processor)
    submission = Submission(run, path)
    try:
        await submission.wait_for_claims(record.targets)
        submission.plan_removed(record.targets)
        if submission.has_actions:
            await submission.pre_commit(submission.possible())
            await submission.apply()
        writes = submission.settled()
        if submission.kept:
            doubted = ComponentRecord(processor, record.committed, tuple(submission.kept))
            writes.append((RecordKey("component", path), doubted))
            await run.committer.commit(writes)
            kept = StablePath(submission.kept[0])
            raise RuntimeError(f"target state {kept} of the removed component {path} was not given up by its handler")
        writes.append((RecordKey("component", path), None))
        writes.append((RecordKey("tombstone", path), None))
        if record.has_calls:
            writes.extend((RecordKey("memo", path, call), None) for call in run.committer.space.scan_calls(path))
        writes.extend(tombstones_for(children))
        await run.committer.commit(writes)
    finally:
        submission.release()
    run.stats.deleted(processor)
    if run.observed:
        run.emit(ComponentRemoved(path))


def _failed(run: Run, path: StablePath, processor: str, error: BaseException) -> None:
    run.stats.failed(processor or UNKNOWN)
    if run.observed:
        run.emit(RemovalFailed(path, repr(error)))
    if not run.is_drop:  # a drop raises it
        logger.error("removing component %s failed; it is retried by the next update", path, exc_info=error)
