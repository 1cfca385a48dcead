# Goal: what a story expects of data is put right by what is, and nothing else of it changes.

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cocoindex_sim.scenario import parse_scenarios, plain_story
from cocoindex_sim.world import Expect, ExpectationFailed, Limits, Story, update_expectations

ROOT = Path(__file__).parents[2]

KAFKA = """
app: examples/files_to_kafka/main.py
given:
  files: {docs/a.md: one, docs/b.md: two}
  kafka: {other: {partitions: 2}}
steps: [%s]
"""
MAPS = """
source: scenarios/maps/sources/measure.py:%s
given: {map: {a: apples, b: bananas}}
steps: [%s]
"""


def story_of(text: str) -> Story:
    (story,) = parse_scenarios(text.lstrip(), path=Path("x.coco.yaml"), base=ROOT)
    return story


def looks(story: Story) -> list[Any]:
    steps: Any = plain_story(story)["steps"]
    return [step["expect"] for step in steps if "expect" in step]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("update, expect: {rows: {a: x, c: y}}", {"rows": {"a": "apples", "b": "bananas"}}),
        ("update, expect: {rows: {b: {contains: nan}, a: {matches: ^b}}}", {"rows": {"b": {"contains": "nan"}, "a": "apples"}}),
        ("update, expect: {rows: {a: apples, b: bananas}, actions: 7}", {"rows": {"a": "apples", "b": "bananas"}, "actions": 2}),
        ("update, expect: {stats: {mirror_entry: {num_adds: 0}, num_errors: 3}}", {"stats": {"num_errors": 0, "mirror_entry": {"num_adds": 2}}}),
    ],
)  # fmt: skip
def test_rows_counts_and_actions_become_what_they_are(steps: str, expected: dict[str, Any]) -> None:
    story = story_of(MAPS % ("view", steps))
    updated = update_expectations(story)
    assert looks(updated) == [expected]
    assert update_expectations(updated) is updated


def test_actions_are_counted_since_the_last_look() -> None:
    steps = "update, expect: {actions: {}}, map.set: {c: cherries}, update, expect: {actions: {/x: 1}}"
    updated = update_expectations(story_of(MAPS % ("view", steps)))
    first, second = (look["actions"] for look in looks(updated))
    assert list(first.values()) == [1, 1]
    assert list(second.values()) == [1]
    assert not set(first) & set(second)


def test_topics_and_committed_offsets_become_what_they_are() -> None:
    text = """
app: examples/kafka_to_files/main.py
given: {kafka: {orders: {partitions: 2, messages: [{key: a, value: '{"tea": 1}', partition: 0}]}}}
steps:
  - update
  - expect: {committed: {order-files: {orders: [7, 7]}}, kafka: {orders: {b: x}}, targets: {}}
"""
    (found,) = looks(update_expectations(story_of(text)))
    assert found["committed"] == {"order-files": {"orders": [1, "none"]}}
    assert found["kafka"] == {"orders": {"a": '{"tea": 1}'}}
    assert list(found["targets"]) == ["orders/61.json"]


def test_a_story_that_expects_what_is_is_the_same() -> None:
    story = story_of(MAPS % ("view", "update, expect: {rows: {a: apples, b: bananas}}"))
    assert update_expectations(story) is story


@pytest.mark.parametrize(
    ("look", "verdict"),
    [
        ("{kafka: {nowhere: {a: b}}}", "the topics are not as expected"),
        ("{stats: {nobody: {num_adds: 1}}}", "the counters are not as expected"),
        ("{ready: false, rows: {}}", "the rows are not as expected; the update is ready"),
        ("{order: [component_failed]}", ""),
        ("{logs: [{contains: x}]}", ""),
    ],
)
def test_what_can_t_be_put_right_by_other_data_fails_as_always(look: str, verdict: str) -> None:
    story = story_of(MAPS % ("view", f"update, expect: {look}"))
    with pytest.raises(ExpectationFailed) as caught:
        update_expectations(story)
    assert caught.value.verdict.startswith(verdict)


def test_other_steps_and_other_looks_stay() -> None:
    story = story_of(MAPS % ("view", "update, expect: {rows: {}, diff: {}}, map.delete: a, update, expect: {rows: {}}"))
    updated = update_expectations(story)
    last = story.steps[-1]
    assert isinstance(last, Expect)
    assert updated.steps[0] is story.steps[0]
    assert replace(updated, steps=story.steps) == story
    assert looks(updated) == [{"rows": {"a": "apples", "b": "bananas"}, "diff": {}}, {"rows": {"b": "bananas"}}]


def test_a_run_that_goes_too_far_is_ended() -> None:
    story = story_of(MAPS % ("view", "update, expect: {rows: {}}"))
    with pytest.raises(ExpectationFailed, match="LimitError"):
        update_expectations(story, limits=Limits(steps_max=5))
