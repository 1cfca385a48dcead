# Goal: every mistake about Kafka in a scenario is refused with its place and one exact sentence.

from pathlib import Path

import pytest

from cocoindex_sim.scenario import parse_scenarios
from cocoindex_sim.values import ScenarioError

STEPS = {
    "kafka.create: [a]": ("19: expected the name of a topic, or a mapping from topic to partitions, found a list"),
    "kafka.create: {a: 0}": ("23: expected a number of partitions, found 0; the least is 1"),
    "kafka.produce: {}": ("20: `kafka.produce` produces nothing; write at least one message"),
    "kafka.produce: a": ("20: expected a mapping from topic to messages, found 'a' (text)"),
    "kafka.produce: {a: b}": ("24: expected a mapping from key to value, or a list of messages, found 'b' (text)"),
    "kafka.produce: {a: [{kee: b}]}": (
        "26: unknown part of a message 'kee'; did you mean 'key'? known: key, value, partition, headers"
    ),
    "kafka.produce: {a: [{}]}": ("25: a message without key and value says nothing; write `{key: a, value: b}`"),
    "kafka.produce: {a: {b: [c]}}": ("28: expected text, !!binary, or nothing, found a list"),
    "kafka.tombstone: {}": ("22: `kafka.tombstone` deletes nothing; name at least one key"),
    "kafka.expire: {a: b}": ("23: expected an offset, found 'b' (text)"),
    "kafka.compact: {tombstones: true}": ("20: `topic:` is missing; name what is compacted"),
    "kafka.broker: stopp": ("19: nothing called 'stopp' happens to brokers; did you mean 'stop'? known: stop, start"),
    "kafka.broker: {stop: 1, start: 2}": ("19: expected one of `stop:` and `start:`, found both"),
    "kafka.member: {topics: a}": (
        "19: expected one of `join:` and `leave:`, found neither; write it with the name of a group"
    ),
    "kafka.member: {join: g}": ("19: `topics:` is missing; name what the member subscribes to"),
    "kafka.member: {leave: g, topics: a}": ("38: a member that leaves needs no topics"),
    "kafka.rebalance: {a: b}": ("22: expected the name of a group, found a mapping"),
    "kafka.inject: {fault: fails}": (
        "19: `at:` is missing; write what goes wrong at which call, as in `{fault: fails, at: commit}`"
    ),
    "kafka.inject: {fault: fails, at: comit}": (
        "38: unknown call 'comit'; did you mean 'commit'? known: poll, commit, produce, metadata, rebalance, broker"
    ),
    "kafka.inject: {fault: stalls, at: poll}": (
        "27: 'stalls' can't happen at 'poll'; did you mean 'stall'? known: error, stall"
    ),
    "expect: {kafka: [a]}": ("21: expected a mapping from topic to what each key has, found a list"),
    "expect: {committed: {g: {t: [a]}}}": ("34: expected an offset, or none, found 'a' (text)"),
}


@pytest.mark.parametrize("text", STEPS)
def test_a_step_that_is_wrong_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("")
    with pytest.raises(ScenarioError) as caught:
        parse_scenarios(f"app: main.py\nsteps:\n  - {text}\n  - update\n", path=Path("x.coco.yaml"), base=tmp_path)
    assert str(caught.value) == f"x.coco.yaml:3:{STEPS[text]}"
