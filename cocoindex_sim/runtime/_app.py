"""Apps: a name, a root function, and the runs of it (APP)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, ParamSpec, TypeVar, overload

from ..engine import Run, RunMode, StatsCounter, current_process, enter_run, runs_around
from ..values import CocoSimError
from ._environment import (
    DEFAULT_ENVIRONMENT,
    Environment,
    LazyEnvironment,
    default_of,
    run_blocking,
)
from ._garbage import rare_collections
from ._handle import UpdateHandle
from ._report import report_period, reported
from ._settings import default_max_inflight_components

__all__ = ["App", "AppConfig", "RunInterruptedError"]

P = ParamSpec("P")
R = TypeVar("R")


class RunInterruptedError(CocoSimError, RuntimeError):
    """The run was ended before it was done, by `App.interrupt`, a drop, or Ctrl-C."""


@dataclass(frozen=True)
class AppConfig:
    """Options of an app. `max_inflight_components`: how many components may be in flight, 1024 by default."""

    name: str
    environment: Environment | LazyEnvironment = DEFAULT_ENVIRONMENT
    max_inflight_components: int | None = None


class App(Generic[P, R]):
    """One pipeline: a name, a root function, and its arguments.

    ValueError when the environment has an app of that name already (APP-02).
    """

    @overload
    def __init__(
        self,
        name_or_config: str | AppConfig,
        main_fn: Callable[P, Coroutine[Any, Any, R]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None: ...
    @overload
    def __init__(
        self, name_or_config: str | AppConfig, main_fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> None: ...

    def __init__(
        self, name_or_config: str | AppConfig, main_fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> None:
        config = AppConfig(name_or_config) if isinstance(name_or_config, str) else name_or_config
        self._config = config
        self._main_fn = main_fn
        self._args = args
        self._kwargs = kwargs
        self.process = current_process()
        self._current: Run | None = None
        self.interruptions = 0  # how often `interrupt` was called
        self.max_inflight_components = (
            config.max_inflight_components
            if config.max_inflight_components is not None
            else default_max_inflight_components()
        )
        environment = config.environment
        apps = environment.apps if isinstance(environment, Environment) else default_of(self.process).apps
        if config.name in apps:
            raise ValueError(f"app {config.name!r} is already registered in this environment; choose another name")
        apps[config.name] = self

    @property
    def name(self) -> str:
        """The name its state is kept under."""
        return self._config.name

    @property
    def environment_name(self) -> str:
        """The name of its environment."""
        return self._config.environment.name

    async def opened(self) -> Environment:
        """Its environment; the default one is started on demand."""
        environment = self._config.environment
        if not isinstance(environment, Environment):
            return await default_of(self.process).started()
        environment.check_open()
        return environment

    def opened_blocking(self) -> Environment:
        """As `opened`, from synchronous code."""
        environment: Environment = self._blocking(self.opened)
        return environment

    def update(
        self, *, full_reprocess: bool = False, live: bool = False, preview: bool = False, strict: bool = False
    ) -> UpdateHandle[R]:
        """An update to await: scan the sources, run what changed, reconcile the targets.

        `full_reprocess` runs every component and memoized call, and reconciles every declared state as if it might be
        missing (APP-12). `strict`: raise an ExceptionGroup at the end if anything failed in the background and no
        exception handler took it; what succeeded stays. `preview`: functions run and targets are reconciled, but
        nothing is applied or remembered; the result is the list of actions, removals of what is no longer mounted
        included.
        """
        if live and preview:
            raise ValueError("live and preview exclude each other: a preview applies nothing that could change later")
        mode: RunMode = "full_reprocess" if full_reprocess else "update"
        return UpdateHandle(self, mode, strict=strict, preview=preview, live=live)

    def update_blocking(
        self,
        *,
        report_to_stdout: bool | timedelta = False,
        full_reprocess: bool = False,
        live: bool = False,
        preview: bool = False,
        strict: bool = False,
    ) -> R:
        """As `update`, from synchronous code. `report_to_stdout`: show progress, at that interval."""
        handle = self.update(full_reprocess=full_reprocess, live=live, preview=preview, strict=strict)
        return self.wait_blocking(handle, report_to_stdout=report_to_stdout)

    def wait_blocking(self, handle: UpdateHandle[R], *, report_to_stdout: bool | timedelta = False) -> R:
        """Wait for an update of this app, from synchronous code, showing progress if asked to."""
        with reported(handle.report, report_period(report_to_stdout)):
            return self._blocking(handle.result)  # type: ignore[no-any-return]  # what main returned

    async def drop(self) -> None:
        """Delete every target state of the app and forget everything about it (APP-13)."""
        await self._drop(UpdateHandle(self, "drop"))

    def drop_blocking(self, *, report_to_stdout: bool | timedelta = False) -> None:
        """As `drop`, from synchronous code. `report_to_stdout`: show progress, at that interval."""
        period = report_period(report_to_stdout)
        handle: UpdateHandle[Any] = UpdateHandle(self, "drop")
        with reported(handle.report, period):
            self._blocking(lambda: self._drop(handle))

    async def _drop(self, handle: UpdateHandle[Any]) -> None:
        self._check_outside()
        if self._current is not None and self._current.is_drop:
            self.interruptions += 1  # what waits for its turn; the other drop goes first
        else:
            self.interrupt()
        await handle.result()

    def interrupt(self) -> None:
        """End the run in progress, and those that wait for their turn: with RuntimeError `Operation cancelled`.

        From any thread. Returns at once; the run then ends as soon as its functions let it.
        """
        self.interruptions += 1
        run = self._current
        if run is not None and not run.loop.is_closed():
            run.loop.call_soon_threadsafe(run.interrupt)

    def _blocking(self, begin: Callable[[], Any]) -> Any:
        with self.process.active():
            environment = self._config.environment
            if not isinstance(environment, Environment):
                environment = default_of(self.process).environment or environment
            loop = environment.event_loop if isinstance(environment, Environment) else self.process.ports.event_loop()
            return run_blocking(begin(), loop, self.interrupt)

    async def run(
        self,
        environment: Environment,
        mode: RunMode,
        started: Callable[[Run], None],
        interruptions: int,
        *,
        preview: bool = False,
        live: bool = False,
        stats: StatsCounter | None = None,
    ) -> Any:
        """One run on the environment's loop; runs of one app come one after the other (APP-08).

        `interruptions`: how many there were when it was asked for; one more since then, and it does not begin.
        """
        self._check_outside()
        if self._current is not None:
            self._current.make_way()
        async with environment.turns.setdefault(self.name, asyncio.Lock()):
            if mode != "drop" and interruptions != self.interruptions:
                raise RunInterruptedError("Operation cancelled")
            environment.check_open()
            run = Run(
                app=self.name,
                mode=mode,
                process=self.process,
                space=environment.store.space(self.name),
                context_provider=environment.context_provider,
                max_inflight_components=self.max_inflight_components,
                environment_name=environment.name,
                exception_handler=environment.exception_handler,
                preview=preview,
                stats=stats,
                live=live,
            )
            self._current = run
            enter_run(run)  # this task is the update's own
            started(run)
            try:
                with rare_collections:
                    if mode == "drop":
                        await run.drop()
                        await run.loop.run_in_executor(None, environment.store.drop_space, self.name)
                        return None
                    value = await run.update(self._main_fn, self._args, self._kwargs)
                    return [change.action for change in run.plan] if preview else value
            except asyncio.CancelledError:
                if run.interrupted:
                    raise RunInterruptedError("Operation cancelled") from None
                raise
            finally:
                self._current = None

    def _check_outside(self) -> None:
        """RuntimeError inside a run of this app, also by way of another app."""
        if self._current in runs_around():
            raise RuntimeError(
                f"app {self.name!r} can't run from inside itself: the run in progress would wait for this one, and this"
                " one for it"
            )
