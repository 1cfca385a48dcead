"""Goal: the Kafka of the container tests answers on this machine, keeps what it is given and tells who it is."""

from __future__ import annotations

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

pytestmark = [pytest.mark.real, pytest.mark.container]


def test_a_message_comes_back_from_the_broker(kafka: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    metadata = admin.list_topics(timeout=30)
    assert [f"{broker.host}:{broker.port}" for broker in metadata.brokers.values()] == [kafka]
    admin.create_topics([NewTopic("notes", num_partitions=2, replication_factor=1)])["notes"].result(timeout=30)

    producer = Producer({"bootstrap.servers": kafka})
    sent = {f"key{number}".encode(): f"value{number}".encode() for number in range(20)}
    for key, value in sent.items():
        producer.produce("notes", key=key, value=value)
    assert producer.flush(30) == 0

    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "readers", "auto.offset.reset": "earliest"})
    consumer.subscribe(["notes"])
    messages = consumer.consume(num_messages=len(sent), timeout=30)
    consumer.close()
    assert {message.key(): message.value() for message in messages} == sent
    assert {message.partition() for message in messages} == {0, 1}
