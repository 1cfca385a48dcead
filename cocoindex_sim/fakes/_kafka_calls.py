"""The calls of Kafka clients that can go wrong; apart from the clients, for those who don't need Kafka's library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["KAFKA_TROUBLES"]

KAFKA_TROUBLES: Final[Mapping[str, tuple[str, ...]]] = {
    "poll": ("error", "stall"),
    "commit": ("fails", "ack_lost", "delayed"),
    "produce": ("fails", "ack_lost", "delayed"),
    "metadata": ("fails",),
    "rebalance": ("rejoin", "lost"),
    "broker": ("down",),
}
"""By call, what a story may order (`KafkaCluster.inject`). As hazards they strike at the site `kafka.` and the call.

`poll`: an error message, or nothing for a while. `commit`, `produce`: without effect, with an effect that nobody hears
of, or late. `metadata`: watermarks, committed offsets and topics can't be had. `rebalance`, `broker`: at a poll that
has something to give, the group rebalances, the member loses its place, or all brokers go away for a while.
"""
