"""Goal: what is left is the smallest that fails alike: every part of it is needed, and the number of runs is bounded."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocoindex_sim.fakes import CRASH_SITE, Hazard
from cocoindex_sim.world._reduce import Plan, Reduction, Seen, minimal


@given(st.integers(0, 12), st.sets(st.integers(0, 12)))
def test_what_is_needed_is_left_and_nothing_else(count: int, wanted: set[int]) -> None:
    needed = tuple(sorted(number for number in wanted if number < count))
    assert minimal(range(count), lambda some: set(needed) <= set(some)) == needed


@given(st.lists(st.sets(st.integers(0, 9), min_size=1, max_size=3), min_size=1, max_size=4))
def test_without_any_one_of_what_is_left_it_does_not_hold(ways: list[set[int]]) -> None:
    def holds(some: tuple[int, ...]) -> bool:
        return any(way <= set(some) for way in ways)

    left = minimal(range(10), holds)
    assert holds(left)
    assert not any(holds(tuple(one for one in left if one != gone)) for gone in left)


class Machine:
    """A run of given steps: each makes two choices among three, and is one durable step.

    It fails when the steps `needed` are taken, `deviating` of them with a first choice of 1, and the crash, if one is
    needed, comes right after that step.
    """

    def __init__(self, needed: set[int], deviating: int | None = None, crashing: int | None = None) -> None:
        self.needed, self.deviating, self.crashing = needed, deviating, crashing

    def __call__(self, plan: Plan) -> Seen:
        count = len(plan.steps)
        choices = plan.choices if plan.drawn is None else tuple((plan.drawn * 7 + at) % 3 for at in range(2 * count))
        choices = (*choices, *[0] * 2 * count)[: 2 * count]
        same = self.needed <= set(plan.steps)
        if self.deviating is not None and same:
            same = choices[2 * plan.steps.index(self.deviating)] == 1
        crash = next((hazard for hazard in plan.hazards if hazard.site == CRASH_SITE), None)
        if self.crashing is not None and same:
            same = crash is not None and crash.nth == plan.steps.index(self.crashing) + 1
        starts = range(count)
        return Seen(
            same, choices, (3,) * (2 * count), plan.hazards, tuple(2 * at for at in starts), tuple(starts), count
        )


def crash(nth: int) -> Hazard:
    return Hazard(CRASH_SITE, nth, "store.commit")


def test_steps_hazards_and_deviations_go_together() -> None:
    reduction = Reduction(Machine({2, 6}, deviating=6))
    first = Plan(tuple(range(8)), (Hazard("fs.read", 1, "EIO"), crash(3)), tuple([2, 1] * 6 + [1] + [2] * 3))
    assert reduction.reduce(first)
    assert reduction.best == Plan((2, 6), (), (0, 0, 1))
    assert reduction.runs < 50
    assert not reduction.exhausted


def test_a_crash_moves_with_the_steps_before_it() -> None:
    reduction = Reduction(Machine({2, 6}, crashing=6))
    assert reduction.reduce(Plan(tuple(range(8)), (crash(7),)))
    assert reduction.best == Plan((2, 6), (crash(2),))


def test_where_the_moment_of_a_crash_is_lost_another_is_looked_for() -> None:
    machine = Machine({6}, crashing=6)

    def forgetful(plan: Plan) -> Seen:
        return machine(plan)._replace(durable_before=())

    reduction = Reduction(forgetful)
    assert reduction.reduce(Plan((1, 3, 6), (crash(3),)))
    assert reduction.best == Plan((6,), (crash(1),))


def test_a_crash_that_must_stay_stays() -> None:
    reduction = Reduction(Machine({1}), keep_crash=True)
    assert reduction.reduce(Plan((0, 1, 2), (Hazard("fs.read", 1, "EIO"), crash(3))))
    assert reduction.best.steps == (1,)
    assert [hazard.site for hazard in reduction.best.hazards] == [CRASH_SITE]


def test_two_steps_that_need_each_other_go_together_and_fixed_ones_stay() -> None:
    def allowed(steps: tuple[int, ...]) -> bool:
        return (1 in steps) == (5 in steps)

    reduction = Reduction(Machine({3}), allowed=allowed, fixed=frozenset({4}))
    assert reduction.reduce(Plan(tuple(range(7))))
    assert reduction.best.steps == (3, 4)


def test_many_deviations_are_replaced_by_few() -> None:
    def either(plan: Plan) -> Seen:
        # What was recorded takes four deviations; one other does as well.
        choices = (*plan.choices, *[0] * 20)[:20]
        return Seen(choices[:8:2] == (1, 1, 1, 1) or choices[11] == 2, choices, (3,) * 20)

    reduction = Reduction(either)
    assert reduction.reduce(Plan((), (), (1, 0, 1, 0, 1, 0, 1)))
    assert reduction.best == Plan((), (), (*[0] * 11, 2))


def test_another_schedule_is_looked_for_when_the_recorded_one_no_longer_fails() -> None:
    def run(plan: Plan) -> Seen:
        recorded = (1, 2, 1)
        drawn = ((0, 0, 0), (0, 0, 2), (0, 0, 0), (2, 0, 0))
        choices = plan.choices if plan.drawn is None else drawn[plan.drawn]
        fails = choices[:3] == recorded if plan.steps == (0, 1) else choices[2:3] == (2,)
        return Seen(fails, choices, (3, 3, 3))

    reduction = Reduction(run)
    assert reduction.reduce(Plan((0, 1), (), (1, 2, 1)))
    assert len(reduction.best.steps) == 0
    assert reduction.best.choices == (0, 0, 2)


def test_the_number_of_runs_is_bounded_and_the_best_until_then_is_kept() -> None:
    made = itertools.count(1)
    machine = Machine({2, 6}, deviating=6)

    def counted(plan: Plan) -> Seen:
        next(made)
        return machine(plan)

    reduction = Reduction(counted, runs_max=14)
    assert reduction.reduce(Plan(tuple(range(8)), (), tuple([0] * 12 + [1])))
    assert reduction.exhausted
    assert reduction.runs == next(made) - 1 == 14
    assert {2, 6} <= set(reduction.best.steps)
    assert len(reduction.best.steps) < 8


@pytest.mark.parametrize("choices", [(), (0, 1)])
def test_what_does_not_fail_again_is_not_reduced(choices: tuple[int, ...]) -> None:
    reduction = Reduction(lambda _: Seen(False))
    assert not reduction.reduce(Plan((0,), (), choices))
    assert reduction.runs == 1


def test_parts_that_are_not_needed_go_in_the_end() -> None:
    machine = Machine({2, 6}, deviating=6)

    def run(plan: Plan) -> Seen:
        return machine(plan)._replace(same=machine(plan).same and not {12, 17} & set(plan.left_out))

    reduction = Reduction(
        run,
        parts=lambda steps: [part for part in range(10, 20) if part != 15 or 5 in steps],
        allowed_without=lambda left_out: not {18, 19} <= set(left_out),
    )
    assert reduction.reduce(Plan(tuple(range(8)), (), tuple([2, 1] * 6 + [1] + [2] * 3)))
    assert reduction.best.steps == (2, 6)
    assert reduction.best.choices == (0, 0, 1)
    # 12 and 17 are needed, and one of the last two has to stay.
    assert set(range(10, 20)) - set(reduction.best.left_out) in ({12, 15, 17, 18}, {12, 15, 17, 19})
    assert reduction.runs < 90


def test_where_a_part_makes_the_schedule_another_is_looked_for() -> None:
    def run(plan: Plan) -> Seen:
        choices = plan.choices if plan.drawn is None else (0, plan.drawn % 4)
        return Seen(choices == ((0, 3) if plan.left_out else (1,)), choices, (4, 4))

    reduction = Reduction(run, parts=lambda steps: (7,))
    assert reduction.reduce(Plan((), (), (1,)))
    assert reduction.best == Plan((), (), (0, 3), None, (7,))


def test_without_a_part_the_deviation_may_come_sooner() -> None:
    def run(plan: Plan) -> Seen:
        return Seen(plan.choices == (*[0] * (9 - 4 * len(plan.left_out)), 2), plan.choices)

    reduction = Reduction(run, parts=lambda steps: (1, 2))
    assert reduction.reduce(Plan((), (), (*[0] * 9, 2)))
    assert reduction.best == Plan((), (), (0, 2), None, (1, 2))
