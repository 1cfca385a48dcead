"""Clients for pipelines that construct `confluent_kafka`'s own: inside `patched` they get those of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import confluent_kafka
from confluent_kafka import admin, aio

from ...values import FenceError
from ._cluster import KafkaCluster

__all__ = ["patched"]


@contextmanager
def patched(cluster: Callable[[], KafkaCluster] | KafkaCluster) -> Iterator[None]:
    """Have `AIOConsumer`, `AIOProducer` and `AdminClient` construct clients of a cluster, while inside.

    What `confluent_kafka.aio` and `confluent_kafka.admin` hold is replaced, so modules that import these names inside
    get the fakes, and `isinstance` of a real class holds for them. `cluster` may be a function that gives it when the
    first client is made. The synchronous `Consumer` and `Producer`, whose calls would block the loop, raise FenceError.
    """
    get = cluster if callable(cluster) else lambda: cluster

    class AIOConsumer(aio.AIOConsumer, metaclass=_StandIn):
        real = aio.AIOConsumer
        make = staticmethod(lambda consumer_conf, max_workers=100, executor=None: get().consumer(consumer_conf))

    class AIOProducer(aio.AIOProducer, metaclass=_StandIn):
        real = aio.AIOProducer
        make = staticmethod(
            lambda producer_conf, max_workers=4, executor=None, batch_size=1000, buffer_timeout=1.0: get().producer(
                producer_conf, batch_size=batch_size, buffer_timeout=buffer_timeout
            )
        )

    class AdminClient(admin.AdminClient, metaclass=_StandIn):
        real = admin.AdminClient
        make = staticmethod(lambda conf, **kwargs: get().admin(conf))

    class Consumer(confluent_kafka.Consumer, metaclass=_StandIn):
        real = confluent_kafka.Consumer
        make = staticmethod(_refuse("Consumer", "aio.AIOConsumer"))

    class Producer(confluent_kafka.Producer, metaclass=_StandIn):
        real = confluent_kafka.Producer
        make = staticmethod(_refuse("Producer", "aio.AIOProducer"))

    replaced = [
        (aio, "AIOConsumer", AIOConsumer),
        (aio, "AIOProducer", AIOProducer),
        (admin, "AdminClient", AdminClient),
        (confluent_kafka, "Consumer", Consumer),
        (confluent_kafka, "Producer", Producer),
    ]
    before = [(module, name, getattr(module, name)) for module, name, _ in replaced]
    for module, name, stand_in in replaced:
        setattr(module, name, stand_in)
    try:
        yield
    finally:
        for module, name, real in before:
            setattr(module, name, real)


class _StandIn(type):
    """A class in the place of `real`: calling it makes a client, and it counts the same instances as its own."""

    real: type
    make: Callable[..., Any]

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if "make" in cls.__dict__:
            return cls.make(*args, **kwargs)
        return super().__call__(*args, **kwargs)  # a user's own subclass

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.real)


def _refuse(name: str, instead: str) -> Callable[..., Any]:
    def refuse(*_: object, **__: object) -> Any:
        raise FenceError(
            f"confluent_kafka.{name}() blocks the thread it is called in, and a simulated run has no other;"
            f" use confluent_kafka.{instead}"
        )

    return refuse
