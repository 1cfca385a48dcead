# Goal: what the tests of the in-memory clients do again and again.

from typing import Any

from confluent_kafka import Message

from cocoindex_sim.fakes.kafka import FakeConsumer, KafkaCluster

CONF = {"group.id": "g", "auto.offset.reset": "earliest", "enable.auto.commit": False}


async def drain(consumer: FakeConsumer, *, wait_s: float = 0.5) -> list[Message]:
    """Everything there is until nothing has come for a while."""
    found = []
    while (message := await consumer.poll(wait_s)) is not None:
        found.append(message)
    return found


async def subscribed(cluster: KafkaCluster, *topics: str, **conf: Any) -> FakeConsumer:
    """A consumer of these topics; properties with underscores for dots."""
    consumer = cluster.consumer(CONF | {name.replace("_", "."): value for name, value in conf.items()})
    await consumer.subscribe(list(topics))
    return consumer


class Log:
    """Rebalance callbacks that keep what they were told: (kind, partitions)."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[int]]] = []

    def callbacks(self) -> dict[str, Any]:
        return {f"on_{kind}": self._keeping(kind) for kind in ("assign", "revoke", "lost")}

    def _keeping(self, kind: str) -> Any:
        async def keep(_: Any, partitions: Any) -> None:
            self.calls.append((kind, [partition.partition for partition in partitions]))

        return keep
