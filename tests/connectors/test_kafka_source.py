"""Goal: topics are followed as the contract says: what is ready, what is committed, who is told what went wrong (KFK)."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import cocoindex_sim as coco
from cocoindex_sim.connectors import kafka
from cocoindex_sim.connectors.kafka import _following as following
from cocoindex_sim.world import SeededRandom
from cocoindex_sim.world._streams import Streams

from .kafka_place import TOPIC, Place


@pytest.fixture
def place() -> Iterator[Place]:
    place = Place()
    yield place
    place.bench.close()


@pytest.fixture
def wide() -> Iterator[Place]:
    """A topic of four partitions."""
    place = Place(partitions=4)
    yield place
    place.bench.close()


def backlog(place: Place, count: int, keys: int = 10, partitions: int = 1) -> dict[str, str]:
    """Produce so many messages; the last value of each key."""
    for number in range(count):
        place.produce((f"k{number % keys}", f"v{number}"), partition=number % keys % partitions)
    return dict(sorted({f"k{number % keys}": f"v{number}" for number in range(count)}.items()))


# -- catching up -----------------------------------------------------------------------------------------------------------


def test_a_backlog_is_processed_and_committed_before_the_update_ends(wide: Place) -> None:
    # KFK-11, KFK-15, FEED-12, EDGE-01: on a fresh state directory nothing of it is lost.
    last = backlog(wide, 200, partitions=4)
    wide.catch_up()
    assert wide.content == last
    assert sum(wide.committed().values()) == 200


@pytest.mark.parametrize("seed", range(10))
def test_in_whatever_order_things_happen(seed: int) -> None:  # KFK-06, KFK-07, KFK-11
    place = Place(SeededRandom(Streams(seed).schedule), partitions=4)
    last = backlog(place, 100, partitions=4)
    place.catch_up()
    assert place.content == last
    assert sum(place.committed().values()) == 100
    place.bench.close()


def test_empty_topics_are_ready_at_once_and_nothing_is_committed(wide: Place) -> None:  # KFK-11
    began_s = wide.bench.loop.time()
    wide.catch_up()
    assert wide.bench.loop.time() - began_s < following._QUIET_S
    assert wide.cluster.commits == []


def test_what_was_committed_is_not_processed_again(place: Place) -> None:  # KFK-11, KFK-16
    last = backlog(place, 20)
    place.catch_up()
    place.ran.clear()
    place.catch_up()
    assert place.ran == []
    assert place.content == last
    place.produce(("k0", "new"))
    place.catch_up()
    assert place.ran == ["new"]
    assert place.content == last | {"k0": "new"}


def test_a_member_without_partitions_is_ready_at_once(place: Place) -> None:  # KFK-11
    backlog(place, 5)
    first = place.begin()
    assert place.ran
    second = place.consumer()
    app = place.bench.app(lambda: None, name="unused")
    assert app is not None

    async def main() -> None:
        await coco.mount_each(coco.component_subpath("others"), place.item, place.map(second))

    other = place.bench.app(main, name="other")
    place.bench.update(other)
    first.stop()


def test_messages_of_the_first_assignment_only_hold_back_readiness(place: Place) -> None:  # KFK-11
    backlog(place, 3)
    place.held = {"v0"}
    live = place.begin()
    place.produce(("late", "late"))
    place.held.add("late")
    assert not live.is_ready
    place.release("v0")
    assert live.is_ready
    assert "late" in place.ran
    live.stop()


def test_a_catch_up_update_ends_while_messages_keep_coming(place: Place) -> None:  # KFK-15
    backlog(place, 10)

    async def produce() -> None:
        for number in range(10_000):
            place.cluster.produce(TOPIC, f"more{number}", "more")
            await asyncio.sleep(0.001)

    producing = place.bench.loop.create_task(produce())
    place.catch_up()
    assert not producing.done()
    producing.cancel()
    assert place.committed()[0] >= 10


def test_watermarks_that_cannot_be_had_count_as_reached(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    # KFK-12
    backlog(place, 3)
    place.held = {"v0", "v1", "v2"}
    place.cluster.inject("metadata", "fails", times=2 * following._LOOKUPS_MAX)
    live = place.begin()
    assert live.is_ready
    assert "watermarks of t/0" in caplog.text
    place.release()
    assert place.content == {"k0": "v0", "k1": "v1", "k2": "v2"}
    live.stop()


def test_a_lookup_that_fails_once_is_made_again(place: Place, caplog: pytest.LogCaptureFixture) -> None:  # KFK-12
    backlog(place, 3)
    place.cluster.inject("metadata", "fails", times=1)
    place.catch_up()
    assert place.content == {"k0": "v0", "k1": "v1", "k2": "v2"}
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


# -- what is no longer there -----------------------------------------------------------------------------------------------


def test_a_partition_whose_messages_all_expired_is_ready(place: Place) -> None:  # KFK-13, EDGE-06
    backlog(place, 5)
    place.cluster.expire(TOPIC)
    place.catch_up()
    assert place.ran == []


def test_a_committed_offset_below_the_start_of_the_log_is_no_obstacle(place: Place) -> None:  # KFK-13
    place.cluster.set_committed("g", TOPIC, {0: 2})
    backlog(place, 10)
    place.cluster.expire(TOPIC, 6)
    place.catch_up()
    assert sorted(place.ran) == ["v6", "v7", "v8", "v9"]
    assert place.committed() == {0: 10}


@pytest.mark.parametrize("how", ["commit", "abort"])
@pytest.mark.parametrize("level", ["read_committed", "read_uncommitted"])
def test_the_end_of_a_transaction_is_no_message_to_wait_for(place: Place, how: str, level: str) -> None:  # KFK-13
    place.produce(("a", "1"))
    transaction = place.cluster.transaction()
    transaction.produce(TOPIC, "2", "b", partition=0)
    getattr(transaction, how)()
    began_s = place.bench.loop.time()
    place.catch_up(place.map(place.consumer(isolation_level=level)))
    hidden = how == "abort" and level == "read_committed"
    assert place.content == ({"a": "1"} if hidden else {"a": "1", "b": "2"})
    assert place.committed() == {0: 3}  # the marker, too, so that a restart has nothing to wait for
    assert place.bench.loop.time() - began_s < 2.0


def test_an_open_transaction_is_not_waited_for_by_those_who_cannot_read_it(place: Place) -> None:  # KFK-13
    place.produce(("a", "1"))
    place.cluster.transaction().produce(TOPIC, "2", "b", partition=0)
    place.catch_up(place.map(place.consumer(isolation_level="read_committed")))
    assert place.content == {"a": "1"}
    assert place.committed() == {0: 1}


def test_the_end_of_a_partition_may_be_told_as_an_event(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    # KFK-13
    place.produce(("a", "1"))
    place.cluster.transaction().abort()
    place.catch_up(place.map(place.consumer(enable_partition_eof=True)))
    assert place.content == {"a": "1"}
    assert caplog.records == []


def test_a_tail_that_was_compacted_away_is_not_waited_for(place: Place) -> None:  # KFK-13
    place.produce(("a", "1"), ("b", "1"), ("b", None))
    log = place.cluster.partition((TOPIC, 0))
    assert log is not None
    del log.records[1:]
    place.catch_up()
    assert place.content == {"a": "1"}
    assert place.committed() == {0: 1}  # nobody saw that there is nothing: if there is, a restart finds it


def test_a_consumer_that_begins_at_the_end_does_not_wait_for_the_beginning(place: Place) -> None:  # KFK-11
    backlog(place, 5)
    place.catch_up(place.map(place.consumer(auto_offset_reset="latest")))
    assert place.ran == []


# -- messages --------------------------------------------------------------------------------------------------------------


def test_keys_are_delivered_as_they_are_and_shared_by_all_topics(place: Place) -> None:  # KFK-02, EDGE-20
    place.cluster.create_topic("u")
    keys = []

    async def item(message: Any) -> None:
        keys.append(message.key())
        await place.item(message)

    place.produce(("a", "1"))
    place.catch_up(place.map(place.consumer(), TOPIC, "u"), fn=item)
    place.produce(("a", "2"), topic="u")
    place.catch_up(place.map(place.consumer(), TOPIC, "u"), fn=item)
    assert keys == [b"a", b"a"]
    assert place.content == {"a": "2"}


def test_a_message_without_a_value_deletes_its_key(place: Place) -> None:  # KFK-03
    place.produce(("a", "1"), ("b", "1"))
    place.catch_up()
    place.produce(("a", None), ("unknown", None))
    place.catch_up()
    assert place.content == {"b": "1"}
    assert place.committed() == {0: 4}


def test_a_predicate_can_delete_and_can_not_keep(place: Place) -> None:  # KFK-03
    place.produce(("a", "1"), ("b", "1"), ("c", "1"))
    place.catch_up()
    place.produce(("a", "gone"), ("b", None), ("c", "2"))
    place.catch_up(place.map(is_deletion=lambda message: message.value() == b"gone"))
    assert place.content == {"c": "2"}


def test_a_predicate_that_raises_ends_the_watch(place: Place) -> None:  # KFK-03, KFK-01
    def is_deletion(message: Any) -> bool:
        raise LookupError("no schema")

    place.produce(("a", "1"))
    consumer = place.consumer()
    with pytest.raises(RuntimeError, match=r"Child component build cancelled.*no schema"):
        place.catch_up(place.map(consumer, is_deletion=is_deletion))
    assert place.bench.run(consumer.assignment()) == []
    assert place.committed() == {}


def test_messages_without_a_key_are_skipped(place: Place, caplog: pytest.LogCaptureFixture) -> None:  # KFK-04
    place.produce((None, "1"), ("a", "1"), (None, None))
    place.catch_up()
    assert place.content == {"a": "1"}
    assert place.committed() == {0: 3}
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == [f"Skipping message with null key at t/0 offset {offset}" for offset in (0, 2)]


def test_keys_run_side_by_side_and_of_one_key_the_last(place: Place) -> None:  # KFK-06, KFK-08
    place.held = {"1"}
    live = place.begin()
    place.produce(("a", "1"), ("b", "1"))
    place.let()
    assert place.ran == ["1", "1"]
    place.produce(("a", "2"), ("a", "3"), ("c", "2"))
    place.let()
    assert place.ran == ["1", "1", "2"]
    assert place.committed() == {}
    place.release()
    assert place.content == {"a": "3", "b": "1", "c": "2"}
    assert place.committed() == {0: 5}
    live.stop()


# -- what is committed -----------------------------------------------------------------------------------------------------


def test_only_what_is_finished_without_a_gap_is_committed(place: Place) -> None:  # KFK-07
    place.held = {"v1", "v3"}
    live = place.begin()
    backlog(place, 5)
    place.let()
    assert place.committed() == {0: 1}
    place.release("v3")
    assert place.committed() == {0: 1}
    place.release("v1")
    assert place.committed() == {0: 5}
    live.stop()


def test_a_superseded_message_counts_as_finished_and_the_last_one_blocks(place: Place) -> None:  # KFK-08
    place.held = {"first", "last"}
    live = place.begin()
    place.produce(("a", "first"), ("a", "never"), ("a", "last"))
    place.let()
    assert place.ran == ["first"]
    assert place.committed() == {}
    place.release("first")
    assert place.ran == ["first", "last"]
    assert place.committed() == {0: 2}
    place.release()
    assert place.committed() == {0: 3}
    live.stop()


@pytest.mark.parametrize("serial_calls", [True, False])
@pytest.mark.parametrize("seed", range(10))
def test_commits_never_go_back_whatever_goes_wrong(seed: int, serial_calls: bool) -> None:  # KFK-10, EDGE-06
    place = Place(SeededRandom(Streams(seed).schedule), partitions=4, serial_calls=serial_calls)
    for nth, kind in enumerate(("delayed", "fails", "ack_lost", "delayed", "fails"), 1):
        place.cluster.inject("commit", kind, nth=nth)
    live = place.begin()
    last: dict[str, str] = {}
    for _ in range(20):
        last |= backlog(place, 40, partitions=4)
        place.let(0.3)
    place.let(30)
    assert place.content == last
    for partition in range(4):
        offsets = [one.offset for one in place.cluster.commits if one.partition == partition]
        assert offsets == sorted(offsets)
    assert sum(place.committed().values()) == 800
    live.stop()
    place.bench.close()


def test_a_commit_that_fails_is_logged_and_made_good_later(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    # KFK-10
    place.cluster.inject("commit", "fails")
    live = place.begin()
    place.produce(("a", "1"))
    place.let(5)
    assert "Failed to commit offset of t/0 at 1" in caplog.text
    assert place.committed() == {0: 1}
    live.stop()


def test_a_crash_between_processing_and_commit_delivers_again(place: Place) -> None:  # KFK-20
    place.produce(("a", "1"), ("b", "1"))
    place.cluster.inject("commit", "fails", times=100)
    place.begin()
    assert place.content == {"a": "1", "b": "1"}
    place.crash()
    place.cluster.lift()
    assert place.committed() == {}
    place.ran.clear()
    place.catch_up()
    assert sorted(place.ran) == ["1", "1"]
    assert place.content == {"a": "1", "b": "1"}
    assert place.committed() == {0: 2}


def test_what_was_handed_over_and_not_finished_is_delivered_again_after_the_end(place: Place) -> None:  # KFK-07
    place.produce(("a", "1"), ("b", "1"), ("c", "2"))
    place.held = {"1"}
    live = place.begin()
    live.stop()  # gives up what is in flight
    assert place.committed() == {}
    place.held.clear()
    place.catch_up()
    assert place.content == {"a": "1", "b": "1", "c": "2"}


# -- what goes wrong -------------------------------------------------------------------------------------------------------


def test_a_message_whose_failure_is_taken_counts_as_finished(place: Place) -> None:  # KFK-09
    place.failing = {"poison"}
    place.produce(("a", "1"), ("b", "poison"), ("c", "1"))
    place.catch_up()
    assert place.content == {"a": "1", "c": "1"}
    assert [str(error) for error in place.errors] == ["poison"]
    assert place.committed() == {0: 3}


def test_a_message_whose_failure_nobody_takes_is_logged_and_counts_as_finished(place: Place) -> None:  # KFK-09
    place.failing = {"poison"}
    place.produce(("a", "poison"), ("b", "1"))
    place.catch_up(handled=False)
    assert place.content == {"b": "1"}
    assert place.committed() == {0: 2}


def test_a_handler_that_raises_sticks_the_partition(wide: Place, caplog: pytest.LogCaptureFixture) -> None:
    # KFK-09, EDGE-05
    wide.failing, wide.handler_raises = {"poison"}, True
    wide.produce(("a", "1"), ("b", "poison"), ("c", "1"), partition=0)
    wide.produce(("d", "1"), partition=1)
    live = wide.begin()
    wide.let(60)
    assert not live.is_ready
    assert wide.content == {"a": "1", "c": "1", "d": "1"}  # the others go on
    wide.produce(("e", "1"), partition=0)
    wide.let()
    assert wide.content["e"] == "1"
    assert wide.committed() == {0: 1, 1: 1}
    assert "t/0 offset 1 is not finished" in caplog.text
    live.stop()
    wide.failing.clear()
    wide.catch_up()  # a restart delivers it again
    assert wide.content["b"] == "poison"
    assert wide.committed() == {0: 4, 1: 1}


def test_a_catch_up_update_ends_with_what_a_handler_raised(place: Place) -> None:  # KFK-09
    place.failing, place.handler_raises = {"poison"}, True
    place.produce(("a", "1"), ("b", "poison"), ("c", "1"))
    with pytest.raises(RuntimeError, match=r"Child component build cancelled.*poison"):
        place.catch_up()
    assert place.content == {"a": "1", "c": "1"}
    assert place.committed() == {0: 1}


def test_an_item_that_can_not_even_begin_does_not_end_the_feed(place: Place) -> None:  # KFK-09, LIV-06
    class Row:
        def __init__(self, message: Any) -> None:
            if message.value() == b"poison":
                raise ValueError("no row")
            self.message = message

        async def process(self) -> None:
            await place.item(self.message)

        async def process_live(self, operator: Any) -> None:
            await operator.update_full()

    place.produce(("a", "poison"), ("b", "1"))
    place.catch_up(fn=Row)
    assert place.content == {"b": "1"}
    assert [str(error) for error in place.errors] == ["no row"]
    assert place.committed() == {0: 2}


def test_errors_of_the_consumer_are_reported_and_it_goes_on(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    # KFK-05
    backlog(place, 5)
    place.cluster.inject("poll", "error", times=2)
    place.catch_up()
    assert len(place.content) == 5
    assert place.committed() == {0: 5}
    assert "Consumer error" in caplog.text
    assert [type(error).__name__ for error in place.errors] == ["KafkaException"] * len(place.errors)
    assert place.errors


def test_a_minute_without_brokers_is_waited_out(place: Place) -> None:  # KFK-05, KFK-16
    live = place.begin()
    place.produce(("a", "1"))
    place.let(5)
    place.cluster.stop_broker()
    place.let(60)
    place.cluster.start_broker()
    place.produce(("b", "1"))
    place.until(lambda: place.committed() == {0: 2})
    assert place.content == {"a": "1", "b": "1"}
    live.stop()


def test_brokers_lost_while_catching_up_do_not_make_it_ready(place: Place) -> None:  # KFK-11
    backlog(place, 5)
    place.held = {"v0"}
    live = place.begin()
    place.cluster.stop_broker()
    place.release()
    place.let(60)
    place.cluster.start_broker()
    place.until(lambda: live.is_ready)
    assert len(place.content) == 5
    live.stop()


def test_it_leaves_the_group_however_it_ends(place: Place) -> None:  # KFK-01
    consumer = place.consumer()
    live = place.begin(place.map(consumer))
    assert place.cluster.members("g") != {}
    live.stop()
    assert place.bench.run(consumer.assignment()) == []
    assert place.cluster.members("g") == {}
    place.produce(("a", "1"))
    place.catch_up(place.map(consumer))  # and can be used again
    assert place.content == {"a": "1"}
    assert place.cluster.members("g") == {}


# -- other members ---------------------------------------------------------------------------------------------------------

ASSIGNORS = ["range", "roundrobin", "cooperative-sticky"]


@pytest.mark.parametrize("assignor", ASSIGNORS)
def test_what_goes_to_another_member_is_finished_and_committed_first(wide: Place, assignor: str) -> None:  # KFK-14
    live = wide.begin(wide.map(wide.consumer(partition_assignment_strategy=assignor)))
    backlog(wide, 40, partitions=4)
    wide.held = {"v30", "v31", "v32", "v33"}
    wide.let()
    wide.cluster.join_member("g", topics=[TOPIC], strategy=assignor)
    wide.let(1)
    wide.release()
    wide.let(30)
    mine, others = wide.cluster.members("g").values()
    assert len(mine) == len(others) == 2
    assert sum(wide.committed().values()) == 40
    live.stop()


@pytest.mark.parametrize("assignor", ASSIGNORS)
def test_what_does_not_end_in_time_is_given_up_and_not_committed(wide: Place, assignor: str) -> None:  # KFK-14
    live = wide.begin(wide.map(wide.consumer(partition_assignment_strategy=assignor)))
    wide.held = {f"v{number}" for number in range(40)}
    backlog(wide, 40, keys=40, partitions=4)
    wide.let()
    wide.cluster.join_member("g", topics=[TOPIC], strategy=assignor)
    wide.let(30)
    wide.release()
    wide.let(30)
    mine = next(owned for name, owned in wide.cluster.members("g").items() if "scripted" not in name)
    assert set(wide.committed()) <= {number for _, number in mine}
    live.stop()


def test_it_ends_promptly_while_partitions_are_being_handed_over(wide: Place) -> None:  # KFK-01, KFK-14
    live = wide.begin()
    wide.held = {f"v{number}" for number in range(40)}
    backlog(wide, 40, keys=40, partitions=4)
    wide.let()
    wide.cluster.join_member("g", topics=[TOPIC])
    wide.let(1)
    began_s = wide.bench.loop.time()
    live.stop()
    assert wide.bench.loop.time() - began_s < 1.0
    assert list(wide.cluster.members("g")) == [name for name in wide.cluster.members("g") if "scripted" in name]
    assert wide.committed() == {}


@pytest.mark.parametrize("assignor", ASSIGNORS)
def test_partitions_come_back_and_are_followed_where_they_were_committed(wide: Place, assignor: str) -> None:  # KFK-14
    live = wide.begin(wide.map(wide.consumer(partition_assignment_strategy=assignor)))
    wide.cluster.join_member("g", topics=[TOPIC], strategy=assignor)
    wide.let(30)
    last = backlog(wide, 40, partitions=4)
    wide.let(5)
    assert len(wide.content) < len(last)
    wide.cluster.leave_member("g")
    wide.let(30)
    assert wide.content == last
    assert sum(wide.committed().values()) == 40
    live.stop()


@pytest.mark.parametrize("assignor", ASSIGNORS)
def test_a_rebalance_while_catching_up_does_not_make_it_ready_too_soon(wide: Place, assignor: str) -> None:  # KFK-11
    last = backlog(wide, 40, partitions=4)
    wide.held = {"v30", "v31", "v32", "v33"}
    live = wide.begin(wide.map(wide.consumer(partition_assignment_strategy=assignor)))
    wide.cluster.rebalance("g")
    wide.let(60)
    assert not live.is_ready
    wide.release()
    wide.until(lambda: live.is_ready)
    assert wide.content == last
    live.stop()


def test_lost_partitions_are_not_committed(wide: Place) -> None:  # KFK-14
    live = wide.begin()
    wide.held = {"v0"}
    backlog(wide, 8, keys=8, partitions=1)
    wide.let()
    wide.cluster.inject("rebalance", "lost")
    wide.let(60)
    wide.release()
    wide.let(60)
    assert wide.committed() == {0: 8}
    assert wide.ran.count("v0") >= 1
    live.stop()


# -- back-pressure ---------------------------------------------------------------------------------------------------------


def test_no_more_is_taken_than_can_be_in_flight(wide: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    # Whatever the size of the topic, memory holds so many messages.
    monkeypatch.setattr(following, "IN_FLIGHT_MAX", 20)
    monkeypatch.setattr(following, "BATCH", 10)
    last = backlog(wide, 400, keys=400, partitions=4)
    wide.held = set(last.values())
    live = wide.begin()
    wide.let(400)  # longer than a consumer may go without being called
    assert len(wide.ran) <= 40
    assert len(wide.cluster.members("g")) == 1
    wide.release()
    wide.until(lambda: live.is_ready)
    assert wide.content == last
    assert sum(wide.committed().values()) == 400
    live.stop()


def test_large_messages_are_counted_by_their_bytes(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "IN_FLIGHT_BYTES_MAX", 1_000)
    monkeypatch.setattr(following, "BATCH", 1)
    values = [str(number) * 100 for number in range(9)]
    place.produce(*[(f"k{number}", value * 5) for number, value in enumerate(values)])
    place.held = {value * 5 for value in values}
    live = place.begin()
    place.let(10)
    assert len(place.ran) == 2
    place.release()
    place.until(lambda: live.is_ready)
    assert len(place.content) == 9
    live.stop()


# -- streams ---------------------------------------------------------------------------------------------------------------


class Subscriber:
    """Takes messages; each is ready when `release` says so."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.marked = 0
        self.hold: asyncio.Event | None = None

    async def send(self, message: Any) -> Any:
        self.got.append(message)
        return self

    async def ready(self) -> None:
        if self.hold is not None:
            await self.hold.wait()

    async def mark_ready(self) -> None:
        self.marked += 1


def test_a_stream_gives_every_message_and_its_payloads_the_values(place: Place) -> None:  # KFK-17
    place.produce(("a", "1"), (None, "2"), ("b", None), (None, None))
    for group, subscriber, view in (("g", Subscriber(), False), ("h", Subscriber(), True)):
        stream = kafka.topic_as_stream(place.consumer(group), [TOPIC])
        watching = place.bench.loop.create_task((stream.payloads() if view else stream).watch(subscriber))
        place.let(2)
        assert subscriber.marked == 1
        got = [one if view else (one.key(), one.value()) for one in subscriber.got]
        assert got == ([b"1", b"2"] if view else [(b"a", b"1"), (None, b"2"), (b"b", None), (None, None)])
        assert place.committed(group) == {0: 4}
        watching.cancel()
        place.let()


def test_a_stream_commits_what_is_ready(place: Place) -> None:  # KFK-07, KFK-17, FEED-15
    subscriber = Subscriber()
    subscriber.hold = asyncio.Event()
    stream = kafka.topic_as_stream(place.consumer(), [TOPIC])
    place.produce(("a", "1"))
    watching = place.bench.loop.create_task(stream.watch(subscriber))
    place.let()
    assert len(subscriber.got) == 1
    assert (place.committed(), subscriber.marked) == ({}, 0)
    subscriber.hold.set()
    place.let()
    assert (place.committed(), subscriber.marked) == ({0: 1}, 1)
    watching.cancel()
    place.let()


def test_one_stream_has_one_watcher_whichever_view_it_has(place: Place) -> None:  # KFK-18, FEED-14
    stream = kafka.topic_as_stream(place.consumer(), [TOPIC])
    first = place.bench.loop.create_task(stream.watch(Subscriber()))
    place.let()
    with pytest.raises(RuntimeError, match="single active watch"):
        place.bench.run(stream.payloads().watch(Subscriber()))
    first.cancel()
    place.let()
    again = place.bench.loop.create_task(stream.payloads().watch(Subscriber()))
    place.let()
    assert not again.done()
    again.cancel()
    place.let()


def test_the_package_of_the_client_is_named_when_it_is_missing() -> None:  # KFK-19
    program = (
        "import sys; sys.modules['confluent_kafka'] = None\n"
        "try:\n    import cocoindex_sim.connectors.kafka\n"
        "except ImportError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "cocoindex[kafka]" in done.stdout
