"""Goal: keys keep their kind, their order and their text, and a path is a prefix of exactly what is below it."""

from __future__ import annotations

import copy
import enum
import pathlib
import pickle
import uuid
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cocoindex_sim as coco
from cocoindex_sim.values import StableKey, StablePath, Symbol, decode_key, encode_key, key_text

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(["", "\0", "\1", "\0\1", "a/b"])
plain = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.sampled_from([0, 1, -1, 255, 256, -255, -256, 2**63 - 1, -(2**63)])
    | texts
    | st.binary(max_size=6)
    | st.sampled_from([b"", b"\0", b"\1", b"\0\1", b"\xff"])
    | st.uuids()
    | texts.map(Symbol)
)
keys = st.recursive(plain, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=6)
paths = st.lists(keys, max_size=4)

KINDS = [type(None), Symbol, bool, int, str, bytes, uuid.UUID, tuple]


def ordered(key: StableKey) -> tuple[Any, ...]:
    """CMP-02's order, as something Python compares."""
    place = KINDS.index(type(key))
    if isinstance(key, tuple):
        return place, tuple(map(ordered, key))
    if key is None:
        return (place,)
    if isinstance(key, uuid.UUID):
        return place, key.bytes
    return place, key.name if isinstance(key, Symbol) else key


def same(key: StableKey) -> Any:
    """Equal for equal keys, where Python's own equality mixes kinds."""
    return type(key), tuple(map(same, key)) if isinstance(key, tuple) else key


@given(keys)
def test_a_key_comes_back_as_it_was(key: StableKey) -> None:
    # CMP-01
    encoded = encode_key(key)
    assert decode_key(encoded) == (key, len(encoded))
    assert same(decode_key(encoded)[0]) == same(key)


@given(keys, keys)
def test_encodings_are_equal_and_ordered_as_the_keys_are(one: StableKey, other: StableKey) -> None:
    # CMP-02
    assert (encode_key(one) == encode_key(other)) == (same(one) == same(other))
    assert (encode_key(one) < encode_key(other)) == (ordered(one) < ordered(other))


@given(paths, paths)
def test_the_encoding_of_a_path_is_a_prefix_of_exactly_what_is_below_it(one: list[Any], other: list[Any]) -> None:
    above, below = StablePath.of(*one), StablePath.of(*other)
    is_prefix = list(map(same, other[: len(one)])) == list(map(same, one))
    assert below.is_at_or_below(above) == is_prefix
    assert above.concat(below).parts() == [*one, *other]
    assert [ancestor.parts() for ancestor in below.ancestors()] == [other[:end] for end in range(len(other))]
    assert (above < below) == (list(map(ordered, one)) < list(map(ordered, other)))


@given(paths)
def test_a_path_is_its_parts(parts: list[Any]) -> None:
    # CMP-03
    path = StablePath.of(*parts)
    again = coco.ROOT_PATH
    for part in parts:
        again = again / part
    assert again == path
    assert hash(again) == hash(path)
    assert list(map(same, path.parts())) == list(map(same, parts))
    assert str(path) == repr(path) == "/" + "/".join(map(key_text, parts))
    assert path <= again <= path
    assert not path > again
    assert path >= coco.ROOT_PATH


@given(keys, keys)
def test_texts_tell_keys_apart(one: StableKey, other: StableKey) -> None:
    # CMP-03: but for symbols, whose names are written as they are
    if "@" not in key_text(one) + key_text(other):
        assert (key_text(one) == key_text(other)) == (same(one) == same(other))


def test_alike_keys_of_six_kinds_are_six_paths() -> None:
    # CMP-02
    alike: list[Any] = [1, True, "1", b"1", Symbol("1"), (1,)]
    assert len({coco.ROOT_PATH / key for key in alike}) == 6


class Level(enum.IntEnum):
    LOW = 1


class Name(enum.StrEnum):
    FIRST = "first"


class Pair(NamedTuple):
    a: int
    b: str


class Text(str):
    pass


class Raw(bytes):
    pass


@pytest.mark.parametrize(
    ("given_key", "kept"),
    [
        ([1, [2]], (1, (2,))),
        (Level.LOW, 1),
        (Name.FIRST, "first"),
        (Pair(1, "b"), (1, "b")),
        (Text("t"), "t"),
        (Raw(b"r"), b"r"),
        ((Level.LOW, [Text("t")]), (1, ("t",))),
    ],
    ids=repr,
)
def test_subclasses_and_lists_become_the_plain_kinds(given_key: Any, kept: Any) -> None:
    # CMP-01
    (part,) = (coco.ROOT_PATH / given_key).parts()
    assert same(part) == same(kept)


class Color(enum.Enum):
    RED = 1


@pytest.mark.parametrize(
    "key", [1.5, pathlib.Path("a"), bytearray(b"x"), {}, {1}, Color.RED, object(), (1, 1.5), coco.ROOT_PATH], ids=repr
)
def test_other_types_are_refused(key: Any) -> None:
    # CMP-01
    with pytest.raises(TypeError, match=r"Unsupported StableKey: .* is a "):
        encode_key(key)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_integers_have_64_bits(number: int) -> None:
    # CMP-01
    with pytest.raises(OverflowError, match=f"64 bits, got {number}"):
        encode_key((number,))


def test_surrogates_have_no_encoding() -> None:
    # CMP-01
    for make in (lambda: encode_key("\ud800"), lambda: encode_key(("\ud800",)), lambda: Symbol("\ud800")):
        with pytest.raises(UnicodeEncodeError):
            make()


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (-5, "-5"),
        ("a/b", '"a/b"'),
        ('q"q', r'"q\"q"'),
        ("it's", r'"it\'s"'),
        ("back\\", r'"back\\"'),
        ("new\nline\ttab\r", r'"new\nline\ttab\r"'),
        ("\0\x1b\x7f", r'"\u{0}\u{1b}\u{7f}"'),
        ("é😀", r'"\u{e9}\u{1f600}"'),
        (b"ab", 'b"ab"'),
        (b"\x00\xff\"\\'\n\r\t", r'b"\x00\xff\"\\\'\n\r\t"'),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (Symbol("x y"), "@x y"),
        ((1, "a", (None, b"x")), '[1,"a",[null,b"x"]]'),
        ((), "[]"),
    ],
    ids=repr,
)
def test_the_text_of_a_key(key: StableKey, text: str) -> None:
    # CMP-03
    assert key_text(key) == text
    assert str(coco.ROOT_PATH / key) == f"/{text}"


def test_the_root_is_a_slash() -> None:
    # CMP-03
    assert str(coco.ROOT_PATH) == "/"
    assert StablePath() == coco.ROOT_PATH
    assert coco.ROOT_PATH.parts() == []
    assert str(coco.ROOT_PATH.concat_part("a") / 1) == '/"a"/1'


def test_a_symbol_is_its_name_and_no_string() -> None:
    # CMP-04
    symbol = Symbol("a")
    assert symbol == Symbol("a") != Symbol("b")
    assert hash(symbol) == hash(Symbol("a"))
    assert symbol != "a"
    assert (symbol.name, repr(symbol)) == ("a", "Symbol(a)")
    assert copy.deepcopy(symbol) == pickle.loads(pickle.dumps(symbol)) == symbol
    with pytest.raises(TypeError, match="takes a str, got 1"):
        Symbol(1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not supported between"):
        _ = symbol < Symbol("b")  # type: ignore[operator]
    with pytest.raises(AttributeError):
        symbol.name = "b"  # type: ignore[misc]


def test_a_path_is_not_pickled() -> None:
    with pytest.raises(TypeError, match="can't be pickled"):
        pickle.dumps(coco.ROOT_PATH / "a")


@pytest.mark.parametrize("data", [b"\x00", b"\x01", b"\x06", b"\x0f", b"\x21", b"\x2c", b"\xff"])
def test_what_is_no_encoding_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a key encoding"):
        decode_key(data)
