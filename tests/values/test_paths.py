"""Goal: keys and paths come back from their encoding, sort as the contract says, and read as text (CMP-01..04)."""

from __future__ import annotations

import enum
import uuid
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocoindex_sim.values import ROOT_PATH, StableKey, StablePath, Symbol, decode_key, encode_key, key_end, key_text

UUID = uuid.UUID("12345678-1234-5678-1234-567812345678")
INT_MIN, INT_MAX = -(2**63), 2**63 - 1

edges = st.sampled_from([sign * 2**bits + step for bits in range(0, 63, 8) for sign in (1, -1) for step in (-1, 0, 1)])
ints = st.integers(INT_MIN, INT_MAX) | edges
# Few characters, so that many are special to the encoding and one string often is a prefix of another.
strings = st.text("\x00\x01\x02a\u00e9\U0001f600", max_size=4) | st.text(max_size=8)
raw = st.lists(st.sampled_from([0, 1, 2, 255]), max_size=4).map(bytes) | st.binary(max_size=8)
scalars = st.none() | st.booleans() | ints | strings | raw | st.uuids() | strings.map(Symbol)
keys: st.SearchStrategy[Any] = st.recursive(scalars, lambda one: st.lists(one, max_size=3).map(tuple), max_leaves=6)


def kind(key: object) -> tuple[Any, ...]:
    """What tells two keys apart and orders them, said in another way than the encoding does."""
    match key:
        case None:
            return (0,)
        case Symbol():
            return (1, key.name.encode())
        case bool():
            return (2, key)
        case int():
            return (3, key)
        case str():
            return (4, key.encode())
        case bytes():
            return (5, key)
        case uuid.UUID():
            return (6, key.bytes)
        case tuple():
            return (7, tuple(map(kind, key)))
    raise AssertionError(key)


def same_type(one: object, other: object) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same_type, one, other))
    return type(one) is type(other)


@given(st.lists(keys, max_size=4))
def test_a_path_gives_back_the_parts_it_was_made_of(parts: list[StableKey]) -> None:  # CMP-01, CMP-03
    path = StablePath.of(*parts)
    assert path.parts() == parts
    assert all(map(same_type, path.parts(), parts))
    extended = ROOT_PATH
    for part in parts:
        extended = extended / part
    assert extended == path
    assert [ancestor.parts() for ancestor in path.ancestors()] == [parts[:n] for n in range(len(parts))]


@given(keys, raw)
def test_a_key_ends_where_the_next_begins(key: StableKey, rest: bytes) -> None:  # CMP-01
    encoded = encode_key(key)
    assert decode_key(b"before" + encoded + rest, 6) == (key, 6 + len(encoded))
    assert key_end(b"before" + encoded + rest, 6) == 6 + len(encoded)


@given(st.lists(keys, max_size=3), st.lists(keys, max_size=3))
def test_paths_are_ordered_part_by_part_with_the_prefix_first(one: list[Any], other: list[Any]) -> None:  # CMP-02
    first, second = StablePath.of(*one), StablePath.of(*other)
    mine, theirs = tuple(map(kind, one)), tuple(map(kind, other))
    assert (first < second, first > second, first == second) == (mine < theirs, mine > theirs, mine == theirs)
    assert first.is_at_or_below(second) == (mine[: len(theirs)] == theirs)


def test_kinds_are_told_apart_and_sorted_by_kind() -> None:  # CMP-02
    in_order: list[StableKey] = [
        None, Symbol(""), Symbol("1"), False, True, INT_MIN, -257, -256, -255, -1, 0, 1, 255, 256, INT_MAX,
        "", "\x00", "\x01", "1", "10", b"", b"\x00", b"1", UUID, (), (1,), (1, 1), (2,), ("1",), ((),),
    ]  # fmt: skip
    encoded = [encode_key(key) for key in in_order]
    assert encoded == sorted(encoded)
    assert len(set(encoded)) == len(in_order)


class Level(enum.IntEnum):
    LOW = 1


class Colour(enum.StrEnum):
    RED = "red"


class Pair(NamedTuple):
    left: int
    right: str


@pytest.mark.parametrize(
    ("given_key", "kept"),
    [(Level.LOW, 1), (Colour.RED, "red"), (Pair(1, "x"), (1, "x")), ([1, ["a"]], (1, ("a",))), ((Level.LOW,), (1,))],
)
def test_subclasses_and_lists_become_the_plain_kind(given_key: Any, kept: StableKey) -> None:  # CMP-01
    path = StablePath.of(given_key)
    assert path == StablePath.of(kept)
    assert path.parts() == [kept]
    assert same_type(path.parts()[0], kept)


class Plain(enum.Enum):
    ONE = 1


@pytest.mark.parametrize(
    "key", [1.0, Path("a"), bytearray(b"a"), {}, {1}, Plain.ONE, object(), int, ROOT_PATH, (1, 1.5), [[{}]]]
)
def test_anything_else_is_refused_by_its_type(key: Any) -> None:  # CMP-01
    with pytest.raises(TypeError, match=r"Unsupported StableKey: .* use None, bool, int"):
        encode_key(key)


def test_ints_have_64_bits() -> None:  # CMP-01
    assert StablePath.of(INT_MIN, INT_MAX).parts() == [INT_MIN, INT_MAX]
    for number in (INT_MIN - 1, INT_MAX + 1):
        with pytest.raises(OverflowError, match=f"64 bits, got {number}"):
            encode_key(number)
        with pytest.raises(OverflowError, match=f"64 bits, got {number}"):
            encode_key((number,))


@pytest.mark.parametrize("key", ["\ud800", ("a\udfff",)])
def test_a_str_with_surrogates_is_refused(key: Any) -> None:  # CMP-01
    with pytest.raises(UnicodeEncodeError):
        encode_key(key)
    with pytest.raises(UnicodeEncodeError):
        Symbol("\ud800")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (None, "null"), (True, "true"), (False, "false"), (0, "0"), (-12, "-12"),
        ("a", '"a"'), ("", '""'), ("1", '"1"'), ('a"b\\/\n', '"a\\"b\\\\/\\n"'), ("\t\r", '"\\t\\r"'),
        ("it's", "\"it\\'s\""), ("\x00\u00e9\U0001f600", '"\\u{0}\\u{e9}\\u{1f600}"'), (b"it's\n", "b\"it\\'s\\n\""),
        (b"a", 'b"a"'), (b'\x00"\xff', 'b"\\x00\\"\\xff"'),
        (Symbol("setup"), "@setup"), (UUID, "12345678-1234-5678-1234-567812345678"),
        ((), "[]"), ((1,), "[1]"), (("a", (None, b"")), '["a",[null,b""]]'),
    ],
)  # fmt: skip
def test_each_kind_has_its_text_form(key: StableKey, text: str) -> None:  # CMP-03
    assert key_text(key) == text
    assert str(StablePath.of(key)) == f"/{text}"


def test_a_path_reads_as_its_parts_joined_by_slashes() -> None:  # CMP-03
    assert str(ROOT_PATH) == "/"
    assert ROOT_PATH.parts() == []
    path = ROOT_PATH / Symbol("items") / "a/b" / (1, "x")
    assert str(path) == '/@items/"a/b"/[1,"x"]'
    assert path.parts() == [Symbol("items"), "a/b", (1, "x")]


@given(scalars.filter(lambda key: not isinstance(key, Symbol)), scalars.filter(lambda key: not isinstance(key, Symbol)))
def test_different_keys_read_differently(one: StableKey, other: StableKey) -> None:  # CMP-03
    assert (key_text(one) == key_text(other)) == (kind(one) == kind(other))


def test_symbols_are_equal_by_name_and_never_to_a_str() -> None:  # CMP-04
    assert Symbol("a") == Symbol("a")
    assert Symbol("a") != Symbol("b")
    assert Symbol("a") != "a"
    assert Symbol("a") != "a"
    assert {Symbol("a"): 1, "a": 2}[Symbol("a")] == 1
    assert len({Symbol("a"), Symbol("a"), Symbol("b"), "a"}) == 3
    assert Symbol("a").name == "a"


def test_symbols_have_no_order() -> None:  # CMP-04
    with pytest.raises(TypeError, match="not supported between"):
        sorted([Symbol("b"), Symbol("a")])  # type: ignore[type-var]  # the point


@pytest.mark.parametrize("name", [1, None, b"a", Symbol("a")])
def test_the_name_of_a_symbol_is_a_str(name: Any) -> None:  # CMP-04
    with pytest.raises(TypeError, match="Symbol takes a str, got"):
        Symbol(name)
