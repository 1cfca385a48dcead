"""Goal: a stored value comes back as its annotation says, and reading one never runs what it names."""

from __future__ import annotations

import builtins
import datetime
import decimal
import enum
import math
import os
import pathlib
import pickle
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cocoindex_sim as coco
from cocoindex_sim.engine import decode_value, encode_value, serialize_by_pickle, unpickle_safe
from cocoindex_sim.ports import StoredValue
from cocoindex_sim.values import DeserializationError

from .bench import Bench

if TYPE_CHECKING:
    from .nowhere import Missing  # type: ignore  # that it can't be resolved is the point

INT64 = st.integers(-(2**63), 2**64 - 1)
AWARE = st.datetimes(timezones=st.timezones() | st.just(datetime.UTC))


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Inner:
    n: int
    tags: frozenset[str] = frozenset()


class Row(NamedTuple):
    key: str
    inner: Inner | None = None


class Struct(msgspec.Struct):
    x: int
    rows: list[Row] = []


class Model(pydantic.BaseModel):
    x: int
    pair: tuple[int, str] = (0, "")
    at: datetime.datetime | None = None
    raw: dict[str, list[float]] = {}


@dataclass
class Everything:
    struct: Struct
    model: Model
    row: Row
    path: pathlib.Path
    z: complex
    colour: Colour
    amount: decimal.Decimal
    id: uuid.UUID
    day: datetime.date
    took: datetime.timedelta
    data: bytes
    by_n: dict[int, tuple[str, ...]] = field(default_factory=dict)


INNERS = st.builds(Inner, INT64, st.frozensets(st.text(max_size=3), max_size=3))
ROWS = st.builds(Row, st.text(max_size=5), st.none() | INNERS)
STRUCTS = st.builds(Struct, INT64, st.lists(ROWS, max_size=3))
FINITE = st.floats(allow_nan=False, allow_infinity=False)
MODELS = st.builds(
    Model,
    x=st.integers(-(2**63), 2**63 - 1),
    pair=st.tuples(st.integers(-9, 9), st.text(max_size=3)),
    at=st.none() | st.datetimes(timezones=st.just(datetime.UTC)),
    raw=st.dictionaries(st.text(max_size=2), st.lists(FINITE, max_size=2), max_size=2),
)
PATHS = st.lists(st.text("ab. ", min_size=1, max_size=3), max_size=3).map(lambda parts: pathlib.Path(*parts))
COMPLEX = st.complex_numbers(allow_nan=False)
EVERYTHING = st.builds(
    Everything,
    struct=STRUCTS,
    model=MODELS,
    row=ROWS,
    path=PATHS,
    z=COMPLEX,
    colour=st.sampled_from(Colour),
    amount=st.decimals(allow_nan=False, allow_infinity=False, places=2),
    id=st.uuids(),
    day=st.dates(),
    took=st.timedeltas(datetime.timedelta(days=-999), datetime.timedelta(days=999)),
    data=st.binary(max_size=5),
    by_n=st.dictionaries(INT64, st.lists(st.text(max_size=2), max_size=2).map(tuple), max_size=2),
)


def stored_and_read(value: object, hint: Any = Any) -> Any:
    stored = encode_value(value)
    return decode_value(StoredValue(stored.codec, bytes(stored.data)), hint)


@pytest.mark.parametrize(
    ("values", "hint"),
    [
        (INNERS, Inner),
        (ROWS, Row),
        (STRUCTS, Struct),
        (MODELS, Model),
        (EVERYTHING, Everything),
        (st.none() | INNERS, Inner | None),
        (st.lists(MODELS, max_size=2), list[Model]),
        (st.dictionaries(st.text(), PATHS, max_size=2), dict[str, pathlib.Path]),
        (st.datetimes() | AWARE, datetime.datetime),
        (st.dates(), datetime.date),
        (st.times(), datetime.time),
        (PATHS, pathlib.Path),
        (COMPLEX, complex),
        (st.floats(allow_nan=False), float),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)) if not isinstance(value, st.SearchStrategy) else "",
)
def test_with_an_annotation_a_value_comes_back_as_it_was(values: st.SearchStrategy[Any], hint: Any) -> None:  # MEM-31
    @settings(max_examples=50, deadline=None)
    @given(values)
    def comes_back(value: Any) -> None:
        read = stored_and_read(value, hint)
        assert read == value
        assert type(read) is type(value)

    comes_back()


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from(["i1", "u4", "f8", "c16", "?", "S3", "U2", "M8[s]", "i4,f8"]),
    st.lists(st.integers(0, 3), max_size=3),
    st.sampled_from("CF"),
)
def test_arrays_and_dtypes_come_back_as_they_were(dtype: str, shape: list[int], order: Any) -> None:  # MEM-30
    array = np.arange(math.prod(shape)).astype(dtype).reshape(shape, order=order)
    for read in (
        stored_and_read(array),
        stored_and_read([array])[0],
        stored_and_read({"k": array}, dict[str, Any])["k"],
    ):
        assert (read.dtype, read.shape, read.tobytes()) == (array.dtype, array.shape, array.tobytes())
    assert stored_and_read(array.dtype) == array.dtype


def test_the_numbers_in_an_array_come_back() -> None:  # MEM-30
    array = np.arange(6, dtype=">i4").reshape(2, 3)[:, ::-1]
    assert stored_and_read(array, np.ndarray).tolist() == [[2, 1, 0], [5, 4, 3]]


class Plain:
    pass


@pytest.mark.parametrize("value", [1, "x", [1], {"a": 1}, Inner(1), Row("k"), Struct(1), Model(x=1), Colour.RED, None])
def test_most_values_are_stored_by_msgspec(value: object) -> None:  # MEM-30
    stored = encode_value(value)
    msgspec.msgpack.decode(stored.data, ext_hook=lambda code, data: pytest.fail(f"extension {code}"))
    assert stored.codec == "m"


@pytest.mark.parametrize("value", [pathlib.Path("a"), 1j, np.zeros(2), np.dtype("i4"), int, dict])
def test_some_values_are_stored_by_pickle(value: object) -> None:  # MEM-30
    stored = encode_value(value)
    assert stored.codec == "p"
    assert repr(pickle.loads(stored.data)) == repr(value)
    assert repr(stored_and_read([value])) == repr([value])


def test_a_model_is_stored_as_json_would_have_it() -> None:  # MEM-30
    at = datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC)
    assert msgspec.msgpack.decode(encode_value(Model(x=1, at=at)).data)["at"] == "2024-01-02T00:00:00Z"


@pytest.mark.parametrize("value", [Plain(), Plain, np.float32(1), np.int64(1), object(), len, range(3), {1: Plain()}])
@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: [value], Row])
def test_other_classes_cannot_be_stored(value: object, wrap: Any) -> None:  # MEM-30
    with pytest.raises(NotImplementedError, match="Cannot serialize"):
        encode_value(wrap(value))


def test_an_array_of_other_objects_cannot_be_stored() -> None:  # MEM-30
    with pytest.raises(NotImplementedError, match="Cannot serialize"):
        encode_value(np.array([Plain()], dtype=object))


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1])
def test_an_int_beyond_64_bits_cannot_be_stored(value: int) -> None:  # MEM-30
    with pytest.raises(OverflowError):
        encode_value([value])
    inside = value - 1 if value > 0 else value + 1
    assert stored_and_read([inside]) == [inside]


@pytest.mark.parametrize(
    ("value", "generic"),
    [
        (Inner(1, frozenset({"a"})), {"n": 1, "tags": ["a"]}),
        (Struct(1), {"x": 1, "rows": []}),
        (Model(x=1), {"x": 1, "pair": [0, ""], "at": None, "raw": {}}),
        (Row("k"), ["k", None]),
        ((1, (2,)), [1, [2]]),
        ({1}, [1]),
        (Colour.RED, "red"),
        (decimal.Decimal("1.50"), "1.50"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (datetime.timedelta(days=1), "P1D"),
    ],
)
def test_without_an_annotation_a_value_comes_back_generic(value: object, generic: object) -> None:  # MEM-31
    read = stored_and_read(value)
    assert read == generic
    assert type(read) is type(generic)


def test_what_does_not_fit_the_annotation_is_an_error() -> None:  # MEM-31
    for value, hint in ((Inner(1), Struct), ("x", int), ({"x": "no"}, Model), (Row("k"), Inner)):
        with pytest.raises(DeserializationError, match="can't be read as"):
            stored_and_read(value, hint)


def bare(n: int):  # type: ignore[no-untyped-def]  # without an annotation
    return Inner(n)


def annotated(n: int) -> Inner:
    return Inner(n)


def forward(n: int) -> Later | None:
    return Later(n)


def unresolvable(n: int) -> Missing:
    return Inner(n)


def beside_an_unresolvable(n: Missing) -> Inner:
    return Inner(n)


@dataclass
class Later:
    n: int


@pytest.mark.parametrize(
    ("function", "first", "again"),
    [
        (bare, Inner(1), {"n": 1, "tags": []}),  # MEM-31
        (annotated, Inner(1), Inner(1)),  # MEM-31
        (forward, Later(1), Later(1)),
        (unresolvable, Inner(1), {"n": 1, "tags": []}),
        (beside_an_unresolvable, Inner(1), Inner(1)),
    ],
)
def test_a_hit_is_read_as_the_return_annotation_says(
    bench: Bench, function: Any, first: object, again: object
) -> None:  # MEM-31, MEM-32
    memoised = coco.fn(memo=True)(function)
    got: list[object] = []

    def main() -> None:
        got.append(memoised(1))

    app = bench.app(main)
    bench.update(app)
    bench.update(app)
    assert got == [first, again]


def test_an_annotation_is_resolved_at_first_use_and_not_before(bench: Bench) -> None:  # MEM-32
    names: dict[str, Any] = {"Inner": Inner}
    exec("def make(n: int) -> 'Defined': return Defined(n)", names)
    names["make"].__module__ = __name__
    memoised = coco.fn(memo=True, logic_tracking=None)(names["make"])
    names["Defined"] = Later
    got: list[object] = []

    def main() -> None:
        got.append(memoised(1))

    app = bench.app(main)
    bench.update(app)
    bench.update(app)
    assert got == [Later(1), Later(1)]


class Cat(msgspec.Struct, tag=True):
    name: str


class Dog(msgspec.Struct, tag=True):
    name: str


def test_a_union_of_classes_needs_tags() -> None:  # MEM-32
    for value in (Cat("x"), Dog("x")):
        assert stored_and_read(value, Cat | Dog) == value
    assert stored_and_read(Inner(1), Inner | None) == Inner(1)
    assert stored_and_read(None, Inner | None) is None
    with pytest.raises(DeserializationError, match="unions"):
        stored_and_read(Inner(1), Inner | Later)


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


class Vector:
    def __init__(self, x: int) -> None:
        self.x = x

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vector) and other.x == self.x

    __hash__ = None  # type: ignore[assignment]  # as Python has it for classes with __eq__


def test_unpickle_safe_allows_reading_a_class(bench: Bench) -> None:  # MEM-33
    stored = StoredValue("p", pickle.dumps(Vector(1)))
    with pytest.raises(DeserializationError, match="Forbidden global"):
        decode_value(stored)
    assert unpickle_safe(Vector) is Vector
    assert decode_value(stored) == Vector(1)
    with pytest.raises(DeserializationError, match="Forbidden global"):
        decode_value(StoredValue("p", pickle.dumps(Plain())))


def test_serialize_by_pickle_allows_both_ways(bench: Bench) -> None:  # MEM-33, MEM-30
    with pytest.raises(NotImplementedError):
        encode_value(Vector(1))
    assert serialize_by_pickle(Vector) is Vector
    assert encode_value(Vector(1)).codec == "p"
    assert stored_and_read(Vector(1)) == Vector(1)
    assert stored_and_read({"k": [Vector(1)]}, dict[str, list[Vector]]) == {"k": [Vector(1)]}


@pytest.mark.parametrize("cls", [Inner, Row, Struct])
def test_serialize_by_pickle_warns_where_fields_are_stored_anyway(bench: Bench, cls: type) -> None:  # MEM-33
    with pytest.warns(UserWarning, match=f"@serialize_by_pickle on {cls.__name__}"):
        serialize_by_pickle(cls)
