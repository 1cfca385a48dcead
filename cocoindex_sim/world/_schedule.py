"""The queue, the clock and the one decision: asyncio callbacks in an order that a policy chooses.

Tasks and futures are asyncio's own. What stands in the queue is of two kinds:

* *choosable*: steps of tasks, functions given to `run_in_executor`, and timers that are due. When one of these runs
  depends on timing, in asyncio too, so the policy decides.
* *plain*: every other `call_soon` callback. asyncio documents that these run in the order they were queued.

The candidates at any moment are the choosable entries queued before the first plain one, and that plain one. So a
choosable entry may be delayed past callbacks that were queued later, but nothing runs before a plain callback that was
queued before it, and plain callbacks keep their order. Anything more would invent schedules asyncio can't have.

The policy is asked when there are two candidates or more; each answer is appended to `choices`. Index 0 is always what
asyncio would run next, so an empty record means asyncio's own schedule.

A queue is run in rounds, as asyncio does: what stands in it when the round begins. Timers that are due enter at the
beginning of a round, earliest first, then in the order they were set. The clock stands still while anything is
queued, and then moves to the next timer.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import heapq
import math
import sys
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from ..values import DeadlockError, LimitError
from ._fence import FencedLoop
from ._moment import MOMENTS
from ._policy import Fifo, Policy
from ._ready import Callback, TaskStep, Timer
from ._waiting import waiting_text

__all__ = ["STEPS_MAX", "Schedule"]

STEPS_MAX: Final = 10_000_000

_NS_PER_S: Final = 1_000_000_000
_COLLECT_EVERY_STEPS: Final = 65_536


class Schedule(FencedLoop):
    """The part of the loop that decides what runs and when; `VirtualLoop` is the whole."""

    # On the class until there is one: a thirtieth attribute of its own made every loop 4 % slower (Python 3.11).
    _failure: Exception | None = None

    def __init__(
        self, policy: Policy, choices: list[int], start_ns: int, steps_max: int, time_ns_max: int | None
    ) -> None:
        self.policy = policy
        self.choices = choices
        self.now_ns = start_ns
        self.steps = 0
        self.steps_max = steps_max
        self.time_ns_max = time_ns_max
        # `_candidates` may run now; `_blocked` says that its last one is plain, so that newcomers go to `_later`.
        # Under Fifo there is nothing to choose: `_blocked` stays set and everything goes through `_later`.
        self._fifo = type(policy) is Fifo
        self._blocked = self._fifo
        self._candidates: list[Callback] = []
        self._later: deque[Callback] = deque()
        self._left = 0  # entries of this round that did not run yet
        self._timers: list[tuple[int, int, Timer]] = []
        self._timers_set = 0
        self._timers_cancelled = 0
        self._tasks: dict[asyncio.Task[Any], None] = {}  # the pending ones, oldest first
        self._stopping = False
        self._halted = False
        self._closed = False
        self._dead = False
        self._collect_at = _COLLECT_EVERY_STEPS

    def time(self) -> float:
        """Virtual seconds. `now_ns` is the exact reading."""
        return self.now_ns / 1e9

    def call_soon(  # type: ignore[override]  # typeshed ties args to the callback's; C code calls this, untyped
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> Callback:
        """Queue a callback. See the module for what the policy may do with it."""
        # A step of a task comes as a method of the task: nameless the first time (`TaskStepMethWrapper`), `task_wakeup`
        # after a future. Other methods of tasks, such as `cancel`, are plain callbacks.
        owner = getattr(callback, "__self__", None)
        entry: Callback
        if isinstance(owner, asyncio.Task) and getattr(callback, "__name__", "task_wakeup") == "task_wakeup":
            entry = TaskStep(callback, args, contextvars.copy_context() if context is None else context, owner)
            if self._blocked:
                self._later.append(entry)
            else:
                self._candidates.append(entry)
        else:
            entry = Callback(callback, args, contextvars.copy_context() if context is None else context)
            if self._blocked:
                self._later.append(entry)
            else:
                self._candidates.append(entry)
                self._blocked = True
        if self._closed:
            self._refuse(entry)
        return entry

    def _refuse(self, entry: Callback) -> None:
        self._drop_queue()
        if not self._dead:
            raise RuntimeError("Event loop is closed")
        entry.cancel()

    def _drop_queue(self) -> None:
        self._candidates.clear()
        self._later.clear()
        self._timers.clear()
        self._left = 0
        self._blocked = self._fifo

    def enqueue_choosable(self, entry: Callback) -> None:
        """Queue what the policy may delay; called by what runs functions for executors."""
        if self._closed:
            self._refuse(entry)
        elif self._blocked:
            self._later.append(entry)
        else:
            self._candidates.append(entry)

    def call_later(  # type: ignore[override]  # as call_soon
        self, delay: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> Timer:
        """Queue a callback in `delay` virtual seconds, rounded to nanoseconds; infinity is never."""
        if delay == math.inf:
            return self._call_at_ns(math.inf, callback, args, context)
        delay_ns = round(delay * _NS_PER_S)
        if delay > 0 and delay_ns == 0:
            delay_ns = 1  # else who sleeps for what is left until a time would do so for ever
        return self._call_at_ns(self.now_ns + delay_ns, callback, args, context)

    def call_at(  # type: ignore[override]  # as call_soon
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> Timer:
        """Queue a callback for a reading of `time()`, rounded to nanoseconds; infinity is never."""
        return self._call_at_ns(math.inf if when == math.inf else round(when * _NS_PER_S), callback, args, context)

    def _call_at_ns(
        self,
        when_ns: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
    ) -> Timer:
        timer = Timer(when_ns, callback, args, contextvars.copy_context() if context is None else context, self)
        if self._closed:
            self._refuse(timer)
        elif when_ns != math.inf:
            self._timers_set += 1
            heapq.heappush(self._timers, (int(when_ns), self._timers_set, timer))
        else:
            timer._scheduled = False
        return timer

    def forget_timer(self) -> None:
        """A timer that is not due yet was cancelled; called by the timer."""
        self._timers_cancelled += 1
        if self._timers_cancelled > 100 and self._timers_cancelled * 2 > len(self._timers):
            self._timers = [item for item in self._timers if not item[2]._cancelled]
            heapq.heapify(self._timers)
            self._timers_cancelled = 0

    def _next_timer_ns(self) -> int | None:
        timers = self._timers
        while timers:
            if not timers[0][2]._cancelled:
                return timers[0][0]
            heapq.heappop(timers)
            self._timers_cancelled -= 1
        return None

    def _begin_round(self) -> None:
        timers, now_ns = self._timers, self.now_ns
        while timers and timers[0][0] <= now_ns:
            timer = heapq.heappop(timers)[2]
            timer._scheduled = False
            if timer._cancelled:
                self._timers_cancelled -= 1
            elif self._blocked:
                self._later.append(timer)
            else:
                self._candidates.append(timer)
        left = len(self._candidates) + len(self._later)
        if self.steps + left > self.steps_max:
            left = self.steps_max - self.steps
            if left <= 0:
                raise LimitError(
                    f"the run took steps_max={self.steps_max} steps and is not done, at {self.time():.9g} s of virtual"
                    " time; raise the limit, or look for a task that never waits:\n" + waiting_text(self._tasks)
                )
        if self.steps >= self._collect_at:
            self._collect_at += _COLLECT_EVERY_STEPS
            gc.collect()
        self._left = left

    def _run(self, at_most: int = sys.maxsize, *, until_stop: bool = False) -> bool:
        """Run until nothing is ready (False), up to that many entries, or to the end of a round that called `stop`."""
        candidates, later, choices, choose = self._candidates, self._later, self.choices, self.policy.choose
        fifo = self._fifo
        entry: Callback | None = None
        task: asyncio.Task[Any] | None = None
        while True:
            if self._left <= 0:
                self._begin_round()
                if self._left <= 0:
                    return False
            while at_most > 0 and self._left > 0:
                self._left -= 1
                at_most -= 1
                if fifo:
                    entry = later.popleft()
                else:
                    count = len(candidates)
                    if count == 1:
                        entry = candidates.pop()
                    else:
                        index = choose(candidates)
                        choices.append(index)
                        entry = candidates.pop(index)
                    if not entry.choosable:
                        self._blocked = False
                        while later:
                            following = later.popleft()
                            candidates.append(following)
                            if not following.choosable:
                                self._blocked = True
                                break
                if entry._cancelled:
                    continue
                self.steps += 1
                try:
                    entry._context.run(entry._callback, *entry._args)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:
                    self.call_exception_handler(
                        {"message": f"Exception in {entry.label}", "exception": error, "handle": entry}
                    )
                task = entry.task
                if task is not None and task.done():
                    self._tasks.pop(task, None)
            entry = task = None  # the traceback of a task's exception holds this frame: no cycle back to the task
            if at_most <= 0 or (self._stopping and (until_stop or self._halted)):
                return True

    def _wait(self, *, until_ns: int | None = None) -> bool:
        """Move the clock to the next timer, unless that is later than `until_ns`. False: there is none."""
        due_ns = self._next_timer_ns()
        if due_ns is None or (until_ns is not None and due_ns > until_ns):
            return False
        if due_ns > self.now_ns:
            self.move_clock(due_ns)
        return True

    def move_clock(self, to_ns: int) -> None:
        """Let it be that time, whatever was to happen before. LimitError past `time_ns_max`."""
        if self.time_ns_max is not None and to_ns > self.time_ns_max:
            raise LimitError(
                f"the run would go past time_ns_max={self.time_ns_max} ({self.time_ns_max / 1e9:.9g} s of virtual"
                f" time), from {self.time():.9g} s to {to_ns / 1e9:.9g} s; raise the limit, or look for a task that"
                " polls for ever:\n" + waiting_text(self._tasks)
            )
        self.now_ns = to_ns

    def _deadlock(self) -> DeadlockError:
        return DeadlockError(
            f"nothing can happen any more at {self.time():.9g} s of virtual time, after {self.steps} steps: nothing is"
            " ready, no timer is set, and the run is not done. Pending tasks, oldest first, and where they wait"
            f" (something must set, send or cancel one of these):\n{waiting_text(self._tasks)}"
        )

    def _step(self) -> bool:
        before = self.steps
        while self.steps == before and not self._halted:  # cancelled entries are no steps
            if not self._run(1):
                return False
        return self.steps > before

    def _settle(self) -> None:
        if not self._halted:
            self._run()

    def _linger(self) -> None:
        """Run some of what is ready: as many steps as the policy says, none in asyncio's own order."""
        if self._fifo or not self._is_anything_ready():
            return
        # A policy that is not asked has chosen 0 all the same, for whoever replays the run will be asked.
        index = self.policy.choose(MOMENTS) if getattr(self.policy, "lingers", True) else 0
        self.choices.append(index)
        for _ in range(MOMENTS[index].steps):
            if not self._step():
                return

    def _is_anything_ready(self) -> bool:
        due_ns = self._next_timer_ns()
        return bool(self._candidates or self._later or (due_ns is not None and due_ns <= self.now_ns))

    def halt(self) -> None:
        """Stop right after the current step, whatever else is ready: for a crash. `halted` is then true."""
        self._halted = self._stopping = True
        self._left = 0

    def fail(self, error: Exception) -> None:
        """Stop right after the current step, and have whatever drives the loop raise the error, now and from now on."""
        if self._failure is None:
            self._failure = error
        self.halt()

    @property
    def halted(self) -> bool:
        """Whether `halt` was called."""
        return self._halted

    def waiting(self) -> str:
        """Who waits where: one line per pending task, oldest first."""
        return waiting_text(self._tasks)

    def pending_tasks(self) -> list[asyncio.Task[Any]]:
        """The tasks that are not done, oldest first."""
        return [task for task in self._tasks if not task.done()]
