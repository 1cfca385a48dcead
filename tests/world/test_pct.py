"""Goal: priorities find what needs somebody to wait long, change where they were drawn to, and starve nobody for ever."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from cocoindex_sim.world._loop import VirtualLoop
from cocoindex_sim.world._moment import MOMENTS
from cocoindex_sim.world._pct import Pct
from cocoindex_sim.world._policy import Candidate, Policy, Replay, SeededRandom
from cocoindex_sim.world._streams import Streams

SEEDS = range(200)


def pct(seed: int, *, depth: int = 3, decisions: int = 50) -> Pct:
    return Pct(Streams(seed).schedule, depth=depth, decisions=decisions)


def found_by(policy_of: Callable[[int], Policy], program: Callable[[], Coroutine[Any, Any, bool]]) -> int:
    """In how many seeds the program returns true."""
    return sum(VirtualLoop(policy_of(seed)).run_until_complete(program()) for seed in SEEDS)


async def starves() -> bool:
    """Whether one task gets its first turn only after five others have had ten each."""
    left = 5
    starved = False

    async def work() -> None:
        nonlocal left
        for _ in range(10):
            await asyncio.sleep(0)
        left -= 1

    async def wait() -> None:
        nonlocal starved
        starved = not left

    await asyncio.gather(wait(), *(work() for _ in range(5)))
    return starved


async def is_seen_between() -> bool:
    """Whether one task runs just between two given steps of another."""
    state, seen = 0, 0

    async def change() -> None:
        nonlocal state
        for number in range(10):
            state = number
            await asyncio.sleep(0)

    async def look() -> None:
        nonlocal seen
        seen = state

    await asyncio.gather(change(), look())
    return seen == 5


def test_starvation_is_found_by_priorities_and_not_by_chance() -> None:
    assert found_by(lambda seed: SeededRandom(Streams(seed).schedule), starves) == 0
    assert found_by(lambda seed: pct(seed, depth=1), starves) > len(SEEDS) / 10  # one actor of six is the last


def test_what_needs_two_orderings_needs_a_depth_of_two() -> None:
    assert found_by(lambda seed: pct(seed, depth=1), is_seen_between) == 0
    # One of two actors first, and one moment of ten: at least 1 in 20.
    assert found_by(lambda seed: pct(seed, depth=2, decisions=10), is_seen_between) >= len(SEEDS) / 25


def test_the_same_seed_is_the_same_run_and_its_choices_repeat_it() -> None:
    async def order() -> list[str]:
        log: list[str] = []

        async def work(name: str) -> None:
            for _ in range(3):
                log.append(name)
                await asyncio.to_thread(log.append, name.upper())
                await asyncio.sleep(0.1)

        await asyncio.gather(*map(work, "abc"))
        return log

    def run(policy: Policy) -> tuple[list[str], list[int]]:
        loop = VirtualLoop(policy)
        return loop.run_until_complete(order()), loop.choices

    results = [run(pct(seed)) for seed in range(20)]
    assert results == [run(pct(seed)) for seed in range(20)]
    assert results == [run(Replay(choices)) for _, choices in results]
    assert len({"".join(log) for log, _ in results}) > 10


class One:
    """A candidate that has a name and belongs to an actor."""

    def __init__(self, label: str, actor: object = None) -> None:
        self.label = label
        self.actor = self if actor is None else actor


def test_an_actor_keeps_its_priority_until_its_moment_and_is_the_last_from_then_on() -> None:
    for seed in range(20):
        ready: Sequence[Candidate] = [One(name) for name in "abcd"]
        policy = pct(seed, depth=2, decisions=5)
        choices = [policy.choose(ready) for _ in range(30)]
        first, second = choices[0], choices[-1]
        moment = choices.index(second)
        assert moment < 5
        assert choices == [first] * moment + [second] * (30 - moment)
        remaining = [one for number, one in enumerate(ready) if number != second]
        if moment:  # who is sent back at the first decision never shows
            assert remaining[policy.choose(remaining)] is not ready[first]


def test_nobody_is_starved_for_ever_by_one_that_asks_again_and_again() -> None:
    async def ask() -> bool:
        done = False

        async def work() -> None:
            nonlocal done
            done = True

        asyncio.get_running_loop().create_task(work())
        while not done:  # noqa: ASYNC110  to ask again and again is the point
            await asyncio.sleep(0)
        return done

    for seed in range(20):
        loop = VirtualLoop(pct(seed, depth=1), steps_max=1_000)
        assert loop.run_until_complete(ask())


def test_equal_actors_are_two_and_dead_ones_are_forgotten() -> None:
    class Equal(One):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]  # as a timer could be

    seen = {pct(seed).choose([Equal("a"), Equal("b")]) for seed in range(20)}
    assert seen == {0, 1}
    policy = pct(0)
    for _ in range(10):
        policy.choose([One("a"), One("b")])
    gc.collect()
    assert not policy._priorities


@pytest.mark.parametrize(("depth", "decisions"), [(0, 10), (1, 0)])
def test_depth_and_decisions_begin_at_one(depth: int, decisions: int) -> None:
    with pytest.raises(ValueError, match=f"got depth={depth}, decisions={decisions}"):
        pct(0, depth=depth, decisions=decisions)


def test_what_happens_outside_has_another_moment_each_time():
    policy = pct(0, decisions=1_000)
    assert len({policy.choose(MOMENTS) for _ in range(50)}) > 10
