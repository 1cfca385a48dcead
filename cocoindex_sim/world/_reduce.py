"""The smallest run that still fails: fewer steps and parts of them, fewer hazards and fewer deviations, together.

It knows nothing of worlds: a run is a plan that somebody carries out, saying what he saw. What fails in the same way is
recorded anew each time, since a choice is the number of a candidate, and without a step there are other candidates.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

from ..fakes import CRASH_SITE, Hazard

__all__ = ["Plan", "Reduction", "Seen", "minimal"]

T = TypeVar("T")

_SEEDS: Final = 4
_MOMENTS_MAX: Final = 24
_PARTS_MAX: Final = 12
_SOONER_MAX: Final = 16
_SPARSE_MAX: Final = 100


class Plan(NamedTuple):
    """A run to be tried: numbers of steps, hazards, and choices, or the number of a schedule to be drawn instead.

    `left_out`: the numbers of the parts that it does without.
    """

    steps: tuple[int, ...]
    hazards: tuple[Hazard, ...] = ()
    choices: tuple[int, ...] = ()
    drawn: int | None = None
    left_out: tuple[int, ...] = ()


class Seen(NamedTuple):
    """What a run did: whether it failed in the same way, its choices, each among how many, and what went wrong.

    `choices_before` and `durable_before`: how many choices and durable steps there were before each of its steps;
    `durable_steps`, in all.
    """

    same: bool
    choices: tuple[int, ...] = ()
    widths: tuple[int, ...] = ()
    hazards: tuple[Hazard, ...] = ()
    choices_before: tuple[int, ...] = ()
    durable_before: tuple[int, ...] = ()
    durable_steps: int = 0


class _OutOfRuns(Exception):
    pass


def minimal(items: Sequence[T], holds: Callable[[tuple[T, ...]], bool]) -> tuple[T, ...]:
    """Some of the items, in order, of which `holds` is true, as it is of all, while without any one of them it is not.

    Algorithm: A. Zeller and R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (TSE 2002), with the
    empty set tried first, and only what is left when a part is taken away, not the part.
    """
    current = tuple(items)
    if not current or holds(()):
        return ()
    size = (len(current) + 1) // 2
    while True:
        start, removed = 0, False
        while start < len(current) and len(current) > 1:
            rest = current[:start] + current[start + size :]
            if rest and holds(rest):
                current, removed = rest, True
            else:
                start += size
        if size > 1:
            size = (size + 1) // 2
        elif not removed:
            return current


class Reduction:
    """Makes a failing run smaller, with at most `runs_max` runs.

    `carry_out` performs a plan. `allowed` says whether a story may consist of these steps; those in `fixed` stay.
    `parts` numbers what may go of the steps and of what is given, and `allowed_without` says whether a story may do
    without these. `keep_crash`: a failure without a crash is another one.
    """

    def __init__(
        self,
        carry_out: Callable[[Plan], Seen],
        *,
        allowed: Callable[[tuple[int, ...]], bool] = lambda _: True,
        fixed: frozenset[int] = frozenset(),
        parts: Callable[[tuple[int, ...]], Sequence[int]] = lambda _: (),
        allowed_without: Callable[[tuple[int, ...]], bool] = lambda _: True,
        keep_crash: bool = False,
        runs_max: int = 400,
    ) -> None:
        self._carry_out = carry_out
        self._allowed = allowed
        self._fixed = fixed
        self._parts = parts
        self._allowed_without = allowed_without
        self._keep_crash = keep_crash
        self._runs_max = runs_max
        self._tried: set[Plan] = set()
        self._rng = random.Random("few deviations")  # the same tries each time
        self._seen = Seen(False)
        self._durable_steps: dict[tuple[int, ...], int] = {}
        self.runs = 0
        """How many runs were made."""
        self.exhausted = False
        """Whether it ended because there were `runs_max` runs."""
        self.best = Plan(())
        """The smallest plan that failed in the same way, as it was recorded."""

    def reduce(self, first: Plan) -> bool:
        """Find the smallest plan, in `best`. False when `first` itself does not fail in the same way."""
        self.best = first
        try:
            if not self._try(first):
                return False
            while True:
                before = self.best
                self._drop_hazards()
                self._drop_deviations()
                self._drop_steps()
                if self.best == before:
                    self._drop_parts()
                if self.best == before:
                    self._drop_steps_thoroughly()
                if self.best == before:
                    self._seek_few_deviations()
                if self.best == before:
                    self._drop_parts_elsewhere()
                if self.best == before:
                    return True
        except _OutOfRuns:
            self.exhausted = True
            return True

    def _try(self, plan: Plan, deviations_max: int | None = None) -> bool:
        """Whether the plan fails in the same way and is new; it is the best then, as recorded.

        Not with more deviations than that.
        """
        if plan in self._tried:
            return False
        if self.runs >= self._runs_max:
            raise _OutOfRuns
        self.runs += 1
        self._tried.add(plan)
        seen = self._carry_out(plan)
        self._durable_steps[plan.steps] = seen.durable_steps
        if not seen.same or (self._keep_crash and _crash(seen.hazards) is None):
            return False
        if deviations_max is not None and sum(map(bool, seen.choices)) > deviations_max:
            return False
        self._seen = seen
        self.best = Plan(plan.steps, seen.hazards, _trimmed(seen.choices), None, plan.left_out)
        self._tried.add(self.best)
        return True

    def _plan(
        self,
        steps: tuple[int, ...],
        hazards: tuple[Hazard, ...] = (),
        choices: tuple[int, ...] = (),
        drawn: int | None = None,
    ) -> Plan:
        """A plan without the parts that the best one does without."""
        return Plan(steps, hazards, choices, drawn, self.best.left_out)

    # -- steps -----------------------------------------------------------------------------------------------------

    def _drop_steps(self) -> None:
        removable = [step for step in self.best.steps if step not in self._fixed]
        minimal(removable, lambda some: self._try_any(self._fitted(some)))

    def _drop_steps_thoroughly(self) -> None:
        """Take away one step, or two that need each other, and look for another schedule and moment that fail."""
        removable = [step for step in self.best.steps if step not in self._fixed]
        alone = {step for step in removable if self._allowed(self._without(step))}
        for step in removable:
            if step in alone and step in self.best.steps and self._try_elsewhere(self._without(step)):
                return
        for pair in itertools.combinations([step for step in removable if step not in alone], 2):
            rest = self._without(*pair)
            if self._allowed(rest) and (self._try_any(self._plans(rest)) or self._try_elsewhere(rest)):
                return

    def _without(self, *gone: int) -> tuple[int, ...]:
        return tuple(step for step in self.best.steps if step not in gone)

    def _fitted(self, removable: Sequence[int]) -> Iterator[Plan]:
        steps = tuple(step for step in self.best.steps if step in self._fixed or step in removable)
        return self._plans(steps) if self._allowed(steps) else iter(())

    def _plans(self, steps: tuple[int, ...]) -> Iterator[Plan]:
        """The best plan with fewer steps: what it chose and what went wrong in the others."""
        choices, hazards = self._left_by(steps)
        yield self._plan(steps, hazards, choices)
        yield self._plan(steps, hazards)
        yield self._plan(steps, self.best.hazards, self.best.choices)

    def _left_by(self, steps: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[Hazard, ...]]:
        best, seen = self.best, self._seen
        choices, hazards = list[int](), list(best.hazards)
        if len(seen.choices_before) != len(best.steps) or len(seen.durable_before) != len(best.steps):
            return best.choices, best.hazards
        crash = _crash(hazards)
        nth = 0 if crash is None else crash.nth
        ends = [*seen.choices_before[1:], len(best.choices)]
        durable_ends = [*seen.durable_before[1:], seen.durable_steps]
        choices += best.choices[: seen.choices_before[0]] if best.steps else ()
        for number, step in enumerate(best.steps):
            if step in steps:
                choices += best.choices[seen.choices_before[number] : ends[number]]
            elif crash is not None and durable_ends[number] < crash.nth:
                nth -= durable_ends[number] - seen.durable_before[number]
        if crash is not None:
            hazards = [hazard if hazard.site != CRASH_SITE else hazard._replace(nth=max(nth, 1)) for hazard in hazards]
        return _trimmed(choices), tuple(hazards)

    def _try_any(self, plans: Iterable[Plan]) -> bool:
        return any(self._try(plan) for plan in plans)

    def _try_elsewhere(self, steps: tuple[int, ...]) -> bool:
        """Other moments for what goes wrong, and other schedules."""
        choices, hazards = self._left_by(steps)
        for moved in self._moments(hazards, self._durable_steps.get(steps)):
            if self._try(self._plan(steps, moved, choices)) or (choices and self._try(self._plan(steps, moved))):
                return True
        return self._try_any(self._plan(steps, hazards, drawn=number) for number in range(_SEEDS if choices else 0))

    def _moments(self, hazards: tuple[Hazard, ...], durable_steps: int | None) -> Iterator[tuple[Hazard, ...]]:
        """One hazard at another call of its site, nearest first."""
        for number, hazard in enumerate(hazards):
            last = durable_steps if hazard.site == CRASH_SITE else None
            for nth in _nearest(hazard.nth, _MOMENTS_MAX):
                if last is not None and nth > last:
                    continue
                yield (*hazards[:number], hazard._replace(nth=nth), *hazards[number + 1 :])

    # -- parts -----------------------------------------------------------------------------------------------------

    def _drop_parts(self) -> None:
        """Do without parts, with the same choices or in order."""
        removable = self._removable_parts()
        minimal(removable, lambda some: self._try_any(self._without_parts(set(removable).difference(some))))

    def _drop_parts_elsewhere(self) -> None:
        """Do without all parts, or one, under other schedules that deviate no more often.

        A run with less in it makes fewer choices, so the deviations may come sooner.
        """
        removable = self._removable_parts()
        choices, deviations = self.best.choices, sum(map(bool, self.best.choices))
        for part, gone in enumerate([removable, *([part] for part in removable[:_PARTS_MAX])]):
            for rest in itertools.islice(self._without_parts(gone), 1 if gone and deviations else 0):
                zeros = next(at for at, choice in enumerate(choices) if choice)
                sooner = (rest._replace(choices=choices[by:]) for by in range(1, min(zeros, _SOONER_MAX) + 1))
                drawn = (rest._replace(choices=(), drawn=part * _SEEDS + number) for number in range(_SEEDS))
                if any(self._try(plan, deviations) for plan in itertools.chain(sooner, drawn)):
                    return

    def _removable_parts(self) -> list[int]:
        return [part for part in self._parts(self.best.steps) if part not in self.best.left_out]

    def _without_parts(self, gone: Iterable[int]) -> Iterator[Plan]:
        left_out = tuple(sorted({*self.best.left_out, *gone}))
        if self._allowed_without(left_out):
            yield self.best._replace(left_out=left_out)
            yield self.best._replace(left_out=left_out, choices=())

    # -- hazards ---------------------------------------------------------------------------------------------------

    def _drop_hazards(self) -> None:
        best = self.best
        minimal(best.hazards, lambda some: self._try_any(self._with_hazards(some)))

    def _with_hazards(self, hazards: tuple[Hazard, ...]) -> Iterator[Plan]:
        if self._keep_crash and _crash(hazards) is None:
            return
        yield self._plan(self.best.steps, hazards, self.best.choices)
        yield self._plan(self.best.steps, hazards)

    # -- deviations ------------------------------------------------------------------------------------------------

    def _drop_deviations(self) -> None:
        steps, hazards, choices = self.best[:3]
        deviations = [(at, choice) for at, choice in enumerate(choices) if choice]
        minimal(deviations, lambda some: self._try(self._plan(steps, hazards, _with_deviations(some))))

    def _seek_few_deviations(self) -> None:
        """Schedules with one deviation or two, when the best has more: all of them, or some when there are many."""
        steps, hazards, choices = self.best[:3]
        count = sum(map(bool, choices))
        if count < 2:
            return
        self.runs += 1
        widths = self._carry_out(self._plan(steps, hazards)).widths
        single = [(at, choice) for at, width in enumerate(widths) for choice in range(1, width)]
        for few in range(1, min(count, 3)):
            for deviations in self._few(single, few):
                if self._try(self._plan(steps, hazards, _with_deviations(deviations))):
                    return

    def _few(self, single: list[tuple[int, int]], few: int) -> Iterator[tuple[tuple[int, int], ...]]:
        if len(single) < few:
            return
        if len(single) ** few <= _SPARSE_MAX:
            yield from itertools.combinations(single, few)
            return
        for _ in range(_SPARSE_MAX):
            yield tuple(sorted(self._rng.sample(single, few)))


def _crash(hazards: Iterable[Hazard]) -> Hazard | None:
    return next((hazard for hazard in hazards if hazard.site == CRASH_SITE), None)


def _nearest(nth: int, count: int) -> list[int]:
    others = [*range(1, nth), *range(nth + 1, nth + count + 1)]
    return sorted(others, key=lambda other: abs(other - nth))[:count]


def _trimmed(choices: Sequence[int]) -> tuple[int, ...]:
    end = len(choices)
    while end and not choices[end - 1]:
        end -= 1
    return tuple(choices[:end])


def _with_deviations(deviations: Iterable[tuple[int, int]]) -> tuple[int, ...]:
    choices: list[int] = []
    for at, choice in deviations:
        choices += [0] * (at + 1 - len(choices))
        choices[at] = choice
    return tuple(choices)
