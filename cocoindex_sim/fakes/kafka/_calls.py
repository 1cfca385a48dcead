"""How a shim waits: the calls of one client, each as the blocking call of a thread would go.

confluent-kafka's asyncio clients make every call in a thread. So a call whose awaiter is cancelled goes on all the same
- a message that it then gets is lost to the caller - and the calls of one consumer wait for each other, but for those
that a callback makes.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from .._cut import ProcessCut

if TYPE_CHECKING:
    from ._cluster import KafkaCluster

__all__ = ["WAIT", "AskUser", "Calls", "Wait"]

T = TypeVar("T")


class Wait:
    """What an attempt gives that has to be made again when something has changed."""


WAIT: Final = Wait()


@dataclass(frozen=True, slots=True)
class AskUser:
    """What an attempt gives when a callback of the user comes first; `then` is called at its end, however it ends."""

    callback: Callable[[], Awaitable[object] | None]
    then: Callable[[], object]


_inside: contextvars.ContextVar[Calls | None] = contextvars.ContextVar("kafka_callback_of", default=None)


class Calls:
    """The calls of one client."""

    def __init__(self, cluster: KafkaCluster, *, serial: bool) -> None:
        self._cluster = cluster
        self._serial = serial
        self._queue: deque[_Call] = deque()
        self._running: list[_Call] = []
        self._cut = False

    async def call(
        self,
        attempt: Callable[[], T | Wait | AskUser],
        *,
        timeout_s: float = -1,
        expire: Callable[[], T] | None = None,
    ) -> T:
        """Make a call: `attempt` until it gives something, or `expire` when the time is up (negative: never)."""
        if self._cut:
            raise ProcessCut("the process of this Kafka client was killed")
        call = _Call(self, self._cluster, attempt, timeout_s, expire)
        if self._serial and _inside.get() is not self:
            self._queue.append(call)
            self._start_next()
        else:
            call.start()
        return await call.future  # type: ignore[no-any-return]  # what `attempt` gives

    def _start_next(self) -> None:
        if self._queue and not any(call.queued for call in self._running):
            call = self._queue.popleft()
            call.queued = True
            call.start()

    def started(self, call: _Call) -> None:
        """A call goes."""
        self._running.append(call)

    def ended(self, call: _Call) -> None:
        """A call is over: the next one may go."""
        self._running.remove(call)
        if not self._cut:
            self._start_next()

    def cut(self) -> None:
        """The process is dead: nothing goes on."""
        self._cut = True
        self._queue.clear()
        for call in list(self._running):
            call.abandon()

    def inside(self) -> None:
        """What is called from the present context is called by a callback of this client."""
        _inside.set(self)


class _Call:
    def __init__(
        self,
        calls: Calls,
        cluster: KafkaCluster,
        attempt: Callable[[], Any],
        timeout_s: float,
        expire: Callable[[], Any] | None,
    ) -> None:
        self.queued = False
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self._loop.create_future()
        self._calls = calls
        self._cluster = cluster
        self._attempt = attempt
        self._timeout_s = timeout_s
        self._expire = expire
        self._deadline_ns: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._scheduled = False
        self._asking: asyncio.Task[object] | None = None
        self._over = False

    def start(self) -> None:
        self._calls.started(self)
        if self._timeout_s >= 0:
            self._deadline_ns = self._cluster.now_ns + round(self._timeout_s * 1e9)
        self.wake()

    def wake(self) -> None:
        if not self._scheduled and not self._over and self._asking is None and not self._loop.is_closed():
            self._scheduled = True
            self._loop.call_soon_threadsafe(self._step)

    def abandon(self) -> None:
        self._over = True
        self._stop_waiting()

    def _stop_waiting(self) -> None:
        self._cluster.remove_waiting(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _step(self) -> None:
        self._scheduled = False
        if self._over:
            return
        self._stop_waiting()
        try:
            self._cluster.catch_up()
            before = self._cluster.changes
            result = self._attempt()
            if result is WAIT and self._deadline_ns is not None and self._cluster.now_ns >= self._deadline_ns:
                result = self._expire() if self._expire is not None else None
        except BaseException as error:  # also ProcessCut, which is the awaiting task's to die of
            self._end(None, error)
            return
        if result is WAIT:
            self._wait()
            if self._cluster.changes != before:  # the attempt itself has changed something
                self.wake()
        elif isinstance(result, AskUser):
            self._ask(result)
        else:
            self._end(result, None)

    def _wait(self) -> None:
        self._cluster.add_waiting(self)
        due = [at for at in (self._deadline_ns, self._cluster.agenda.next_due_ns) if at is not None]
        if due:
            delay_ns = max(min(due) - self._cluster.now_ns, 0)
            self._timer = self._loop.call_later(delay_ns / 1e9, self.wake)

    def _ask(self, question: AskUser) -> None:
        context = contextvars.copy_context()
        context.run(self._calls.inside)

        async def ask() -> object:
            answer = question.callback()
            return await answer  # type: ignore[misc]  # a callback that is no coroutine function fails here, as in the real client

        def answered(task: asyncio.Task[object]) -> None:
            self._asking = None
            if self._over or task.cancelled():
                return
            question.then()
            error = task.exception()
            if error is not None:
                self._end(None, error)
            else:
                self.wake()

        self._asking = self._loop.create_task(ask(), name="kafka-callback", context=context)
        self._asking.add_done_callback(answered)

    def _end(self, result: Any, error: BaseException | None) -> None:
        self._over = True
        if not self.future.done() and not self._loop.is_closed():
            if error is not None:
                self.future.set_exception(error)
            else:
                self.future.set_result(result)
        self._calls.ended(self)
