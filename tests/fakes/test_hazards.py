"""Goal: hazards strike where they are drawn or recorded, are counted, and end with `lift`."""

from __future__ import annotations

import random

import pytest

from cocoindex_sim.fakes import DrawnHazards, Hazard, Hazards, ProcessCut, RecordedHazards

KINDS = ("EIO", "EACCES")


def drawn(seed: int, **options: object) -> DrawnHazards:
    hazards = DrawnHazards(random.Random(seed), rate=0.2, **options)  # type: ignore[arg-type]  # passed through
    for _ in range(50):
        hazards.meet("fs.read", KINDS)
    return hazards


def test_without_hazards_nothing_goes_wrong_and_durable_steps_are_counted() -> None:
    hazards = Hazards()
    assert [hazards.meet("fs.read", KINDS) for _ in range(100)] == [None] * 100
    hazards.durable("store.commit")
    hazards.durable("fs.unlink")
    assert (hazards.durable_steps, hazards.fired) == (2, [])


def test_drawn_hazards_depend_on_the_stream_alone_and_stop_at_their_number() -> None:
    assert drawn(1).fired == drawn(1).fired != drawn(2).fired
    assert {len(drawn(seed).fired) for seed in range(20)} == {2}
    assert len(drawn(1, faults_max=5).fired) == 5


def test_what_could_have_struck_is_counted_beside_what_did() -> None:
    hazards = drawn(1, kinds={"ENOSPC"})
    assert hazards.met == {("fs.read", kind): 50 for kind in KINDS}
    assert hazards.fired == []  # none of what was asked for is offered here


def test_recorded_hazards_do_the_same_again() -> None:
    fired = drawn(3).fired
    again = RecordedHazards(fired)
    answers = [again.meet("fs.read", KINDS) for _ in range(50)]
    assert again.fired == fired
    assert [number for number, kind in enumerate(answers, 1) if kind] == [hazard.nth for hazard in fired]


def test_a_recorded_hazard_of_another_kind_or_site_does_not_fire() -> None:
    hazards = RecordedHazards([Hazard("fs.read", 1, "ENOSPC"), Hazard("fs.stat", 2, "EIO")])
    assert [hazards.meet("fs.read", KINDS), hazards.meet("fs.stat", KINDS)] == [None, None]
    assert hazards.meet("fs.stat", KINDS) == "EIO"


@pytest.mark.parametrize(
    "hazards",
    [DrawnHazards(random.Random(0), crash_at=2), RecordedHazards([Hazard("crash", 2, "store.commit")])],
)
def test_a_crash_strikes_right_after_a_durable_step(hazards: Hazards) -> None:
    deaths: list[Hazard] = []
    hazards.on_crash = deaths.append
    hazards.durable("fs.mkdir")
    with pytest.raises(ProcessCut, match=r"right after store\.commit, durable step 2"):
        hazards.durable("store.commit")
    assert deaths == hazards.fired == [Hazard("crash", 2, "store.commit")]
    hazards.durable("store.commit")


def test_lifted_hazards_strike_no_more() -> None:
    hazards = RecordedHazards([Hazard("fs.read", 1, "EIO"), Hazard("crash", 1, "")])
    hazards.lift()
    assert hazards.meet("fs.read", KINDS) is None
    hazards.durable("store.commit")
    assert hazards.fired == []
