# Goal: stories about Kafka happen on librdkafka's mock cluster, with the real clients and topics that outlive processes.

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cocoindex_sim.arms import Arm, ArmError, Elsewhere, Limits, Nursery, real_arm, sim_only
from cocoindex_sim.arms._kafka import PARTITIONS, MockCluster
from cocoindex_sim.scenario import parse_scenarios
from cocoindex_sim.world import CreateTopics, ExpireMessages, Place, ProduceMessages, TopicMessage

ROOT = Path(__file__).resolve().parent.parent.parent
PLACE = Place(Path("a.coco.yaml"), 1)


@pytest.fixture
def cluster() -> Iterator[MockCluster]:
    cluster = MockCluster()
    yield cluster
    cluster.close()


@pytest.mark.real
def test_a_topic_is_folded_key_by_key_across_its_partitions(cluster: MockCluster) -> None:
    cluster.take(CreateTopics(PLACE, (("notes", 1),)))
    assert cluster.topics == {"notes": PARTITIONS}
    messages = [
        TopicMessage("notes", b"a", b"1"),
        TopicMessage("notes", b"b", b"1", partition=3),
        TopicMessage("notes", b"a", b"2"),
        TopicMessage("notes", None, b"of no key"),
        TopicMessage("notes", b"b", None, partition=3),
    ]
    cluster.take(ProduceMessages(PLACE, tuple(messages)))
    assert cluster.fold("notes") == {b"a": b"2"}
    assert cluster.has_topic("notes")
    assert not cluster.has_topic("other")


@pytest.mark.real
def test_what_only_a_simulated_cluster_can_do_is_refused(cluster: MockCluster) -> None:
    with pytest.raises(ArmError, match="this cluster can't take ExpireMessages"):
        cluster.take(ExpireMessages(PLACE, (("notes", None),)))


@pytest.mark.real
def test_messages_become_files_and_a_killed_process_goes_on_where_it_was(tmp_path: Path, nursery: Nursery) -> None:
    text = """\
app: scenarios/kafka/pipelines/pages.py
given: {kafka: {drafts: {messages: {a: apples, b: bananas}}}}
steps:
  - start: {live: true}
  - ready
  - expect: {terminates: false, targets: {pages/a.txt: apples, pages/b.txt: bananas}}
  - crash
  - kafka.produce: {drafts: {a: apricots}}
  - kafka.tombstone: {drafts: b}
  - restart
  - update
  - expect: {targets: {pages/a.txt: apricots}}
"""
    (story,) = parse_scenarios(text, path=Path("a.coco.yaml"), base=ROOT)
    assert sim_only(story, real_arm()) is None
    with Elsewhere(story, real_arm(), tmp_path / "site", nursery=nursery, limits=Limits(within_s=120)) as elsewhere:
        elsewhere.run()


@pytest.mark.real
def test_what_a_pipeline_sends_is_looked_at_in_its_topic(tmp_path: Path, nursery: Nursery, arm: Arm) -> None:
    text = """\
app: examples/files_to_kafka/main.py
given:
  files: {notes/a.txt: apple, notes/b.txt: banana}
  kafka: {notes: {}}
steps:
  - update
  - expect: {kafka: {notes: {a.txt: apple, b.txt: banana}}}
  - fs.remove: notes/a.txt
  - update
  - expect: {kafka: {notes: {b.txt: banana}}}
"""
    (story,) = parse_scenarios(text, path=Path("a.coco.yaml"), base=ROOT)
    with Elsewhere(story, arm, tmp_path / "site", nursery=nursery, limits=Limits(within_s=120)) as elsewhere:
        elsewhere.run()


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ("kafka.produce: {drafts: [{key: a, value: b, partition: 4}]}", "topics of the mock cluster have 4 partitions"),
        ("kafka.expire: drafts", "the mock cluster keeps its messages"),
        ("kafka.compact: drafts", "a real cluster compacts when it likes"),
        ("kafka.broker: stop", "brokers are stopped in the simulation only"),
        ("kafka.rebalance: pages", "a real cluster shares out when it likes"),
        ("kafka.produce: {drafts: {a: b}}", None),
    ],
)
def test_what_the_mock_cluster_does_not_have_is_simulated_only(step: str, reason: str | None) -> None:
    text = f"app: scenarios/kafka/pipelines/pages.py\nsteps: [{step}, update, expect: {{targets: {{}}}}]\n"
    (story,) = parse_scenarios(text, path=Path("a.coco.yaml"), base=ROOT)
    assert sim_only(story, real_arm()) == reason
