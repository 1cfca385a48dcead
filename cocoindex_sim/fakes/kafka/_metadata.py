"""What `list_topics` tells of the cluster, in the real library's classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import KafkaError
from confluent_kafka.admin._metadata import BrokerMetadata, ClusterMetadata, PartitionMetadata, TopicMetadata

from ._errors import kafka_error

if TYPE_CHECKING:
    from ._cluster import KafkaCluster

__all__ = ["CLUSTER_ID", "cluster_metadata"]

CLUSTER_ID = "in-memory"


def cluster_metadata(cluster: KafkaCluster, topic: str | None = None) -> ClusterMetadata:
    """The brokers that are up, and all topics or one."""
    metadata = ClusterMetadata()
    metadata.cluster_id = CLUSTER_ID  # type: ignore[assignment]  # declared as None, documented as a string
    up = [number for number, is_up in cluster.brokers.items() if is_up]
    metadata.controller_id = metadata.orig_broker_id = up[0] if up else -1
    for number in up:
        broker = BrokerMetadata()
        broker.id, broker.port = number, 9092
        broker.host = f"broker{number}"  # type: ignore[assignment]  # the same
        metadata.brokers[number] = broker
    for name in cluster.topics if topic is None else [topic]:
        metadata.topics[name] = _topic_metadata(cluster, name)
    return metadata


def _topic_metadata(cluster: KafkaCluster, name: str) -> TopicMetadata:
    topic = TopicMetadata()
    topic.topic = name
    if not cluster.has_topic(name):
        topic.error = kafka_error(KafkaError.UNKNOWN_TOPIC_OR_PART)
        return topic
    for log in cluster.partitions(name):
        partition = PartitionMetadata()
        partition.id = log.index
        partition.leader = cluster.leader((name, log.index))
        partition.replicas = list(cluster.brokers)
        partition.isrs = [number for number, is_up in cluster.brokers.items() if is_up]
        topic.partitions[log.index] = partition
    return topic
