"""Clients for pipelines that construct `confluent_kafka`'s own: inside `patched` they get those of a cluster."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import confluent_kafka
from confluent_kafka import admin, aio

from ...values import FenceError
from ._admin import FakeAdminClient
from ._cluster import Client, KafkaCluster
from ._consumer import FakeConsumer
from ._producer import FakeProducer

__all__ = ["patched"]


@contextmanager
def patched(
    cluster: Callable[[], KafkaCluster] | KafkaCluster, *, made: Callable[[Client], object] = lambda _: None
) -> Iterator[None]:
    """Have `AIOConsumer`, `AIOProducer` and `AdminClient` construct clients of a cluster, while inside.

    The classes themselves are changed, so it makes no difference who imported them, and when; subclasses work, too.
    `cluster` may be a function that gives it. `made` is called with each client. The synchronous `Consumer` and
    `Producer`, whose calls would block the loop, raise FenceError. Other threads get the real ones.
    """
    get = (lambda: cluster) if isinstance(cluster, KafkaCluster) else cluster
    fakes: list[tuple[type, type]] = [
        (aio.AIOConsumer, FakeConsumer),
        (aio.AIOProducer, FakeProducer),
        (admin.AdminClient, FakeAdminClient),
    ]
    before: list[tuple[Any, str, Any]] = [(real, "__init__", real.__dict__["__init__"]) for real, _ in fakes]
    before += [(confluent_kafka, name, getattr(confluent_kafka, name)) for name in ("Consumer", "Producer")]
    inside = threading.get_ident()
    for (real, fake), (_, _, real_init) in zip(fakes, before, strict=False):
        setattr(real, "__init__", _init(real, fake, real_init, inside, get, made))  # noqa: B010  # mypy refuses the plain form
    for name in ("Consumer", "Producer"):
        setattr(confluent_kafka, name, _fenced(getattr(confluent_kafka, name), inside))
    try:
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


def _init(
    real: type,
    fake: type,
    real_init: Callable[..., None],
    inside: int,
    get: Callable[[], KafkaCluster],
    made: Callable[[Client], object],
) -> Callable[..., None]:
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        if threading.get_ident() != inside:
            real_init(self, *args, **kwargs)
            return
        # Not a method of the fakes is known to the real class; a subclass keeps its own before those of the fake.
        self.__class__ = fake if type(self) is real else type(type(self).__name__, (type(self), fake), {})
        self.open(get(), *args, **kwargs)
        made(self)

    return init


def _fenced(real: type, inside: int) -> type:
    name = real.__name__

    def refuse(cls: type, *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != inside:
            return real(*args, **kwargs)
        raise FenceError(
            f"confluent_kafka.{name}() blocks the thread it is called in, and a simulated run has no other;"
            f" use confluent_kafka.aio.AIO{name}"
        )

    return type(name, (real,), {"__new__": refuse})
