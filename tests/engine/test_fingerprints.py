"""Goal: values that count as equal have one fingerprint, in any process; values that don't, never share one."""

from __future__ import annotations

import datetime
import enum
import math
import os
import subprocess
import sys
from collections import Counter, OrderedDict, UserDict, UserList, deque, namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cocoindex_sim as coco
from cocoindex_sim.engine import NotMemoKeyable, fingerprint_object, memo_fingerprint, register_memo_key_function

from .bench import Bench


def same(one: object, other: object) -> bool:
    return fingerprint_object(one) == fingerprint_object(other)


def distinct(*values: object) -> bool:
    return len({fingerprint_object(value) for value in values}) == len(values)


class HookedStr(str):
    def __coco_memo_key__(self) -> object:
        return "hook"


class Hooked:
    def __init__(self, key: object = "key") -> None:
        self.key = key

    def __coco_memo_key__(self) -> object:
        return self.key


class HookedList(list[int]):
    def __coco_memo_key__(self) -> object:
        return "hook"


class Base:
    pass


class Middle(Base):
    pass


class Leaf(Middle):
    pass


class Numbers(list[int]):
    pass


class SequenceAndMapping(dict[str, int]):
    pass


Sequence.register(SequenceAndMapping)


class MappingAndSet(dict[str, int]):
    pass


Set.register(MappingAndSet)


@dataclass
class SetWithFields(Set[int]):
    label: str

    def __contains__(self, item: object) -> bool:
        return item in (1, 2)

    def __iter__(self) -> Iterator[int]:
        return iter((1, 2))

    def __len__(self) -> int:
        return 2


@dataclass
class Unpicklable:
    x: int

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise AssertionError("asked for its pickle")


class UnpicklableModel(pydantic.BaseModel):
    x: int

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise AssertionError("asked for its pickle")


def test_a_primitive_is_one_before_it_is_anything_else() -> None:  # MEM-01, MEM-02
    assert same(HookedStr("x"), "x")
    assert distinct(HookedStr("x"), HookedStr("hook"))


def test_a_hook_goes_before_a_registration_and_before_items(bench: Bench) -> None:  # MEM-01
    before = [fingerprint_object(Hooked()), fingerprint_object(HookedList())]
    register_memo_key_function(Hooked, lambda _: "registered")
    register_memo_key_function(HookedList, lambda _: "registered")
    assert [fingerprint_object(Hooked()), fingerprint_object(HookedList())] == before
    assert same(HookedList([1]), HookedList([2]))


def test_a_registration_goes_before_items(bench: Bench) -> None:  # MEM-01
    assert same(Numbers([1]), [1])
    register_memo_key_function(Numbers, len)
    assert not same(Numbers([1]), [1])
    assert same(Numbers([1]), Numbers([2]))


def test_the_registration_of_the_most_specific_base_is_used(bench: Bench) -> None:  # MEM-01
    used: list[str] = []
    register_memo_key_function(Middle, lambda _: used.append("Middle"))
    register_memo_key_function(Base, lambda _: used.append("Base"))
    register_memo_key_function(object, lambda _: used.append("object"))
    for value in (Leaf(), Middle(), Base()):
        fingerprint_object(value)
    assert used == ["Middle", "Middle", "Base"]


def test_a_sequence_is_one_before_it_is_a_mapping() -> None:  # MEM-01
    assert same(SequenceAndMapping(a=1), ["a"])


def test_a_mapping_is_one_before_it_is_a_set() -> None:  # MEM-01
    assert same(MappingAndSet(a=1), {"a": 1})


def test_a_set_is_one_before_it_is_a_dataclass() -> None:  # MEM-01
    assert same(SetWithFields("one"), {1, 2})


@pytest.mark.parametrize("cls", [Unpicklable, UnpicklableModel])
def test_fields_go_before_pickle(cls: Any) -> None:  # MEM-01
    assert same(cls(x=1), cls(x=1))
    assert not same(cls(x=1), cls(x=2))


def test_what_nothing_else_fits_is_taken_by_what_pickle_makes_it_from() -> None:  # MEM-01
    def base(x: int) -> Base:
        made = Base()
        made.x = x  # type: ignore[attr-defined]  # an attribute of the instance is the point
        return made

    assert same(base(1), base(1))
    assert distinct(base(1), base(2), Base(), Middle())


@pytest.mark.parametrize("make", [lambda: iter(lambda: 0, 1), lambda: sys.stdout, {}.values])
@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: {"k": [value]}])
def test_what_fits_nowhere_is_refused(make: Callable[[], object], wrap: Callable[[object], object]) -> None:  # MEM-01
    with pytest.raises(TypeError, match="Unsupported type for memoization key"):
        memo_fingerprint(wrap(make()))


PRIMITIVES: list[Any] = [None, True, 3, 1.5, "text", b"bytes", bytearray(b"bytes"), memoryview(b"bytes")]


@pytest.mark.parametrize("value", PRIMITIVES, ids=lambda value: type(value).__name__)
def test_a_registration_does_not_change_a_primitive(bench: Bench, value: Any) -> None:  # MEM-02
    before = fingerprint_object(value)
    for cls in (type(value), object):
        register_memo_key_function(cls, lambda _: "registered")
    assert fingerprint_object(value) == before
    assert same(Leaf(), Base())  # the registration of `object` does count elsewhere


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


def canonical(value: Any) -> Any:
    """What Python compares and hashes as the rule says."""
    if isinstance(value, float):
        return ("float", "nan" if math.isnan(value) else (value, math.copysign(1, value)))
    if isinstance(value, Mapping):
        return ("mapping", frozenset(Counter((canonical(k), canonical(v)) for k, v in value.items()).items()))
    if isinstance(value, Set):
        return ("set", frozenset(Counter(map(canonical, value)).items()))
    if isinstance(value, (str, bytes, int)) or value is None:
        return (type(value).__name__, value)
    return ("sequence", tuple(map(canonical, value)))


@settings(max_examples=300, deadline=None)
@given(PAIRS)
def test_nested_values_have_one_fingerprint_exactly_if_they_are_equal(pair: tuple[Any, Any]) -> None:  # MEM-03
    one, other = pair
    assert same(one, other) == (canonical(one) == canonical(other))


@dataclass
class Spot:
    x: int
    label: str = field(default="", compare=False)


@dataclass
class Other:
    x: int
    label: str = field(default="", compare=False)


@dataclass
class SubSpot(Spot):
    pass


class Model(pydantic.BaseModel):
    x: int
    label: str = ""


class OtherModel(pydantic.BaseModel):
    x: int
    label: str = ""


class SubModel(Model):
    pass


class OpenModel(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    x: int


@pytest.mark.parametrize(("cls", "sub", "other"), [(Spot, SubSpot, Other), (Model, SubModel, OtherModel)])
def test_an_object_with_fields_counts_with_its_type_and_all_its_fields(
    cls: Any, sub: Any, other: Any
) -> None:  # MEM-04
    assert same(cls(x=1, label="a"), cls(x=1, label="a"))
    assert distinct(cls(x=1), cls(x=2), cls(x=1, label="a"), sub(x=1), other(x=1), {"x": 1, "label": ""}, (1, ""))


def test_a_field_that_does_not_compare_counts() -> None:  # MEM-04
    assert Spot(1, "a") == Spot(1, "b")
    assert not same(Spot(1, "a"), Spot(1, "b"))


def test_a_default_that_was_not_set_counts_as_set() -> None:  # MEM-04
    assert Model(x=1).model_fields_set != Model(x=1, label="").model_fields_set
    assert same(Model(x=1), Model(x=1, label=""))
    assert same(Spot(1), Spot(1, ""))


def test_extra_fields_of_a_model_count() -> None:  # MEM-04
    assert distinct(
        OpenModel(x=1), OpenModel.model_validate({"x": 1, "y": 2}), OpenModel.model_validate({"x": 1, "y": 3})
    )


class SubHooked(Hooked):
    pass


def test_what_a_hook_gives_is_tagged_with_the_class_of_the_object() -> None:  # MEM-05
    assert same(Hooked("k"), Hooked("k"))
    assert distinct(Hooked("k"), SubHooked("k"), "k", ["k"])


def test_what_a_registered_function_gives_is_tagged_with_the_registered_class(bench: Bench) -> None:  # MEM-05
    register_memo_key_function(Base, lambda _: "k")
    register_memo_key_function(Spot, lambda _: "k")
    assert same(Base(), Leaf())
    assert distinct(Base(), Spot(1), Hooked("k"), "k")


def test_a_registered_state_function_changes_the_key(bench: Bench) -> None:  # MEM-05
    register_memo_key_function(Base, lambda _: "k")
    before = fingerprint_object(Base())
    register_memo_key_function(Base, lambda _: "k", state_fn=lambda obj, previous: None)
    assert fingerprint_object(Base()) != before


def test_a_state_method_changes_the_key(monkeypatch: pytest.MonkeyPatch) -> None:  # MEM-05
    before = fingerprint_object(Hooked())
    monkeypatch.setattr(Hooked, "__coco_memo_state__", lambda self, previous: None, raising=False)
    assert fingerprint_object(Hooked()) != before


def test_one_object_in_two_places_counts_like_two_equal_ones() -> None:  # MEM-07, SE-05
    part = ["x" * 100]
    assert same([part, part], [["x" * 100], ["x" * 100]])
    spot = Spot(1)
    assert same({"a": spot, "b": [spot]}, {"a": Spot(1), "b": [Spot(1)]})
    base = Base()
    assert same((base, base), (Base(), Base()))


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
    assert len(memo_fingerprint(value)) == 16


class Secret(NotMemoKeyable):
    pass


class SecretText(str, NotMemoKeyable):
    pass


class SecretHook(Hooked, NotMemoKeyable):
    pass


@dataclass
class Holder:
    part: object


@pytest.mark.parametrize("make", [Secret, SecretText, SecretHook])
@pytest.mark.parametrize(
    "wrap",
    [lambda s: s, lambda s: [1, s], lambda s: {"k": s}, lambda s: {s: 1}, lambda s: {s}, Holder, Hooked],
)
def test_what_is_not_keyable_is_refused_at_any_depth(make: Any, wrap: Callable[[Any], Any]) -> None:  # MEM-08
    with pytest.raises(TypeError, match=f"{make.__name__} cannot be used as a memoization key"):
        memo_fingerprint(wrap(make()))


def test_a_registration_does_not_make_it_keyable(bench: Bench) -> None:  # MEM-08
    register_memo_key_function(Secret, lambda _: "k")
    with pytest.raises(TypeError, match="Secret cannot be used as a memoization key"):
        memo_fingerprint(Secret())


@pytest.mark.parametrize("how", ["call", "use_mount", "mount", "mount_each"])
def test_a_call_and_a_mount_refuse_it_before_the_body_runs(bench: Bench, how: str) -> None:  # MEM-08
    ran: list[object] = []

    @coco.fn(memo=True)
    async def child(arg: object) -> None:
        ran.append(arg)

    async def main(arg: object) -> None:
        if how == "call":
            await child(arg)
        elif how == "mount":  # without waiting for it
            await coco.mount(child, arg)
        elif how == "mount_each":
            await coco.mount_each(child, [("k", arg)])
        else:
            await coco.use_mount(child, arg)

    with pytest.raises(TypeError, match="Secret cannot be used as a memoization key"):
        bench.update(bench.app(main, [Secret()]))
    assert ran == []
    bench.update(bench.app(main, ["open"], name="other"))
    assert ran == [["open"]]


SAMPLE = """[
    None, True, 2**70, 0.1, "text", b"bytes",
    {"a", "b", "c", "d", ("e", 1), None}, frozenset(["x", "y", frozenset(["z", "w"])]),
    {"a": {"b", "c"}, ("d",): {"e": 1}, None: 2}, collections.Counter("hello"),
    pathlib.PurePosixPath("a/b"), uuid.UUID(int=7), decimal.Decimal("1.50"), fractions.Fraction(1, 3),
    datetime.datetime(2024, 1, 2, 3, fold=1, tzinfo=datetime.timezone.utc), datetime.date(2024, 1, 2),
    datetime.timedelta(1), complex(1, 2), re.compile("a+", re.I), inspect.Parameter.KEYWORD_ONLY,
    coco.Settings(db_path="state"), collections.OrderedDict, os.path.join, numpy.arange(6).reshape(2, 3),
    types.SimpleNamespace(b={"p", "q", "r"}, a=1),
]"""
SCRIPT = f"""
import collections, datetime, decimal, fractions, inspect, os, pathlib, re, types, uuid
import numpy
import cocoindex_sim as coco
from cocoindex_sim.engine import fingerprint_object
fingerprints = [fingerprint_object(value).hex() for value in {SAMPLE}]
"""


def test_fingerprints_are_the_same_in_other_processes_and_under_any_hash_seed() -> None:  # MEM-03, MEM-06
    here: dict[str, Any] = {}
    exec(SCRIPT, here)
    assert len(set(here["fingerprints"])) == len(here["fingerprints"])
    for seed in ("0", "1", "4711"):
        said = subprocess.run(
            [sys.executable, "-c", SCRIPT + "\nprint(hash('a'), *fingerprints)"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        assert said[0] != str(hash("a"))  # the seed is another one
        assert said[1:] == here["fingerprints"]


def test_times_and_paths_count_by_value() -> None:  # MEM-03
    noon = datetime.datetime(2024, 1, 1, 12)
    assert same(noon, datetime.datetime(2024, 1, 1, 12))
    assert distinct(noon, noon.replace(fold=1), noon.replace(tzinfo=datetime.UTC), noon.date(), noon.isoformat())
