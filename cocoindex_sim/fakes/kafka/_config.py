"""What a client is configured with: librdkafka's names, defaults and complaints.

Properties that mean nothing in memory (addresses, security, buffers) are taken and not looked at, whatever they are
called: unlike librdkafka, no name is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from confluent_kafka import KafkaError, KafkaException

from ._errors import kafka_error

__all__ = ["ConsumerConfig", "ProducerConfig"]

_RESETS: Final[Mapping[str, Literal["earliest", "latest", "error"]]] = {
    "smallest": "earliest",
    "earliest": "earliest",
    "beginning": "earliest",
    "largest": "latest",
    "latest": "latest",
    "end": "latest",
    "error": "error",
}


@dataclass(frozen=True, slots=True)
class ConsumerConfig:
    """The configuration of a consumer; times are in seconds."""

    group_id: str
    client_id: str
    auto_offset_reset: Literal["earliest", "latest", "error"]
    enable_auto_commit: bool
    auto_commit_interval_s: float
    enable_auto_offset_store: bool
    enable_partition_eof: bool
    committed_only: bool
    """Isolation level `read_committed`, librdkafka's default."""
    session_timeout_s: float
    max_poll_interval_s: float
    strategies: tuple[str, ...]
    on_commit: Callable[..., Any] | None
    error_cb: Callable[..., Any] | None

    @classmethod
    def of(cls, conf: Mapping[str, Any]) -> ConsumerConfig:
        """Read a configuration. Raises what the constructor of the real consumer raises."""
        reader = _Reader(conf)
        group_id = reader.text("group.id", "")
        config = cls(
            group_id=group_id,
            client_id=reader.text("client.id", "rdkafka"),
            auto_offset_reset=_RESETS[reader.choice("auto.offset.reset", "largest", tuple(_RESETS))],
            enable_auto_commit=reader.flag("enable.auto.commit", True),
            auto_commit_interval_s=reader.number("auto.commit.interval.ms", 5000, 0, 86400000) / 1000,
            enable_auto_offset_store=reader.flag("enable.auto.offset.store", True),
            enable_partition_eof=reader.flag("enable.partition.eof", False),
            committed_only=reader.choice("isolation.level", "read_committed", ("read_uncommitted", "read_committed"))
            == "read_committed",
            session_timeout_s=reader.number("session.timeout.ms", 45000, 1, 3600000) / 1000,
            max_poll_interval_s=reader.number("max.poll.interval.ms", 300000, 1, 86400000) / 1000,
            strategies=reader.strategies(),
            on_commit=reader.function("on_commit"),
            error_cb=reader.function("error_cb"),
        )
        if not group_id:
            raise ValueError("Failed to create consumer: group.id must be set")
        if config.max_poll_interval_s < config.session_timeout_s:
            raise _invalid("Failed to create consumer: `max.poll.interval.ms`must be >= `session.timeout.ms`")
        return config


@dataclass(frozen=True, slots=True)
class ProducerConfig:
    """The configuration of a producer; times are in seconds."""

    partitioner: str
    message_timeout_s: float
    message_bytes_max: int
    transactional_id: str
    sticky_s: float
    """How long messages without a key go to the same partition."""
    error_cb: Callable[..., Any] | None

    @classmethod
    def of(cls, conf: Mapping[str, Any]) -> ProducerConfig:
        """Read a configuration. Raises what the constructor of the real producer raises."""
        reader = _Reader(conf)
        partitioners = (
            "random",
            "consistent",
            "consistent_random",
            "murmur2",
            "murmur2_random",
            "fnv1a",
            "fnv1a_random",
        )
        timeout_ms = reader.number("message.timeout.ms", 300000, 0, 2147483647)
        if "delivery.timeout.ms" in conf:
            timeout_ms = reader.number("delivery.timeout.ms", 300000, 0, 2147483647)
        return cls(
            partitioner=reader.choice("partitioner", "consistent_random", partitioners),
            message_timeout_s=timeout_ms / 1000 if timeout_ms else float("inf"),
            message_bytes_max=reader.number("message.max.bytes", 1000000, 1000, 1000000000),
            transactional_id=reader.text("transactional.id", ""),
            sticky_s=reader.number("sticky.partitioning.linger.ms", 10, 0, 900000) / 1000,
            error_cb=reader.function("error_cb"),
        )


def _invalid(reason: str) -> KafkaException:
    return KafkaException(kafka_error(KafkaError._INVALID_ARG, reason))


class _Reader:
    def __init__(self, conf: Mapping[str, Any]) -> None:
        if not isinstance(conf, Mapping):
            raise TypeError("expected configuration dict")
        self._conf = conf

    def text(self, name: str, default: str) -> str:
        found = self._conf.get(name)
        return default if found is None else str(found)

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        found = self.text(name, default).lower()
        if found not in choices:
            raise _invalid(f'Invalid value "{self._conf[name]}" for configuration property "{name}"')
        return found

    def flag(self, name: str, default: bool) -> bool:
        found = self.text(name, str(default)).lower()
        if found not in ("true", "t", "1", "false", "f", "0"):
            raise _invalid(f'Expected bool value for "{name}": true or false')
        return found in ("true", "t", "1")

    def number(self, name: str, default: int, low: int, high: int) -> int:
        try:
            found = int(self.text(name, str(default)))
        except ValueError:
            raise _invalid(f'Invalid value for configuration property "{name}"') from None
        if not low <= found <= high:
            raise _invalid(f'Configuration property "{name}" value {found} is outside allowed range {low}..{high}\n')
        return found

    def strategies(self) -> tuple[str, ...]:
        names = tuple(
            name.strip() for name in self.text("partition.assignment.strategy", "range,roundrobin").split(",")
        )
        for name in names:
            if name not in ("range", "roundrobin", "cooperative-sticky"):
                raise _invalid(f"Unsupported partition.assignment.strategy: {name}")
        if "cooperative-sticky" in names and len(set(names)) > 1:
            raise _invalid(
                "All partition.assignment.strategy (range,roundrobin,cooperative-sticky) assignors must have the same"
                " protocol type, online migration between assignors with different protocol types is not supported"
            )
        return names

    def function(self, name: str) -> Callable[..., Any] | None:
        found = self._conf.get(name)
        if found is not None and not callable(found):
            raise TypeError(f"expected {name} property as a callable function")
        return found
