# Goal: every assignor gives each partition to one member that wants it, evenly; the sticky one moves no more than it has to.

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocoindex_sim.fakes.kafka._assignors import ASSIGNORS, Subscriber

PARTITIONS = st.dictionaries(st.sampled_from("tuv"), st.integers(1, 7), min_size=1)
MEMBERS = st.integers(1, 5)


def members(count: int, topics: tuple[str, ...]) -> list[Subscriber]:
    return [Subscriber(f"m{number}", topics, ()) for number in range(count)]


@pytest.mark.parametrize("name", ASSIGNORS)
@given(partitions=PARTITIONS, count=MEMBERS)
def test_each_partition_has_one_owner(name: str, partitions: dict[str, int], count: int) -> None:
    assigned = ASSIGNORS[name](members(count, tuple(sorted(partitions))), partitions)
    owned = Counter(partition for each in assigned.values() for partition in each)
    assert owned == {(topic, index): 1 for topic, total in partitions.items() for index in range(total)}


@pytest.mark.parametrize("name", ["roundrobin", "cooperative-sticky"])
@given(partitions=PARTITIONS, count=MEMBERS)
def test_nobody_has_two_more_than_another(name: str, partitions: dict[str, int], count: int) -> None:
    sizes = [len(each) for each in ASSIGNORS[name](members(count, tuple(sorted(partitions))), partitions).values()]
    assert max(sizes) - min(sizes) <= 1


def test_range_gives_neighbours_topic_by_topic() -> None:
    assert ASSIGNORS["range"](members(2, ("t", "u")), {"t": 3, "u": 1}) == {
        "m0": [("t", 0), ("t", 1), ("u", 0)],
        "m1": [("t", 2)],
    }


@given(partitions=PARTITIONS, count=MEMBERS)
def test_a_sticky_member_that_joins_takes_only_its_share_and_gets_it_once_it_is_free(
    partitions: dict[str, int], count: int
) -> None:
    assign, topics = ASSIGNORS["cooperative-sticky"], tuple(sorted(partitions))
    before = assign(members(count, topics), partitions)
    old = [Subscriber(name, topics, tuple(owned)) for name, owned in before.items()]
    first = assign([*old, Subscriber("new", topics, ())], partitions)
    assert first["new"] == []  # what moves belongs to somebody still
    for name, owned in before.items():
        assert set(first[name]) <= set(owned)
    moved = sum(partitions.values()) - sum(map(len, first.values()))
    assert moved == sum(partitions.values()) // (count + 1)
    second = assign([Subscriber(name, topics, tuple(owned)) for name, owned in first.items()], partitions)
    assert len(second["new"]) == moved
    assert {name: owned for name, owned in second.items() if name != "new"} == {
        name: sorted(owned) for name, owned in first.items() if name != "new"
    }


@pytest.mark.parametrize("name", ASSIGNORS)
def test_a_topic_goes_only_to_those_who_want_it(name: str) -> None:
    assigned = ASSIGNORS[name]([Subscriber("a", ("t",), ()), Subscriber("b", ("u",), ())], {"t": 2, "u": 1})
    assert assigned == {"a": [("t", 0), ("t", 1)], "b": [("u", 0)]}
