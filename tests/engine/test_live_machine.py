"""Goal: whatever live components, feeds and views did, and whatever failed or was killed, it settles as the model says.

Programs are random: trees of live components, what they ask for, edits, faults, restarts. The seeds are fixed;
`LIVE_MACHINE_SEED=17 pytest -m real tests/engine/test_live_machine.py` takes others, from that number on.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import random
from typing import Any

import pytest

from cocoindex_sim.world import SeededRandom

from .bench import Bench
from .live_life import LiveLife, Options
from .live_model import ITEM_KINDS, Operation, Place, Sources, Spec, Told, expected

FIRST_SEED = int(os.environ.get("LIVE_MACHINE_SEED", "0"))
SETTLED_S = 30.0
DRIVEN: list[Place] = [("top",), ("top", "n"), ("top", "m", "L"), ("top", "n", "n"), ("top", "n", "m", "L")]
TOP: Place = ("top",)
Step = tuple[Any, ...]
START: Step = ("start", True, False)


class Program:
    """A pipeline and its history, drawn from a seed. `steps` may be cut."""

    def __init__(self, seed: int, steps: list[Step] | None = None) -> None:
        self.seed = seed
        draw = random.Random(seed)
        self.policy_seed = draw.choice([0, draw.randrange(1, 1000)])
        self.options = Options(
            quota=draw.choice([1, 1, 2, 100]),
            handler=draw.choice(["none", "swallow", "raise"]),
            patient=draw.random() < 0.5,
            memo=draw.random() < 0.5,
            slow=draw.random() < 0.5,
        )
        drawn: list[Step] = [("edit", TOP, name, self._spec(draw, name), None) for name in draw.sample("abnm", 3)]
        drawn += [
            ("edit", place, name, self._spec(draw, name), None)
            for place in DRIVEN[1:]
            for name in draw.sample("abnm", 2)
        ]
        drawn += [("view", "k", self._spec(draw), None, False), ("feed", "k", self._spec(draw), False), START]
        for _ in range(draw.randrange(4, 40)):
            drawn.append(self._step(draw))
            if drawn[-1][0] in ("kill", "interrupt", "drop") and draw.random() < 0.8:
                drawn.append(START)
        self.steps = drawn if steps is None else steps

    def _spec(self, draw: random.Random, name: str = "a") -> Spec:
        kind = draw.choice(ITEM_KINDS)
        if name == "n" and draw.random() < 0.7:
            kind = "live"
        elif name == "m" and draw.random() < 0.7:
            kind = "around"
        return Spec(kind, draw.randrange(6))

    def _step(self, draw: random.Random) -> Step:
        some, place = draw.random() < 0.7, draw.choice([TOP, TOP, TOP, *DRIVEN])
        match draw.choices(
            ["edit", "op", "full", "view", "feed", "refresh", "steps", "settle", "fault", "mend", "start", "end", "kill",
             "interrupt", "drop", "toggle"],
            [8, 10, 3, 4, 5, 1, 6, 4, 2, 2, 3, 1, 1, 1, 0.5, 0.5],
        )[0]:  # fmt: skip
            case "edit":
                if draw.random() < 0.1:
                    return "edit", place, "own", draw.randrange(3), draw.choice([None, True, False])
                name = draw.choice("abnnmm")
                return "edit", place, name, self._spec(draw, name) if some else None, draw.choice([None, True, False])
            case "op":
                below = draw.choice([("a",), ("a",), ("a", "x"), ("a", "x", "z"), ("c", "d"), ("c",), ("n",), ("m",)])
                return "op", place, below, self._spec(draw, below[-1]) if some else None, draw.random() < 0.3
            case "full":
                return "full", draw.choice([*DRIVEN, ("view",)]), draw.random() < 0.5
            case "view":
                how = draw.choice([None, "op", "op", "full"])
                return "view", draw.choice("kl"), self._spec(draw) if some else None, how, draw.random() < 0.3
            case "feed":
                return "feed", draw.choice("kl"), self._spec(draw) if some else None, draw.random() < 0.3
            case "refresh":
                return "refresh", draw.randrange(3)
            case "steps":
                return "steps", draw.randrange(1, 60)
            case "fault":
                faults = [self._fault(draw) for _ in range(draw.randrange(1, 4))]
                return "fault", faults
            case "mend":
                return "mend", draw.choice(["restart", "full", "full"])
            case "start":
                return "start", draw.random() < 0.8, draw.random() < 0.1
            case "end":
                return "end", draw.choice([*DRIVEN, ("view",), ("feed",)]), draw.choice(["return", "raise"])
            case "kill" | "interrupt" | "drop" as how:
                return how, draw.randrange(0, 150)
            case "toggle":
                return "toggle", draw.choice(["top", "view", "feed", "refresh"])
        return ("settle",)

    def _fault(self, draw: random.Random) -> tuple[str, Place]:
        top = draw.choice([*DRIVEN, ("view",), ("feed",)])
        if draw.random() < 0.25:
            return draw.choice(["process", "start"] if len(top) > 1 else ["process"]), top
        below = draw.choice([("a",), ("a", "x"), ("c", "d"), ("b",), ("m",)] if top[0] == "top" else [("k",), ("l",)])
        return draw.choice(["early", "late", "before", "after", "table", "row"]), (*top, *below)


class Machine:
    """Runs a program and judges it."""

    def __init__(self, program: Program) -> None:
        self.options = program.options
        policy = SeededRandom(random.Random(program.policy_seed)) if program.policy_seed else None
        self.bench = Bench(policy)
        self.sources = Sources()
        self.contents: tuple[dict[Any, Any], dict[Any, Any]] = ({}, {})
        self.outside = contextvars.copy_context()
        self.life = self.another_life()
        self.dirty = True  # until an update began without faults
        self.task: asyncio.Task[Any] | None = None
        self.handle: Any = None
        self.is_live = False
        self.cut = False  # whether the update in progress was interrupted
        self.unheard = False  # whether something was told that nobody in this run heard

    def another_life(self) -> LiveLife:
        self.task = None
        return LiveLife(self.bench, self.sources, *self.contents, self.options)

    def run(self, steps: list[Step]) -> None:
        try:
            for step in steps:
                getattr(self, f"do_{step[0]}")(*step[1:])
            self.do_fault([])
            self.do_start(False, False)
            self.finish()
            self.do_drop(0)
        finally:
            self.bench.close()

    # -- steps

    def do_start(self, live: bool, full: bool) -> None:
        """Begin another update; one in progress makes way."""
        before, handle_before = self.task, self.handle
        self.let_begin()
        self.handle = self.life.app.update(live=live, full_reprocess=full)
        self.task = self.bench.loop.create_task(self.handle.result())
        self.is_live = live
        if before is not None:
            self.wait(before)
            self.ended(before, handle_before)
        self.dirty = bool(self.life.faults)
        self.unheard = self.cut = False

    def let_begin(self) -> None:
        """Have the present update begin, which it does not at once."""
        task, handle = self.task, self.handle
        if task is not None:
            self.bench.loop.run_until(lambda: handle.stats() is not None or task.done())

    def do_edit(self, place: Place, name: str, spec: Any, notify: bool | None) -> None:
        found = self.sources.of(place)
        if spec is None:
            found.pop(name, None)
        else:
            found[name] = spec
        if notify is not None:
            self.do_full(place, notify)

    def do_full(self, place: Place, awaited: bool) -> None:
        if place in self.life.queues:
            self.life.queues[place].put_nowait(("full", awaited))

    def do_op(self, place: Place, below: Place, spec: Spec | None, awaited: bool) -> None:
        if place in self.life.queues:
            self.life.queues[place].put_nowait((Operation(below, spec), awaited))

    def do_view(self, key: str, spec: Spec | None, how: str | None, awaited: bool) -> None:
        found = self.sources.of(("view",))
        if spec is None:
            found.pop(key, None)
        else:
            found[key] = spec
        if how == "full":
            self.do_full(("view",), awaited)
        elif how == "op":
            self.do_op(("view",), (key,), spec, awaited)

    def do_feed(self, key: str, spec: Spec | None, awaited: bool) -> None:
        told = self.sources.told[key] = Told(spec)
        if ("feed",) in self.life.queues:
            self.life.queues[("feed",)].put_nowait(((key, told), awaited))
        if ("feed",) not in self.life.queues or not self.is_live:
            self.unheard = True

    def do_refresh(self, value: int) -> None:
        self.sources.refreshed = value
        self.unheard |= not self.is_live

    def do_toggle(self, name: str) -> None:
        self.sources.mounted ^= {name}

    def do_steps(self, count: int) -> None:
        task, left = self.task, count

        def done() -> bool:
            nonlocal left
            left -= 1
            return left < 0 or task is None or task.done()

        if task is not None:
            idle = self.bench.loop.create_task(asyncio.sleep(1.0))  # it may have nothing to do
            self.bench.loop.run_until(lambda: done() or idle.done())
            idle.cancel()

    def do_settle(self) -> None:
        if self.task is None:
            return
        self.bench.run(asyncio.sleep(SETTLED_S))
        if self.task.done():
            self.ended(self.task, self.handle)
        elif not self.dirty:
            assert self.handle.is_ready
        self.check_handles()
        if not self.dirty and not self.unheard:
            self.check()

    def do_fault(self, faults: list[Any]) -> None:
        self.life.set_faults(set(faults))
        self.dirty |= bool(faults)

    def do_mend(self, how: str) -> None:
        """After faults everything is right once all was scanned again, or told that was not done."""
        self.do_fault([])
        self.do_settle()
        if self.task is None:
            return
        if (
            how == "restart"
            or self.task.done()
            or not {(one,) for one in self.life.mounted} - {("refresh",)} <= self.life.queues.keys()
        ):
            self.do_start(True, False)
        else:
            self.life.times_faulty += 1  # what is told from here on counts
            for place in [*DRIVEN, ("view",)]:
                self.do_full(place, True)
                self.bench.run(asyncio.sleep(SETTLED_S))
            for key, told in self.sources.told.items():
                if not told.done and ("feed",) in self.life.queues:
                    self.life.queues["feed",].put_nowait(((key, told), False))
            self.dirty = False
        self.do_settle()

    def do_end(self, place: Place, how: str) -> None:
        if place in self.life.queues:
            self.life.queues[place].put_nowait(how)
            if place == ("feed",):
                self.unheard = True

    def do_kill(self, steps: int) -> None:
        self.do_steps(steps)
        self.bench.crash()
        self.life = self.another_life()
        self.dirty = True

    def do_interrupt(self, steps: int) -> None:
        self.do_steps(steps)
        self.let_begin()
        self.life.app.interrupt()
        self.dirty = self.cut = True
        self.finish()

    def do_drop(self, steps: int) -> None:
        self.do_steps(steps)
        self.let_begin()
        self.do_fault([])
        self.dirty = self.cut = True
        dropping = self.bench.loop.create_task(self.life.app.drop(), context=self.outside.copy())
        self.wait(dropping)
        dropping.result()
        self.finish()
        assert self.life.content() == {}
        assert self.bench.env.store.spaces() == []
        self.sources.told.clear()
        self.task = None

    # -- judging

    def finish(self) -> None:
        """Wait for the end of the update in progress."""
        if self.task is not None:
            self.wait(self.task)
            self.ended(self.task, self.handle)
            self.check_handles()
            if not self.dirty and not self.unheard:
                self.check()

    def wait(self, task: asyncio.Task[Any]) -> None:
        """Wait for the end of an update, which must come soon, whatever timers there are."""
        self.bench.run(asyncio.wait([task], timeout=SETTLED_S))
        if not task.done():
            waiting = [f"{one.get_name()} {one.get_stack()[-1:]}" for one in asyncio.all_tasks(self.bench.loop)]
            raise TimeoutError("the update does not end\n" + "\n".join(sorted(waiting)))

    def ended(self, task: asyncio.Task[Any], handle: Any) -> None:
        error = task.exception()
        if error is not None:
            assert self.dirty, repr(error)
            assert isinstance(error, RuntimeError), repr(error)
        if task is self.task:
            self.bench.loop.settle()
            assert [one.get_name() for one in asyncio.all_tasks(self.bench.loop)] == []
            self.is_live = False
        if error is None and not self.cut:
            for name, stats in handle.stats().by_component.items():
                assert stats.num_execution_starts == stats.num_finished, (name, stats)
            assert handle._counter.live == 0

    def check_handles(self) -> None:
        for what, handle in self.life.handles:
            assert all(one.done() for one in handle._tasks), f"the handle of {what} is not ready"
        self.life.handles.clear()

    def check(self) -> None:
        life = self.life
        assert life.content() == expected(life.mounted, self.sources, life.logs)


def run(program: Program) -> None:
    logging.disable()  # failures are what it is about
    try:
        Machine(program).run(program.steps)
    finally:
        logging.disable(logging.NOTSET)


def failure(program: Program) -> Exception | None:
    try:
        run(program)
    except Exception as error:
        return error
    return None


def check(seeds: range, *, shrink: bool = True) -> None:
    """Run the programs of these seeds; one that fails is made as short as it can be."""
    for seed in seeds:
        program = Program(seed)
        error = failure(program)
        if error is None:
            continue
        shorter = shrink
        while shorter:
            shorter = False
            for at in reversed(range(len(program.steps))):
                attempt = Program(seed, program.steps[:at] + program.steps[at + 1 :])
                found = failure(attempt)
                if type(found) is type(error):
                    program, error, shorter = attempt, found, True
        told = "\n".join(map(repr, program.steps))
        error.add_note(f"seed {seed}, policy {program.policy_seed}, {vars(program.options)}\n{told}")
        raise error


def test_whatever_happened_live_it_settles_as_the_model_says() -> None:  # LIV-11..29, LIV-46..56, FEED-04..12
    check(range(FIRST_SEED, FIRST_SEED + 80))


@pytest.mark.real
def test_whatever_happened_live_it_settles_as_the_model_says_for_long() -> None:
    check(range(FIRST_SEED + 80, FIRST_SEED + 480))
