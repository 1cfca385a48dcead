"""Topics and committed offsets beside those that were expected."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from ._compare import Difference, entry_lines, text_problem
from ._story import CommittedExpectation, Exactly, TargetExpectation, TopicExpectation

if TYPE_CHECKING:
    from ..fakes.kafka import KafkaCluster

__all__ = ["committed_offsets", "compare_committed", "compare_topics", "message_problem"]


def compare_topics(expected: Iterable[TopicExpectation], kafka: KafkaCluster) -> Difference | None:
    """All keys of each expected topic, with their last values, deleted ones left out."""
    lines: list[str] = []
    for topic, contents in expected:
        if not kafka.has_topic(topic):
            lines.append(f"missing    the topic {topic!r}; there are {', '.join(kafka.topics) or 'none'}")
            continue
        named = partial(_named, topic)
        lines += entry_lines(dict(contents), kafka.fold(topic), named=named, shown=_shown, problem=message_problem)
    return Difference("the topics are not as expected", lines) if lines else None


def compare_committed(expected: Iterable[CommittedExpectation], kafka: KafkaCluster) -> Difference | None:
    """The committed offset of each partition of each expected topic; None for a partition that has none."""
    lines: list[str] = []
    for group, topic, offsets in expected:
        if not kafka.has_topic(topic):
            lines.append(f"missing    the topic {topic!r}; there are {', '.join(kafka.topics) or 'none'}")
            continue
        held = committed_offsets(kafka, group, topic)
        if held != offsets:
            fact = f"{group!r} has committed {_listed(held)} of {topic!r}"
            lines.append(f"different  {fact}, expected {_listed(offsets)}")
    return Difference("the committed offsets are not as expected", lines) if lines else None


def committed_offsets(kafka: KafkaCluster, group: str, topic: str) -> tuple[int | None, ...]:
    """What a group has committed for each partition of a topic; None where there is nothing."""
    committed = kafka.committed(group, topic)
    return tuple(committed.get(partition) for partition in range(kafka.topics[topic]))


def _listed(offsets: Iterable[int | None]) -> str:
    return "[" + ", ".join("none" if offset is None else str(offset) for offset in offsets) + "]"


def _named(topic: str, key: bytes) -> str:
    return f"{_shown(key)} of {topic!r}"


def _shown(data: bytes) -> str:
    try:
        return repr(data.decode())
    except UnicodeDecodeError:
        return repr(data)


def message_problem(expected: TargetExpectation, actual: bytes) -> str:
    """What is wrong with the value of a message, in a few words; empty for nothing."""
    if isinstance(expected, Exactly):
        return "" if expected.data == actual else f"expected {_shown(expected.data)}"
    try:
        text = actual.decode()
    except UnicodeDecodeError:
        return "which is not UTF-8 text"
    return text_problem(expected, text)
