"""Goal: a stored value comes back as its annotation says, or there is an error; and reading one never runs code."""

from __future__ import annotations

import builtins
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import math
import os
import pathlib
import pickle
import uuid
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    Optional,
    TypedDict,
    TypeVar,
    Union,
)

import msgspec
import numpy as np
import numpy.typing as npt
import pydantic
import pydantic.dataclasses
import pytest
from freezegun import freeze_time
from hypothesis import given, settings
from hypothesis import strategies as st

import cocoindex_sim as coco
from cocoindex_sim.engine import decode_value, encode_value
from cocoindex_sim.engine._codec import annotation_of
from cocoindex_sim.ports import StoredValue
from cocoindex_sim.values import DeserializationError

from .bench import Bench

if TYPE_CHECKING:
    from .nowhere import Missing  # type: ignore  # that it can't be resolved is the point

T = TypeVar("T")


class Color(enum.Enum):
    RED = "r"
    BLUE = "b"


class Mixed(enum.Enum):
    TEXT = "r"
    NUMBER = 2.5


class Level(enum.IntEnum):
    LOW = 1


class Pair(NamedTuple):
    a: int
    b: str


@dataclasses.dataclass
class Node:
    name: str
    next: Node | None = None
    tags: set[str] = dataclasses.field(default_factory=set)
    span: tuple[int, int] = (0, 0)


class Struct(msgspec.Struct):
    a: int
    path: pathlib.Path | None = None


class Left(msgspec.Struct, tag=True):
    a: int


class Right(msgspec.Struct, tag=True):
    a: int


class Model(pydantic.BaseModel):
    at: datetime.datetime | None = None
    ids: list[uuid.UUID] = []
    color: Color = Color.RED


class StrictModel(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True)
    at: datetime.date
    pair: tuple[int, str]


@pydantic.dataclasses.dataclass
class ValidatedNode:
    name: str
    inner: Model | None = None


class Movie(TypedDict):
    name: str


class Plain:
    pass


class Custom:
    """Stored by pickle once decorated."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.value == self.value

    __hash__ = None  # type: ignore[assignment]


@dataclasses.dataclass
class Everything:
    node: Node
    struct: Struct
    model: Model
    pair: Pair
    path: pathlib.Path
    z: complex
    color: Color
    amount: decimal.Decimal
    id: uuid.UUID
    day: datetime.date
    took: datetime.timedelta
    data: bytes
    by_n: dict[int, tuple[str, ...]]


UserId = NewType("UserId", int)


class Box(msgspec.Struct, Generic[T]):
    item: T


def again(value: Any, hint: Any = Any) -> Any:
    """The value as the next run gets it."""
    return decode_value(encode_value(value), hint)


# --- with an annotation, exactly (MEM-31) ---

text = st.text(max_size=5)
dates = st.dates()
aware = st.datetimes(timezones=st.sampled_from([datetime.UTC]))
small = st.integers(-(2**63), 2**64 - 1)
nodes = st.recursive(
    st.builds(Node, text, st.none(), st.sets(text, max_size=2), st.tuples(st.just(1), st.just(2))),
    lambda inner: st.builds(Node, text, inner),
    max_leaves=3,
)
arrays = st.lists(st.floats(allow_nan=False), max_size=4).map(np.array)
paths = st.lists(st.text("ab. ", min_size=1, max_size=3), max_size=3).map(lambda parts: pathlib.Path(*parts))
models = st.builds(Model, at=st.none() | aware, ids=st.lists(st.uuids(), max_size=2), color=st.sampled_from(Color))
everything = st.builds(
    Everything,
    node=nodes,
    struct=st.builds(Struct, small, st.none() | paths),
    model=models,
    pair=st.builds(Pair, small, text),
    path=paths,
    z=st.complex_numbers(allow_nan=False),
    color=st.sampled_from(Color),
    amount=st.decimals(allow_nan=False, allow_infinity=False, places=2),
    id=st.uuids(),
    day=dates,
    took=st.timedeltas(datetime.timedelta(days=-999), datetime.timedelta(days=999)),
    data=st.binary(max_size=5),
    by_n=st.dictionaries(small, st.lists(text, max_size=2).map(tuple), max_size=2),
)
CASES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (int, small),
    (float, st.floats(allow_nan=False)),
    (bytes, st.binary(max_size=5)),
    (bytearray, st.binary(max_size=5).map(bytearray)),
    (tuple[int, str], st.tuples(small, text)),
    (tuple[int, ...], st.lists(small, max_size=3).map(tuple)),
    (set[str], st.sets(text, max_size=3)),
    (frozenset[str], st.frozensets(text, max_size=3)),
    (dict[int, list[str]], st.dictionaries(small, st.lists(text, max_size=2), max_size=2)),
    (dict[tuple[int, str], bool], st.dictionaries(st.tuples(small, text), st.booleans(), max_size=2)),
    (datetime.datetime, st.datetimes() | aware),
    (datetime.date, dates),
    (datetime.time, st.times()),
    (datetime.timedelta, st.timedeltas(datetime.timedelta(-(10**5)), datetime.timedelta(10**5))),
    (decimal.Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
    (uuid.UUID, st.uuids()),
    (Color, st.sampled_from(Color)),
    (Level, st.sampled_from(Level)),
    (Literal["a", 1], st.sampled_from(["a", 1])),
    (pathlib.Path, paths),
    (complex, st.complex_numbers(allow_nan=False)),
    (Pair, st.builds(Pair, small, text)),
    (Node, nodes),
    (Struct, st.builds(Struct, small, st.none() | st.just(pathlib.Path("x")))),
    (Left | Right, st.builds(Left, small) | st.builds(Right, small)),
    (Model, models),
    (StrictModel, st.builds(StrictModel, at=dates, pair=st.tuples(small, text))),
    (ValidatedNode, st.builds(ValidatedNode, text, st.none() | st.builds(Model))),
    (Movie, st.fixed_dictionaries({"name": text})),
    (UserId, small),
    (Annotated[int, msgspec.Meta(ge=0)], st.integers(0, 9)),
    (Box[Pair], st.builds(Box, st.builds(Pair, small, text))),
    (Everything, everything),
]


@pytest.mark.parametrize(("hint", "strategy"), CASES, ids=lambda case: str(case)[:40])
@given(data=st.data())
def test_with_an_annotation_a_value_comes_back_as_it_was(
    hint: Any, strategy: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    # MEM-30, MEM-31
    value = data.draw(strategy)
    back = again(value, hint)
    assert back == value
    assert type(back) is type(value)
    assert again(value, Optional[hint]) == value  # noqa: UP045  # of types that are no classes
    assert again(None, Optional[hint]) is None  # noqa: UP045
    assert again([value], list[hint]) == [value]
    assert again({"k": (value,)}, dict[str, tuple[hint]]) == {"k": (value,)}


@pytest.mark.parametrize("hint", [np.ndarray, npt.NDArray[np.float64], Any])
@given(array=arrays)
def test_arrays_come_back_with_type_and_shape(hint: Any, array: np.ndarray[Any, Any]) -> None:
    # MEM-30
    for back in (
        again(array, hint),
        again([array], list[hint])[0],
        again(array, hint | None if hint is not Any else Any),
    ):
        assert back.dtype == array.dtype
        assert np.array_equal(back, array)
    assert again(array.dtype) == array.dtype


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from(["i1", "u4", "f8", "c16", "?", "S3", "U2", "M8[s]", "i4,f8"]),
    st.lists(st.integers(0, 3), max_size=3),
    st.sampled_from("CF"),
)
def test_arrays_and_dtypes_come_back_as_they_were(dtype: str, shape: list[int], order: Any) -> None:  # MEM-30
    array = np.arange(math.prod(shape)).astype(dtype).reshape(shape, order=order)
    for read in (
        again(array),
        again([array])[0],
        again({"k": array}, dict[str, Any])["k"],
    ):
        assert (read.dtype, read.shape, read.tobytes()) == (array.dtype, array.shape, array.tobytes())
    assert again(array.dtype) == array.dtype


def test_the_numbers_in_an_array_come_back() -> None:  # MEM-30
    array = np.arange(6, dtype=">i4").reshape(2, 3)[:, ::-1]
    assert again(array, np.ndarray).tolist() == [[2, 1, 0], [5, 4, 3]]


# --- in which form (MEM-30) ---


@pytest.mark.parametrize("value", [1, "x", [1], {"a": 1}, Node("n"), Pair(1, "a"), Struct(1), Model(), Color.RED, None])
def test_most_values_are_stored_by_msgspec(value: object) -> None:  # MEM-30
    stored = encode_value(value)
    msgspec.msgpack.decode(stored.data, ext_hook=lambda code, data: pytest.fail(f"extension {code}"))
    assert stored.codec == "m"


@pytest.mark.parametrize("value", [pathlib.Path("a"), 1j, np.zeros(2), np.dtype("i4"), int, dict])
def test_some_values_are_stored_by_pickle(value: object) -> None:  # MEM-30
    stored = encode_value(value)
    assert stored.codec == "p"
    assert repr(pickle.loads(stored.data)) == repr(value)
    assert repr(again([value])) == repr([value])


def test_a_model_is_stored_as_json_would_have_it() -> None:  # MEM-30
    at = datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC)
    assert msgspec.msgpack.decode(encode_value(Model(at=at)).data)["at"] == "2024-01-02T00:00:00Z"


# --- without an annotation (MEM-31) ---


GENERIC: list[tuple[Any, Any]] = [
    ((1, (2,)), [1, [2]]),
    ({1}, [1]),
    (Color.RED, "r"),
    (Mixed.NUMBER, 2.5),
    (Level.LOW, 1),
    (Pair(1, "a"), [1, "a"]),
    (Node("n"), {"name": "n", "next": None, "tags": [], "span": [0, 0]}),
    (Struct(1), {"a": 1, "path": None}),
    (Model(), {"at": None, "ids": [], "color": "r"}),
    ([Model()], [{"at": None, "ids": [], "color": "r"}]),
    (decimal.Decimal("1.50"), "1.50"),
    (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (datetime.timedelta(1), "P1D"),
    (datetime.datetime(2020, 1, 1), "2020-01-01T00:00:00"),
    (datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC), datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)),
    (bytearray(b"x"), b"x"),
    ({(1, 2): 3}, {(1, 2): 3}),
    ({1: 2, "a": 3}, {1: 2, "a": 3}),
    (collections.OrderedDict(a=1), {"a": 1}),
    (pathlib.Path("a"), pathlib.Path("a")),
    ([pathlib.PurePosixPath("a")], [pathlib.PurePosixPath("a")]),
    (1j, 1j),
    ([int, list], [int, list]),
]


@pytest.mark.parametrize(("value", "expected"), GENERIC, ids=repr)
def test_without_an_annotation_values_come_back_in_generic_shapes(value: Any, expected: Any) -> None:
    # MEM-31
    back = again(value)
    assert back == expected
    assert type(back) is type(expected)


class Refused:
    def __init__(self, value: Any, why: type[Exception] = NotImplementedError, text: str = "Cannot serialize") -> None:
        self.value, self.why, self.text = value, why, text


REFUSED = [
    Refused(Plain()),
    Refused([{"k": Plain()}]),
    Refused(Node(name=Plain())),  # type: ignore[arg-type]
    Refused({1: Plain()}),
    Refused(Pair(Plain(), "")),  # type: ignore[arg-type]
    Refused(np.float32(1.5)),
    Refused(np.int64(1)),
    Refused(np.array([Plain()])),
    Refused(ValueError("x")),
    Refused(fractions.Fraction(1, 2)),
    Refused(collections.deque([1])),
    Refused(range(3)),
    Refused(object()),
    Refused(lambda: None),
    Refused(len),
    Refused(Plain),
    Refused(iter([1])),
    Refused(coco.NON_EXISTENCE),
    Refused(coco.Symbol("x")),
    Refused(type("Text", (str,), {})("x")),
    Refused(2**64, OverflowError, "ints"),
    Refused([-(2**63) - 1], OverflowError, "ints"),
    Refused("\ud800", UnicodeEncodeError, "surrogates"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: repr(case.value)[:30])
def test_what_can_not_be_read_back_is_not_written(case: Refused) -> None:
    # MEM-30
    with pytest.raises(case.why, match=case.text):
        encode_value(case.value)


MISFITS: list[tuple[Any, Any]] = [
    ("x", int),
    (True, int),
    (1.5, int),
    (1, type(None)),
    (Node("n"), Struct),
    (Pair(1, "a"), tuple[int]),
    (Color.RED, Mixed),  # an enum of several kinds of values
    (Node("n"), Union[Node, Struct]),  # noqa: UP007  # can't be told apart when read
    ({"a": 1}, collections.defaultdict[str, int]),
    ({"pair": [1]}, StrictModel),
    ({"k": 1}, pathlib.Path),
    ({"at": "no"}, Model),
    (Pair(1, "a"), Node),
]


@pytest.mark.parametrize(("value", "hint"), MISFITS, ids=repr)
def test_a_stored_value_that_does_not_fit_is_an_error(value: Any, hint: Any) -> None:
    # FN-20, MEM-32
    with pytest.raises(DeserializationError, match="can't be read as"):
        again(value, hint)


# --- pickle, for those that opted in (MEM-30, MEM-33) ---


def test_a_decorated_class_goes_by_pickle_wherever_it_stands(bench: Bench) -> None:
    # MEM-30, MEM-33
    value = Custom([1, pathlib.Path("a")])
    with pytest.raises(NotImplementedError, match="Cannot serialize"):
        encode_value(value)
    assert coco.serialize_by_pickle(Custom) is Custom
    assert encode_value(value).codec == "p"
    for hint in (Any, Custom, Custom | None):
        assert again(value, hint) == value
    assert again([value]) == [value]
    assert again({"k": value}, dict[str, Custom]) == {"k": value}


def test_unpickle_safe_lets_a_class_be_read_and_written(bench: Bench) -> None:
    # MEM-33
    stored = StoredValue("p", pickle.dumps(Custom(1)))
    with pytest.raises(DeserializationError, match=r"Forbidden global: .*Custom"):
        decode_value(stored)
    assert coco.unpickle_safe(Custom) is Custom
    assert decode_value(stored) == Custom(1)
    assert again([Custom(1)]) == [Custom(1)]
    with pytest.raises(DeserializationError, match="Forbidden global"):
        decode_value(StoredValue("p", pickle.dumps(Plain())))


def test_what_a_pickled_object_holds_is_checked_too(bench: Bench) -> None:
    # MEM-33
    coco.serialize_by_pickle(Custom)
    with pytest.raises(NotImplementedError, match=r"Cannot serialize .*Plain"):
        encode_value(Custom(Plain()))
    with pytest.raises(NotImplementedError, match="Cannot serialize <built-in function len>"):
        encode_value(Custom(len))


def test_opting_in_lasts_as_long_as_the_process(bench: Bench) -> None:
    coco.serialize_by_pickle(Custom)
    bench.crash()
    with pytest.raises(NotImplementedError, match="Cannot serialize"):
        encode_value(Custom(1))


@pytest.mark.parametrize(
    ("cls", "kind"),
    [
        (dataclasses.make_dataclass("D", ["a"]), "a dataclass"),
        (NamedTuple("N", [("a", int)]), "a named tuple"),
        (msgspec.defstruct("S", ["a"]), "a struct"),
    ],
)
def test_serialize_by_pickle_warns_about_types_with_a_form_of_their_own(bench: Bench, cls: type, kind: str) -> None:
    # MEM-33
    with pytest.warns(UserWarning, match=rf"serialize_by_pickle on {cls.__name__} \({kind}\)"):
        coco.serialize_by_pickle(cls)


EXECUTED: list[str] = []


def execute(text: str) -> None:
    EXECUTED.append(text)


class Reducing:
    """Pickles as a call."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.made = function, args

    def __reduce__(self) -> Any:
        return self.made


FORBIDDEN: dict[str, Any] = {
    "own function": lambda: Reducing(execute, "own"),
    "own class": Plain,
    "eval": lambda: Reducing(builtins.eval, f"__import__('sys').modules[{__name__!r}].execute('eval')"),
    "exec": lambda: Reducing(builtins.exec, f"__import__('sys').modules[{__name__!r}].execute('exec')"),
    "getattr": lambda: Reducing(getattr, int, "real"),
    "system": lambda: Reducing(os.system, "exit 1"),
    "buried": lambda: {"k": [1, (Reducing(execute, "buried"),)]},
    "in an array": lambda: np.array([Reducing(execute, "array")], dtype=object),
    "state": lambda: Reducing(dict, [(1, Reducing(execute, "argument"))]),
}


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_forbidden_pickle_is_refused_and_never_executed(name: str, protocol: int) -> None:  # MEM-33
    data = pickle.dumps(FORBIDDEN[name](), protocol)
    EXECUTED.clear()
    for stored in (
        StoredValue("p", data),
        StoredValue("m", msgspec.msgpack.encode(msgspec.msgpack.Ext(1, data))),
        StoredValue("m", msgspec.msgpack.encode({"k": [msgspec.msgpack.Ext(1, data)]})),
    ):
        with pytest.raises(DeserializationError, match="Forbidden global") as refused:
            decode_value(stored)
        assert isinstance(refused.value.__cause__, pickle.UnpicklingError)
    assert EXECUTED == []


def test_the_forbidden_pickles_would_do_harm() -> None:  # MEM-33
    EXECUTED.clear()
    for name in ("own function", "eval", "exec", "buried", "in an array", "state"):
        pickle.loads(pickle.dumps(FORBIDDEN[name]()))
    assert EXECUTED == ["own", "eval", "exec", "buried", "array", "argument"]


@pytest.mark.parametrize("module", ["pathlib", "numpy", "builtins"])
@pytest.mark.parametrize(
    "name", ["os.system", "sys.modules", "__import__", "Path.unlink", "ndarray.tofile", "int.real"]
)
def test_an_allowed_module_or_class_allows_nothing_inside_it(module: str, name: str) -> None:  # MEM-33
    data = b"\x80\x04\x8c%c%b\x8c%c%b\x93." % (len(module), module.encode(), len(name), name.encode())
    with pytest.raises(DeserializationError, match=f"Forbidden global: {module}.{name}"):
        decode_value(StoredValue("p", data))


@settings(deadline=None)
@given(st.sampled_from("mp"), st.binary(max_size=40))
def test_broken_bytes_are_a_deserialization_error_or_a_value(codec: str, data: bytes) -> None:  # MEM-33
    try:
        decode_value(StoredValue(codec, data))
    except DeserializationError as error:
        assert "stored value" in str(error)


@pytest.mark.parametrize("stored", [StoredValue("m", b"\xc1"), StoredValue("m", b""), StoredValue("p", b"no pickle")])
def test_damaged_data_is_an_error_of_its_own(stored: StoredValue) -> None:
    with pytest.raises(DeserializationError):
        decode_value(stored)


def test_an_unknown_extension_is_an_error() -> None:
    stored = StoredValue("m", msgspec.msgpack.encode(msgspec.msgpack.Ext(9, b"")))
    with pytest.raises(DeserializationError, match="extension code 9"):
        decode_value(stored)


def test_a_frozen_clock_s_dates_are_stored_as_dates() -> None:
    with freeze_time("2020-05-17 03:00:00", real_asyncio=True):
        stored = encode_value([datetime.datetime.now(), datetime.date.today()])
    assert decode_value(stored, tuple[datetime.datetime, datetime.date]) == (
        datetime.datetime(2020, 5, 17, 3),
        datetime.date(2020, 5, 17),
    )


# --- annotations (MEM-32) ---


def bare(n: int):  # type: ignore[no-untyped-def]  # without an annotation
    return Point(n)


def annotated(n: int) -> Point:
    return Point(n)


def forward(n: int) -> Later | None:
    return Later(n)


def unresolvable(n: int) -> Missing:
    return Point(n)


def beside_an_unresolvable(n: Missing) -> Point:
    return Point(n)


class Point(NamedTuple):
    n: int


@dataclasses.dataclass
class Later:
    n: int


def two_runs(bench: Bench, memoised: Any) -> list[object]:
    """What a call gives the first time, and read back."""
    got: list[object] = []

    def main() -> None:
        got.append(memoised(1))

    app = bench.app(main)
    bench.update(app)
    bench.update(app)
    return got


@pytest.mark.parametrize(
    ("function", "first", "again"),
    [
        (bare, Point(1), [1]),  # MEM-31
        (annotated, Point(1), Point(1)),  # MEM-31
        (forward, Later(1), Later(1)),
        (unresolvable, Point(1), [1]),
        (beside_an_unresolvable, Point(1), Point(1)),
    ],
)
def test_a_hit_is_read_as_the_return_annotation_says(
    bench: Bench, function: Any, first: object, again: object
) -> None:  # MEM-31, MEM-32
    assert two_runs(bench, coco.fn(memo=True)(function)) == [first, again]


def test_an_annotation_is_resolved_at_first_use_and_not_before(bench: Bench) -> None:  # MEM-32
    names: dict[str, Any] = {}
    exec("def make(n: int) -> 'Defined': return Defined(n)", names)
    names["make"].__module__ = __name__
    memoised = coco.fn(memo=True, logic_tracking=None)(names["make"])
    names["Defined"] = Later
    assert two_runs(bench, memoised) == [Later(1), Later(1)]


def test_an_annotation_is_resolved_without_the_others() -> None:
    # MEM-32
    assert annotation_of(beside_an_unresolvable, "return") is Point
    assert annotation_of(beside_an_unresolvable, "n") is Any
    assert annotation_of(beside_an_unresolvable, "absent") is Any
    assert annotation_of(lambda: None, "return") is Any
    assert annotation_of(print, "return") is Any
