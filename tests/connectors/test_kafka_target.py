"""Goal: a topic gets one message for what changed, none for what did not, and a failure is sent again (KFK-21..26)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import cocoindex_sim as coco
from cocoindex_sim.connectors import kafka
from cocoindex_sim.fakes.kafka import FakeProducer

from .kafka_place import TOPIC, Place


class Sending:
    """An app that declares `rows` as messages of `topics`."""

    def __init__(self, place: Place, name: str) -> None:
        self.place = place
        self.name = name
        self.rows: dict[Any, Any] = {}
        self.topics = [TOPIC]
        self.deletion_value_fn: Any = None
        self.producer: Any = place.bench.run(self._make_producer())
        self.load()

    async def _make_producer(self) -> FakeProducer:
        producer = self.place.cluster.producer({"bootstrap.servers": "unused"})
        self.place.clients.append(producer)
        return producer

    def load(self) -> None:
        """In a new process."""
        self.key = coco.ContextKey[Any](self.name)
        self.place.bench.env.context_provider.provide(self.key, self.producer)
        self.app = self.place.bench.app(self._main)

    async def _main(self) -> None:
        for topic in self.topics:
            target = await kafka.mount_kafka_topic_target(self.key, topic, deletion_value_fn=self.deletion_value_fn)
            for key, value in self.rows.items():
                with coco.component_subpath(topic, key):
                    await coco.mount(self._row, target, key, value)

    async def _row(self, target: Any, key: Any, value: Any) -> None:
        target.declare_target_state(key=key, value=value)

    def update(self, rows: dict[Any, Any], **options: Any) -> list[tuple[bytes | None, bytes | None]]:
        """What it sent, by key."""
        self.rows = rows
        before = len(self.place.cluster.messages(TOPIC))
        self.place.bench.update(self.app, **options)
        return sorted((one.key(), one.value()) for one in self.place.cluster.messages(TOPIC)[before:])  # type: ignore[type-var, return-value]  # all bytes


@pytest.fixture
def place() -> Iterator[Place]:
    place = Place()
    yield place
    place.bench.close()


@pytest.fixture
def sending(place: Place, request: pytest.FixtureRequest) -> Sending:
    return Sending(place, f"producer of {request.node.name}")


def test_what_is_new_or_changed_is_sent_once(sending: Sending) -> None:  # KFK-21
    assert sending.update({"a": "1", "b": b"2"}) == [(b"a", b"1"), (b"b", b"2")]
    assert sending.update({"a": "1", "b": b"2"}) == []
    assert sending.update({"a": "3", "b": b"2"}) == [(b"a", b"3")]


def test_text_and_bytes_of_the_same_content_are_the_same(sending: Sending) -> None:  # KFK-21
    assert len(sending.update({"a": "1", b"b": b"1"})) == 2
    assert sending.update({b"a": b"1", "b": "1"}) == []
    assert sending.update({b"a": b"1"}) == [(b"b", None)]


def test_what_is_no_longer_declared_gets_a_tombstone(sending: Sending) -> None:  # KFK-22
    sending.update({"a": "1", "b": "1"})
    sending.update({"b": "1"})
    assert sending.place.cluster.fold(TOPIC) == {b"b": b"1"}


def test_or_the_value_a_function_gives(sending: Sending) -> None:  # KFK-22
    asked = []

    def deletion_value(key: bytes | str) -> str:
        asked.append(key)
        return "deleted"

    sending.deletion_value_fn = deletion_value
    sending.update({"a": "1", b"b": "1"})
    assert sending.update({}) == [(b"a", b"deleted"), (b"b", b"deleted")]
    assert sorted(map(str, asked)) == ["a", "b'b'"]  # as they were declared


def test_a_topic_that_is_not_declared_any_more_is_left_alone(sending: Sending) -> None:  # KFK-23, EDGE-20
    sending.update({"a": "1"})
    sending.topics = []
    assert sending.update({"a": "1"}) == []
    sending.topics = [TOPIC]
    assert sending.update({"a": "1"}) == [(b"a", b"1")]


def test_another_topic_gets_everything_and_the_old_one_nothing(sending: Sending) -> None:  # KFK-23
    sending.place.cluster.create_topic("u")
    sending.update({"a": "1"})
    sending.topics = ["u"]
    assert sending.update({"a": "1"}) == []
    assert sending.place.cluster.fold("u") == {b"a": b"1"}


def test_a_dropped_app_leaves_its_messages(sending: Sending) -> None:  # KFK-23
    sending.update({"a": "1"})
    sending.place.bench.run(sending.app.drop())
    assert sending.place.cluster.fold(TOPIC) == {b"a": b"1"}
    assert sending.update({"a": "1"}) == [(b"a", b"1")]


def test_a_full_reprocess_sends_everything_again(sending: Sending) -> None:  # KFK-24
    sending.update({"a": "1", "b": "1"})
    assert len(sending.update({"a": "1", "b": "1"}, full_reprocess=True)) == 2


def test_a_failed_delivery_fails_its_component_and_is_sent_again(sending: Sending) -> None:  # KFK-25
    sending.place.cluster.inject("produce", "fails")
    assert sending.update({"a": "1"}) == []
    assert sending.update({"a": "1"}) == [(b"a", b"1")]


def test_others_of_the_same_batch_are_sent_once(sending: Sending) -> None:  # KFK-21, KFK-25
    sending.place.cluster.inject("produce", "fails", times=3)
    rows = {f"k{number}": "1" for number in range(20)}
    first = sending.update(rows)
    second = sending.update(rows)
    assert len(first) == len(set(first))
    assert sorted(first + second) == sorted((key.encode(), b"1") for key in rows)


def test_a_message_that_may_have_been_sent_is_sent_again(sending: Sending) -> None:  # KFK-25
    sending.place.cluster.inject("produce", "ack_lost")
    sending.update({"a": "1"})
    sending.update({"a": "1"})
    assert sending.place.cluster.fold(TOPIC) == {b"a": b"1"}
    assert sending.update({"a": "1"}) == []


def test_after_a_crash_nothing_is_forgotten(sending: Sending) -> None:  # KFK-25
    sending.update({"a": "1"})
    sending.place.crash()
    sending.producer = sending.place.bench.run(sending._make_producer())
    sending.name += " again"
    sending.load()
    assert sending.place.cluster.fold(TOPIC) == {b"a": b"1"}


def test_messages_are_declared_by_name_and_hold_bytes_or_text(sending: Sending) -> None:  # KFK-26
    told: list[BaseException] = []

    async def main() -> None:
        target = await kafka.mount_kafka_topic_target(sending.key, TOPIC)
        bad: list[tuple[Any, ...] | dict[str, Any]] = [
            ("a", "1"), {"key": "a", "value": None}, {"key": 1, "value": "1"}, {"key": None, "value": "1"},
        ]  # fmt: skip
        for one in bad:
            with pytest.raises(TypeError) as raised:
                target.declare_target_state(**one) if isinstance(one, dict) else target.declare_target_state(*one)
            told.append(raised.value)

    sending.place.bench.update(sending.place.bench.app(main, name="other"))
    assert "the value of a message is bytes or str, got None" in str(told[1])
    assert "the key of a message is bytes or str, got 1" in str(told[2])


def test_something_else_than_a_producer_is_refused(place: Place) -> None:  # KFK-26
    key = coco.ContextKey[Any]("not a producer")
    place.bench.env.context_provider.provide(key, "a string")

    async def main() -> None:
        await kafka.mount_kafka_topic_target(key, TOPIC)

    with pytest.raises(TypeError, match="Context key 'not a producer': expected AIOProducer, got str"):
        place.bench.update(place.bench.app(main))


def test_a_declared_topic_serves_once_its_component_committed(sending: Sending) -> None:
    async def opened() -> Any:
        return kafka.declare_kafka_topic_target(sending.key, TOPIC)

    async def main() -> None:
        target = await coco.use_mount(coco.component_subpath("topic"), opened)
        target.declare_target_state(key="a", value="1")
        other = await coco.mount_target(kafka.kafka_topic_target(sending.key, "u"))
        assert other is not None

    sending.place.bench.update(sending.place.bench.app(main, name="other"))
    assert sending.place.cluster.fold(TOPIC) == {b"a": b"1"}


def test_a_preview_says_what_it_would_send_and_sends_nothing(sending: Sending) -> None:
    sending.update({"a": "1", "b": "1"})

    async def plan() -> list[str]:
        sending.rows = {"a": "22"}
        handle = sending.app.update(preview=True)
        await handle.result()
        return sorted(repr(change.action) for change in handle.plan())

    planned = sending.place.bench.run(plan())
    assert "Send('t', b'a', 2 bytes)" in planned
    assert "Send('t', b'b', tombstone)" in planned
    assert sending.place.cluster.fold(TOPIC) == {b"a": b"1", b"b": b"1"}
