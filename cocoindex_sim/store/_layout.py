"""How records become bytes: keys whose plain comparison is the order of the paths, and msgpack values.

    0x00                           the last space number given out
    0x00 0x01 app name             the prefix of the app's space
    prefix kind path [0x01 call]   a record; `call`, of memos only, is the 16-byte fingerprint

LMDB takes keys of up to 511 bytes. A key of `HEAD_SIZE` bytes or more is stored under its head and a hash, and its
tail goes in front of the value: among the stored keys only such a key has 511 bytes, and those that share a head are
neighbours, in no useful order (`_scan` sorts them).
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Final, TypeAlias

import msgspec

from ..ports import (
    ComponentRecord,
    MemoRecord,
    Record,
    RecordKey,
    RecordKind,
    StateRecord,
    TargetRecord,
    TombstoneRecord,
)
from ..values import StablePath

__all__ = [
    "CALL_MARK",
    "CALL_SIZE",
    "DECODERS",
    "FORMAT_VERSION",
    "HEAD_SIZE",
    "LAST_NUMBER",
    "NAMES",
    "KindPrefixes",
    "encode_record",
    "full_key",
    "kind_prefixes",
    "long_key",
    "long_value",
    "record_key",
    "space_prefix",
    "split_long_value",
]

FORMAT_VERSION: Final = 1
"""Raised whenever an older version of this package would misread what this one writes."""

HEAD_SIZE: Final = 511 - 16
"""The size in bytes of the shortest key that is not stored as it is."""

LAST_NUMBER: Final = b"\x00"
"""The key of the last space number given out. A number is never used again, so that a stale prefix finds nothing."""

NAMES: Final = b"\x00\x01"
"""What the catalogue puts before the name of an app."""

CALL_MARK: Final = b"\x01"
"""Between a path and a fingerprint; the encoding of a path part never begins with it."""

CALL_SIZE: Final = 16
"""The size in bytes of a call fingerprint."""

KindPrefixes: TypeAlias = dict[RecordKind, bytes]
"""What stands before the path in the keys of one space, by kind."""

encode_record: Final[Callable[[Record], bytes]] = msgspec.msgpack.Encoder().encode
"""The bytes of a record; its kind is known from its key."""

DECODERS: Final[dict[RecordKind, Callable[[bytes], Record]]] = {
    "component": msgspec.msgpack.Decoder(ComponentRecord).decode,
    "tombstone": msgspec.msgpack.Decoder(TombstoneRecord).decode,
    "memo": msgspec.msgpack.Decoder(MemoRecord).decode,
    "target": msgspec.msgpack.Decoder(TargetRecord).decode,
    "state": msgspec.msgpack.Decoder(StateRecord).decode,
    "live": msgspec.msgpack.Decoder(StateRecord).decode,
}
"""The record in some bytes, by kind. They raise `msgspec.DecodeError`."""


def space_prefix(number: int) -> bytes:
    """The prefix of the `number`th space, from 1: one byte for most, ordered, and none the beginning of another."""
    if number < 0xF8:
        return bytes((number,))
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes((0xF7 + len(raw),)) + raw


def kind_prefixes(space: bytes) -> KindPrefixes:
    """The key prefixes of a space."""
    return {
        "component": space + b"\x01",
        "tombstone": space + b"\x02",
        "memo": space + b"\x03",
        "target": space + b"\x04",
        "state": space + b"\x05",
        "live": space + b"\x06",
    }


def full_key(prefixes: KindPrefixes, key: RecordKey) -> bytes:
    """The bytes of a key, however long. Raises ValueError for a call fingerprint that has not 16 bytes."""
    if key.kind != "memo":
        return prefixes[key.kind] + key.path.encoded
    if len(key.fingerprint) != CALL_SIZE:
        raise ValueError(f"a call fingerprint has {CALL_SIZE} bytes, got {key.fingerprint!r} for {key.path}")
    return prefixes["memo"] + key.path.encoded + CALL_MARK + key.fingerprint


def record_key(kind: RecordKind, prefix_size: int, full: bytes) -> RecordKey:
    """The key in its bytes."""
    if kind == "memo":
        return RecordKey("memo", StablePath(full[prefix_size : -CALL_SIZE - 1]), full[-CALL_SIZE:])
    return RecordKey(kind, StablePath(full[prefix_size:]))


def long_key(full: bytes) -> bytes:
    """What a key of `HEAD_SIZE` bytes or more is stored under."""
    return full[:HEAD_SIZE] + blake2b(full, digest_size=16).digest()


def long_value(full: bytes, value: bytes) -> bytes:
    """What is stored under a long key: its tail and the value."""
    tail = full[HEAD_SIZE:]
    return len(tail).to_bytes(4, "big") + tail + value


def split_long_value(stored: bytes) -> tuple[bytes, bytes]:
    """The tail of the key and the value."""
    end = 4 + int.from_bytes(stored[:4], "big")
    return stored[4:end], stored[end:]
