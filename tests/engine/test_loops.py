"""Goal: values that contain themselves have fingerprints by value: where one enters, and what is shared, does not show."""

from __future__ import annotations

import copy
import functools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocoindex_sim.engine._fingerprint import fingerprint_call

from .test_fingerprint import distinct, fp, same


class Node:
    def __init__(self, name: object) -> None:
        self.name = name
        self.next: Node | None = None


def ring(*names: object, make: Callable[[Any], Any] = Node) -> Any:
    nodes = [make(name) for name in names]
    for node, following in zip(nodes, [*nodes[1:], nodes[0]], strict=True):
        node.next = following
    return nodes[0]


def looped(depth: int) -> list[Any]:
    """Lists in one another, the innermost holding the list at this depth."""
    outer: list[Any] = ["outer"]
    inner: list[Any] = ["inner", outer if depth == 0 else None]
    inner[1] = inner if depth else outer
    outer.append(inner)
    return outer


def test_a_value_may_contain_itself() -> None:  # MEM-07
    assert same(ring("a", "b"), ring("a", "b"))
    assert distinct(ring("a", "b"), ring("b", "a"), ring("a"), ring("a", "b", "c"))
    mapping: dict[str, Any] = {}
    mapping["self"] = [mapping]
    assert same(mapping, copy.deepcopy(mapping))
    assert distinct(mapping, {"self": [{}]}, [mapping])


def test_it_counts_where_a_loop_leads_back_to() -> None:  # MEM-07
    assert same(looped(0), looped(0))
    assert same(looped(1), looped(1))
    assert not same(looped(0), looped(1))


def test_it_counts_how_long_a_loop_of_equal_parts_is() -> None:  # MEM-07
    assert distinct(ring("a"), ring("a", "a"), ring("a", "a", "a"))
    own: list[Any] = []
    own.append(own)
    other: list[Any] = [[]]
    other[0].append(other)
    assert distinct(own, other, [own])


def test_a_part_of_a_loop_counts_alike_wherever_it_was_met_first() -> None:  # MEM-07, SE-05
    one, other = ring("a", "b"), ring("a", "b")
    assert same([one, one.next], [one, other.next], [other, ring("b", "a")])
    assert same({"p": one, "q": one.next}, {"q": other.next, "p": one})
    assert same({one, one.next}, {other.next, one})


def test_two_loops_in_one_value_count_like_one_of_them_twice() -> None:  # MEM-07, SE-05
    one = ring("a")
    assert same([ring("a"), ring("a")], [one, one])
    assert distinct([ring("a"), ring("b")], [ring("b"), ring("a")], [one, one], [one])


def linked(kinds: str, links: list[tuple[int, int]]) -> list[Any]:
    """Lists, and objects that hold a list, linked by their numbers."""
    made: list[Any] = [[] if kind == "l" else Node([kind]) for kind in kinds]
    for at, to in links:
        whole = made[at % len(made)]
        (whole if isinstance(whole, list) else whole.name).append(made[to % len(made)])
    return made


LINKED = st.builds(
    linked,
    st.text("lxy", min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=8),
)


@given(LINKED, st.integers(0, 4), st.integers(0, 4))
def test_it_does_not_show_whether_a_part_is_the_same_or_a_copy(made: list[Any], first: int, then: int) -> None:
    # MEM-07, SE-05
    one, other = made[first % len(made)], made[then % len(made)]
    assert same([one, other], [one, copy.deepcopy(other)], copy.deepcopy([one, other]))
    assert same({"a": one, "b": other}, {"b": other, "a": copy.deepcopy(one)})


def walked(whole: Any, steps: int) -> int:
    """Stands for what is seen of a value within so many steps."""

    @functools.cache
    def seen(number: int, steps: int) -> int:
        value = objects[number]
        if steps == 0 or isinstance(value, str):
            return hash(value) if isinstance(value, str) else 0
        items = [value.name] if isinstance(value, Node) else value
        return hash((type(value), *(seen(numbered(item), steps - 1) for item in items)))

    def numbered(value: Any) -> int:
        for number, known in enumerate(objects):
            if known is value:
                return number
        objects.append(value)
        return len(objects) - 1

    objects: list[Any] = []
    return seen(numbered(whole), steps)


@given(LINKED, LINKED)
def test_values_that_a_walk_tells_apart_are_told_apart(one: list[Any], other: list[Any]) -> None:  # MEM-07
    if walked(one[0], 20) != walked(other[0], 20):
        assert distinct(one[0], other[0])


class Stated(Node):
    def __coco_memo_key__(self) -> object:
        return [self.name, self.next]

    def __coco_memo_state__(self, previous: Any) -> Any:
        return self.name


def test_the_state_functions_in_a_loop_are_found_in_one_order() -> None:  # MEM-07, MEM-20
    def found(*args: Any) -> tuple[bytes, list[Any]]:
        fingerprint, states = fingerprint_call(b"f" * 16, args, {})
        return fingerprint, [state(None) for state in states]

    one, other = (ring("a", "b", "c", make=Stated) for _ in range(2))
    assert sorted(found(one)[1]) == ["a", "b", "c"]
    assert found([one, one.next]) == found([other, ring("b", "c", "a", make=Stated)])
    assert found(Stated("before"), one)[1][0] == "before"


def test_a_web_of_objects_is_refused_rather_than_followed_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    # MEM-07
    whole = ring(*range(100))
    assert len(fp(whole)) == 16
    monkeypatch.setattr("cocoindex_sim.engine._loops._STEPS_MAX", 1_000)
    with pytest.raises(TypeError, match="refer to each other in too many ways; give it `__coco_memo_key__"):
        fp(whole)


def test_a_tree_whose_nodes_know_their_parents_is_cheap(monkeypatch: pytest.MonkeyPatch) -> None:  # MEM-07
    monkeypatch.setattr("cocoindex_sim.engine._loops._STEPS_MAX", 60_000)
    root: dict[str, Any] = {"children": []}
    for _ in range(1_000):
        leaf: dict[str, Any] = {"parent": root, "text": "equal"}
        root["children"].append(leaf)
    assert len(fp(root)) == 16


SCRIPT = """
import sys
sys.path.insert(0, {root!r})
from tests.engine.test_loops import Stated, fp, looped, ring
a, b = ring("a", "b", "c"), ring("c", "d")
for value in (a, [a, a.next], {{a, b, a.next, b.next}}, looped(0), looped(1), ring("a", "a", make=Stated)):
    print(fp(value).hex())
"""


def test_fingerprints_of_loops_do_not_depend_on_the_hash_seed() -> None:  # MEM-07
    said = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT.format(root=str(Path(__file__).parents[2]))],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(said) == 1
    assert len(said.pop().split()) == 6
