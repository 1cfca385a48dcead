"""Goal: a target type over a table keeps its contract, and each way of doing it wrong is rejected by the check about it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

import cocoindex_sim as coco
from pytest_coco.contracts import TargetContract, rejections


class Table:
    """A table that takes its time, and may fail at a row."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {}
        self.fails_in = 0

    async def write(self, key: str, value: Any) -> None:
        await asyncio.sleep(0.01)
        if self.fails_in:
            self.fails_in -= 1
            if not self.fails_in:
                raise ConnectionError("the table does not answer")
        if coco.is_non_existence(value):
            self.rows.pop(key, None)
        else:
            self.rows[key] = value
        await asyncio.sleep(0)


class Handler:
    """Rows of a table."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.sink = coco.TargetActionSink.from_async_fn(self.apply)

    def reconcile(self, key: str, desired: Any, prev: Collection[str], missing: bool, /) -> Any:
        if coco.is_non_existence(desired):
            return coco.TargetReconcileOutput((key, desired), self.sink, coco.NON_EXISTENCE)
        if not missing and prev and all(each == desired for each in prev):
            return None
        return coco.TargetReconcileOutput((key, desired), self.sink, desired)

    async def apply(self, context: Any, actions: Sequence[tuple[str, Any]]) -> None:
        for action in actions:
            await self.table.write(*action)


class WritesWhenAsked(Handler):
    """Writes as soon as it is asked what there is to do."""

    def reconcile(self, key: str, desired: Any, prev: Collection[str], missing: bool, /) -> Any:
        if not coco.is_non_existence(desired):
            self.table.rows[key] = desired
        return super().reconcile(key, desired, prev, missing)


class WritesAlways(Handler):
    """Writes what is there already."""

    def reconcile(self, key: str, desired: Any, prev: Collection[str], missing: bool, /) -> Any:
        return super().reconcile(key, desired, prev, True)


class RecordsNothing(Handler):
    """Has the same record for all values."""

    def reconcile(self, key: str, desired: Any, prev: Collection[str], missing: bool, /) -> Any:
        output = super().reconcile(key, desired, [], True)
        return output if coco.is_non_existence(desired) else output._replace(tracking_record="there")


class RecordsItself(Handler):
    """Has a record that can't be stored."""

    def reconcile(self, key: str, desired: Any, prev: Collection[str], missing: bool, /) -> Any:
        output = super().reconcile(key, desired, [], True)
        return output if coco.is_non_existence(desired) else output._replace(tracking_record=self)


class AsksForOne(Handler):
    """Can't do with several possible records."""

    def reconcile(self, key: str, desired: Any, prev: Collection[str], missing: bool, /) -> Any:
        if prev:
            (_,) = prev
        return super().reconcile(key, desired, prev, missing)


class WritesTheLast(Handler):
    """Writes one row of each call."""

    async def apply(self, context: Any, actions: Sequence[tuple[str, Any]]) -> None:
        await super().apply(context, actions[-1:])


class InsistsOnDeleting(Handler):
    """Can't delete what is not there."""

    async def apply(self, context: Any, actions: Sequence[tuple[str, Any]]) -> None:
        for key, value in actions:
            if coco.is_non_existence(value):
                del self.table.rows[key]
            else:
                await self.table.write(key, value)


class RemembersBeforeItWrites(Handler):
    """Leaves out what it takes to be written, and takes it to be so before it is."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self.written: dict[str, Any] = {}

    async def apply(self, context: Any, actions: Sequence[tuple[str, Any]]) -> None:
        for key, value in actions:
            if key not in self.written or self.written[key] != value:
                self.written[key] = value
                await self.table.write(key, value)


@dataclass(frozen=True)
class Version:
    value: str


class RecordsComeBackAsDicts(Handler):
    """Does not say what its records are, so they come back as dicts from the state store."""

    def reconcile(self, key: str, desired: Any, prev: Any, missing: bool, /) -> Any:
        output = super().reconcile(key, desired, [each.value for each in prev], missing)
        if output is None or coco.is_non_existence(desired):
            return output
        return output._replace(tracking_record=Version(desired))


class TrustsTheFirst(Handler):
    """Takes the first of the values that may be there for the one that is."""

    def reconcile(self, key: str, desired: Any, prev: Collection[str], missing: bool, /) -> Any:
        return super().reconcile(key, desired, list(prev)[:1], missing)


class IsAsync(Handler):
    """Has an async function for one that must not be."""

    async def reconcile(self, key: str, desired: Any, prev: Collection[str], missing: bool, /) -> Any:
        return super().reconcile(key, desired, prev, missing)


class RowsOfATable(TargetContract):
    handler: ClassVar[type[Handler]] = Handler

    def open(self) -> None:
        self.table = Table()

    def make(self) -> Handler:
        return self.handler(self.table)

    def contents(self) -> dict[str, str]:
        return self.table.rows

    def disturb(self) -> None:
        self.table.fails_in = 2


class TestRowsOfATable(RowsOfATable):
    pass


REJECTED_BY = {
    WritesWhenAsked: ("reconcile_only_looks", "when reconcile() was called and no sink, the target has other rows"),
    WritesAlways: ("what_is_as_wanted_needs_nothing", "wants an action for a row that is there as it should be"),
    RecordsNothing: ("records_can_be_stored_and_tell_values_apart", "two values have the same tracking record 'there'"),
    RecordsItself: ("records_can_be_stored_and_tell_values_apart", "can't be stored"),
    AsksForOne: ("it_converges_from_every_possible_past", "raised ValueError: too many values to unpack"),
    WritesTheLast: ("a_batch_of_many_rows_is_whole", "- 'row 48': 'value 48'"),
    InsistsOnDeleting: ("deleting_what_is_not_there_is_no_error", "the sink raised KeyError: 'row 1'"),
    RemembersBeforeItWrites: ("being_cancelled_while_it_writes_is_made_good", "when what was cancelled was done again"),
    RecordsComeBackAsDicts: (
        "a_pipeline_that_is_killed_anywhere_converges",
        "a row failed with AttributeError: 'dict'",
    ),
    TrustsTheFirst: (
        "what_was_begun_when_it_was_killed_can_be_taken_back",
        "after it was killed and started again, the target",
    ),
    IsAsync: ("a_row_comes_changes_and_goes", "make reconcile() an ordinary function"),
}


@pytest.mark.parametrize("handler", REJECTED_BY, ids=lambda handler: handler.__name__)
def test_a_wrong_target_is_rejected(handler: type[Handler]) -> None:
    check, fragment = REJECTED_BY[handler]
    found = rejections(type(handler.__name__, (RowsOfATable,), {"handler": handler}), f"test_{check}")
    assert list(found) == [f"test_{check}"]
    assert fragment in found[f"test_{check}"].replace("\n", " ")
