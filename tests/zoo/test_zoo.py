"""Goal: each planted bug is found by the oracle it is there for, soon, and without it nothing is found."""

from __future__ import annotations

import pytest

from .exhibits import EXHIBITS, Exhibit

RUNS = 20
"""Within how many seeds a bug is found."""

SOUND = list({(one.family, one.story, one.faults, one.crashes): one for one in EXHIBITS}.values())


def named(exhibit: Exhibit) -> str:
    return exhibit.name


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of a bug that ignores its end
@pytest.mark.parametrize("exhibit", EXHIBITS, ids=named)
def test_a_planted_bug_is_found_by_its_oracle(exhibit: Exhibit) -> None:
    exploration = exhibit.explore(RUNS, shrinks=False)
    assert [found.oracle for found in exploration.failures] == [exhibit.oracle]


@pytest.mark.parametrize("exhibit", SOUND, ids=lambda one: f"{one.family}-{one.story}-{one.faults}-{one.crashes}")
def test_without_the_bug_nothing_is_found(exhibit: Exhibit) -> None:
    exploration = exhibit.explore_sound(RUNS)
    assert exploration.failures == []


def test_there_is_a_bug_for_every_oracle_but_the_one_about_the_world_itself() -> None:
    assert {exhibit.oracle for exhibit in EXHIBITS} == {
        "convergence", "idempotence", "ready", "orphans", "stale", "offsets", "crash", "termination",
    }  # fmt: skip


def test_each_bug_says_what_it_does_wrong() -> None:
    assert all(exhibit.description.endswith(".") for exhibit in EXHIBITS)
    assert len({exhibit.name for exhibit in EXHIBITS}) == len(EXHIBITS)
