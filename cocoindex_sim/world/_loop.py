"""An asyncio event loop on virtual time, without a selector; `_schedule` says in which order things run.

Tasks and futures are asyncio's own.

Functions given to `run_in_executor` run on the loop's thread, whole, at a step the policy chooses, with no running loop
set and in an empty context, as in a fresh thread. Cancelling the future does not stop them, as it does not stop a
thread that has begun; it does stop those that wait for a worker of a `ThreadPoolExecutor` with a limit.

The garbage collector is paused while the loop runs, and asked every 65,536 steps instead: otherwise what the process
did before would decide at which step an abandoned generator is found.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import gc
import logging
import sys
import threading
import warnings
import weakref
from asyncio import events, tasks
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import Any, TypeVar, TypeVarTuple

from ..values import FenceError
from ._executor import InlineExecutors
from ._outside import Inside, fence_in, fence_out
from ._policy import Fifo, Policy
from ._ready import Callback, function_name
from ._schedule import STEPS_MAX, Schedule
from ._unwind import UNWIND_ATTEMPTS_MAX, close_async_generator, close_coroutine

__all__ = ["VirtualLoop"]

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

_log = logging.getLogger("asyncio")


class VirtualLoop(Schedule):
    """A deterministic event loop on virtual time.

    `policy` decides the order (default: asyncio's own). `start_ns` is the first reading of the clock. `steps_max` and
    `time_ns_max` are limits: what would go past one raises `LimitError`. `choices` is the list that recorded choices
    are appended to.

    Run it with `run_until_complete` as any loop, or drive it from outside with `step`, `settle`, `advance` and
    `run_until`.
    """

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        start_ns: int = 0,
        steps_max: int = STEPS_MAX,
        time_ns_max: int | None = None,
        choices: list[int] | None = None,
    ) -> None:
        super().__init__(
            Fifo() if policy is None else policy,
            [] if choices is None else choices,
            start_ns,
            steps_max,
            time_ns_max,
        )
        self._task_count = 0
        self._async_generators: weakref.WeakKeyDictionary[AsyncGenerator[Any, Any], None] | None = None
        self._executors: InlineExecutors | None = None
        self.in_body = False  # whether a function given to an executor runs now
        self._thread: int | None = None  # the thread that runs the loop now
        self._debug = False
        self._task_factory: Any = None
        self._exception_handler: Any = None
        self._outside: tuple[Any, bool, Inside | None] | None = None
        self.inside = Inside()

    def call_soon_threadsafe(  # type: ignore[override]  # as call_soon
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> Callback:
        """Queue a callback; from the loop's own thread only, which includes functions given to an executor."""
        if self._thread is not None and self._thread != threading.get_ident():
            raise FenceError(
                f"loop.call_soon_threadsafe({function_name(callback)}) was called from the thread"
                f" {threading.current_thread().name!r}: a real thread can't take part in a simulated run;"
                " use run_in_executor or asyncio.to_thread, whose functions run at a simulated step"
            )
        if self.in_body and function_name(callback).startswith("run_coroutine_threadsafe."):
            raise FenceError(
                "asyncio.run_coroutine_threadsafe() was called by a function that runs at a simulated step: waiting"
                " for its result would block the only thread there is; await the coroutine on the loop instead"
            )
        return self.call_soon(callback, *args, context=context)

    # --- running ---

    def _enter(self) -> None:
        if self.in_body:
            raise FenceError(
                "a function that runs at a simulated step tried to run the loop it was started from: that would wait"
                " for ever in a thread too; make it a coroutine and await it"
            )
        if self._closed:
            raise RuntimeError("Event loop is closed")
        if self._thread is not None:
            raise RuntimeError("This event loop is already running")
        if events._get_running_loop() is not None:
            raise RuntimeError("Cannot run the event loop while another loop is running")
        if self._failure is not None and not self._dead:
            raise self._failure
        self._outside = (sys.get_asyncgen_hooks(), gc.isenabled(), fence_in(self.inside))
        sys.set_asyncgen_hooks(firstiter=self._async_generator_begins, finalizer=self._async_generator_dropped)
        gc.disable()
        self._thread = threading.get_ident()
        events._set_running_loop(self)

    def _leave(self) -> None:
        events._set_running_loop(None)
        self._thread = None
        assert self._outside is not None
        hooks, collecting, fenced_before = self._outside
        fence_out(fenced_before)
        sys.set_asyncgen_hooks(*hooks)
        if collecting:
            gc.enable()
        if self._failure is not None and not self._dead:
            raise self._failure

    def run_forever(self) -> None:
        """Run until `stop`. When nothing can happen any more, DeadlockError."""
        self._enter()
        try:
            while True:
                self._run(until_stop=True)
                if self._stopping:
                    break
                if not self._wait():
                    raise self._deadlock()
        finally:
            self._stopping = False
            self._leave()

    def run_until_complete(self, future: Any) -> Any:
        """Run until the future, or the task made of a coroutine, is done; its result or exception.

        Raises: DeadlockError with who waits where; LimitError naming the limit.
        """
        made_here = not asyncio.isfuture(future)
        future = asyncio.ensure_future(future, loop=self)
        if made_here:
            future._log_destroy_pending = False  # as asyncio: the caller has seen why it ended early
        future.add_done_callback(self._stop_after)
        try:
            self.run_forever()
        except BaseException:
            if made_here and future.done() and not future.cancelled():
                future.exception()  # the caller gets the other one; this one counts as seen
            raise
        finally:
            future.remove_done_callback(self._stop_after)
        if not future.done():
            raise RuntimeError("Event loop stopped before Future completed.")
        return future.result()

    def _stop_after(self, future: asyncio.Future[Any]) -> None:
        if not future.cancelled() and isinstance(future.exception(), SystemExit | KeyboardInterrupt):
            return  # it is on its way through the loop
        self.stop()

    def stop(self) -> None:
        """Stop after this round, as asyncio does."""
        self._stopping = True

    def step(self) -> bool:
        """Run one ready thing. False: nothing was ready. The clock does not move."""
        self._enter()
        try:
            return self._step()
        finally:
            self._leave()

    def linger(self) -> None:
        """Run some of what is ready, as the policy says, before something happens outside. The clock does not move."""
        self._enter()
        try:
            self._linger()
        finally:
            self._leave()

    def settle(self, due_ns: Callable[[], int | None] = lambda: None) -> None:
        """Run until nothing is ready, and what `due_ns` tells of is over: the time to wait for; None for no more.

        Without it the clock does not move.
        """
        self._enter()
        try:
            self._settle()
            while not self._halted and (until_ns := due_ns()) is not None:
                self._advance(until_ns)
        finally:
            self._leave()

    def advance(self, duration_ns: int) -> None:
        """Let that much virtual time pass, running what is ready and what becomes due, to its end inclusive."""
        if duration_ns < 0:
            raise ValueError(f"time does not go back: advance({duration_ns})")
        until_ns = self.now_ns + duration_ns
        self._enter()
        try:
            self._advance(until_ns)
        finally:
            self._leave()

    def _advance(self, until_ns: int) -> None:
        self._settle()
        while not self._halted and self._wait(until_ns=until_ns):
            self._settle()
        if not self._halted and until_ns > self.now_ns:
            self.move_clock(until_ns)

    def run_until(self, predicate: Callable[[], bool]) -> None:
        """Run, letting time pass when nothing is ready, until the predicate holds; it is asked after every step.

        Raises: DeadlockError if nothing can happen any more. Returns early after `halt`.
        """
        self._enter()
        try:
            while not predicate():
                if not self._step():
                    if self._halted:
                        return
                    if not self._wait():
                        raise self._deadlock()
        finally:
            self._leave()

    # --- futures and tasks ---

    def create_future(self) -> asyncio.Future[Any]:
        """A future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, _T] | Coroutine[Any, Any, _T],
        *,
        name: object = None,
        context: contextvars.Context | None = None,
        **options: Any,
    ) -> asyncio.Task[_T]:
        """A task of this loop; without a name it is `Task-N`, counted per loop."""
        if self._closed and not self._dead:
            raise RuntimeError("Event loop is closed")
        if name is None:
            self._task_count += 1
            name = f"Task-{self._task_count}"
        task: asyncio.Task[_T]
        if self._task_factory is None:
            task = asyncio.Task(coro, loop=self, name=str(name), context=context, **options)
        else:
            if context is not None:
                options["context"] = context
            task = self._task_factory(self, coro, **options)
            task.set_name(str(name))
        if not task.done():
            self._tasks[task] = None
        return task

    def set_task_factory(self, factory: Any) -> None:
        """Make `create_task` call `factory(loop, coro, **options)`; None for asyncio's own tasks."""
        if factory is not None and not callable(factory):
            raise TypeError("task factory must be a callable or None")
        self._task_factory = factory

    def get_task_factory(self) -> Any:
        """The factory, or None."""
        return self._task_factory

    # --- executors ---

    def run_in_executor(
        self, executor: concurrent.futures.Executor | None, func: Callable[[*_Ts], _T], *args: *_Ts
    ) -> asyncio.Future[_T]:
        """Queue a blocking function as one simulated step; the future of its result.

        Raises: FenceError for executors that are not a `ThreadPoolExecutor`.
        """
        if self._closed and not self._dead:
            raise RuntimeError("Event loop is closed")
        if self._executors is None:
            self._executors = InlineExecutors(self)
        return self._executors.submit(executor, func, args)

    def set_default_executor(self, executor: concurrent.futures.Executor) -> None:
        """Let `run_in_executor(None, ...)` keep to this executor's number of workers."""
        if not isinstance(executor, concurrent.futures.ThreadPoolExecutor):
            raise TypeError("executor must be ThreadPoolExecutor instance")
        if self._executors is None:
            self._executors = InlineExecutors(self)
        self._executors.default = executor

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109  asyncio's own
        """Refuse further functions, and wait until those that were given have run."""
        if self._executors is None:
            self._executors = InlineExecutors(self)
        await self._executors.shut_down_default()

    # --- async generators ---

    def _async_generator_begins(self, generator: AsyncGenerator[Any, Any]) -> None:
        if self._async_generators is None:
            # Not asyncio's WeakSet: shutdown closes them in this order.
            self._async_generators = weakref.WeakKeyDictionary()
        self._async_generators[generator] = None

    def _async_generator_dropped(self, generator: AsyncGenerator[Any, Any]) -> None:
        if self._async_generators is not None:
            self._async_generators.pop(generator, None)
        if not self._closed:
            self.call_soon(self.create_task, generator.aclose())

    async def shutdown_asyncgens(self) -> None:
        """Close every async generator that has begun and not ended, oldest first."""
        generators = list(self._async_generators or ())
        self._async_generators = None
        results = await asyncio.gather(*(generator.aclose() for generator in generators), return_exceptions=True)
        for generator, result in zip(generators, results, strict=True):
            if isinstance(result, Exception):
                self.call_exception_handler(
                    {
                        "message": f"an error occurred during closing of asynchronous generator {generator!r}",
                        "exception": result,
                        "asyncgen": generator,
                    }
                )

    # --- errors nobody awaits ---

    def set_exception_handler(self, handler: Any) -> None:
        """Have `handler(loop, context)` called instead of the log; None for the log."""
        if handler is not None and not callable(handler):
            raise TypeError(f"A callable object or None is expected, got {handler!r}")
        self._exception_handler = handler

    def get_exception_handler(self) -> Any:
        """The handler, or None."""
        return self._exception_handler

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """Log the message and the exception to the logger `asyncio`."""
        error = context.get("exception")
        rest = [f"{key}: {context[key]!r}" for key in sorted(context) if key not in ("message", "exception")]
        _log.error("\n".join([context.get("message") or "Unhandled exception in event loop", *rest]), exc_info=error)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Report what nobody awaits. After `close_abruptly`, nothing: a dead process has no log."""
        if self._dead:
            return
        if self._exception_handler is None:
            self.default_exception_handler(context)
            return
        try:
            self._exception_handler(self, context)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self.default_exception_handler(
                {"message": "Unhandled error in exception handler", "exception": error, "context": context}
            )

    # --- state ---

    def is_running(self) -> bool:
        """Whether a step runs now."""
        return self._thread is not None

    def is_closed(self) -> bool:
        """Whether the loop was closed, in either way."""
        return self._closed

    def get_debug(self) -> bool:
        """False unless set: `PYTHONASYNCIODEBUG` does not count, it would change the run."""
        return self._debug

    def set_debug(self, enabled: bool) -> None:
        """Have futures and tasks remember where they were created."""
        self._debug = enabled

    # --- the end ---

    @property
    def fenced(self) -> list[FenceError]:
        """Every call that would have left the simulation, also those whose error somebody caught."""
        return self.inside.fenced

    def close(self) -> None:
        """Close the loop, as asyncio does: what is queued is forgotten. Idempotent."""
        if self._thread is not None:
            raise RuntimeError("Cannot close a running event loop")
        if not self._closed:
            self._closed = True
            self._drop_queue()
            self._tasks.clear()

    def close_abruptly(self) -> None:
        """Close the loop as `kill -9` does to a process: nothing runs any more, and nothing complains.

        Every coroutine and async generator is closed, oldest first, so that nothing is left to the garbage collector.
        Their `finally` blocks do run, on a loop where nothing can be queued: cut the ports first. An async generator
        that waits inside is dropped instead. Of asyncio's global state nothing is left.
        """
        if self._thread is not None:
            raise RuntimeError("Cannot close a running event loop: halt() it, and close it after it has returned")
        if self._closed:
            return
        if not (self._tasks or self._async_generators or self._candidates or self._later or self._timers):
            self._dead = self._closed = True  # there is nothing to close, and most runs end like this
            self._failure = None
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "was never awaited" is no news about a dead process
            if self._failure is not None:
                self._failure = None
            self._enter()
            self._dead = self._closed = True
            try:
                self._unwind()
                self._drop_queue()
                self._executors = self._async_generators = None
            finally:
                self._leave()

    def _unwind(self) -> None:
        for _ in range(UNWIND_ATTEMPTS_MAX):  # a finally block may start more
            pending, self._tasks = self._tasks, {}
            generators, self._async_generators = list(self._async_generators or ()), None
            if not pending and not generators:
                return
            for task in pending:
                task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio's own switch for gather
                tasks._unregister_task(task)
                coroutine = task.get_coro()
                if coroutine is not None:
                    close_coroutine(coroutine)
            for generator in generators:
                close_async_generator(generator)

    def successor(self) -> VirtualLoop:
        """A new loop for the process that is started next: the same policy, record, limits; clock and steps go on."""
        loop = VirtualLoop(
            self.policy,
            start_ns=self.now_ns,
            steps_max=self.steps_max,
            time_ns_max=self.time_ns_max,
            choices=self.choices,
        )
        loop.steps = self.steps
        loop.inside = self.inside
        loop._collect_at = self._collect_at
        return loop
