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
import inspect
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
from collections import Counter, OrderedDict, UserDict, UserList, deque, namedtuple
from collections.abc import Callable, Mapping, Set
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pydantic
import pytest
from freezegun import freeze_time
from hypothesis import given, settings
from hypothesis import strategies as st

import cocoindex_sim as coco
from cocoindex_sim.engine import fingerprint_bytes, fingerprint_object, fingerprint_str
from cocoindex_sim.engine._fingerprint import fingerprint_call

fp = coco.memo_fingerprint


def same(*values: object) -> bool:
    return len(set(map(fp, values))) == 1


def distinct(*values: object) -> bool:
    return len(set(map(fp, values))) == len(values)


class Color(enum.Enum):
    RED = "r"
    BLUE = 2.5


class Mode(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass
class Data:
    a: Any
    hidden: int = dataclasses.field(default=0, compare=False)


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


def function(*args: Any) -> None:
    pass


# --- what is equal (MEM-03) ---


def canonical(value: Any) -> Any:
    """A hashable stand-in that is equal exactly for values the contract calls equal (MEM-03)."""
    if isinstance(value, float):
        return ("float", "nan" if math.isnan(value) else (value, math.copysign(1, value)))
    if isinstance(value, Mapping):
        return ("mapping", frozenset(Counter((canonical(k), canonical(v)) for k, v in value.items()).items()))
    if isinstance(value, Set):
        return ("set", frozenset(Counter(map(canonical, value)).items()))
    if isinstance(value, (str, bytes, int)) or value is None:
        return (type(value).__name__, value)
    return ("sequence", tuple(map(canonical, value)))


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


ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, -1, 2**64, 0.0, -0.0, 1.0, math.nan, -math.nan, math.inf, "", "0", "1", "a", b"", b"a"]),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.binary(max_size=3),
)
SEQUENCES: list[Callable[[list[Any]], Any]] = [
    list,
    tuple,
    deque,
    UserList,
    lambda items: namedtuple("Row", [f"f{n}" for n in range(len(items))])(*items),
]
MAPPINGS: list[Callable[[list[Any]], Any]] = [
    dict,
    OrderedDict,
    lambda items: MappingProxyType(dict(items)),
    lambda items: dict(reversed(list(dict(items).items()))),
]
SETS: list[Callable[[list[Any]], Any]] = [set, frozenset]


def made_of(pairs: list[tuple[Any, Any]], kinds: list[Any]) -> st.SearchStrategy[tuple[Any, Any]]:
    """Two containers, the first of the first items and the second of the second, of kinds that may differ."""
    kind = st.sampled_from(kinds)
    return st.tuples(kind, kind).map(lambda two: (two[0]([a for a, _ in pairs]), two[1]([b for _, b in pairs])))


def keyed(pairs: list[tuple[Any, Any]], keys: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    both = zip(keys, pairs, strict=False)
    return [((key_a, a), (key_b, b)) for (key_a, key_b), (a, b) in both]


SAME_ATOM = ATOMS.map(lambda atom: (atom, atom))
ATOM_PAIRS = st.one_of(
    SAME_ATOM, SAME_ATOM, SAME_ATOM, st.tuples(ATOMS, ATOMS)
)  # mostly equal, or containers never are
PAIRS = st.recursive(
    st.one_of(ATOM_PAIRS, st.integers(0, 3).map(lambda n: (range(n), list(range(n))))),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).flatmap(lambda pairs: made_of(pairs, SEQUENCES)),
        st.builds(keyed, st.lists(inner, max_size=3), st.lists(ATOM_PAIRS, min_size=3, max_size=3)).flatmap(
            lambda pairs: made_of(pairs, MAPPINGS)
        ),
        st.lists(ATOM_PAIRS, max_size=3).flatmap(lambda pairs: made_of(pairs, SETS)),
        st.tuples(inner, inner).map(lambda two: (two[0][0], two[1][1])),
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(PAIRS)
def test_nested_values_have_one_fingerprint_exactly_if_they_are_equal(pair: tuple[Any, Any]) -> None:  # MEM-03
    one, other = pair
    assert same(one, other) == (canonical(one) == canonical(other))


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


def test_values_that_python_calls_equal_can_be_different() -> None:  # MEM-03
    assert distinct(1, True, 1.0, "1", b"1")
    assert distinct(0, False, 0.0, -0.0, None, "", b"", [], {}, set())
    assert distinct([1], [True], [1.0], {1}, {1: 1}, {1.0: 1}, {1: True})
    assert distinct([[1], 2], [[1, 2]], [1, 2], [[], 1, 2])
    assert distinct("ab", ["a", "b"], ["ab"], ["a", "b", ""])


class Point(NamedTuple):
    x: int
    y: int


class Size(NamedTuple):
    width: int
    height: int


def test_sequences_of_equal_items_are_alike() -> None:  # MEM-03
    for other in ((0, 1), range(2), range(0, 2, 1), deque([0, 1]), Point(0, 1), Size(0, 1), UserList([0, 1])):
        assert same([0, 1], other)
    assert distinct([0, 1], [1, 0], [0], [0, 1, 2])


def test_mappings_of_equal_items_are_alike_in_any_order() -> None:  # MEM-03
    one = {"a": 1, "b": 2}
    for other in ({"b": 2, "a": 1}, OrderedDict(b=2, a=1), MappingProxyType(one), UserDict(one), Counter(one)):
        assert same(one, other)
    assert distinct(one, {"a": 2, "b": 1}, {"a": 1}, {"a": "b", 1: 2}, [("a", 1), ("b", 2)])


def test_a_set_is_alike_frozen_or_not_and_in_any_order() -> None:  # MEM-03
    assert same({8, 0, 16}, frozenset([16, 8, 0]))
    assert same({"x", None, (1,)}, {(1,), "x", None})
    assert distinct({1}, {2}, {1, 2}, {(1, 2)})


def test_all_nans_are_alike() -> None:  # MEM-03
    other = -float("nan")
    assert same(math.nan, other)
    assert same({"x": [math.nan]}, {"x": (other,)})


class Text(str):
    pass


class Whole(int):
    def __index__(self) -> int:
        return 99

    __str__ = __repr__ = lambda self: "99"


class Real(float):
    pass


class Raw(bytes):
    pass


class Level(enum.IntEnum):
    LOW = 7


class Word(enum.StrEnum):
    YES = "yes"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Text("x"), "x"),
        (Whole(3), 3),
        (Real(0.5), 0.5),
        (Real("nan"), math.nan),
        (Raw(b"x"), b"x"),
        (Level.LOW, 7),
        (Word.YES, "yes"),
    ],
)
def test_an_instance_of_a_subclass_equals_the_plain_primitive(value: object, plain: object) -> None:  # MEM-02
    assert same(value, plain)
    assert same([value], [plain])


# --- values of other kinds ---


EQUAL: list[tuple[Any, Any]] = [
    ({1}, {1: 2}.keys()),
    (b"x", bytearray(b"x")),
    (b"x", memoryview(b"x")),
    (1.5, np.float64(1.5)),
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
    (1, np.int64(1)),
    (Color.RED, "r"),
    (Color.RED, Color.BLUE),
    (Mode.READ, Mode.READ | Mode.WRITE),
    (Plain(a=1), Plain(a=2)),
    (Plain(a=1), {"a": 1}),
    (Plain(a=Keyed(1)), Plain(a=Keyed(2))),
    (pathlib.Path("a"), "a"),
    (pathlib.PurePosixPath("a"), pathlib.PureWindowsPath("a")),
    (int, "int"),
    (int, str),
    (function, "tests.engine.test_fingerprint.function"),
    (datetime.datetime(2020, 1, 1), datetime.date(2020, 1, 1)),
    (datetime.datetime(2020, 1, 1), "2020-01-01T00:00:00"),
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


@dataclasses.dataclass
class Spot:
    x: int
    label: str = dataclasses.field(default="", compare=False)


@dataclasses.dataclass
class Other:
    x: int
    label: str = dataclasses.field(default="", compare=False)


@dataclasses.dataclass
class SubSpot(Spot):
    pass


class Labelled(pydantic.BaseModel):
    x: int
    label: str = ""


class OtherLabelled(pydantic.BaseModel):
    x: int
    label: str = ""


class SubLabelled(Labelled):
    pass


class OpenModel(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    x: int


@pytest.mark.parametrize(("cls", "sub", "other"), [(Spot, SubSpot, Other), (Labelled, SubLabelled, OtherLabelled)])
def test_an_object_with_fields_counts_with_its_type_and_all_its_fields(
    cls: Any, sub: Any, other: Any
) -> None:  # MEM-04
    assert same(cls(x=1, label="a"), cls(x=1, label="a"))
    assert distinct(cls(x=1), cls(x=2), cls(x=1, label="a"), sub(x=1), other(x=1), {"x": 1, "label": ""}, (1, ""))


def test_a_field_that_does_not_compare_counts() -> None:  # MEM-04
    assert Spot(1, "a") == Spot(1, "b")
    assert not same(Spot(1, "a"), Spot(1, "b"))


def test_a_default_that_was_not_set_counts_as_set() -> None:  # MEM-04
    assert Labelled(x=1).model_fields_set != Labelled(x=1, label="").model_fields_set
    assert same(Labelled(x=1), Labelled(x=1, label=""))
    assert same(Spot(1), Spot(1, ""))


def test_extra_fields_of_a_model_count() -> None:  # MEM-04
    assert distinct(
        OpenModel(x=1), OpenModel.model_validate({"x": 1, "y": 2}), OpenModel.model_validate({"x": 1, "y": 3})
    )


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
    iter(lambda: 0, 1),
    sys.stdout,
]


@pytest.mark.parametrize("value", UNSUPPORTED, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("around", [lambda value: value, lambda value: {"k": [value]}, lambda value: Plain(a=value)])
def test_what_has_no_fingerprint_is_named(value: Any, around: Callable[[Any], Any]) -> None:
    # MEM-01, MEM-06
    with pytest.raises(TypeError, match=r"Unsupported type for memoization key: .*`__coco_memo_key__"):
        fp(around(value))


# --- sharing (SE-05) ---


def test_one_object_in_two_places_counts_like_two_equal_ones() -> None:  # MEM-07, SE-05
    part = ["x" * 100]
    assert same([part, part], [["x" * 100], ["x" * 100]])
    spot = Spot(1)
    assert same({"a": spot, "b": [spot]}, {"a": Spot(1), "b": [Spot(1)]})
    plain = Plain()
    assert same((plain, plain), (Plain(), Plain()))


def unshared(value: Any) -> Any:
    """A copy in which no container occurs twice."""
    if isinstance(value, list):
        return [unshared(item) for item in value]
    return {key: unshared(item) for key, item in value.items()} if isinstance(value, dict) else value


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ld"), st.lists(st.integers(0, 9), min_size=1, max_size=3)), max_size=6))
def test_sharing_never_shows(steps: list[tuple[str, list[int]]]) -> None:  # MEM-07, SE-05
    made: list[Any] = [0, [1], {"k": "v"}]
    for kind, picks in steps:
        parts = [made[pick % len(made)] for pick in picks]
        made.append(parts if kind == "l" else dict(enumerate(parts)))
    assert same(made, unshared(made))


def test_sharing_is_cheap() -> None:  # MEM-07, SE-05
    value: list[Any] = []
    for _ in range(200):  # written out, 2**200 lists
        value = [value, value]
    assert len(fp(value)) == 16


def test_nesting_may_be_deep() -> None:
    deep: Any = []
    for _ in range(250):
        deep = [deep]
    assert fp(deep) == fp(copy.copy(deep))


# --- as bytes ---


def test_a_fingerprint_is_16_bytes() -> None:
    assert len(fp("x")) == 16
    assert isinstance(fp("x"), bytes)
    assert fp("x") == fingerprint_object("x")
    assert fingerprint_str("é") == fingerprint_bytes("é".encode())
    assert len({fingerprint_bytes(b"x"), fingerprint_object("x"), fingerprint_object(b"x")}) == 3


def test_a_fingerprint_survives_a_pickle() -> None:
    assert pickle.loads(pickle.dumps(fp("x"))) == fp("x")


MANY: list[Any] = [
    *(value for pair in EQUAL + DIFFERENT for value in pair),
    set("abcdefgh"),
    {(c, "x") for c in "abcdefgh"},
    Plain(s=set("abcdefgh")),
    Struct(frozenset("abcdefgh")),
    {"a", "b", ("e", 1), None, frozenset(["x", frozenset(["z", "w"])])},
    {"a": {"b", "c"}, ("d",): {"e": 1}, None: 2},
    Counter("hello"),
    complex(1, 2),
    inspect.Parameter.KEYWORD_ONLY,
    coco.Settings(db_path="state"),
    OrderedDict,
    os.path.join,
    types.SimpleNamespace(b={"p", "q", "r"}, a=1),
]
SCRIPT = """
import sys
sys.path.insert(0, {root!r})
from tests.engine.test_fingerprint import MANY, fp
print(hash("a"), *(fp(value).hex() for value in MANY))
"""


def test_fingerprints_do_not_depend_on_the_process_or_its_hash_seed() -> None:  # MEM-03, MEM-06
    here = [fp(value).hex() for value in MANY]
    root = str(pathlib.Path(__file__).parents[2])
    for seed in ("0", "1", "4711"):
        seeded, *there = subprocess.run(
            [sys.executable, "-c", SCRIPT.format(root=root)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        assert seeded != str(hash("a"))  # the seed is another one
        assert there == here
