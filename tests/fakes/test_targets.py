# Goal: a target applies actions in order and says in its journal what took effect, whatever goes wrong at which action.

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import pytest

from cocoindex_sim.fakes import DrawnHazards, Hazard, Hazards, ProcessCut, RecordedHazards
from cocoindex_sim.fakes.targets import (
    TARGET_TROUBLES,
    JournalEntry,
    JournalTarget,
    Moment,
    RowAction,
    TargetClient,
    TargetError,
)
from cocoindex_sim.values import NON_EXISTENCE, Symbol, encode_key
from cocoindex_sim.world import VirtualLoop

THREE = [RowAction("a", 1), RowAction("b", 2), RowAction("c", 3)]


def run(script: Callable[[TargetClient], Awaitable[Any]], kernel: JournalTarget) -> float:
    """The virtual seconds that a script with a client takes."""
    loop = VirtualLoop()
    try:
        loop.run_until_complete(script(TargetClient(kernel)))
        return loop.time()
    finally:
        loop.close()


def applied(actions: list[RowAction], kernel: JournalTarget) -> tuple[str, float]:
    """What applying them raised, and the virtual seconds it took."""
    errors = [""]

    async def script(client: TargetClient) -> None:
        try:
            await client.apply(actions)
        except TargetError as error:
            errors.append(str(error))

    took_s = run(script, kernel)
    return errors[-1], took_s


def test_rows_are_put_over_others_and_removed() -> None:
    kernel = JournalTarget()
    assert applied(THREE, kernel) == ("", 0.0)
    assert applied([RowAction("a", 4), RowAction("b", NON_EXISTENCE), RowAction("d", NON_EXISTENCE)], kernel)[0] == ""
    assert kernel.rows == {"a": 4, "c": 3}
    assert [(entry.key, entry.old, entry.new, entry.changed) for entry in kernel.journal[3:]] == [
        ("a", 1, 4, True),
        ("b", 2, NON_EXISTENCE, True),
        ("d", NON_EXISTENCE, NON_EXISTENCE, False),
    ]
    assert kernel.operations == 6


def test_applying_again_changes_nothing() -> None:
    kernel = JournalTarget()
    applied(THREE, kernel)
    applied(THREE, kernel)
    assert [entry.changed for entry in kernel.journal] == [True] * 3 + [False] * 3
    assert kernel.rows == {"a": 1, "b": 2, "c": 3}


def test_keys_that_python_takes_for_equal_are_different_rows() -> None:  # CMP-02
    kernel = JournalTarget()
    applied([RowAction(key, repr(key)) for key in (1, True, "1", Symbol("1"))], kernel)
    assert kernel.contents == dict(sorted((encode_key(key), repr(key)) for key in (1, True, "1", Symbol("1"))))
    assert len(kernel.contents) == 4


def test_the_journal_says_when_and_in_which_life() -> None:
    steps = count(1)
    kernel = JournalTarget(moment=lambda: Moment(5, next(steps), 2))
    applied([RowAction("a", 1)], kernel)
    kernel.put("a", 2)
    kernel.remove("a")
    assert kernel.journal == [
        JournalEntry(Moment(5, 1, 2), "a", NON_EXISTENCE, 1),
        JournalEntry(Moment(5, 2, 2), "a", 1, 2, foreign=True),
        JournalEntry(Moment(5, 3, 2), "a", 2, NON_EXISTENCE, foreign=True),
    ]
    assert kernel.operations == 1


# By trouble at the second of three actions: the error, the seconds it takes, what was applied.
OUTCOMES = {
    "before": ("target 'rows' does not answer: none of 3 actions was applied", 0.0, {}),
    "ack_lost": ("no answer from target 'rows': all of 3 actions were applied", 0.0, {"a": 1, "b": 2, "c": 3}),
    "partial": ("target 'rows' broke off: 1 of 3 actions were applied", 0.0, {"a": 1}),
    "slow": ("", 5.0, {"a": 1, "b": 2, "c": 3}),
    "conflict": (
        "target 'rows' refused an action, the row was changed meanwhile: 1 of 3 were applied",
        0.0,
        {"a": 1, "b": "written by another writer"},
    ),
}


@pytest.mark.parametrize("kind", TARGET_TROUBLES)
def test_what_goes_wrong_at_an_action_leaves_these_rows(kind: str) -> None:
    kernel = JournalTarget()
    trouble = kernel.inject(kind, nth=2)
    error, took_s, rows = OUTCOMES[kind]
    assert applied(THREE, kernel) == (error, took_s)
    assert kernel.rows == rows
    assert trouble.fired == 1
    ours = [entry for entry in kernel.journal if not entry.foreign]
    assert [entry.key for entry in ours] == ["a", "b", "c"]
    assert {entry.key: entry.new for entry in ours if entry.accepted} == {
        key: value for key, value in rows.items() if value != "written by another writer"
    }
    # Whatever it was, the same call again brings everything about.
    assert applied(THREE, kernel) == ("", 0.0)
    assert kernel.rows == {"a": 1, "b": 2, "c": 3}


def test_a_slow_call_takes_effect_in_the_middle_of_its_time() -> None:
    kernel = JournalTarget()
    kernel.inject("slow")
    seen: list[dict[Any, Any]] = []

    async def script(client: TargetClient) -> None:
        for at_s in (2, 3):
            asyncio.get_running_loop().call_later(at_s, lambda: seen.append(kernel.rows))
        await client.apply(THREE[:1])

    run(script, kernel)
    assert seen == [{}, {"a": 1}]


def test_hazards_are_met_at_each_action_and_not_at_each_call() -> None:
    hazards = RecordedHazards([Hazard("target.rows", 4, "before")])
    kernel = JournalTarget(hazards=hazards)
    assert applied(THREE, kernel) == ("", 0.0)
    assert applied(THREE, kernel)[0] != ""
    assert [str(hazard) for hazard in hazards.fired] == ["target.rows:4:before"]


def test_every_kind_is_drawn_sooner_or_later() -> None:
    import random

    hazards = DrawnHazards(random.Random(1), rate=0.5, faults_max=100)
    kernel = JournalTarget(hazards=hazards)
    for _ in range(100):
        applied(THREE, kernel)
    assert {hazard.kind for hazard in hazards.fired} == set(TARGET_TROUBLES)


def test_a_process_may_die_after_each_applied_action() -> None:
    class Crashing(Hazards):
        def _crashes(self, nth: int, what: str) -> bool:
            return (nth, what) == (2, "target.rows")

    kernel = JournalTarget(hazards=Crashing())
    with pytest.raises(ProcessCut):
        applied(THREE, kernel)
    assert kernel.rows == {"a": 1, "b": 2}
    assert len(kernel.journal) == 2


def test_a_dead_process_writes_nothing() -> None:
    kernel = JournalTarget()
    kernel.inject("slow")

    async def script(client: TargetClient) -> None:
        applying = asyncio.ensure_future(client.apply(THREE))
        await asyncio.sleep(1)
        client.cut()
        for work in (applying, client.apply(THREE)):
            with pytest.raises(ProcessCut, match="a client of target 'rows' belongs to a process that has ended"):
                await work

    run(script, kernel)
    assert kernel.journal == []


def test_who_listens_hears_of_each_entry_and_the_notes_tell_it() -> None:
    notes: list[str] = []
    heard: list[JournalEntry] = []
    kernel = JournalTarget("mirror", note=notes.append)
    kernel.on_entry.append(heard.append)
    kernel.inject("conflict", nth=2)
    applied([RowAction("a", 1), RowAction("b", NON_EXISTENCE)], kernel)
    assert heard == kernel.journal
    assert notes == [
        "target mirror: 'a' = 1",
        "target mirror: 'b' = 'written by another writer' by another writer",
        "target mirror: 'b' removed, refused",
    ]


def test_a_trouble_that_can_not_happen_is_refused() -> None:
    with pytest.raises(ValueError) as caught:
        JournalTarget().inject("after")
    assert str(caught.value) == ("'after' can't happen at 'action'; known: before, ack_lost, partial, slow, conflict")
