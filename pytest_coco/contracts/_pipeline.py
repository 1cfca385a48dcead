"""A pipeline of the real engine around what is tested: what a subscriber or a check made up might let through."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Final

from cocoindex_sim.engine import (
    ContextProvider,
    TargetActionSink,
    TargetReconcileOutput,
    TargetStateProvider,
    current_component,
    declare_target_state,
    exception_handler,
    mount_each,
    register_root_target_states_provider,
)
from cocoindex_sim.runtime import App, AppConfig, Environment, Settings
from cocoindex_sim.values import encode_key, is_non_existence

from ._broken import traceback_lines
from ._stage import OWN_TASKS, Stage

__all__ = ["Mirror", "Pipeline"]

_numbers: Final = count(1)  # a name of a provider is registered once in a process


class Pipeline:
    """An app that is updated on a stage. `main` gets the provider of what `handler` makes, in each process.

    `provide`: the hook that fills the context of each process.
    """

    def __init__(
        self,
        stage: Stage,
        main: Callable[[Any], Awaitable[None]],
        handler: Callable[[], Awaitable[Any]],
        provide: str = "",
    ) -> None:
        self.stage = stage
        self._main = main
        self._handler = handler
        self._provide = provide
        self.errors: list[BaseException] = []
        """What its exception handler was told."""
        self._name = f"pytest_coco/contract/{next(_numbers)}"
        self._provider: TargetStateProvider[Any, Any, Any] | None = None
        self._life = 0
        self._app: App[..., Any] | None = None
        self._environment: Environment | None = None
        self._task: asyncio.Task[Any] | None = None
        self._handle: Any = None

    async def _begin(self, live: bool) -> None:
        if self._life != self.stage.lives or self._app is None:
            if self._provider is None or not self.stage.is_real:
                self._provider = register_root_target_states_provider(self._name, await self._handler())
            elif self._environment is not None:
                self._environment.close()
            self._life = self.stage.lives
            provider, main = self._provider, self._main

            async def root() -> None:
                async with exception_handler(self._hear):
                    await main(provider)

            context = ContextProvider()
            if self._provide:
                await self.stage.call_inside(self._provide, context)
            settings = Settings(db_path=Path(self.stage.subject.directory) / "coco-state")
            self._environment = Environment(settings, context_provider=context)
            self._app = App(AppConfig("contract", self._environment), root)
        self._handle = self._app.update(live=live)
        self._task = asyncio.get_running_loop().create_task(self._handle.result(), name=f"{OWN_TASKS}update")

    async def _hear(self, error: BaseException, context: Any) -> None:
        self.stage.note(f"an exception handler is told: {error!r}")
        self.errors.append(error)

    def update(self) -> None:
        """One catch-up update to its end."""
        self.stage.note("a catch-up update begins")
        self.stage.run(self._begin(live=False))
        task = self._task
        assert task is not None
        if not self.stage.until(task.done):
            self.stage.broken(
                f"a catch-up update over it has not ended after {self.stage.subject.within_s:g} s",
                "call mark_ready() once what was there at the beginning is processed, also when that is nothing, and"
                " let a sink return",
            )
        if (error := task.exception()) is not None:
            self.stage.broken(
                f"a catch-up update over it failed with {type(error).__name__}: {error}",
                "mend what raises this, or report what may go better the next time",
                traceback_lines(error),
            )

    def start(self) -> None:
        """Begin a live update."""
        self.stage.note("a live update begins")
        self.stage.run(self._begin(live=True))

    @property
    def is_ready(self) -> bool:
        """Whether the first pass of the live update is done."""
        return self._handle is not None and bool(self._handle.is_ready)

    @property
    def error(self) -> BaseException | None:
        """What ended the live update by itself; None while it runs."""
        if self._task is None or not self._task.done():
            return None
        if self._task.cancelled():
            return asyncio.CancelledError()
        return self._task.exception() or RuntimeError("the live update has ended by itself")

    def stop(self) -> None:
        """End the live update as Ctrl-C does."""
        assert self._app is not None
        assert self._task is not None
        self.stage.note("the live update is stopped")
        self._app.interrupt()
        self.stage.run(asyncio.wait([self._task]))

    def close(self) -> None:
        """Give the state directory back."""
        if self._environment is not None and self._life == self.stage.lives:
            self._environment.close()


class Mirror:
    """A target that copies a source: `rows` by encoded key, and how often one was changed."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.rows: dict[bytes, tuple[Any, Any]] = {}
        self.actions = 0
        self.sink = TargetActionSink.from_async_fn(self._apply)

    def reconcile(
        self, key: Any, desired: Any, prev: Collection[Any], missing: bool, /
    ) -> TargetReconcileOutput | None:
        """A row's record is the number that its value was given when it was new."""
        if not is_non_existence(desired) and not missing and prev and all(each == desired[0] for each in prev):
            return None
        record = desired if is_non_existence(desired) else desired[0]
        return TargetReconcileOutput((key, desired), self.sink, record)

    async def _apply(self, context: Any, actions: Sequence[Any]) -> None:
        for key, desired in actions:
            self.actions += 1
            if is_non_existence(desired):
                self._stage.note(f"the target has {key!r} no longer")
                self.rows.pop(encode_key(key), None)
            else:
                self._stage.note(f"the target has {key!r}: {desired[1]!r}")
                self.rows[encode_key(key)] = key, desired[1]

    async def handler(self) -> Mirror:
        """Itself: it is outside of any process."""
        return self

    async def main(self, provider: Any) -> None:
        """The root of a pipeline that copies the source that the hook `make` gives."""
        stage = self._stage

        async def mirror(value: Any) -> None:
            component = current_component()
            assert component is not None
            plain = await stage.call_inside("plain", value)
            key = component.path.parts()[-1]
            declare_target_state(provider.target_state(key, (repr(plain), plain)))

        await mount_each(mirror, await stage.call_inside("make"))
