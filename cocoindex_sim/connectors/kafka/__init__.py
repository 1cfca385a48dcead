"""Kafka: topics as sources, and messages of a topic as target states."""

from ._messages import DeletionValueFn as DeletionValueFn
from ._source import IsDeleteFn as IsDeleteFn
from ._source import TopicStream as TopicStream
from ._source import topic_as_map as topic_as_map
from ._source import topic_as_stream as topic_as_stream
from ._target import KafkaTopicTarget as KafkaTopicTarget
from ._target import declare_kafka_topic_target as declare_kafka_topic_target
from ._target import kafka_topic_target as kafka_topic_target
from ._target import mount_kafka_topic_target as mount_kafka_topic_target

__all__ = [
    "DeletionValueFn",
    "IsDeleteFn",
    "KafkaTopicTarget",
    "TopicStream",
    "declare_kafka_topic_target",
    "kafka_topic_target",
    "mount_kafka_topic_target",
    "topic_as_map",
    "topic_as_stream",
]
