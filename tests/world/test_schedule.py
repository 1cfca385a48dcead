"""Goal: the queue, the clock and the one decision follow the rule written in `_schedule`."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cocoindex_sim.values import DeadlockError, LimitError
from cocoindex_sim.world._loop import VirtualLoop
from cocoindex_sim.world._policy import Candidate, Fifo, Replay, SeededRandom
from cocoindex_sim.world._streams import Streams


class JudgeLoop(asyncio.BaseEventLoop):
    """asyncio's own loop, whose selector advances a counter. Each reading of the clock is later by 1 ns: no ties."""

    def __init__(self) -> None:
        super().__init__()
        self._selector: Any = self
        self.reading_ns = 0

    def select(self, timeout: float | None) -> list[Any]:
        assert timeout is not None, "the program waits for ever"
        self.reading_ns += math.ceil(timeout * 1e9)
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        assert not event_list

    def time(self) -> float:
        self.reading_ns += 1
        return self.reading_ns / 1e9


def random_loop(seed: int) -> VirtualLoop:
    return VirtualLoop(SeededRandom(Streams(seed).schedule))


Op = tuple[str, int]
OPS = st.tuples(
    st.sampled_from(["yield", "sleep", "soon", "later", "set", "wait", "cancel", "spawn", "gather", "put", "get"]),
    st.integers(0, 3),
)


async def run_program(program: list[list[Op]]) -> list[str]:
    """Actors that do what they are told and write down when; sleeps end at different instants."""
    loop = asyncio.get_running_loop()
    log: list[str] = []
    events = [asyncio.Event() for _ in range(4)]
    queue: asyncio.Queue[int] = asyncio.Queue(2)
    actors: list[asyncio.Task[None]] = []
    extras = (2**i / 100_000 for i in itertools.count())  # no two sums of these are equal

    async def short(name: str) -> None:
        log.append(f"{name} begins")
        await asyncio.sleep(0)
        log.append(f"{name} ends")

    async def act(name: str, ops: list[Op]) -> None:
        for at, (op, number) in enumerate(ops):
            here = f"{name}.{at} {op} {number}"
            log.append(here)
            try:
                if op == "yield":
                    await asyncio.sleep(0)
                elif op == "sleep":
                    await asyncio.sleep(number + next(extras))
                elif op == "soon":
                    for i in range(number):
                        loop.call_soon(log.append, f"{here} called {i}")
                elif op == "later":
                    loop.call_later(0, log.append, f"{here} called")
                elif op == "set":
                    events[number].set()
                elif op == "wait":
                    async with asyncio.timeout(number + next(extras)):
                        await events[number].wait()
                elif op == "cancel":
                    actors[number % len(actors)].cancel()
                elif op == "spawn":
                    actors.append(asyncio.create_task(short(f"{here} spawned")))
                elif op == "gather":
                    await asyncio.gather(*(short(f"{here} gathered {i}") for i in range(number)))
                elif op == "put":
                    await asyncio.wait_for(queue.put(number), 1 + next(extras))
                elif op == "get":
                    log.append(f"got {await asyncio.wait_for(queue.get(), 1 + next(extras))}")
            except TimeoutError:
                log.append(f"{here} timed out")
        log.append(f"{name} is done")

    actors.extend(asyncio.create_task(act(f"actor {i}", ops)) for i, ops in enumerate(program))
    while pending := [actor for actor in actors if not actor.done()]:
        await asyncio.wait(pending)
    return log


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(OPS, max_size=6), min_size=1, max_size=4))
def test_fifo_is_the_order_of_asyncio(program: list[list[Op]]) -> None:
    judge, loop = JudgeLoop(), VirtualLoop(Fifo())
    try:
        assert loop.run_until_complete(run_program(program)) == judge.run_until_complete(run_program(program))
        assert loop.choices == []
    finally:
        judge.close()
        loop.close()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(OPS, max_size=6), min_size=1, max_size=4), st.integers(0, 1000))
def test_a_replay_of_the_recorded_choices_is_the_same_run(program: list[list[Op]], seed: int) -> None:
    loop = random_loop(seed)
    expected = loop.run_until_complete(run_program(program))
    replay = VirtualLoop(Replay(loop.choices))
    assert replay.run_until_complete(run_program(program)) == expected
    assert (replay.choices, replay.steps, replay.now_ns) == (loop.choices, loop.steps, loop.now_ns)


def test_a_replay_without_choices_is_the_order_of_asyncio() -> None:
    program: list[list[Op]] = [[("gather", 3), ("set", 0)], [("wait", 0), ("soon", 2), ("yield", 0)]]
    expected = VirtualLoop().run_until_complete(run_program(program))
    assert VirtualLoop(Replay([])).run_until_complete(run_program(program)) == expected


def orders(loop_of: Callable[[int], VirtualLoop], kinds: str) -> set[str]:
    """The orders seen when one callback queues these: t a task's wake-up, c a callback, b an executor body."""
    seen = set()
    for seed in range(400):
        loop = loop_of(seed)
        log: list[str] = []
        futures = [loop.create_future() for _ in kinds]

        async def wait(i: int, futures: list[asyncio.Future[None]], log: list[str]) -> None:
            await futures[i]
            log.append(str(i))

        def queue_all(
            loop: VirtualLoop = loop, log: list[str] = log, futures: list[asyncio.Future[None]] = futures
        ) -> None:
            for i, kind in enumerate(kinds):
                if kind == "t":
                    futures[i].set_result(None)
                elif kind == "c":
                    loop.call_soon(log.append, str(i))
                else:
                    loop.run_in_executor(None, log.append, str(i))

        for i, kind in enumerate(kinds):
            if kind == "t":
                loop.create_task(wait(i, futures, log))
        loop.settle()
        loop.call_soon(queue_all)
        loop.settle()
        loop.close()
        seen.add("".join(log))
    return seen


@pytest.mark.parametrize("kinds", ["ttt", "ccc", "tct", "ttct", "ctct", "tbct", "bcbb"])
def test_exactly_the_orders_that_keep_what_follows_a_callback_behind_it_are_reached(kinds: str) -> None:
    allowed = {
        "".join(order)
        for order in itertools.permutations("".join(map(str, range(len(kinds)))))
        if all(
            order.index(str(i)) < order.index(str(j))
            for i, j in itertools.combinations(range(len(kinds)), 2)
            if kinds[i] == "c"
        )
    }
    assert orders(random_loop, kinds) == allowed
    assert orders(lambda seed: VirtualLoop(), kinds) == {"".join(map(str, range(len(kinds))))}


def test_a_method_of_a_task_that_is_not_its_step_is_a_plain_callback() -> None:
    async def main(log: list[str]) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        loop.call_soon(log.append, "first")
        loop.call_soon(task.set_name, "second")
        loop.call_soon(lambda: log.append(task.get_name()))
        await asyncio.sleep(1)

    for seed in range(50):
        log: list[str] = []
        random_loop(seed).run_until_complete(main(log))
        assert log == ["first", "second"]


def test_timers_due_at_one_instant_are_choosable_and_others_keep_their_order() -> None:
    def run(loop: VirtualLoop) -> str:
        log: list[str] = []
        for delay, name in [(1.0, "a"), (1.0, "b"), (1.0000001, "c"), (0.5, "d")]:
            loop.call_later(delay, log.append, name)
        loop.advance(1_000_000_100)
        return "".join(log)

    assert {run(random_loop(seed)) for seed in range(50)} == {"dabc", "dbac"}
    assert run(VirtualLoop()) == "dabc"


def test_the_policy_sees_stable_names_in_queue_order() -> None:
    class Recording:
        def __init__(self) -> None:
            self.seen: list[list[str]] = []

        def choose(self, ready: Sequence[Candidate]) -> int:
            self.seen.append([one.label for one in ready])
            return len(ready) - 1

    async def worker() -> None:
        await asyncio.to_thread(math.sqrt, 4)

    async def main() -> None:
        asyncio.get_running_loop().call_later(0, math.floor, 1.5)
        await asyncio.gather(worker(), worker())

    policy = Recording()
    loop = VirtualLoop(policy)
    loop.run_until_complete(main())
    assert policy.seen[:3] == [["Task-2", "Task-3", "timer floor"], ["Task-2", "Task-3"], ["Task-2", "body sqrt"]]
    assert loop.choices[:3] == [2, 1, 1]


# --- the clock ---


def test_the_clock_stands_still_while_anything_is_ready_and_then_jumps_exactly() -> None:
    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        readings = [loop.now_ns]
        for _ in range(1000):
            await asyncio.sleep(0)
        readings.append(loop.now_ns)
        await asyncio.sleep(0.1)
        readings.append(loop.now_ns)
        await asyncio.sleep(86400 * 7 * 10)
        await asyncio.sleep(1e-9)
        return [*readings, loop.now_ns]

    assert VirtualLoop().run_until_complete(main()) == [0, 0, 100_000_000, 86400 * 70 * 10**9 + 100_000_001]


def test_a_cancelled_timer_does_not_move_the_clock() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        for _ in range(300):
            loop.call_later(5, print).cancel()
        await asyncio.sleep(1)
        await asyncio.wait_for(asyncio.sleep(1), 100)
        return loop.time()

    loop = VirtualLoop()
    assert loop.run_until_complete(main()) == 2
    loop.settle()
    with pytest.raises(DeadlockError):
        loop.run_until(lambda: False)
    assert loop.time() == 2


def test_a_timer_for_infinity_never_comes_and_does_not_count_as_one() -> None:
    with pytest.raises(DeadlockError, match="Task-1"):
        VirtualLoop().run_until_complete(asyncio.sleep(math.inf))


def test_a_timer_in_the_past_is_due_now() -> None:
    loop = VirtualLoop(start_ns=10**9)
    log: list[str] = []
    loop.call_at(0.5, log.append, "past")
    loop.call_later(-1, log.append, "negative")
    loop.settle()
    assert log == ["negative", "past"]  # by their times, 0 s and 0.5 s
    assert loop.now_ns == 10**9


def test_sleeping_for_what_is_left_until_a_time_ends() -> None:
    async def until(end: float) -> int:
        loop, sleeps = asyncio.get_running_loop(), 0
        while loop.time() < end:
            await asyncio.sleep(end - loop.time())
            sleeps += 1
        return sleeps

    assert VirtualLoop().run_until_complete(until(1 + 1e-10)) == 2


# --- driving from outside ---


def test_step_runs_one_thing_and_says_whether_it_did() -> None:
    loop = VirtualLoop()
    log: list[str] = []
    assert not loop.step()
    loop.call_soon(log.append, "never").cancel()
    loop.call_soon(log.append, "a")
    loop.call_soon(log.append, "b")
    loop.call_later(1, log.append, "late")
    assert loop.step()
    assert (log, loop.steps) == (["a"], 1)
    assert loop.step()
    assert not loop.step()
    assert (log, loop.now_ns) == (["a", "b"], 0)


def test_advance_runs_what_becomes_due_to_the_end_inclusive() -> None:
    loop = VirtualLoop()
    log: list[int] = []

    def tick() -> None:
        log.append(loop.now_ns)
        loop.call_later(1, tick)

    tick()
    loop.advance(2_500_000_000)
    assert (log, loop.now_ns) == ([0, 10**9, 2 * 10**9], 2_500_000_000)
    loop.advance(500_000_000)
    assert (log[3:], loop.now_ns) == ([3 * 10**9], 3 * 10**9)
    loop.advance(0)
    assert (len(log), loop.now_ns) == (4, 3 * 10**9)
    with pytest.raises(ValueError, match="-1"):
        loop.advance(-1)


def test_run_until_stops_at_the_step_that_makes_it_true() -> None:
    loop = VirtualLoop()
    log: list[str] = []
    loop.call_later(3, log.append, "a")
    loop.call_later(3, log.append, "b")
    loop.run_until(lambda: bool(log))
    assert (log, loop.now_ns) == (["a"], 3 * 10**9)


def test_halt_stops_after_the_current_step() -> None:
    drives: list[Callable[[VirtualLoop], None]] = [
        lambda loop: loop.settle(),
        lambda loop: loop.advance(10**9),
        lambda loop: loop.run_until(lambda: False),
    ]
    for drive in drives:
        loop = VirtualLoop()
        log: list[str] = []
        loop.call_soon(log.append, "a")
        loop.call_soon(loop.halt)
        loop.call_soon(log.append, "b")
        drive(loop)
        assert log == ["a"]
        assert loop.halted
        assert loop.now_ns == 0
        loop.close_abruptly()


# --- the end of the road ---


def test_a_deadlock_lists_who_waits_where() -> None:
    async def starve(queue: asyncio.Queue[int]) -> None:
        await queue.get()

    async def main() -> None:
        forever = asyncio.get_running_loop().create_future()
        other = asyncio.create_task(starve(asyncio.Queue()), name="hungry")
        await asyncio.sleep(2)
        await forever
        await other

    loop = VirtualLoop()
    with pytest.raises(DeadlockError) as caught:
        loop.run_until_complete(main())
    line = starve.__code__.co_firstlineno
    assert str(caught.value).splitlines()[0].startswith("nothing can happen any more at 2 s of virtual time, after 4 ")
    assert [
        text.replace(main.__qualname__, "MAIN").replace(starve.__qualname__, "STARVE")
        for text in str(caught.value).splitlines()[1:]
    ] == [
        f"  Task-1 (MAIN): test_schedule.py:{line + 7}",
        f"  hungry (STARVE): test_schedule.py:{line + 1} in Queue.get",
    ]
    assert loop.waiting().count("\n") == 1
    loop.close_abruptly()


def test_a_step_limit_names_itself_and_who_runs() -> None:
    async def spin() -> None:
        while True:  # noqa: ASYNC110  to spin is the point
            await asyncio.sleep(0)

    loop = VirtualLoop(steps_max=100)
    with pytest.raises(LimitError, match=r"steps_max=100 steps[\s\S]*Task-1 \(.*spin\)"):
        loop.run_until_complete(spin())
    assert loop.steps == 100
    loop.close_abruptly()


def test_a_time_limit_names_itself_and_is_not_passed() -> None:
    async def poll() -> None:
        while True:  # noqa: ASYNC110  to poll is the point
            await asyncio.sleep(7)

    loop = VirtualLoop(time_ns_max=60 * 10**9)
    with pytest.raises(LimitError, match=r"time_ns_max=60000000000 .* from 56 s to 63 s"):
        loop.run_until_complete(poll())
    assert loop.now_ns == 56 * 10**9
    loop.close_abruptly()
