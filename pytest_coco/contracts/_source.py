"""A keyed source under test: what is done to it, and watches of it with a pipeline behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from ._history import GONE, History, difference
from ._items import Items
from ._stage import Stage
from ._watch import Watch

if TYPE_CHECKING:
    from ._hooks import LiveMapHooks

__all__ = ["Source"]

_FOLLOW: Final = (
    "follow the lines below to the first change that went wrong; each has to come, and of each key the last one has to"
    " be the last that is told"
)


class Source:
    """What a check does to a source, and the pipeline that follows it."""

    def __init__(self, stage: Stage, subject: LiveMapHooks) -> None:
        self.stage = stage
        self.subject = subject
        self.history = History()
        self.items = Items(self.history)
        self._values = 0

    # -- changing it -----------------------------------------------------------------------------------------------

    def put(self, key: Any, value: Any = None) -> Any:
        """Give a key a value that no key has had yet, unless it is told which."""
        return self.stage.run(self.put_inside(key, value))

    async def put_inside(self, key: Any, value: Any = None) -> Any:
        """The same, for code that runs on the loop."""
        if value is None:
            self._values += 1
            value = self.subject.value(self._values)
        self.stage.note(f"source: {key!r} = {value!r}")
        self.history.append(key, value)
        await self.stage.call_inside("put", key, value)
        return value

    def delete(self, key: Any) -> None:
        """Remove a key; does nothing when the source can't."""
        self.stage.run(self.delete_inside(key))

    async def delete_inside(self, key: Any) -> None:
        """The same, for code that runs on the loop."""
        if self.subject.deletes:
            self.stage.note(f"source: {key!r} is deleted")
            self.history.append(key, GONE)
            await self.stage.call_inside("delete", key)

    def fill(self, count: int = 3) -> None:
        """Give the first keys their values."""
        for key in self.subject.keys()[:count]:
            self.put(key)

    async def churn(self) -> None:
        """Change two keys twice, delete another, and make a new one."""
        first, second, third, fourth = self.subject.keys()[:4]
        for key in (first, third, first, third):
            await self.put_inside(key)
        await self.delete_inside(second)
        await self.put_inside(fourth)

    def churn_later(self, within_s: float, times: int) -> asyncio.Task[None]:
        """Change keys, and make and delete some, at moments that are drawn."""
        stage, keys = self.stage, self.subject.keys()

        async def go() -> None:
            for number in range(times):
                await asyncio.sleep(stage.delay_s(2 * within_s / times))
                key = keys[stage.rng.randrange(len(keys))]
                if number and stage.rng.random() < 0.3:
                    await self.delete_inside(key)
                else:
                    await self.put_inside(key)

        async def begin() -> asyncio.Task[None]:
            return asyncio.get_running_loop().create_task(go(), name="contract: churn")

        task: asyncio.Task[None] = stage.run(begin())
        return task

    # -- following it ----------------------------------------------------------------------------------------------

    def make(self) -> Any:
        """A source object of the author's."""
        return self.stage.call("make")

    def watch(
        self,
        source: Any = None,
        *,
        is_live: bool = True,
        at: dict[str, Callable[[], Awaitable[object]]] | None = None,
        cancel_at: int = 0,
        expects_history: bool = True,
    ) -> Watch:
        """Begin to watch it, or a new one, when what an earlier watch began is done (LIV-49)."""
        self.stage.until(lambda: self.items.at_rest(self.stage.lives))
        source = self.make() if source is None else source
        subscriber = self.subject.subscriber(self.stage, self.items, source, is_live=is_live)
        subscriber.at.update(at or {})
        if expects_history and self.subject.tells_history:
            subscriber.required = self.history.latest()
        return Watch(self.stage, source, subscriber, cancel_at=cancel_at)

    def follow(self, source: Any = None, **options: Any) -> Watch:
        """Begin to watch it, and let it become ready."""
        watch = self.watch(source, **options)
        self.check_becomes_ready(watch)
        return watch

    def check_becomes_ready(self, watch: Watch) -> None:
        """A watch says that it is ready."""
        watch.check_becomes_ready(
            "call mark_ready() once what was there at the beginning is processed, also when that is nothing, and"
            " also when it was processed in an earlier run"
        )

    def check_converges(self, watch: Watch | None = None, fix: str = _FOLLOW) -> None:
        """The pipeline has what the source has, soon, and keeps it. `fix`: what to do if it does not."""
        stage, items = self.stage, self.items
        stage.until(lambda: items.rows == self.history.current() or (watch is not None and watch.done))
        if watch is not None:
            watch.check_goes_on()
        stage.let_quiet()
        if watch is not None:
            watch.check_goes_on()
        lines = difference(self.history.current(), items.rows)
        if lines:
            stage.broken(
                "what the pipeline has is not what the source has",
                fix,
                ["the source (-) and the pipeline (+):", *lines],
            )
        stage.check("protocol", "values")
