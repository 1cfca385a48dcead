"""A simulated process that follows topics of a cluster in memory, and what can be seen of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import cocoindex_sim as coco
from cocoindex_sim.connectors import kafka
from cocoindex_sim.fakes.kafka import FakeConsumer, FakeProducer, KafkaCluster
from cocoindex_sim.world import Policy

from ..engine.bench import Bench, Journal

TOPIC = "t"


class Place:
    """One row per key, with the value of its last message, in `content`.

    `ran`: the values that were processed, in order. Values in `held` are not finished until `release`; those in
    `failing` fail. `errors`: what the exception handler was told, which raises if `handler_raises`.
    """

    def __init__(self, policy: Policy | None = None, *, partitions: int = 1, serial_calls: bool = True) -> None:
        self.bench = Bench(policy)
        self._before_s = 0.0
        self.cluster = KafkaCluster(time=lambda: self._before_s + self.bench.loop.time(), serial_calls=serial_calls)
        if partitions:
            self.cluster.create_topic(TOPIC, partitions)
        self.journal = Journal()
        self.provider = self.journal.provider()
        self.ran: list[str] = []
        self.held: set[str] = set()
        self.failing: set[str] = set()
        self.errors: list[BaseException] = []
        self.handler_raises = False
        self._released = asyncio.Event()
        self.clients: list[FakeConsumer | FakeProducer] = []  # of this process

    @property
    def content(self) -> dict[str, str]:
        return {key.decode(): value for key, value in sorted(self.journal.content.items())}

    def produce(self, *messages: tuple[str | None, str | None], topic: str = TOPIC, partition: int | None = 0) -> None:
        for key, value in messages:
            self.cluster.produce(topic, value, key, partition=partition)

    def committed(self, group: str = "g", topic: str = TOPIC) -> dict[int, int]:
        return self.cluster.committed(group, topic)

    def consumer(self, group: str = "g", **conf: Any) -> FakeConsumer:
        async def make() -> FakeConsumer:
            settings = {name.replace("_", "."): value for name, value in conf.items()}
            return self.cluster.consumer(
                {"group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest", **settings}
            )

        consumer: FakeConsumer = self.bench.run(make())
        self.clients.append(consumer)
        return consumer

    async def item(self, message: Any) -> None:
        value = message.value().decode()
        self.ran.append(value)
        while value in self.held:
            self._released.clear()
            await self._released.wait()
        if value in self.failing:
            raise ValueError(value)
        coco.declare_target_state(self.provider.target_state(message.key(), value))

    def release(self, *values: str) -> None:
        """Let held items go on, and time pass."""
        self.held.difference_update(values or set(self.held))
        self._released.set()
        self.let()

    def hear(self, error: BaseException, context: Any) -> None:
        self.errors.append(error)
        if self.handler_raises:
            raise error

    def following(self, items: Any, fn: Any = None, *, handled: bool = True) -> coco.App[..., Any]:
        """An app that mounts `fn` for each item."""
        target = fn or self.item

        async def main() -> None:
            if handled:
                async with coco.exception_handler(self.hear):
                    await coco.mount_each(coco.component_subpath("rows"), target, items)
            else:
                await coco.mount_each(coco.component_subpath("rows"), target, items)

        self.bench.env.apps.pop("app", None)
        return self.bench.app(main)

    def map(self, consumer: FakeConsumer | None = None, *topics: str, **options: Any) -> Any:
        return kafka.topic_as_map(consumer or self.consumer(), list(topics) or [TOPIC], **options)

    def catch_up(self, items: Any = None, **options: Any) -> None:
        """A catch-up update to its end."""
        self.bench.update(self.following(items or self.map(), **options))

    def begin(self, items: Any = None, **options: Any) -> Live:
        """Start a live update, and let it get going."""
        app = self.following(items or self.map(), **options)
        live = Live(self, app)
        self.let()
        return live

    def let(self, seconds: float = 1.0) -> None:
        self.bench.run(asyncio.sleep(seconds))

    def until(self, condition: Callable[[], object], within_s: float = 120.0) -> None:
        for _ in range(int(within_s / 0.05)):
            if condition():
                return
            self.let(0.05)
        raise AssertionError(f"not within {within_s} s")

    def crash(self) -> None:
        """kill -9, and a new process."""
        for client in self.clients:
            client.cut()
        self.clients.clear()
        self._before_s += self.bench.loop.time()
        self.bench.crash()
        self.provider = self.journal.provider()
        self._released = asyncio.Event()


class Live:
    """A live update that goes on."""

    def __init__(self, place: Place, app: coco.App[..., Any]) -> None:
        self._place = place
        self.app = app
        self.handle = app.update(live=True)
        self.task: asyncio.Task[Any] = place.bench.loop.create_task(self.handle.result())

    @property
    def is_ready(self) -> bool:
        return self.handle.is_ready

    def stop(self) -> None:
        """Have it end as Ctrl-C does: nothing it made is removed."""
        self.app.interrupt()
        self._place.bench.run(asyncio.wait([self.task]))
