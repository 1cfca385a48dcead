"""A Kafka cluster in memory, and clients of it that speak `confluent_kafka`'s API. Needs no engine and no server."""

from ._admin import FakeAdminClient as FakeAdminClient
from ._cluster import Client as Client
from ._cluster import Commit as Commit
from ._cluster import KafkaCluster as KafkaCluster
from ._consumer import FakeConsumer as FakeConsumer
from ._partition import Record as Record
from ._patch import patched as patched
from ._producer import FakeProducer as FakeProducer
from ._topics import Topics as Topics
from ._topics import Transaction as Transaction
