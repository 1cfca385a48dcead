"""`run_in_executor` without threads: each function is one entry of the loop's queue."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import math
from asyncio import events
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..values import FenceError
from ._ready import Body

if TYPE_CHECKING:
    from ._loop import VirtualLoop

__all__ = ["InlineExecutors"]


class _Lane:
    """One executor: how many functions it may run at a time, and those that wait for a worker."""

    __slots__ = ("idle", "running", "waiting", "workers")

    def __init__(self, workers: float) -> None:
        self.workers = workers
        self.running = 0
        self.waiting: deque[tuple[asyncio.Future[Any], Body]] = deque()
        self.idle: list[asyncio.Future[None]] = []


class InlineExecutors:
    """What stands for the executors of one loop.

    A function takes a worker when it is given and keeps it until its step has run, so an executor with one worker
    keeps the order of its functions. Without an executor there is no limit.
    """

    def __init__(self, loop: VirtualLoop) -> None:
        self.default: concurrent.futures.ThreadPoolExecutor | None = None
        self._loop = loop
        self._lanes: dict[concurrent.futures.Executor | None, _Lane] = {}
        self._default_down = False

    def submit(
        self, executor: concurrent.futures.Executor | None, function: Callable[..., Any], args: tuple[Any, ...]
    ) -> asyncio.Future[Any]:
        """Queue a function; the future of its result."""
        lane = self._lane(executor)
        future: asyncio.Future[Any] = asyncio.Future(loop=self._loop)
        body = Body(self._run, (future, lane, function, args), contextvars.Context())
        body.function = function
        if lane.running < lane.workers:
            lane.running += 1
            self._loop.enqueue_choosable(body)
        else:
            lane.waiting.append((future, body))
        return future

    async def shut_down_default(self) -> None:
        """Refuse further functions for the default executor, and wait until those it has have run."""
        self._default_down = True
        lane = self._lanes.get(self.default)
        if lane is not None and lane.running:
            idle = self._loop.create_future()
            lane.idle.append(idle)
            await idle

    def _lane(self, executor: concurrent.futures.Executor | None) -> _Lane:
        if executor is None:
            if self._default_down:
                raise RuntimeError("Executor shutdown has been called")
            executor = self.default
        if getattr(executor, "_shutdown", False):
            raise RuntimeError("cannot schedule new futures after shutdown")
        lane = self._lanes.get(executor)
        if lane is None:
            lane = self._lanes[executor] = _Lane(_workers(executor))
        return lane

    def _run(
        self, future: asyncio.Future[Any], lane: _Lane, function: Callable[..., Any], args: tuple[Any, ...]
    ) -> None:
        loop = self._loop
        result, failure = None, None
        events._set_running_loop(None)
        loop.in_body = True
        try:
            result = function(*args)
        except KeyboardInterrupt:
            raise  # from the keyboard: there is only one thread
        except BaseException as error:
            failure = _as_asyncio_raises_it(error)
        finally:
            loop.in_body = False
            events._set_running_loop(loop)
            self._worker_is_free(lane)
        if future.done():
            return  # cancelled meanwhile
        if failure is None:
            future.set_result(result)
        else:
            future.set_exception(failure)

    def _worker_is_free(self, lane: _Lane) -> None:
        lane.running -= 1
        while lane.waiting and lane.running < lane.workers:
            future, body = lane.waiting.popleft()
            if not future.cancelled():
                lane.running += 1
                self._loop.enqueue_choosable(body)
        if not lane.running:
            for idle in lane.idle:
                if not idle.done():
                    idle.set_result(None)
            lane.idle.clear()


def _workers(executor: concurrent.futures.Executor | None) -> float:
    if executor is None:
        return math.inf
    if not isinstance(executor, concurrent.futures.ThreadPoolExecutor):
        raise FenceError(
            f"loop.run_in_executor() got a {type(executor).__name__}: only None or a ThreadPoolExecutor can be"
            " simulated"
        )
    if getattr(executor, "_initializer", None) is not None:
        raise FenceError(
            "loop.run_in_executor() got a ThreadPoolExecutor with an initializer: a simulated run has no threads to"
            " initialise; do it inside the function"
        )
    return executor._max_workers


def _as_asyncio_raises_it(error: BaseException) -> BaseException:
    if isinstance(error, StopIteration):
        # Python 3.11 loses the result here and waits for ever; later versions raise this.
        wrapped = RuntimeError("StopIteration interacts badly with generators and cannot be raised into a Future")
        wrapped.__cause__ = wrapped.__context__ = error
        return wrapped
    if isinstance(error, concurrent.futures.CancelledError):
        return asyncio.CancelledError(*error.args)
    return error
