"""Stable identities: the keys a pipeline author writes, the paths made of them, their order and their text.

A path is kept as its *encoding*: bytes whose plain comparison is the order of CMP-02, and in which the encoding
of a path is a prefix of exactly the paths below it. Stores can therefore use it as it is.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

__all__ = ["ROOT_PATH", "StableKey", "StablePath", "Symbol", "decode_key", "encode_key", "key_end", "key_text"]


class Symbol:
    """A name that is not a string: equal to another `Symbol` of the same name, never to a `str`."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"Symbol takes a str, got {name!r} ({type(name).__name__})")
        name.encode()  # UnicodeEncodeError for what could not become part of a path
        self._name = name

    @property
    def name(self) -> str:
        """The name as given."""
        return self._name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Symbol) and other._name == self._name

    def __hash__(self) -> int:
        return hash((Symbol, self._name))

    def __repr__(self) -> str:
        return f"Symbol({self._name})"


StableKey: TypeAlias = bool | int | str | bytes | uuid.UUID | Symbol | tuple["StableKey", ...] | None

# One tag a kind, in the order of CMP-02. Nothing below 0x02 starts a key: 0x00 ends strings and tuples,
# 0x01 separates a path from what a store appends to it.
_END: Final = 0x00
_NONE, _SYMBOL, _FALSE, _TRUE = 0x02, 0x03, 0x04, 0x05
_INT_ZERO: Final = 0x18  # 0x10..0x17: negative of 8..1 bytes; 0x19..0x20: positive of 1..8 bytes
_STR, _BYTES, _UUID, _TUPLE = 0x28, 0x29, 0x2A, 0x2B
_TEXTS: Final = frozenset({_SYMBOL, _STR, _BYTES})


def _escape(raw: bytes) -> bytes:
    if b"\x01" in raw or b"\x00" in raw:
        raw = raw.replace(b"\x01", b"\x01\x02").replace(b"\x00", b"\x01\x01")
    return raw + b"\x00"


def _encode_int(value: int) -> bytes:
    if not -(1 << 63) <= value < 1 << 63:
        raise OverflowError(f"a StableKey int has 64 bits, got {value!r}")
    if value == 0:
        return bytes((_INT_ZERO,))
    if value > 0:
        size = (value.bit_length() + 7) // 8
        return bytes((_INT_ZERO + size,)) + value.to_bytes(size, "big")
    size = ((-value).bit_length() + 7) // 8
    return bytes((_INT_ZERO - size,)) + (value + (1 << 8 * size) - 1).to_bytes(size, "big")


def encode_key(key: object) -> bytes:
    """The order-preserving encoding of one key.

    Raises: TypeError for an unsupported type, OverflowError for an int beyond 64 bits, UnicodeEncodeError for a
    str with surrogates.
    """
    if isinstance(key, str):
        raw = str.encode(key)
        if b"\x01" in raw or b"\x00" in raw:
            return b"\x28" + _escape(raw)
        return b"\x28%b\x00" % raw
    if key is None:
        return b"\x02"
    if key is True:
        return b"\x05"
    if key is False:
        return b"\x04"
    if isinstance(key, int):
        return _encode_int(int(key))
    if isinstance(key, Symbol):
        return b"\x03" + _escape(key.name.encode())
    if isinstance(key, bytes):
        return b"\x29" + _escape(bytes(key))
    if isinstance(key, uuid.UUID):
        return b"\x2a" + key.bytes
    if isinstance(key, tuple | list):
        return b"\x2b" + b"".join(map(encode_key, key)) + b"\x00"
    raise TypeError(
        f"Unsupported StableKey: {key!r} is a {type(key).__name__}; use None, bool, int, str, bytes, UUID, Symbol,"
        " or a tuple of these"
    )


def _unescape(data: bytes, start: int) -> tuple[bytes, int]:
    end = data.index(_END, start)
    raw = data[start:end]
    if b"\x01" in raw:
        raw = raw.replace(b"\x01\x01", b"\x00").replace(b"\x01\x02", b"\x01")
    return raw, end + 1


def key_end(data: bytes, start: int) -> int:
    """Where the key that begins at `start` in an encoding ends."""
    if data[start] in _TEXTS:  # most are; where such a one ends, its content is nobody's business
        return data.index(_END, start) + 1
    return decode_key(data, start)[1]


def decode_key(data: bytes, start: int = 0) -> tuple[StableKey, int]:
    """The key that begins at `start` in an encoding, and where the next one begins."""
    tag, start = data[start], start + 1
    if tag == _STR:
        raw, end = _unescape(data, start)
        return raw.decode(), end
    if tag == _SYMBOL:
        raw, end = _unescape(data, start)
        return Symbol(raw.decode()), end
    if tag == _BYTES:
        return _unescape(data, start)
    if tag == _NONE:
        return None, start
    if tag in (_FALSE, _TRUE):
        return tag == _TRUE, start
    if tag == _UUID:
        return uuid.UUID(bytes=data[start : start + 16]), start + 16
    if tag == _TUPLE:
        items: list[StableKey] = []
        while data[start] != _END:
            item, start = decode_key(data, start)
            items.append(item)
        return tuple(items), start + 1
    size = abs(tag - _INT_ZERO)
    if size > 8:
        raise ValueError(f"not a key encoding: tag {tag:#x}")
    number = int.from_bytes(data[start : start + size], "big")
    if tag < _INT_ZERO:
        number -= (1 << 8 * size) - 1
    return number, start + size


_ESCAPES: Final = {'"': '\\"', "'": "\\'", "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _quoted(text: str) -> str:
    def one(char: str) -> str:
        return _ESCAPES.get(char) or (char if " " <= char <= "~" else f"\\u{{{ord(char):x}}}")

    return '"' + "".join(map(one, text)) + '"'


def key_text(key: StableKey) -> str:
    """The text form of CMP-03: `"str"`, `@symbol`, `b"bytes"`, `[tuple,items]`, `null`, `true`, bare UUIDs."""
    if isinstance(key, str):
        return _quoted(key)
    if isinstance(key, Symbol):
        return f"@{key.name}"
    if key is None:
        return "null"
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, bytes):
        chars = (_ESCAPES.get(chr(b)) or (chr(b) if 32 <= b < 127 else f"\\x{b:02x}") for b in key)
        return 'b"' + "".join(chars) + '"'
    if isinstance(key, tuple):
        return "[" + ",".join(map(key_text, key)) + "]"
    return str(key)


class StablePath:
    """A path of stable keys: of a component below its app's root, or of a target state below its provider.

    Paths compare, sort and hash by their encoding, so `1`, `True` and `"1"` are three different parts (CMP-02).
    """

    __slots__ = ("encoded",)

    def __init__(self, encoded: bytes = b"") -> None:
        self.encoded: Final = encoded

    @classmethod
    def of(cls, *parts: object) -> StablePath:
        """The path made of these parts."""
        return cls(b"".join(map(encode_key, parts)))

    def concat_part(self, part: StableKey) -> StablePath:
        """This path extended by one part."""
        return StablePath(self.encoded + encode_key(part))

    __truediv__ = concat_part

    def concat(self, other: StablePath) -> StablePath:
        """This path extended by all parts of another."""
        return StablePath(self.encoded + other.encoded)

    def _iterate(self) -> Iterator[StableKey]:
        at = 0
        while at < len(self.encoded):
            part, at = decode_key(self.encoded, at)
            yield part

    def parts(self) -> list[StableKey]:
        """The parts, as Python values."""
        return list(self._iterate())

    def is_at_or_below(self, other: StablePath) -> bool:
        """Whether `other` is this path or one of its ancestors."""
        return self.encoded.startswith(other.encoded)

    def ancestors(self) -> Iterator[StablePath]:
        """The proper ancestors, root first."""
        at = 0
        while at < len(self.encoded):
            yield StablePath(self.encoded[:at])
            _, at = decode_key(self.encoded, at)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StablePath) and other.encoded == self.encoded

    def __lt__(self, other: StablePath) -> bool:
        return self.encoded < other.encoded

    def __le__(self, other: StablePath) -> bool:
        return self.encoded <= other.encoded

    def __gt__(self, other: StablePath) -> bool:
        return self.encoded > other.encoded

    def __ge__(self, other: StablePath) -> bool:
        return self.encoded >= other.encoded

    def __hash__(self) -> int:
        return hash(self.encoded)

    def __str__(self) -> str:
        return "/" + "/".join(map(key_text, self._iterate()))

    __repr__ = __str__

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a StablePath belongs to one run; it can't be pickled or used as a memo key")


ROOT_PATH: Final = StablePath()
"""The path of every app's root component."""
