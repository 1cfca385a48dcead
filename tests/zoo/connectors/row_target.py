"""A target type of one's own, done right; and ways of doing it wrong. Each is an app that copies a table into rows."""

from __future__ import annotations

import itertools
import logging
import pathlib
from collections.abc import Collection, Sequence
from typing import Any

import cocoindex as coco

from cocoindex_sim.fakes.targets import RowAction, TargetClient, TargetError
from cocoindex_sim.world import remote_map, remote_target

from .table_view import TableView


class RowHandler:
    """Rows of a remote target: the record of a row is its value."""

    def __init__(self, client: TargetClient) -> None:
        self.client = client
        self.sink = coco.TargetActionSink.from_async_fn(self.apply)

    def reconcile(
        self, key: Any, desired: Any, prev: Collection[Any], prev_may_be_missing: bool, /
    ) -> coco.TargetReconcileOutput | None:
        if coco.is_non_existence(desired):
            return coco.TargetReconcileOutput(RowAction(key, coco.NON_EXISTENCE), self.sink, coco.NON_EXISTENCE)
        if not prev_may_be_missing and all(before == desired for before in prev):
            return None
        return coco.TargetReconcileOutput(RowAction(key, desired), self.sink, desired)

    async def apply(self, context: coco.ContextProvider, actions: Sequence[RowAction]) -> None:
        await self.client.apply(actions)


class EachTimeANewRow(RowHandler):
    """Inserts rows under a number that the target hands out: what is applied twice is there twice."""

    _numbers = itertools.count()

    async def apply(self, context: coco.ContextProvider, actions: Sequence[RowAction]) -> None:
        last = max((number for key in self.client.rows() for number in key[1:]), default=0)
        await self.client.apply(
            [RowAction((action.key, last + at), action.value) for at, action in enumerate(actions, 1)]
        )


class TrustsOneRecord(RowHandler):
    """Takes one of the values that may be there for the one that is."""

    def reconcile(
        self, key: Any, desired: Any, prev: Collection[Any], prev_may_be_missing: bool, /
    ) -> coco.TargetReconcileOutput | None:
        if desired in prev:
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

    async def apply(self, context: coco.ContextProvider, actions: Sequence[RowAction]) -> None:
        try:
            await self.client.apply(actions)
        except TargetError as error:
            logging.getLogger("rows").info("left out: %s", error)


class NothingToDeleteUnlessKnown(RowHandler):
    """Deletes a row only if it is sure to be there."""

    def reconcile(
        self, key: Any, desired: Any, prev: Collection[Any], prev_may_be_missing: bool, /
    ) -> coco.TargetReconcileOutput | None:
        if coco.is_non_existence(desired) and prev_may_be_missing:
            return None
        return super().reconcile(key, desired, prev, prev_may_be_missing)
