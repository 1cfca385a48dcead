"""A target type of one's own, done right; and ways of doing it wrong. Each is an app that copies a table into rows."""

from __future__ import annotations

import asyncio
import logging
import pathlib
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any, NamedTuple

import cocoindex as coco

from cocoindex_sim.fakes.targets import RowAction, TargetClient, TargetError
from cocoindex_sim.world import remote_map, remote_target


class Wanted(NamedTuple):
    """What is to be done to a row, and whether it is known not to be there yet."""

    key: Any
    value: Any
    is_new: bool


class RowHandler:
    """Rows of a remote target. The record of a row is its value."""

    def __init__(self, client: TargetClient) -> None:
        self.client = client
        self.sink = coco.TargetActionSink.from_async_fn(self.apply)

    def reconcile(
        self, key: Any, desired: Any, prev: Collection[Any], prev_may_be_missing: bool, /
    ) -> coco.TargetReconcileOutput | None:
        if coco.is_non_existence(desired):
            return coco.TargetReconcileOutput(Wanted(key, desired, False), self.sink, coco.NON_EXISTENCE)
        if not prev_may_be_missing and all(before == desired for before in prev):
            return None
        return coco.TargetReconcileOutput(Wanted(key, desired, not prev), self.sink, desired)

    async def apply(self, context: coco.ContextProvider, actions: Sequence[Wanted]) -> None:
        await self.client.apply([RowAction(action.key, action.value) for action in actions])


class CountsWhatItApplies(RowHandler):
    """Keeps a row with the number of rows, one more for each that is new: what is applied again counts again."""

    async def apply(self, context: coco.ContextProvider, actions: Sequence[Wanted]) -> None:
        for action in actions:
            count = await self.client.get("count")
            count = 0 if coco.is_non_existence(count) else count
            count += action.is_new - coco.is_non_existence(action.value)
            await self.client.apply([RowAction(action.key, action.value), RowAction("count", count)])


class TrustsOneRecord(RowHandler):
    """Takes one of the values that may be there for the one that is."""

    def reconcile(
        self, key: Any, desired: Any, prev: Collection[Any], prev_may_be_missing: bool, /
    ) -> coco.TargetReconcileOutput | None:
        if desired in prev and not prev_may_be_missing:
            return None
        return super().reconcile(key, desired, prev, prev_may_be_missing)


class TrustsThatItIsThere(RowHandler):
    """Takes a row for being there because it was to be written once."""

    def reconcile(
        self, key: Any, desired: Any, prev: Collection[Any], prev_may_be_missing: bool, /
    ) -> coco.TargetReconcileOutput | None:
        return super().reconcile(key, desired, prev, prev_may_be_missing and not prev)


class PartOfABatchIsSuccess(RowHandler):
    """Logs what did not go well, and is done."""

    async def apply(self, context: coco.ContextProvider, actions: Sequence[Wanted]) -> None:
        try:
            await super().apply(context, actions)
        except TargetError as error:
            logging.getLogger("rows").info("left out: %s", error)


class DeletesOnlyWhatIsSurelyThere(RowHandler):
    """Has nothing to delete if the row may be missing."""

    def reconcile(
        self, key: Any, desired: Any, prev: Collection[Any], prev_may_be_missing: bool, /
    ) -> coco.TargetReconcileOutput | None:
        if coco.is_non_existence(desired) and prev_may_be_missing:
            return None
        return super().reconcile(key, desired, prev, prev_may_be_missing)


class AcknowledgesBeforeItWrites(RowHandler):
    """Hands rows to a writer of its own and is done; the writer writes them a moment later."""

    async def apply(self, context: coco.ContextProvider, actions: Sequence[Wanted]) -> None:
        self._writing = asyncio.ensure_future(self._write_later(context, actions))

    async def _write_later(self, context: coco.ContextProvider, actions: Sequence[Wanted]) -> None:
        await asyncio.sleep(0.05)
        await super().apply(context, actions)


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Any:
    builder.settings.db_path = pathlib.Path("state")
    yield


def app_of(handler: type[RowHandler]) -> coco.App:
    rows = coco.register_root_target_states_provider(f"zoo/{handler.__name__}", handler(remote_target("rows")))

    async def entries() -> AsyncIterator[tuple[str, Any]]:
        for key, value in (await remote_map().scan()).entries.items():
            yield key, value

    @coco.fn
    async def row(value: Any, key: str) -> None:
        coco.declare_target_state(rows.target_state(key, value))

    @coco.fn
    async def main() -> None:
        async for key, value in entries():
            await coco.mount(coco.component_subpath(key), row, value, key)

    return coco.App(handler.__name__, main)


for each in (RowHandler, *RowHandler.__subclasses__()):
    globals()[each.__name__.lower()] = app_of(each)
