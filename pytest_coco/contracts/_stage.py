"""Where one run of a check happens: a simulated world, or the real loop for connectors with I/O of their own.

A check is an ordinary function. It drives a stage from outside: it does something, lets time pass, and looks.
"""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from cocoindex_sim.values import ActionsApplied, Event
from cocoindex_sim.world import World

from ._broken import ContractBroken, HookFailed, HookUnusable, place_of, traceback_lines
from ._unusable import is_unwritten, not_made, unwritten

if TYPE_CHECKING:
    from ._contract import Contract

__all__ = ["OWN_TASKS", "RealStage", "SimulatedStage", "Stage"]

OWN_TASKS = "contract: "
"""What the names of a check's own tasks begin with."""

_LOOK_S = 0.25
_MOMENT_S = 1e-6  # less than that may be no time at all to a clock that counts nanoseconds
_TIMELINE_LINES = 40


class Stage:
    """One run of a check. `rng` is what the check draws from; `in_order`: asyncio's own order, nothing is drawn.

    `subject` is the author's object with its hooks, one for each run.
    """

    is_real = False

    def __init__(self, subject: Contract, rng: random.Random, *, in_order: bool) -> None:
        self.subject = subject
        self.rng = rng
        self.in_order = in_order
        self.lives = 1
        self.timeline: list[str] = []
        self.violations: dict[str, tuple[str, str]] = {}
        """By rule, the first break of it that was seen meanwhile: what was done, and what to do instead."""
        self.unusable: HookUnusable | None = None
        """What is wrong with a hook for every check, whatever came of it in what called it."""
        self._news: asyncio.Event | None = None

    # -- time ------------------------------------------------------------------------------------------------------

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop of the present life."""
        raise NotImplementedError

    def run(self, work: Any) -> Any:
        """Run a coroutine to its end, and whatever else is ready meanwhile; its result or its error."""
        raise NotImplementedError

    def let(self, seconds: float) -> None:
        """Let time pass."""
        self.run(asyncio.sleep(seconds))

    def let_quiet(self) -> None:
        """Let enough time pass for whatever comes late."""
        quiet_s = self.subject.quiet_s
        self.let((0.2 if self.is_real else 5.0) if quiet_s is None else quiet_s)

    def until(self, condition: Callable[[], object], within_s: float | None = None) -> bool:
        """Let time pass until the condition holds; whether it did within the time a change may take to arrive."""
        limit_s = self.subject.within_s if within_s is None else within_s
        done: bool = self.run(self._until(condition, limit_s))
        return done

    async def _until(self, condition: Callable[[], object], limit_s: float) -> bool:
        end_s = self.loop.time() + limit_s
        self._news = asyncio.Event()
        try:
            while not condition():
                left_s = end_s - self.loop.time()
                if left_s <= _MOMENT_S:
                    return False
                self._news.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left_s, _LOOK_S)):
                        await self._news.wait()
            return True
        finally:
            self._news = None

    def note(self, text: str) -> None:
        """Something happened, which a failure tells of."""
        self.timeline.append(f"{self.loop.time():8.3f} s  {text}")
        if self._news is not None:
            self._news.set()

    def delay_s(self, most_s: float) -> float:
        """How long something takes in this run: drawn, or on the real loop next to nothing."""
        return 0.001 if self.is_real else most_s / 2 if self.in_order else self.rng.uniform(0, most_s)

    # -- hooks -----------------------------------------------------------------------------------------------------

    def call(self, name: str, *args: Any) -> Any:
        """Call a hook of the author's, sync or async. HookFailed for what it raises."""
        return self.run(self.call_inside(name, *args))

    async def call_inside(self, name: str, *args: Any) -> Any:
        """The same, for code that runs on the loop."""
        try:
            result = getattr(self.subject, name)(*args)
            result = await result if inspect.isawaitable(result) else result
        except HookFailed:
            raise
        except NotImplementedError as error:
            if not is_unwritten(type(self.subject), name):
                raise self._raised(name, args, error) from error
            self.unusable = unwritten(type(self.subject), name, error)
            raise self.unusable from None
        except Exception as error:
            raise self._raised(name, args, error) from error
        if name == "make" and (what := not_made(type(self.subject), result)) is not None:
            self.unusable = what
            raise what
        return result

    def _raised(self, name: str, args: Sequence[Any], error: Exception) -> HookFailed:
        arguments = ", ".join(map(repr, args))
        return HookFailed(
            f"the hook {name}({arguments}) raised {type(error).__name__}: {error}",
            fix="mend the hook: a check needs it to do what its docstring says",
            place=place_of(type(self.subject)),
            lines=traceback_lines(error),
        )

    # -- verdicts --------------------------------------------------------------------------------------------------

    def broken(self, verdict: str, fix: str, lines: Sequence[str] = ()) -> NoReturn:
        """The contract is not kept: `verdict` is the fact, `fix` what to do."""
        told = self.timeline[-_TIMELINE_LINES:]
        happened = [f"what happened, the last {len(told)} of {len(self.timeline)} lines:", *told] if told else []
        if lines and happened:
            happened.insert(0, "")
        raise ContractBroken(verdict, fix=fix, place=place_of(type(self.subject)), lines=[*lines, *happened])

    def violation(self, rule: str, verdict: str, fix: str) -> None:
        """Something was done that a rule forbids; a check that is about the rule says so when it looks."""
        self.note(f"!! {verdict}")
        self.violations.setdefault(rule, (verdict, fix))

    def check(self, *rules: str) -> None:
        """Raise for the first break of one of these rules."""
        for rule in rules:
            if rule in self.violations:
                self.broken(*self.violations[rule])

    # -- lives -----------------------------------------------------------------------------------------------------

    def tasks(self) -> set[asyncio.Task[Any]]:
        """What runs on the loop now, but for a check's own."""
        return {task for task in asyncio.all_tasks(self.loop) if not task.get_name().startswith(OWN_TASKS)}

    def crash(self) -> None:
        """End the process as `kill -9` does, and begin another one; on the real loop, cancel everything."""
        raise NotImplementedError

    def kills_after_actions(self) -> None:
        """From now on, let the process also be killed when actions were applied and nothing is recorded of that yet."""

    def survives(self, act: Callable[[], object]) -> bool:
        """Do something that a hazard may kill the process in; then start it again. Whether it was not killed."""
        act()
        return True

    def close(self) -> None:
        """The run is over."""
        self.call("close")


async def _driving(work: Any) -> Any:
    task = asyncio.current_task()
    assert task is not None
    task.set_name(f"{OWN_TASKS}drive")
    return await work


class _AfterActions:
    """An observer that makes a durable step of each call of a sink."""

    def __init__(self, stage: SimulatedStage) -> None:
        self._stage = stage

    def on_event(self, event: Event) -> None:
        if isinstance(event, ActionsApplied):
            self._stage.note(f"actions were applied: {event.count}")
            self._stage.world.hazards.durable("applied actions")


class SimulatedStage(Stage):
    """A run in a world of its own."""

    def __init__(self, subject: Contract, world: World, *, in_order: bool) -> None:
        super().__init__(subject, world.streams.stream("contract"), in_order=in_order)
        self.world = world
        subject.world = world
        subject.directory = Path(world.files.cwd)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self.world.loop

    def run(self, work: Any) -> Any:
        try:
            return self.world.run(_driving(work))
        finally:
            # A process that was killed before runs nothing of it, and Python would complain.
            if inspect.iscoroutine(work) and inspect.getcoroutinestate(work) == inspect.CORO_CREATED:
                work.close()

    def crash(self) -> None:
        self.note("the process is killed, and started again")
        self.world.restart()
        self.lives += 1

    def survives(self, act: Callable[[], object]) -> bool:
        try:
            act()
        except Exception:
            if not self.world.killed:
                raise
        if not self.world.killed:
            return True
        self.crash()
        return False

    def kills_after_actions(self) -> None:
        self.world.observe(_AfterActions(self))


class RealStage(Stage):
    """A run on the real loop: one order, that of the machine."""

    is_real = True

    def __init__(self, subject: Contract, seed: int, directory: Path) -> None:
        super().__init__(subject, random.Random(seed), in_order=True)
        subject.directory = directory
        self._loop = asyncio.new_event_loop()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def run(self, work: Any) -> Any:
        return self._loop.run_until_complete(_driving(work))

    def crash(self) -> None:
        self.note("the process is started again, after everything was cancelled")
        self._cancel_all()
        self.lives += 1

    def _cancel_all(self) -> None:
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        if left:
            self._loop.run_until_complete(asyncio.wait(left, timeout=5.0))

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._cancel_all()
            for task in asyncio.all_tasks(self._loop):
                task._log_destroy_pending = False  # type: ignore[attr-defined]  # what ignores its end was told of
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()
