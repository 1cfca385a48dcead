"""A bench with a target, and live components made of functions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import cocoindex_sim as coco
from cocoindex_sim.world import Policy

from .bench import Bench, Journal

Live = Callable[[Any], Coroutine[Any, Any, None]]


class Field:
    """A bench with a target, and live components made of functions."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.bench = Bench(policy)
        self.journal = Journal()
        self.provider = self.journal.provider()
        self.log: list[Any] = []
        self.heard: list[tuple[str, BaseException, coco.ExceptionContext]] = []

    @property
    def content(self) -> dict[Any, Any]:
        return self.journal.content

    def say(self, word: Any) -> None:
        self.log.append(word)

    async def item(self, key: str, value: Any) -> None:
        """Declares one target state."""
        coco.declare_target_state(self.provider.target_state(key, value))

    def live(self, process_live: Live, process: Callable[[], Any] | None = None, name: str = "Comp") -> type:
        """A live component class."""

        async def nothing() -> None:
            pass

        class Made:
            async def process(self) -> None:
                result = (process or nothing)()
                if result is not None:
                    await result

            async def process_live(self, operator: coco.LiveComponentOperator) -> None:
                await process_live(operator)

        Made.__name__ = Made.__qualname__ = name
        return Made

    def mounting(self, cls: Any, *args: Any, handler: coco.ExceptionHandler | None = None) -> Callable[[], Any]:
        """A root function that mounts one live component and waits for it."""

        async def main() -> str:
            if handler is None:
                await (await coco.mount(cls, *args)).ready()
            else:
                async with coco.exception_handler(handler):
                    await (await coco.mount(cls, *args)).ready()
            return "result"

        return main

    def hear(self, error: BaseException, context: coco.ExceptionContext) -> None:
        """An exception handler that swallows."""
        self.heard.append((context.stable_path, error, context))

    def update(self, main: Callable[..., Any], *, live: bool = False, name: str = "app", **options: Any) -> Any:
        return self.bench.update(self.app(main, name), live=live, **options)

    def app(self, main: Callable[..., Any], name: str = "app", **config: Any) -> coco.App[..., Any]:
        """The app of this name, now with this root function."""
        self.bench.env.apps.pop(name, None)
        return self.bench.app(main, name=name, **config)

    def begin(self, app: coco.App[..., Any], **options: Any) -> asyncio.Task[Any]:
        """Start an update in live mode."""
        return self.bench.loop.create_task(app.update(live=True, **options).result())

    def let(self, seconds: float = 1.0) -> None:
        """Let time pass."""
        self.bench.run(asyncio.sleep(seconds))


async def until_told() -> None:
    """What a `process_live` does that waits for nothing in particular."""
    await asyncio.get_running_loop().create_future()
