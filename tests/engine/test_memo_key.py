"""Goal: a memo key holds what `memo_key` says of each argument, and nothing about how the call was written."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

import cocoindex_sim as coco

from .bench import Bench


def ran_for(bench: Bench, memo_key: Any, *calls: tuple[tuple[Any, ...], dict[str, Any]]) -> list[Any]:
    """The arguments of the calls that ran, made one after the other in one component."""
    ran: list[Any] = []

    @coco.fn(memo=True, memo_key=memo_key)
    def body(a: Any, b: Any = 1, *args: Any, c: Any = 2, **kw: Any) -> None:
        ran.append((a, b, args, c, kw))

    def main() -> None:
        for positional, named in calls:
            body(*positional, **named)

    bench.update(bench.app(main))
    return ran


def call(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return args, kwargs


def test_a_parameter_can_be_left_out(bench: Bench) -> None:
    # MEM-09
    assert len(ran_for(bench, {"a": None}, call(1), call(2), call(a=3), call(threading.Lock()))) == 1


def test_other_parameters_still_count(bench: Bench) -> None:
    # MEM-09
    assert len(ran_for(bench, {"a": None}, call(1, 1), call(1, 2), call(1, c=3), call(1, 2, 3))) == 4


def test_a_parameter_can_be_transformed(bench: Bench) -> None:
    # MEM-09
    ran = ran_for(bench, {"a": lambda a: a % 10}, call(1), call(11), call(a=21), call(2))
    assert [a for a, *_ in ran] == [1, 2]


def test_an_omitted_optional_argument_is_not_transformed(bench: Bench) -> None:
    # MEM-09
    seen: list[Any] = []
    ran_for(bench, {"b": seen.append, "c": seen.append}, call(1), call(1, 5))
    assert seen == [5]


def test_spread_parameters_are_transformed_as_one(bench: Bench) -> None:
    # MEM-09
    keep = {"args": lambda args: args[:1], "kw": lambda kw: {"x": kw.get("x")}}
    ran = ran_for(bench, keep, call(1, 2, 3, 4, x=5, y=6), call(1, 2, 3, 9, x=5), call(1, 2, 4, x=5), call(1, 2))
    assert len(ran) == 3
    assert len(ran_for(bench, {"args": None, "kw": None}, call(1, 2, 3, x=4), call(1, 2, 5), call(1, 2, y=6))) == 1


@pytest.mark.parametrize(
    ("memo_key", "text"),
    [
        ({"args": list}, r"memo_key transform for \*args must return tuple, got list"),
        ({"kw": len}, r"memo_key transform for \*\*kw must return dict, got int"),
    ],
)
def test_a_transform_of_spread_parameters_keeps_their_kind(bench: Bench, memo_key: Any, text: str) -> None:
    # MEM-09
    with pytest.raises(TypeError, match=text):
        ran_for(bench, memo_key, call(1))


def test_what_a_transform_raises_reaches_the_caller(bench: Bench) -> None:
    # MEM-09
    with pytest.raises(ZeroDivisionError):
        ran_for(bench, {"a": lambda a: 1 / a}, call(0))


def test_a_call_that_does_not_fit_fails_as_the_function_says(bench: Bench) -> None:
    # MEM-09
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'a'"):
        ran_for(bench, {"b": None}, call())


@pytest.mark.parametrize(
    ("memo_key", "kind", "text"),
    [
        ({"z": None}, ValueError, r"Unknown memo_key parameter\(s\) for .*body\(\): z; it has a, b"),
        ({"a": 3}, TypeError, r"memo_key\['a'\] for .*body\(\) must be a callable or None, got 3"),
        ([("a", None)], TypeError, "must map parameter names to callables or None"),
    ],
)
def test_a_memo_key_is_checked_when_the_function_is_decorated(memo_key: Any, kind: type[Exception], text: str) -> None:
    # MEM-09
    def body(a: int, b: int) -> None: ...

    for decorate in (coco.fn, coco.fn.as_async):
        with pytest.raises(kind, match=text):
            decorate(memo=True, memo_key=memo_key)(body)


class Repo:
    def __init__(self, name: str, ran: list[Any]) -> None:
        self.name = name
        self.ran = ran

    @coco.fn(memo=True, memo_key={"self": lambda self: self.name})
    def by_name(self, x: int) -> None:
        self.ran.append((self.name, x))

    @coco.fn(memo=True, memo_key={"self": None})
    def by_nothing(self, x: int) -> None:
        self.ran.append(x)


def test_self_can_be_transformed_and_left_out(bench: Bench) -> None:
    # MEM-09
    ran: list[Any] = []

    def main() -> None:
        for name in ("a", "a", "b"):
            Repo(name, ran).by_name(1)
            Repo(name, ran).by_nothing(1)

    bench.update(bench.app(main))
    assert ran == [("a", 1), 1, ("b", 1)]


class Stated:
    def __init__(self, name: str, asked: list[str]) -> None:
        self.name = name
        self.asked = asked

    def __coco_memo_key__(self) -> str:
        return self.name

    def __coco_memo_state__(self, previous: Any) -> coco.MemoStateOutcome:
        self.asked.append(self.name)
        return coco.MemoStateOutcome(1, memo_valid=True)


def test_state_functions_are_those_of_what_is_in_the_key(bench: Bench) -> None:
    # MEM-09, MEM-20
    asked: list[str] = []
    one, other = Stated("one", asked), Stated("other", asked)
    ran_for(bench, {"a": None}, call(one))
    assert asked == []
    ran_for(bench, {"a": lambda a: other}, call(one))
    assert asked == ["other"]


def test_a_component_is_keyed_like_a_call(bench: Bench) -> None:
    # MEM-09, FN-14
    ran: list[int] = []
    argument = [1]

    @coco.fn(memo=True, memo_key={"x": lambda x: x % 10})
    def child(x: int) -> None:
        ran.append(x)

    async def main() -> None:
        await coco.mount(child, argument[0])

    app = bench.app(main)
    for argument[0] in (1, 11, 2):
        bench.update(app)
    assert ran == [1, 2]


@pytest.mark.parametrize(
    ("one", "other", "is_equal"),
    [
        (call(1, 2), call(1, b=2), True),
        (call(1, 2), call(b=2, a=1), True),
        (call(1, 2, c=3), call(a=1, c=3, b=2), True),
        (call(1), call(a=1), True),
        (call(1), call(1, 1), False),  # FN-07: what is omitted stays omitted
        (call(1, c=2), call(1), False),
        (call(1, x=2), call(1, 2), False),
    ],
)
def test_positions_and_names_are_the_same_argument(bench: Bench, one: Any, other: Any, is_equal: bool) -> None:
    # SE-05
    assert len(ran_for(bench, None, one, other)) == (1 if is_equal else 2)


def test_a_positional_only_parameter_is_not_mistaken_for_a_keyword(bench: Bench) -> None:
    # SE-05
    ran: list[Any] = []

    @coco.fn(memo=True)
    def body(a: int, b: int = 0, /, c: int = 0, **kw: int) -> None:
        ran.append((a, b, c, kw))

    def main() -> None:
        body(1, 2)
        body(1, b=2)
        body(1, c=2)

    bench.update(bench.app(main))
    assert ran == [(1, 2, 0, {}), (1, 0, 0, {"b": 2}), (1, 0, 2, {})]


def test_the_same_spelling_rules_hold_for_async_functions(bench: Bench) -> None:
    # SE-05, MEM-09
    ran: list[int] = []

    def make(**options: Any) -> Callable[..., Any]:
        @coco.fn(memo=True, **options)
        async def body(a: int, b: int) -> None:
            ran.append(a)

        return body

    plain, keyed = make(), make(memo_key={"b": None})

    async def main() -> None:
        await plain(1, b=2)
        await plain(b=2, a=1)
        await keyed(3, b=2)
        await keyed(a=3, b=7)

    bench.update(bench.app(main))
    assert ran == [1, 3]
