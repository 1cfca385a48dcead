"""Goal: two values have one fingerprint exactly when the contract calls them equal, in every process."""

from __future__ import annotations

import collections
import copy
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import math
import os
import pathlib
import pickle
import re
import subprocess
import sys
import threading
import types
import uuid
import zoneinfo
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pydantic
import pytest
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st

import cocoindex_sim as coco
from cocoindex_sim.engine import Process, fingerprint_bytes, fingerprint_object, fingerprint_str
from cocoindex_sim.engine._fingerprint import fingerprint_call

from .bench import Bench

fp = coco.memo_fingerprint


class Color(enum.Enum):
    RED = "r"
    BLUE = 2.5


class Level(enum.IntEnum):
    LOW = 1


class Mode(enum.Flag):
    READ = 1
    WRITE = 2


class Pair(NamedTuple):
    a: int
    b: int


class Other(NamedTuple):
    c: int
    d: int


@dataclasses.dataclass
class Data:
    a: Any
    hidden: int = dataclasses.field(default=0, compare=False)


class SubData(Data):
    pass


class Struct(msgspec.Struct):
    a: Any


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    a: Any = 1
    b: int = 2

    @functools.cached_property
    def double(self) -> int:
        return self.b * 2


model: Any = Model  # with whatever fields


class Plain:
    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def __setattr__(self, name: str, value: Any) -> None:
        self.__dict__[name] = value


class Slotted:
    __slots__ = ("a",)

    def __init__(self, a: Any) -> None:
        self.a = a


class Keyed:
    def __init__(self, key: Any) -> None:
        self.key = key

    def __coco_memo_key__(self) -> object:
        return self.key


class SubKeyed(Keyed):
    pass


class Client(coco.NotMemoKeyable):
    pass


class Text(str):
    def __coco_memo_key__(self) -> object:
        return "never asked"


def function(*args: Any) -> None:
    pass


# --- what is equal (MEM-03): a model of the contract, to compare with ---

_tag = {bool: "bool", int: "int", float: "float", str: "str", bytes: "bytes", type(None): "none"}


def canonical(value: Any) -> Any:
    """A hashable stand-in that is equal exactly for values the contract calls equal."""
    if isinstance(value, float):
        return "float", "nan" if math.isnan(value) else value.hex()  # hex tells -0.0 from 0.0
    if type(value) in _tag:
        return _tag[type(value)], value
    if isinstance(value, list | tuple | collections.deque):
        return "sequence", tuple(map(canonical, value))
    if isinstance(value, dict):
        return "mapping", frozenset((canonical(key), canonical(one)) for key, one in value.items())
    return "set", frozenset(map(canonical, value))


primitives = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.integers()
    | st.sampled_from([0.0, -0.0, 1.0, float("nan"), float("inf")])
    | st.floats()
    | st.sampled_from(["", "1", "a", "ab", "s1:a", "\ud800", "é"])
    | st.text(max_size=4)
    | st.sampled_from([b"", b"1", b"a", b"n"])
)
keys = st.recursive(primitives, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=4)


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.lists(inner, max_size=3).map(collections.deque)
        | st.dictionaries(keys, inner, max_size=3)
        | st.frozensets(keys, max_size=3)
        | st.lists(inner, min_size=1, max_size=2).map(lambda items: items * 2)  # shared parts
    )


values = st.recursive(primitives, containers, max_leaves=8)


@given(values, values)
def test_fingerprints_are_equal_exactly_for_equal_values(one: Any, other: Any) -> None:
    # MEM-03, MEM-07
    assert (fp(one) == fp(other)) == (canonical(one) == canonical(other))
    assert fp(copy.deepcopy(one)) == fp(one)


@given(st.lists(values, max_size=3), st.dictionaries(st.text(max_size=2), values, max_size=2), st.data())
def test_calls_are_told_apart_by_their_arguments(args: list[Any], kwargs: dict[str, Any], data: st.DataObject) -> None:
    # FN-07
    other_args = data.draw(st.just(args) | st.lists(values, max_size=3))
    other_kwargs = data.draw(st.just(kwargs) | st.dictionaries(st.text(max_size=2), values, max_size=2))
    same = canonical([args, kwargs]) == canonical([other_args, other_kwargs])
    call, _ = fingerprint_call(b"f" * 16, tuple(args), kwargs)
    other, _ = fingerprint_call(b"f" * 16, tuple(other_args), dict(reversed(other_kwargs.items())))
    assert (call == other) == same
    assert fingerprint_call(b"g" * 16, tuple(args), kwargs)[0] != call


EQUAL: list[tuple[Any, Any]] = [
    ([1, 2], (1, 2)),
    ([0, 1, 2], range(3)),
    ([1, 2], Pair(1, 2)),
    (Pair(1, 2), Other(1, 2)),
    ([1], collections.UserList([1])),
    ({1: 2}, types.MappingProxyType({1: 2})),
    ({1: 2}, collections.OrderedDict({1: 2})),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ({1, 2}, frozenset({2, 1})),
    ({1}, {1: 2}.keys()),
    (b"x", bytearray(b"x")),
    (b"x", memoryview(b"x")),
    (1, Level.LOW),
    ("x", Text("x")),
    (1.5, np.float64(1.5)),
    (float("nan"), -float("nan")),
    (pathlib.Path("a/b"), pathlib.Path("a") / "b"),
    (np.arange(3), np.array([0, 1, 2])),
    (np.arange(6)[::2], np.array([0, 2, 4])),
    (np.float32(1.5), np.float32(1.5)),
    (re.compile("a"), re.compile("a")),
    (Data(1), Data(1)),
    (Struct({1}), Struct({1})),
    (Plain(a=1, b=2), Plain(b=2, a=1)),
    (Plain(a=Keyed(1)), Plain(a=Keyed(1))),
    (Slotted([1]), Slotted([1])),
    (Model(), Model(a=1, b=2)),
    (model(c=1, d=2), model(d=2, c=1)),
    (datetime.datetime(2020, 1, 1), datetime.datetime(2020, 1, 1)),
    (datetime.UTC, datetime.timezone(datetime.timedelta())),
    (decimal.Decimal("1.0"), decimal.Decimal("1.0")),
    (fractions.Fraction(1, 2), fractions.Fraction(2, 4)),
    (functools.partial(function, 1), functools.partial(function, 1)),
    (list[int], list[int]),
    (ValueError(1), ValueError(1)),
    (Plain(a=1).__init__, Plain(a=1).__init__),  # type: ignore[misc]  # bound methods
]


@pytest.mark.parametrize(("one", "other"), EQUAL, ids=repr)
def test_equal_values(one: Any, other: Any) -> None:
    # MEM-02..04, MEM-06
    assert fp(one) == fp(other)


DIFFERENT: list[tuple[Any, Any]] = [
    (1, True),
    (1, 1.0),
    (1, "1"),
    (0.0, -0.0),
    ("a", b"a"),
    ([1], {1}),
    ([], {}),
    ({}, set()),
    ([1, [2]], [[1], 2]),
    (["ab"], ["a", "b"]),
    (1, np.int64(1)),
    (Color.RED, "r"),
    (Color.RED, Color.BLUE),
    (Mode.READ, Mode.READ | Mode.WRITE),
    (Data(1, 0), Data(1, 1)),
    (Data(1), SubData(1)),
    (Data(1), {"a": 1, "hidden": 0}),
    (Model(b=2), Model(b=3)),
    (model(c=1), Model()),
    (Keyed(1), SubKeyed(1)),
    (Keyed(1), 1),
    (Plain(a=1), Plain(a=2)),
    (Plain(a=1), {"a": 1}),
    (Plain(a=Keyed(1)), Plain(a=Keyed(2))),
    (pathlib.Path("a"), "a"),
    (pathlib.PurePosixPath("a"), pathlib.PureWindowsPath("a")),
    (int, "int"),
    (int, str),
    (function, "tests.engine.test_fingerprint.function"),
    (datetime.datetime(2020, 1, 1), datetime.date(2020, 1, 1)),
    (datetime.datetime(2020, 1, 1), datetime.datetime(2020, 1, 1, fold=1)),
    (datetime.datetime(2020, 1, 1), datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)),
    (
        datetime.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Paris")),
        datetime.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
    ),
    (decimal.Decimal("1.0"), decimal.Decimal("1.00")),
    (uuid.UUID(int=1), uuid.UUID(int=2)),
    (re.compile("a"), re.compile("a", re.IGNORECASE)),
    (np.array([1], dtype="i4"), np.array([1], dtype="i8")),
    (functools.partial(function, 1), functools.partial(function, 2)),
    (2**70, 2**70 + 1),
    (None, "None"),
    (..., "Ellipsis"),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT, ids=repr)
def test_different_values(one: Any, other: Any) -> None:
    # MEM-03..06
    assert fp(one) != fp(other)


def test_a_fingerprint_is_16_bytes() -> None:
    assert len(fp("x")) == 16
    assert isinstance(fp("x"), bytes)
    assert fp("x") == fingerprint_object("x")
    assert fingerprint_str("é") == fingerprint_bytes("é".encode())
    assert len({fingerprint_bytes(b"x"), fingerprint_object("x"), fingerprint_object(b"x")}) == 3


def test_shared_parts_count_as_copies_and_cost_nothing() -> None:
    # MEM-07, SE-05: 2**200 leaves
    shared: Any = ["leaf"]
    for _ in range(200):
        shared = [shared, shared] if len(shared) < 3 else (shared,)
    assert fp([["x"], ["x"]]) == fp([x := ["x"], x])
    assert fp(shared) == fp(copy.deepcopy(shared))


def test_nesting_may_be_deep() -> None:
    deep: Any = []
    for _ in range(250):
        deep = [deep]
    assert fp(deep) == fp(copy.copy(deep))


def local() -> tuple[Any, Any]:
    class Local:
        pass

    return Local(), lambda: None


UNSUPPORTED: list[Any] = [
    threading.Lock(),
    (_ for _ in [1]),
    lambda: None,
    local()[0],
    os,
    coco.Symbol("x"),
    coco.ROOT_PATH,
    functools.partial(lambda: None),
    {}.values(),
]


@pytest.mark.parametrize("value", UNSUPPORTED, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("around", [lambda value: value, lambda value: {"k": [value]}, lambda value: Plain(a=value)])
def test_what_has_no_fingerprint_is_named(value: Any, around: Callable[[Any], Any]) -> None:
    # MEM-01, MEM-06
    with pytest.raises(TypeError, match=r"Unsupported type for memoization key: .*`__coco_memo_key__"):
        fp(around(value))


@pytest.mark.parametrize("around", [lambda it: it, lambda it: [{"k": it}], lambda it: Plain(a=it), Keyed])
def test_not_memo_keyable_is_found_at_any_depth(around: Callable[[Any], Any]) -> None:
    # MEM-08
    with pytest.raises(TypeError, match="Client cannot be used as a memoization key"):
        fp(around(Client()))
    assert fp(Client) == fp(Client)  # the class is only a name


def test_the_most_specific_registration_counts_and_tags(bench: Bench) -> None:
    # MEM-01, MEM-05
    class Base:
        pass

    class Middle(Base):
        pass

    class Bottom(Middle):
        pass

    coco.register_memo_key_function(Base, lambda it: "key")
    assert fp(Base()) == fp(Middle()) == fp(Bottom())
    coco.register_memo_key_function(Middle, lambda it: "key")
    assert fp(Base()) != fp(Middle()) == fp(Bottom())
    coco.register_memo_key_function(Middle, lambda it: "key", state_fn=lambda it, previous: None)
    with_state = fp(Middle())
    coco.register_memo_key_function(Middle, lambda it: "key")
    assert fp(Middle()) != with_state


def test_a_hook_comes_before_a_registration_and_both_before_the_kind(bench: Bench) -> None:
    # MEM-01
    coco.register_memo_key_function(Keyed, lambda it: "registered")
    assert fp(Keyed(1)) != fp(Keyed(2))
    coco.register_memo_key_function(Data, lambda it: "registered")
    assert fp(Data(1)) == fp(Data(2))
    coco.register_memo_key_function(list, lambda it: "registered")
    assert fp([1]) == fp([2])


def test_primitives_can_not_be_overridden(bench: Bench) -> None:
    # MEM-02
    coco.register_memo_key_function(str, lambda it: "registered")
    coco.register_memo_key_function(Text, lambda it: "registered")
    assert fp("a") != fp("b")
    assert fp(Text("a")) == fp("a") != fp(Text("b"))


def test_a_hook_that_gains_a_state_function_changes_the_key() -> None:
    # MEM-05
    class Source:
        def __coco_memo_key__(self) -> object:
            return 1

    before = fp(Source())
    Source.__coco_memo_state__ = lambda self, previous: None  # type: ignore[attr-defined]
    assert fp(Source()) != before


def test_registrations_of_the_outer_process_are_found(bench: Bench) -> None:
    class Foreign:
        pass

    coco.register_memo_key_function(Foreign, lambda it: "outer")
    outer = fp(Foreign())
    with Process(bench.process.ports, bench.process).active():
        assert fp(Foreign()) == outer
        coco.register_memo_key_function(Foreign, lambda it: "inner")
        assert fp(Foreign()) != outer
    assert fp(Foreign()) == outer


def test_a_model_s_cached_properties_do_not_count() -> None:
    # MEM-04
    model = Model()
    before = fp(model)
    assert model.double == 4
    assert fp(model) == before


def test_a_frozen_clock_s_dates_are_dates() -> None:
    at = datetime.datetime(2020, 5, 17, 3)
    day = datetime.date(2020, 5, 17)
    expected = fp(at), fp(day)
    with freeze_time(at, real_asyncio=True):
        assert (fp(datetime.datetime.now()), fp(datetime.date.today())) == expected


def test_state_functions_are_found_in_the_order_of_the_key() -> None:
    # MEM-20: equal calls meet their states in one order, whatever order a dict or set gives its items in
    class Source(Keyed):
        def __coco_memo_state__(self, previous: Any) -> Any:
            return self.key

    def found(*args: Any) -> list[Any]:
        _, states = fingerprint_call(b"f" * 16, args, {})
        return [state(None) for state in states]

    items = [(name, Source(name)) for name in "dcab"]
    assert found(dict(items)) == found(dict(reversed(items)))
    assert found([Source(1), {"k": (Source(2),)}], Source(3)) == [1, 2, 3]
    shared = Source(1)
    assert found(shared, [shared]) == [1, 1]
    inner = Source("inner")
    assert found(Source(inner)) == ["inner", inner]


SCRIPT = """
import sys
sys.path.insert(0, {root!r})
from tests.engine.test_fingerprint import DIFFERENT, EQUAL, Plain, Struct, fp
unordered = [set("abcdefgh"), {{(c, "x") for c in "abcdefgh"}}, Plain(s=set("abcdefgh")), Struct(frozenset("abcdefgh"))]
for value in [*sum(map(list, EQUAL + DIFFERENT), []), *unordered]:
    print(fp(value).hex())
"""


def _fingerprints(hash_seed: str) -> Iterator[str]:
    root = str(pathlib.Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(root=root)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    yield from done.stdout.split()


def test_fingerprints_do_not_depend_on_the_process_or_its_hash_seed() -> None:
    first, *others = [list(_fingerprints(seed)) for seed in ("0", "1", "4242")]
    assert len(first) > 100
    assert all(other == first for other in others)


def test_a_fingerprint_survives_a_pickle() -> None:
    assert pickle.loads(pickle.dumps(fp("x"))) == fp("x")
