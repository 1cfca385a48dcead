"""`AdminClient` over the cluster: topics and partitions; whatever else the real one can do is refused."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._metadata import ClusterMetadata
from confluent_kafka.cimpl import NewPartitions, NewTopic

from .._cut import ProcessCut
from ._errors import kafka_error, kafka_exception
from ._metadata import CLUSTER_ID, cluster_metadata

if TYPE_CHECKING:
    from ._cluster import KafkaCluster

__all__ = ["FakeAdminClient"]


class FakeAdminClient(AdminClient):
    """An administrator of a `KafkaCluster`, made by `KafkaCluster.admin`. Its futures are done when they are given."""

    def __init__(self, cluster: KafkaCluster, conf: Mapping[str, Any]) -> None:
        self.open(cluster, conf)

    def open(self, cluster: KafkaCluster, conf: Mapping[str, Any], **kwargs: Any) -> None:
        """What stands for the real constructor, which would start threads; it takes the same arguments."""
        if not isinstance(conf, Mapping):
            raise TypeError("expected configuration dict")
        self._cluster = cluster
        self._cut = False
        cluster.register(self)

    def cut(self) -> None:
        """The process was killed: every later call raises ProcessCut."""
        self._cut = True
        self._cluster.forget(self)

    def notice(self, error: KafkaError) -> None:
        """Nobody is told."""

    def _reach(self, doing: str) -> None:
        if self._cut:
            raise ProcessCut("the process of this Kafka client was killed")
        if not self._cluster.reachable or self._cluster.meet("metadata"):
            raise kafka_exception(KafkaError._TRANSPORT, doing)

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> ClusterMetadata:
        """The brokers and topics."""
        self._reach("Failed to get metadata")
        return cluster_metadata(self._cluster, topic)

    def cluster_id(self, timeout: float = -1) -> str:
        """The name of the cluster."""
        self._reach("Failed to get cluster id")
        return CLUSTER_ID

    def create_topics(  # type: ignore[override]  # as the real class overrides it
        self, new_topics: list[NewTopic], **kwargs: Any
    ) -> dict[str, Future[None]]:
        """Create topics; by name, a future that is done, or holds a KafkaException."""
        return {topic.topic: self._try(_Create(self._cluster, topic)) for topic in new_topics}

    def delete_topics(  # type: ignore[override]  # as the real class overrides it
        self, topics: list[str], **kwargs: Any
    ) -> dict[str, Future[None]]:
        """Delete topics; futures as for `create_topics`."""
        return {topic: self._try(_Delete(self._cluster, topic)) for topic in topics}

    def create_partitions(  # type: ignore[override]  # as the real class overrides it
        self, new_partitions: list[NewPartitions], **kwargs: Any
    ) -> dict[str, Future[None]]:
        """Have topics grow; futures as for `create_topics`."""
        return {wanted.topic: self._try(_Grow(self._cluster, wanted)) for wanted in new_partitions}

    def _try(self, act: Any) -> Future[None]:
        future: Future[None] = Future()
        try:
            self._reach("Failed to change topics")
            act()
        except KafkaException as error:
            future.set_exception(error)
        else:
            future.set_result(None)
        return future

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_") and name not in FakeAdminClient.__dict__ and hasattr(AdminClient, name):
            raise NotImplementedError(
                f"the fake cluster's AdminClient has no {name}(): it can list, create, delete and grow topics;"
                " KafkaCluster has methods for what a story does"
            )
        return super().__getattribute__(name)


class _Create:
    def __init__(self, cluster: KafkaCluster, topic: NewTopic) -> None:
        self._cluster, self._topic = cluster, topic

    def __call__(self) -> None:
        name, count = self._topic.topic, self._topic.num_partitions
        if self._cluster.has_topic(name):
            raise KafkaException(kafka_error(KafkaError.TOPIC_ALREADY_EXISTS, f"Topic '{name}' already exists."))
        if count == 0 or count < -1:
            raise kafka_exception(KafkaError.INVALID_PARTITIONS)
        self._cluster.create_topic(name, max(count, 1))


class _Delete:
    def __init__(self, cluster: KafkaCluster, topic: str) -> None:
        self._cluster, self._topic = cluster, topic

    def __call__(self) -> None:
        self._cluster.refuse_unknown(self._topic)
        self._cluster.delete_topic(self._topic)


class _Grow:
    def __init__(self, cluster: KafkaCluster, wanted: NewPartitions) -> None:
        self._cluster, self._wanted = cluster, wanted

    def __call__(self) -> None:
        self._cluster.refuse_unknown(self._wanted.topic)
        if self._wanted.new_total_count <= len(self._cluster.partitions(self._wanted.topic)):
            raise kafka_exception(KafkaError.INVALID_PARTITIONS)
        self._cluster.add_partitions(self._wanted.topic, self._wanted.new_total_count)
