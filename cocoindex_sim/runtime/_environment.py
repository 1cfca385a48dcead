"""Environments: an opened state directory, context values, and the event loop that pipelines run on (APP-18..26)."""

from __future__ import annotations

import asyncio
import inspect
import os
import warnings
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from ..engine import ContextKey, ContextProvider, ExceptionHandler, Process, current_process
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
        if settings.db_path is None:
            raise ValueError("db_path must be provided: Settings(db_path=...)")
        self.process: Process = current_process()
        self._name = name or ""
        self._exception_handler = exception_handler
        self._settings = settings
        self._context_provider = context_provider if context_provider is not None else ContextProvider()
        self._event_loop = event_loop or _running_loop() or self.process.ports.event_loop()
        self.apps: weakref.WeakValueDictionary[str, App[Any]] = weakref.WeakValueDictionary()
        self.store = self.process.ports.open_store(os.fspath(settings.db_path), settings.db_settings.map_size)
        self._close = weakref.finalize(self, self.store.close)
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
        self._settings = settings if settings is not None else Settings.from_env(default_db_path())
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
        self.apps: weakref.WeakValueDictionary[str, App[Any]] = weakref.WeakValueDictionary()
        self._starting: asyncio.Future[Environment] | None = None
        self._exit: Any = None

    async def started(self) -> Environment:
        """The environment, started on demand: lifespan set-up runs once (APP-22)."""
        if self.environment is not None:
            return self.environment
        if self._starting is None:
            self._starting = asyncio.ensure_future(self._start())
        try:
            return await asyncio.shield(self._starting)
        finally:
            if self._starting is not None and self._starting.done():
                self._starting = None

    async def _start(self) -> Environment:
        builder = EnvironmentBuilder()
        manager = _as_context_manager(self.lifespan, builder)
        await manager.__aenter__()
        try:
            if builder.settings.db_path is None:
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
        return environment

    async def configured_db_path(self) -> str:
        """The state directory that the lifespan names: its set-up and clean-up run, nothing is opened."""
        builder = EnvironmentBuilder()
        async with _as_context_manager(self.lifespan, builder):
            try:
                if builder.settings.db_path is None:
                    raise _no_db_path()
                return os.fspath(builder.settings.db_path)
            finally:
                await builder.context_provider.aclose()

    async def stopped(self) -> None:
        """Shut down: entered managers first, then the lifespan after its `yield` (APP-23)."""
        environment, self.environment = self.environment, None
        if environment is None:
            return
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
        if lifespan_fn is None:
            yield
        elif inspect.isasyncgenfunction(lifespan_fn):
            async with asynccontextmanager(lifespan_fn)(builder):
                yield
        else:
            with contextmanager(lifespan_fn)(builder):  # type: ignore[arg-type]  # checked by `lifespan`
                yield

    return manage()


def default_of(process: Process) -> DefaultEnvironment:
    """The default environment of a process."""
    if process.default_environment is None:
        process.default_environment = DefaultEnvironment()
    found: DefaultEnvironment = process.default_environment
    return found


def lifespan(fn: LifespanFn | None = None) -> Any:
    """Decorator: set up, and after `yield` clean up, the default environment. Takes a sync or async generator function.

    TypeError for anything else; a second lifespan replaces the first with a UserWarning.
    """

    def register(function: LifespanFn) -> LifespanFn:
        if not (inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)):
            raise TypeError(f"a lifespan must be a generator function with one `yield`, got {function!r}")
        process = current_process()
        default = default_of(process)
        if default.lifespan is not None:
            warnings.warn(f"lifespan {function!r} replaces {default.lifespan!r}", UserWarning, stacklevel=2)
        default.lifespan = function
        process.modules.add(function.__module__)
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
        run_blocking(stop(), default.environment.event_loop)


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


def run_blocking(work: Any, loop: asyncio.AbstractEventLoop) -> Any:
    """Run a coroutine on an environment's loop from outside it, and wait.

    RuntimeError when called on that loop itself, or when the loop is closed.
    """
    if _running_loop() is loop:
        work.close()
        raise RuntimeError("a blocking call on the environment's own event loop would wait for itself; await instead")
    if not loop.is_running() and not loop.is_closed():
        return loop.run_until_complete(work)
    carried = carry_exit(work)
    try:
        future = asyncio.run_coroutine_threadsafe(carried, loop)
    except RuntimeError:
        carried.close()
        work.close()
        raise
    try:
        return future.result()
    except CarriedExit as carrier:
        raise carrier.reason from None
    except BaseException:
        future.cancel()
        raise


class CarriedExit(Exception):
    """SystemExit or KeyboardInterrupt on its way out of an event loop."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__(reason)
        self.reason = reason


async def carry_exit(work: Awaitable[T]) -> T:
    """Await; SystemExit and KeyboardInterrupt come out as CarriedExit: as they are, a task must not raise them.

    asyncio ends the loop that the task ran on, and whoever waits for it on another thread would wait for ever.
    """
    try:
        return await work
    except (SystemExit, KeyboardInterrupt) as reason:
        raise CarriedExit(reason) from None


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
