"""Goal: closures of one factory never share results, whatever they captured (SE-04)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import cocoindex_sim as coco
from cocoindex_sim.values import UsageError

from .bench import Bench


@dataclass(frozen=True)
class Frozen:
    x: Any


@dataclass
class Loose:
    x: int


class Pair(NamedTuple):
    a: int
    b: int


class Color(Enum):
    RED = 1
    BLUE = 2


class Keyed:
    def __init__(self, key: int) -> None:
        self.key = key

    def __coco_memo_key__(self) -> int:
        return self.key


def helper_of(n: int) -> Callable[[int], int]:
    def helper(x: int) -> int:
        return x + n

    return helper


def tracked_helper_of(n: int) -> Any:
    return coco.fn(helper_of(n))


def one(x: int) -> int:
    return x


def two(x: int) -> int:
    return x


def reader(captured: Any) -> Any:
    @coco.fn(memo=True)
    def read(x: int) -> int:
        assert captured is not read
        return x

    return read


def keys(bench: Bench, *closures: Any) -> list[bytes]:
    """Of one call through each closure, in a component each."""
    for closure in closures:
        assert closure.__qualname__ == closures[0].__qualname__
    return [closure.call_key((1,), {}).fingerprint for closure in closures]


DIFFERENT: list[tuple[Callable[[], Any], Callable[[], Any]]] = [
    (lambda: 1, lambda: 2),
    (lambda: 1, lambda: True),
    (lambda: "a", lambda: b"a"),
    (lambda: None, lambda: 0),
    (lambda: (1, (2,)), lambda: (1, (3,))),
    (lambda: (1, 2), lambda: Pair(1, 2)),
    (lambda: frozenset({1, 2}), lambda: frozenset({1, 3})),
    (lambda: Color.RED, lambda: Color.BLUE),
    (lambda: int, lambda: str),
    (lambda: Path("a"), lambda: Path("b")),
    (lambda: Frozen(1), lambda: Frozen(2)),
    (lambda: Keyed(1), lambda: Keyed(2)),
    (lambda: coco.Symbol("a"), lambda: coco.Symbol("b")),
    (lambda: one, lambda: two),
    (lambda: lambda x: x + 1, lambda: lambda x: x + 2),
    (lambda: helper_of(1), lambda: helper_of(2)),
    (lambda: tracked_helper_of(1), lambda: tracked_helper_of(2)),
    (lambda: reader(1), lambda: reader(2)),
    (lambda: functools.partial(one, 1), lambda: functools.partial(one, 2)),
    (lambda: functools.partial(one, x=1), lambda: functools.partial(two, x=1)),
    (lambda: "a".upper, lambda: "b".upper),
]


@pytest.mark.parametrize(("make", "make_other"), DIFFERENT)
def test_what_can_not_change_is_part_of_the_key(
    bench: Bench, make: Callable[[], Any], make_other: Callable[[], Any]
) -> None:
    # SE-04
    mine, equal, other = keys(bench, reader(make()), reader(make()), reader(make_other()))
    assert mine == equal
    assert mine != other


def both(bench: Bench, *made_with: Any) -> list[Any]:
    """Results of the same call through closures that captured these, in one component."""

    def make(captured: Any) -> Any:
        @coco.fn(memo=True)
        def closure(x: int) -> Any:
            return x, str(captured)

        return closure

    def main() -> list[Any]:
        return [make(captured)(1) for captured in made_with]

    result: list[Any] = bench.update(bench.app(main))
    return result


def test_two_closures_with_equal_arguments_give_their_own_results(bench: Bench) -> None:
    # SE-04
    assert both(bench, "a", "b", "a") == [(1, "a"), (1, "b"), (1, "a")]


@pytest.mark.parametrize("make", [list, dict, lambda: Loose(1), object])
def test_what_may_change_is_refused_when_two_closures_would_share_a_result(
    bench: Bench, make: Callable[[], Any]
) -> None:
    # SE-04
    with pytest.raises(UsageError, match=r"through two closures, and what they captured \(captured\) can't be part of"):
        both(bench, make(), make())


def test_one_object_captured_twice_is_no_reason_to_refuse(bench: Bench) -> None:
    # SE-04, FN-08
    shared: list[int] = []
    assert both(bench, shared, shared) == [(1, "[]"), (1, "[]")]


def test_async_closures_that_run_at_the_same_time_are_told_apart(bench: Bench) -> None:
    # SE-04, FN-09
    def make(captured: Any) -> Any:
        @coco.fn(memo=True)
        async def closure(x: int) -> Any:
            return captured

        return closure

    async def main(*captured: Any) -> list[Any]:
        return await coco.map(lambda closure: closure(1), [make(value) for value in captured])

    assert bench.update(bench.app(main, 1, 2, name="plain")) == [1, 2]
    with pytest.raises(UsageError, match="through two closures"):
        bench.update(bench.app(main, [1], [2], name="lists"))


def test_another_captured_value_is_a_miss_in_a_later_run(bench: Bench) -> None:
    # SE-04: inline and as component
    ran: list[Any] = []
    language = ["en"]

    def make(language: str) -> Any:
        @coco.fn(memo=True)
        def translate(x: int) -> str:
            ran.append(language)
            return language

        return translate

    async def main() -> list[str]:
        return [make(language[0])(1), await coco.use_mount(make(language[0]), 1)]

    app = bench.app(main)
    assert bench.update(app) == ["en", "en"]
    assert bench.update(app) == ["en", "en"]
    assert ran == ["en", "en"]
    language[0] = "de"
    assert bench.update(app) == ["de", "de"]


def test_a_journal_in_a_closure_does_not_cost_its_memo(bench: Bench) -> None:
    # LGC-02: what may change is not part of the key
    ran: list[int] = []
    count = 0

    @coco.fn(memo=True)
    def body(x: int) -> int:
        nonlocal count
        count += 1
        ran.append(x)
        return x

    def main() -> None:
        body(1)
        body(1)

    app = bench.app(main)
    bench.update(app)
    bench.update(app)
    assert (ran, count) == ([1], 1)


def test_a_variable_that_changes_between_calls_is_read_at_each(bench: Bench) -> None:
    # SE-04
    def main() -> list[int]:
        results = []
        for n in range(3):

            @coco.fn(memo=True)
            def body(x: int) -> int:
                return n  # noqa: B023  # the point of the test

            results.append(body(1))
        return results

    assert bench.update(bench.app(main)) == [0, 1, 2]


def test_functions_that_capture_each_other_have_a_key(bench: Bench) -> None:
    # SE-04
    def make(n: int) -> Any:
        @coco.fn(memo=True)
        def even(x: int) -> bool:
            return x == 0 or odd(x - 1)

        @coco.fn(memo=True)
        def odd(x: int) -> bool:
            return x != 0 and n > 0 and even(x - 1)

        return even

    def main() -> list[bool]:
        return [make(1)(4), make(0)(4)]

    assert bench.update(bench.app(main)) == [True, False]


def test_a_closure_is_an_argument_by_what_it_captured(bench: Bench) -> None:
    # SE-04, MEM-06
    assert coco.memo_fingerprint(reader(1)) == coco.memo_fingerprint(reader(1))
    assert coco.memo_fingerprint(reader(1)) != coco.memo_fingerprint(reader(2))


def test_a_name_that_is_not_set_yet_is_no_error(bench: Bench) -> None:
    # SE-04
    def main() -> Any:
        @coco.fn(memo=True)
        def body(x: int) -> int:
            return later if x < 0 else x

        result = body(1)
        later = 2
        return result, later

    assert bench.update(bench.app(main)) == (1, 2)
