"""Goal: a systematic exploration visits every schedule within its bound once, and says when a run does not repeat itself."""

from __future__ import annotations

import asyncio
import functools
import itertools
import math
from collections.abc import Sequence

import pytest

from cocoindex_sim.values import DivergenceError
from cocoindex_sim.world._dfs import Branch, Dfs
from cocoindex_sim.world._loop import VirtualLoop
from cocoindex_sim.world._policy import Replay


def runs_of(steps: Sequence[int], dfs: Dfs) -> list[tuple[str, tuple[int, ...]]]:
    """Order and choices of each run of independent tasks, of which each has so many steps."""

    async def work(name: str, count: int, log: list[str]) -> None:
        for number in range(count):
            if number:
                await asyncio.sleep(0)
            log.append(name)

    found = []
    for policy in dfs:
        loop, log = VirtualLoop(policy), []  # type: VirtualLoop, list[str]
        for name, count in zip("abcd", steps, strict=False):
            loop.create_task(work(name, count, log))
        loop.settle()
        loop.close()
        found.append(("".join(log), tuple(loop.choices)))
    return found


def count_by_hand(queue: tuple[int, ...], deviations: int) -> int:
    """Schedules of a queue of tasks with so many steps left, with at most so many deviations from its order."""
    if not queue:
        return 1
    total = 0
    for index, left in enumerate(queue):
        if index and not deviations:
            break
        rest = (*queue[:index], *queue[index + 1 :], *([left - 1] if left > 1 else []))
        total += count_by_hand(rest, deviations - (index > 0))
    return total


@pytest.mark.parametrize(
    ("steps", "count"), [((1,), 1), ((1, 1, 1), 6), ((3, 3), 20), ((2, 2, 2), 90), ((1, 2, 3), 60)]
)
def test_every_interleaving_is_visited_once(steps: tuple[int, ...], count: int) -> None:
    runs = runs_of(steps, Dfs())
    assert len(runs) == count == math.factorial(sum(steps)) // math.prod(map(math.factorial, steps))
    assert len({order for order, _ in runs}) == len({choices for _, choices in runs}) == count


@pytest.mark.parametrize("deviations", [0, 1, 2, 3, 12])
@pytest.mark.parametrize("steps", [(3, 3), (2, 2, 2), (1, 2, 3)])
def test_the_bound_keeps_exactly_the_schedules_with_that_many_deviations(
    steps: tuple[int, ...], deviations: int
) -> None:
    runs = runs_of(steps, Dfs(deviations_max=deviations))
    assert len(runs) == len(set(runs)) == count_by_hand(steps, deviations)
    assert max(sum(map(bool, choices)) for _, choices in runs) <= deviations
    # The same that an unbounded search comes by.
    assert set(runs) == {run for run in runs_of(steps, Dfs()) if sum(map(bool, run[1])) <= deviations}


def test_the_first_schedule_is_the_order_of_asyncio() -> None:
    assert runs_of((2, 2, 1), Dfs())[0][0] == runs_of((2, 2, 1), Dfs(deviations_max=0))[0][0] == "abcab"


@pytest.mark.parametrize("kinds", ["tct", "ttct", "ctct", "tbct", "bcbb"])
def test_callbacks_and_bodies_are_overtaken_only_where_asyncio_allows_it(kinds: str) -> None:
    async def work(i: int, log: list[str]) -> None:
        log.append(str(i))

    seen = []
    for policy in Dfs():
        loop, log = VirtualLoop(policy), []  # type: VirtualLoop, list[str]

        def queue_all(loop: VirtualLoop = loop, log: list[str] = log) -> None:
            for i, kind in enumerate(kinds):
                if kind == "t":
                    loop.create_task(work(i, log))
                elif kind == "c":
                    loop.call_soon(log.append, str(i))
                else:
                    loop.run_in_executor(None, log.append, str(i))

        loop.call_soon(queue_all)
        loop.settle()
        loop.close()
        seen.append("".join(log))
    assert sorted(seen) == sorted(
        "".join(map(str, order))
        for order in itertools.permutations(range(len(kinds)))
        if all(
            order.index(i) < order.index(j) for i, j in itertools.combinations(range(len(kinds)), 2) if kinds[i] == "c"
        )
    )


@functools.cache
def result_by_hand(order: tuple[str, ...]) -> int:
    """What two workers of four steps leave, when each step but the first writes and each but the last reads."""
    value, seen = 0, dict[str, int]()
    for position, name in enumerate(order):
        if name in seen:
            value = seen[name] + 1
        if name in order[position + 1 :]:
            seen[name] = value
    return value


def test_every_result_of_a_race_is_found_and_its_choices_repeat_it() -> None:
    async def race() -> int:
        value = 0

        async def worker() -> None:
            nonlocal value
            for _ in range(3):
                seen = value
                await asyncio.sleep(0)
                value = seen + 1

        await asyncio.gather(worker(), worker())
        return value

    choices_of: dict[int, list[int]] = {}
    for policy in Dfs():
        loop = VirtualLoop(policy)
        choices_of.setdefault(loop.run_until_complete(race()), loop.choices)
        loop.close()
    assert set(choices_of) == {result_by_hand(order) for order in itertools.permutations("aaaabbbb")} == {3, 4, 5, 6}
    for value, choices in choices_of.items():
        assert VirtualLoop(Replay(choices)).run_until_complete(race()) == value


def test_a_run_with_nothing_to_choose_is_one_schedule() -> None:
    assert runs_of((5,), Dfs()) == [("aaaaa", ())]


def test_iterating_again_begins_again() -> None:
    dfs = Dfs()
    assert runs_of((2, 2), dfs) == runs_of((2, 2), dfs)


def test_a_run_that_does_not_repeat_itself_is_told_where() -> None:
    def use(policy: Branch, tasks: int) -> None:
        loop = VirtualLoop(policy)
        for number in range(tasks):
            loop.create_task(asyncio.sleep(0), name=f"task {number}")
        try:
            loop.settle()
        finally:
            loop.close_abruptly()

    policies = iter(Dfs())
    use(next(policies), 3)
    policy = next(policies)
    with pytest.raises(
        DivergenceError, match=r"decision 1 was among 3 candidates, and is among 2 now \(task 0, task 1\)"
    ):
        use(policy, 2)
    policies = iter(Dfs())
    use(next(policies), 3)
    use(next(policies), 1)
    with pytest.raises(DivergenceError, match=r"the run ended after 0 decisions, before decision \d+"):
        next(policies)


def test_a_bound_is_not_negative() -> None:
    with pytest.raises(ValueError, match="got -1"):
        Dfs(deviations_max=-1)
