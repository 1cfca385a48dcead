# Goal: what is committed is in the targets, or is about to be overtaken by what is not committed yet.

import pytest

from cocoindex_sim.world._oracles._offsets import offsets

# What the targets hold after 0, 1, ... messages: a is set, b is set, a is set again, b is removed.
PREFIXES = [{}, {"a": 1}, {"a": 1, "b": 2}, {"a": 3, "b": 2}, {"a": 3}]


def violated(offset: int, actual: dict[str, int], prefixes: list[dict[str, int] | None] | None = None) -> list[str]:
    violation = offsets("someone", offset, actual, PREFIXES if prefixes is None else prefixes, {"failed"})
    return [] if violation is None else [line for line in violation.lines if not line.startswith(" ")]


@pytest.mark.parametrize("offset", range(5))
def test_what_is_in_the_targets_may_be_committed(offset: int) -> None:
    assert violated(offset, PREFIXES[offset]) == []


@pytest.mark.parametrize(("offset", "keys"), [(1, []), (2, []), (3, ["a"]), (4, ["a", "b"])])
def test_what_is_not_in_the_targets_may_not_unless_a_later_message_supersedes_it(
    offset: int, keys: list[str]
) -> None:  # KFK-08
    actual = {"a": 1, "b": 2} if offset > 1 else {}
    assert violated(offset, actual) == keys


def test_without_later_messages_the_last_one_counts() -> None:
    assert violated(2, {"a": 1}, PREFIXES[:3]) == ["b"]
    assert violated(1, {}, PREFIXES[:2]) == ["a"]


def test_what_failed_and_was_reported_is_excepted_and_what_is_not_known_is_not_judged() -> None:
    assert violated(1, {}, [{}, {"failed": 1}]) == []
    assert violated(1, {}, [{}, None]) == []
