"""Target types: a `TargetHandler` with its sinks."""

from __future__ import annotations

import copy
from typing import Any, ClassVar, Final, NamedTuple

from cocoindex_sim.engine import (
    ContextProvider,
    decode_value,
    encode_value,
)
from cocoindex_sim.values import encode_key

from ._contract import Contract, claim
from ._history import GONE
from ._killed import check_killed
from ._rows import Rows
from ._stage import Stage

__all__ = ["TargetContract"]

_CANCELS_MAX: Final = 20

_IDEMPOTENT: Final = (
    "have every action say what the row is to be, not how it differs from before, and have the sink do nothing else:"
    " after a crash or a failed batch actions are applied again"
)


class _Past(NamedTuple):
    """What is there, and what `reconcile` is told of it: the values whose records may be, and whether none may be."""

    there: int
    told: tuple[int, ...]
    missing: bool


# TGT-20, by its rows; values by number, 0 for nothing.
_PASTS = (
    _Past(0, (), True),  # 1
    _Past(1, (1,), False),  # 2, 3
    _Past(1, (1,), True),  # 4: a full reprocess
    _Past(0, (1,), True),  # 9: a first insert that failed; 10: a delete that was applied and not acknowledged
    _Past(1, (1, 2), False),  # 6: an update that failed, and was not applied
    _Past(2, (1, 2), False),  # 6: an update that failed, and was applied
    _Past(2, (1, 2, 3), False),  # 7
    _Past(2, (1, 2), True),
    _Past(0, (1, 2), True),
)


class TargetContract(Contract):
    """Inherit this to have a `TargetHandler` tested: `make`, `contents` and `disturb` are yours to write.

    `contents` looks at the target as others do who read it. See `Contract` for what is around the hooks.
    """

    knows_unchanged: ClassVar[bool] = True
    """Whether a row that is surely there and as wanted needs no action. Containers may need one."""
    survives_trouble: ClassVar[bool] = True
    """Whether `disturb` can make a write fail."""
    deletes: ClassVar[bool] = True
    """Whether rows can be removed."""

    capabilities: ClassVar[tuple[str, ...]] = ("deletes", "knows_unchanged", "survives_trouble")
    _made_has: ClassVar[tuple[str, ...]] = ("reconcile",)

    # -- hooks -----------------------------------------------------------------------------------------------------

    def make(self) -> Any:
        """A new handler of the target that `open` put in place, empty. May be async. Called again for a restart."""
        raise NotImplementedError(f"{type(self).__name__} needs make(): return the handler to be tested")

    def provide(self, context: ContextProvider) -> Any:
        """Put into the context what sinks ask it for, as a lifespan does. May be async. Called again for a restart."""

    def contents(self) -> Any:
        """What the target has now: a mapping of keys to values as they were declared. May be async."""
        raise NotImplementedError(f"{type(self).__name__} needs contents(): say what the target has now")

    def disturb(self) -> Any:
        """Have the next write to the target fail, before, after or in the middle of it. May be async."""
        raise NotImplementedError(f"{type(self).__name__} needs disturb(), or survives_trouble = False")

    def key(self, number: int) -> Any:
        """A key that a row may have, another one for each number."""
        return f"row {number}"

    def value(self, number: int) -> Any:
        """A value that a row may have, another one for each number."""
        return f"value {number}"

    # -- checks ----------------------------------------------------------------------------------------------------

    @claim("TGT-04", "TGT-11")
    def test_a_row_comes_changes_and_goes(self, stage: Stage) -> None:
        """What is declared is there when the sink has returned, and what is no longer declared is not."""
        rows = Rows(stage, self)
        for number in range(3):
            rows.bring(self.key(number), self.value(number))
            rows.check("when a new row was applied", "have the sink return only when everything is in the target")
        rows.bring(self.key(0), self.value(3), [rows.record(self.key(0), self.value(0))], False)
        rows.check("when a row was changed", "have the sink return only when everything is in the target")
        if self.deletes:
            rows.bring(self.key(1), GONE, [rows.record(self.key(1), self.value(1))], False)
            rows.check("when a row was deleted", "remove the row of a deleted key, and no other")

    @claim("TGT-04")
    def test_reconcile_only_looks(self, stage: Stage) -> None:
        """Asked twice it says the same, and it changes nothing by itself."""
        rows = Rows(stage, self)
        record = rows.bring(self.key(0), self.value(0))
        for desired in (self.value(1), self.value(0), GONE) if self.deletes else (self.value(1), self.value(0)):
            for key, prev, missing in ((self.key(0), [record], False), (self.key(1), [], True)):
                one, two = (rows.reconcile(key, desired, prev, missing) for _ in range(2))
                same = (one is None) == (two is None) and (
                    one is None or two is None or one.tracking_record == two.tracking_record
                )
                if not same:
                    stage.broken(
                        f"reconcile() for {key!r} says one thing, and when asked again another",
                        "have reconcile() depend on its arguments alone: it may be called again",
                    )
        rows.check("when reconcile() was called and no sink", "leave every change to the sink")

    @claim("TGT-06", "TGT-20", needs="knows_unchanged")
    def test_what_is_as_wanted_needs_nothing(self, stage: Stage) -> None:
        """For a row that is surely there and as it should be, there is no action."""
        rows = Rows(stage, self)
        record = rows.bring(self.key(0), self.value(0))
        for same in (self.value(0), copy.deepcopy(self.value(0))):
            if rows.reconcile(self.key(0), same, [record], False) is not None:
                stage.broken(
                    "reconcile() wants an action for a row that is there as it should be",
                    "return None when prev_may_be_missing is false and all previous records are those of the value",
                )

    @claim("TGT-09", "TGT-08")
    def test_records_can_be_stored_and_tell_values_apart(self, stage: Stage) -> None:
        """A record comes back from the state store as one that still says which value it belongs to."""
        rows = Rows(stage, self)
        key = self.key(0)
        one, two = rows.record(key, self.value(1)), rows.record(key, self.value(2))
        for record in (one, two):
            try:
                decode_value(encode_value(record), Any)
            except Exception as error:
                stage.broken(
                    f"the tracking record {record!r} can't be stored: {type(error).__name__}: {error}",
                    "use a value that can be serialised: str, bytes, a tuple of them, a fingerprint",
                )
        if self.knows_unchanged and one == two:
            stage.broken(
                f"two values have the same tracking record {one!r}",
                "put into the record what tells values apart: the value itself, or a fingerprint of it",
            )

    @claim("TGT-20", "TGT-21", "DUR-03")
    def test_it_converges_from_every_possible_past(self, stage: Stage) -> None:
        """Whatever may be there, and whatever really is, afterwards the row is as wanted."""
        number = 100
        rows = Rows(stage, self)
        for past in _PASTS:
            for wanted in range(0 if self.deletes else 1, 5):
                number += 1
                key = self.key(number)
                if past.there:
                    rows.bring(key, self.value(past.there))
                prev = [rows.record(key, self.value(told)) for told in past.told]
                desired = self.value(wanted) if wanted else GONE
                rows.bring(key, desired, prev, past.missing)
                if not rows.is_as_expected():
                    there = repr(self.value(past.there)) if past.there else "nothing"
                    told = ", ".join(repr(self.value(each)) for each in past.told) or "nothing"
                    rows.check(
                        f"there was {there} and {repr(desired) if wanted else 'nothing'} was wanted, with the records"
                        f" of {told} and prev_may_be_missing={past.missing}: afterwards",
                        "take all previous records for possible, and the row for possibly missing if that is said:"
                        " there is nothing to do only if each of them is what is wanted, and a row that may be there"
                        " has to be deleted",
                    )

    @claim("TGT-12", "TGT-14")
    def test_actions_mean_the_same_when_applied_again(self, stage: Stage) -> None:
        """A batch that is applied twice, or after half of it was, leaves what one leaves."""
        rows = Rows(stage, self)
        record = rows.bring(self.key(0), self.value(0))
        rows.bring(self.key(1), self.value(1))
        removal = (self.key(1), GONE if self.deletes else self.value(4), [rows.record(self.key(1), self.value(1))])
        outputs = [
            rows.reconcile(self.key(0), self.value(2), [record], False),
            rows.reconcile(*removal, False),
            rows.reconcile(self.key(2), self.value(3)),
        ]
        rows.expect(self.key(0), self.value(2))
        rows.expect(*removal[:2])
        rows.expect(self.key(2), self.value(3))
        rows.apply(outputs)
        rows.check("when a batch was applied", "apply every action of the list, in its order")
        rows.apply(outputs)
        rows.check("when the same batch was applied again", _IDEMPOTENT)
        for half in (outputs[:1], outputs[1:], outputs[::-1]):
            rows.apply(half)
        rows.check("when parts of it were applied again", _IDEMPOTENT)

    @claim("TGT-13")
    def test_a_batch_of_many_rows_is_whole(self, stage: Stage) -> None:
        """Many actions in one call are all applied."""
        rows = Rows(stage, self)
        outputs = []
        for number in range(50):
            outputs.append(rows.reconcile(self.key(number), self.value(number)))
            rows.expect(self.key(number), self.value(number))
        rows.apply(outputs)
        rows.check("when 50 rows were applied at once", "apply every action of the list")

    @claim("TGT-20", needs="deletes")
    def test_deleting_what_is_not_there_is_no_error(self, stage: Stage) -> None:
        """A row that may be there and is not can be deleted, and other rows stay."""
        rows = Rows(stage, self)
        rows.bring(self.key(0), self.value(0))
        record = rows.record(self.key(1), self.value(1))
        for _ in range(2):
            rows.bring(self.key(1), GONE, [record], True)
        rows.check("when a row that was not there was deleted", "delete the row of the key if there is one")

    @claim("TGT-11", "LIV-50")
    def test_it_is_done_when_it_returns(self, stage: Stage) -> None:
        """Nothing is written after the sink has returned, and no task of it goes on."""
        rows = Rows(stage, self)
        before = stage.tasks()
        rows.bring(self.key(0), self.value(0))
        rows.check("as soon as the sink has returned", "return from the sink when everything is in the target")
        if left := stage.tasks() - before:
            stage.broken(
                f"the sink has returned and leaves {len(left)} tasks behind",
                "await everything that the sink starts: what it returns from is recorded as done",
            )
        journal = rows.contents()
        stage.let_quiet()
        if rows.contents() != journal:
            stage.broken("the target changed after the sink had returned", "write before the sink returns")

    @claim("LIV-51", "TGT-20")
    def test_being_cancelled_while_it_writes_is_made_good(self, stage: Stage) -> None:
        """A sink that is cancelled at any of its awaits ends soon; the next time its rows converge."""
        rows = Rows(stage, self)
        records = [rows.bring(self.key(number), self.value(number)) for number in range(2)]
        for at in range(1, _CANCELS_MAX + 1):
            stage.note(f"the sink is to be cancelled at its await number {at}")
            wanted = [self.value(10 * at + number) for number in range(2)]
            outputs = [
                rows.reconcile(self.key(number), wanted[number], [records[number]], False) for number in range(2)
            ]
            was_cancelled = rows.apply_and_cancel(outputs, at)
            for number in range(2):
                output = outputs[number]
                prev = [records[number], *([] if output is None else [output.tracking_record])]
                rows.bring(self.key(number), wanted[number], prev, False)
                records[number] = rows.record(self.key(number), wanted[number])
            rows.check("when what was cancelled was done again", _IDEMPOTENT)
            if not was_cancelled:
                return

    @claim("TGT-14", "TGT-15", needs="survives_trouble")
    def test_a_write_that_fails_is_told_and_made_good(self, stage: Stage) -> None:
        """A sink that could not apply everything raises; the next time it converges."""
        rows = Rows(stage, self)
        for number in range(3):
            rows.bring(self.key(number), self.value(number))
        records = [rows.record(self.key(number), self.value(number)) for number in range(3)]
        for attempt in range(2):
            outputs = []
            for number in range(3):
                desired = self.value(10 * attempt + number + 10)
                if number == 2 and self.deletes:
                    desired = GONE
                outputs.append(rows.reconcile(self.key(number), desired, [records[number]], number == 2))
                rows.expect(self.key(number), desired)
            stage.note("something goes wrong with the next write")
            stage.call("disturb")
            error = rows.apply(outputs, expects=False)
            if error is None:
                rows.check(
                    "the sink returned though a write had failed: afterwards",
                    "raise when not every action was applied: what a sink returns from is recorded as done",
                )
            for number in range(3):
                desired = rows.expected.get(encode_key(self.key(number)), (None, GONE))[1]
                tried = outputs[number]
                prev = [records[number]]
                if tried is not None and tried.tracking_record is not GONE:
                    prev.append(tried.tracking_record)
                rows.bring(self.key(number), desired, prev, number == 2)
                if desired is not GONE:
                    records[number] = rows.record(self.key(number), desired)
            rows.check("when what failed was tried again", _IDEMPOTENT)

    @claim("TGT-20", "DUR-01", "DUR-03", crashes=True)
    def test_a_pipeline_that_is_killed_anywhere_converges(self, stage: Stage) -> None:
        """With the engine around it, killed after any of its durable steps and started again: it ends as it should."""
        check_killed(stage, self, takes_back=False)

    @claim("TGT-20", "DUR-01", "DUR-03", crashes=True)
    def test_what_was_begun_when_it_was_killed_can_be_taken_back(self, stage: Stage) -> None:
        """When it is started again, what was wanted before is wanted again, and only then what it had begun."""
        check_killed(stage, self, takes_back=True)
