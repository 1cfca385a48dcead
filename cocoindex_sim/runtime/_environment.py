"""Environments: an opened state directory, context values, and the event loop that pipelines run on (APP-18..26)."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import os
import signal
import socket
import threading
import warnings
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from ..engine import ContextKey, ContextProvider, ExceptionHandler, Outcome, Process, current_process
from ..values import FenceError
from ._settings import Settings, SettingsError, default_db_path

if TYPE_CHECKING:
    from ._app import App

__all__ = [
    "DEFAULT_ENVIRONMENT",
    "Environment",
    "EnvironmentBuilder",
    "LazyEnvironment",
    "LifespanFn",
    "default_env",
    "lifespan",
    "runtime",
    "start",
    "start_blocking",
    "stop",
    "stop_blocking",
]

T = TypeVar("T")
LifespanFn: TypeAlias = Callable[["EnvironmentBuilder"], Iterator[None] | AsyncIterator[None]]


class Environment:
    """An opened state directory plus context values.

    Args: settings: must name a `db_path`. event_loop: where pipelines run; the running loop by default, else a shared
    background one. Errors: ValueError without a path; RuntimeError when the directory is open in this program already;
    StateError and its kinds when the directory can't be used.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        name: str | None = None,
        context_provider: ContextProvider | None = None,
        event_loop: asyncio.AbstractEventLoop | None = None,
        exception_handler: ExceptionHandler | None = None,
    ) -> None:
        if not settings.db_path:
            raise ValueError(f"Settings.db_path must be provided, got {settings.db_path!r}")
        settings.db_settings.check()
        self.process: Process = current_process()
        self._name = name or ""
        self._exception_handler = exception_handler
        self._settings = settings
        self._context_provider = context_provider if context_provider is not None else ContextProvider()
        self._event_loop = event_loop or _running_loop() or self.process.ports.event_loop()
        self.apps: weakref.WeakValueDictionary[str, App[..., Any]] = weakref.WeakValueDictionary()
        self.turns: dict[str, asyncio.Lock] = {}  # by app name: its runs come one after the other
        self.store = self.process.ports.open_store(os.fspath(settings.db_path), settings.db_settings.map_size)
        self._close = weakref.finalize(self, self.store.close)
        self.process.environments[:] = [known for known in self.process.environments if known() is not None]
        self.process.environments.append(weakref.ref(self))

    @property
    def name(self) -> str:
        """`default` for the default environment, the empty string for an unnamed one (APP-26)."""
        return self._name

    @property
    def settings(self) -> Settings:
        """The settings it was opened with."""
        return self._settings

    @property
    def context_provider(self) -> ContextProvider:
        """The container of its context values."""
        return self._context_provider

    @property
    def event_loop(self) -> asyncio.AbstractEventLoop:
        """The loop its pipelines run on."""
        return self._event_loop

    @property
    def exception_handler(self) -> ExceptionHandler | None:
        """Who hears of background failures that no scoped handler took."""
        return self._exception_handler

    def get_context(self, key: ContextKey[T]) -> T:
        """The value of a context key; also outside components. KeyError when none is provided."""
        value: T = self._context_provider.get(key)
        return value

    def begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
        """Start a coroutine on the environment's loop; gives a future of the running loop.

        RuntimeError when the environment's loop has ended or is not running: nobody would finish the work.
        """
        loop = self._event_loop
        if loop is asyncio.get_running_loop():
            return loop.create_task(work)
        try:
            check_runs(loop)
            return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))
        except RuntimeError:
            work.close()
            raise

    def close(self) -> None:
        """Give the state directory back. Idempotent."""
        self._close()

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return not self._close.alive

    def check_open(self) -> None:
        """ValueError when it was closed (APP-20)."""
        if self.is_closed:
            raise ValueError(f"environment is closed: {self._settings.db_path}; open a new one")


class EnvironmentBuilder:
    """What a lifespan function sets up."""

    def __init__(self, settings: Settings | None = None) -> None:
        named = default_db_path()
        self._settings = settings if settings is not None else Settings.from_env(named and Path(named))
        self.context_provider = ContextProvider()
        self.exception_handler: ExceptionHandler | None = None

    @property
    def settings(self) -> Settings:
        """The settings to open with; set `settings.db_path` here."""
        return self._settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._settings = settings

    def set_exception_handler(self, handler: ExceptionHandler) -> None:
        """Set who hears of background failures that no scoped handler took."""
        self.exception_handler = handler

    def provide(self, key: ContextKey[Any], value: Any) -> Any:
        """Provide a context value."""
        return self.context_provider.provide(key, value)

    def provide_with(self, key: ContextKey[Any], cm: AbstractContextManager[Any]) -> Any:
        """Enter a context manager, provide what it gives, exit it at the end."""
        return self.context_provider.provide_with(key, cm)

    async def provide_async_with(self, key: ContextKey[Any], cm: AbstractAsyncContextManager[Any]) -> Any:
        """Enter an async context manager, provide what it gives, exit it at the end."""
        return await self.context_provider.provide_async_with(key, cm)


class LazyEnvironment:
    """Stands for the default environment of whatever process uses it."""

    @property
    def name(self) -> str:
        """Always `default`."""
        return "default"

    def __repr__(self) -> str:
        return "<the default environment>"


DEFAULT_ENVIRONMENT = LazyEnvironment()


class DefaultEnvironment:
    """The default environment of one process: its lifespan, and the environment while it is started."""

    def __init__(self) -> None:
        self.lifespan: LifespanFn | None = None
        self.environment: Environment | None = None
        self.apps: weakref.WeakValueDictionary[str, App[..., Any]] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()
        self._changing: concurrent.futures.Future[None] | None = None  # done once a start or stop is over
        self._exit: Any = None

    async def started(self) -> Environment:
        """The environment, started on demand: lifespan set-up runs once (APP-22)."""
        while self.environment is None:
            changing = self._take_turn()
            if changing is not None:
                await asyncio.shield(asyncio.ensure_future(self._change(self._start(), changing)))
            else:
                await self._others_turn()
        return self.environment

    async def stopped(self) -> None:
        """Shut down: entered managers first, then the lifespan after its `yield` (APP-23)."""
        while self.environment is not None:
            changing = self._take_turn()
            if changing is not None:
                work = self._change(self._stop(self.environment), changing)
                loop = self.environment.event_loop
                # Where it was started, if that loop still runs.
                there = loop.is_running() and loop is not asyncio.get_running_loop()
                await asyncio.shield(self.environment.begin(work) if there else asyncio.ensure_future(work))
            else:
                await self._others_turn()

    def _take_turn(self) -> concurrent.futures.Future[None] | None:
        """The right to start or stop: one at a time, from whatever loop or thread. None if somebody else has it."""
        with self._lock:
            if self._changing is not None:
                return None
            self._changing = concurrent.futures.Future()
            return self._changing

    async def _others_turn(self) -> None:
        changing = self._changing
        if changing is not None:
            await asyncio.shield(asyncio.wrap_future(changing))

    async def _change(self, work: Coroutine[Any, Any, None], changing: concurrent.futures.Future[None]) -> None:
        try:
            await work
        finally:
            self._changing = None
            changing.set_result(None)

    async def _start(self) -> None:
        builder = EnvironmentBuilder()
        manager = _as_context_manager(self.lifespan, builder)
        try:
            await manager.__aenter__()
        except BaseException:
            await builder.context_provider.aclose()
            raise
        try:
            if not builder.settings.db_path:
                raise _no_db_path()
            environment = Environment(
                builder.settings,
                name="default",
                context_provider=builder.context_provider,
                exception_handler=builder.exception_handler,
            )
        except BaseException:
            await builder.context_provider.aclose()
            await manager.__aexit__(None, None, None)
            raise
        self._exit = manager
        self.environment = environment

    async def configured_db_path(self) -> str:
        """The state directory that the lifespan names: its set-up and clean-up run, nothing is opened."""
        builder = EnvironmentBuilder()
        async with _as_context_manager(self.lifespan, builder):
            try:
                if not builder.settings.db_path:
                    raise _no_db_path()
                return os.fspath(builder.settings.db_path)
            finally:
                await builder.context_provider.aclose()

    async def _stop(self, environment: Environment) -> None:
        self.environment = None
        try:
            await environment.context_provider.aclose()
        finally:
            try:
                await self._exit.__aexit__(None, None, None)
            finally:
                environment.close()


def _no_db_path() -> SettingsError:
    return SettingsError(
        "the default environment has no state directory: Environment settings must provide Settings.db_path (in the"
        " lifespan function), or the environment variable COCOINDEX_DB must name one"
    )


def _as_context_manager(lifespan_fn: LifespanFn | None, builder: EnvironmentBuilder) -> Any:
    @asynccontextmanager
    async def manage() -> AsyncIterator[None]:
        steps = None if lifespan_fn is None else lifespan_fn(builder)
        if steps is None and lifespan_fn is None:
            yield
        elif isinstance(steps, AsyncGenerator):
            async with asynccontextmanager(lambda: steps)():
                yield
        elif isinstance(steps, Generator):
            with contextmanager(lambda: steps)():
                yield
        else:
            if inspect.iscoroutine(steps):
                steps.close()
            raise TypeError(f"a lifespan must be a generator function with one `yield`, got {lifespan_fn!r}")

    return manage()


def default_of(process: Process) -> DefaultEnvironment:
    """The default environment of a process."""
    if process.default_environment is None:
        process.default_environment = DefaultEnvironment()
    found: DefaultEnvironment = process.default_environment
    return found


def lifespan(fn: LifespanFn | None = None) -> Any:
    """Decorator: set up, and after `yield` clean up, the default environment. Takes a sync or async generator function.

    The start raises TypeError for anything else. A second lifespan replaces the first with a UserWarning.
    """

    def register(function: LifespanFn) -> LifespanFn:
        if not callable(function):
            raise TypeError(f"a lifespan must be a generator function with one `yield`, got {function!r}")
        process = current_process()
        default = default_of(process)
        if default.lifespan is not None:
            warnings.warn(f"lifespan {function!r} replaces {default.lifespan!r}", UserWarning, stacklevel=2)
        default.lifespan = function
        process.modules.add(getattr(function, "__module__", ""))
        return function

    return register if fn is None else register(fn)


async def default_env() -> Environment:
    """The default environment, started on demand."""
    return await default_of(current_process()).started()


async def start() -> None:
    """Start the default environment."""
    await default_env()


async def stop() -> None:
    """Stop the default environment; without one running, nothing happens. A later update starts it again."""
    await default_of(current_process()).stopped()


def start_blocking() -> None:
    """As `start`, from synchronous code."""
    run_blocking(start(), current_process().ports.event_loop())


def stop_blocking() -> None:
    """As `stop`, from synchronous code."""
    default = default_of(current_process())
    if default.environment is not None:
        loop = default.environment.event_loop
        run_blocking(stop(), current_process().ports.event_loop() if loop.is_closed() else loop)


class _Runtime:
    """What `runtime()` gives."""

    def __enter__(self) -> None:
        if _running_loop() is not None:
            raise RuntimeError("`with runtime()` blocks the running event loop; use `async with runtime()`")
        start_blocking()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        stop_blocking()

    async def __aenter__(self) -> None:
        await start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await stop()


def runtime() -> _Runtime:
    """Start the default environment for a block: `with` in synchronous code, `async with` in async code."""
    return _Runtime()


_SIGNALS_SEEN_S: Final = 0.2  # how long a signal may wait for its handler
_GRACE_S: Final = 2.0  # for clean-up code of an interrupted run, before Ctrl-C goes on its way


async def captured(begin: Callable[[], Awaitable[T]]) -> Outcome[T]:
    """Do some work, and tell what came of it."""
    try:
        return Outcome(await begin(), None)
    except GeneratorExit:  # the loop is gone
        raise
    except BaseException as error:
        return Outcome(None, error)


def run_blocking(
    work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop, interrupt: Callable[[], None] | None = None
) -> T:
    """Run a coroutine on an environment's loop from outside it, and wait.

    RuntimeError when called on that loop itself, or when the loop is closed. On Ctrl-C, `interrupt` is to end the work.
    """
    running = _running_loop()
    try:
        if running is loop:
            raise RuntimeError(
                "a blocking call on the environment's own event loop would wait for itself; await instead"
            )
        if loop.is_closed() or running is not None:
            check_runs(loop)
    except RuntimeError:
        work.close()
        raise
    outcome = (_wait if loop.is_running() else _drive)(captured(lambda: work), loop, interrupt)
    try:
        return outcome.get()
    finally:
        del outcome


def check_runs(loop: asyncio.AbstractEventLoop) -> None:
    """RuntimeError unless a loop runs, in another thread."""
    if loop.is_closed():
        raise RuntimeError(
            "Event loop is closed: the environment was created on a loop that has ended; create it outside of async"
            " code, or stop it (`async with coco.runtime()`) before its loop ends"
        )
    if not loop.is_running():
        raise RuntimeError("the environment's event loop is not running, so nothing would happen; run that loop")


def _wait(
    work: Coroutine[Any, Any, Outcome[T]], loop: asyncio.AbstractEventLoop, interrupt: Callable[[], None] | None
) -> Outcome[T]:
    done: concurrent.futures.Future[Outcome[T]] = concurrent.futures.Future()

    def begin() -> None:
        loop.create_task(work).add_done_callback(end)

    def end(task: asyncio.Task[Outcome[T]]) -> None:
        if task.cancelled():  # by the end of the loop
            done.cancel()
        elif (error := task.exception()) is not None:
            done.set_exception(error)
        else:
            done.set_result(task.result())

    try:  # Ctrl-C may come as soon as the work has begun
        loop.call_soon_threadsafe(begin)
        # A signal that another thread was given, or that came just before this one began to wait, does not end the
        # wait, and its handler runs nowhere else.
        while not concurrent.futures.wait([done], _SIGNALS_SEEN_S).done:
            pass
        return done.result()
    except KeyboardInterrupt:
        if interrupt is not None:
            interrupt()
            with suppress(TimeoutError):
                done.result(_GRACE_S)
        raise


def _drive(
    work: Coroutine[Any, Any, Outcome[T]], loop: asyncio.AbstractEventLoop, interrupt: Callable[[], None] | None
) -> Outcome[T]:
    task, interrupted = loop.create_task(work), False

    def on_sigint(number: int, frame: object) -> None:
        nonlocal interrupted
        if interrupted:
            raise KeyboardInterrupt
        interrupted = True
        if interrupt is not None:
            loop.call_soon_threadsafe(interrupt)

    # In this thread Ctrl-C would be raised in whatever runs at that moment, and could pass for its failure.
    by_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interrupt is None or not by_default or threading.current_thread() is not threading.main_thread():
        return loop.run_until_complete(task)
    signal.signal(signal.SIGINT, on_sigint)
    try:
        with _woken_by_signals(loop):
            outcome = loop.run_until_complete(task)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if interrupted:
        raise KeyboardInterrupt
    return outcome


@contextmanager
def _woken_by_signals(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Have the loop look up when a signal comes: one that another thread was given, or that came just before the loop
    began to wait, does not end its wait, and the handler would run only then.
    """
    heard, told = socket.socketpair()
    with heard, told:
        heard.setblocking(False)
        told.setblocking(False)
        try:
            loop.add_reader(heard, lambda: heard.recv(4096))
        except (NotImplementedError, FenceError):  # not a loop that waits for the real world
            yield
            return
        before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            if not loop.is_closed():
                loop.remove_reader(heard)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
