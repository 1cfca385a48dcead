"""Data fingerprints: 128 bits over a canonical encoding of a value (MEM-01..08).

Equal values give equal bytes in any process, on any platform and under any hash seed. The encoding of every value says
its kind and its length first, so no two different values share an encoding.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import hashlib
import math
import pickle
import struct
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ..values import StablePath, Symbol

if TYPE_CHECKING:
    from ._process import Process

__all__ = [
    "Fingerprint",
    "NotMemoKeyable",
    "StateFunction",
    "fingerprint_bytes",
    "fingerprint_call",
    "fingerprint_object",
    "fingerprint_str",
    "memo_fingerprint",
    "register_memo_key_function",
]


class Fingerprint(bytes):
    """16 bytes that stand for a value."""

    __slots__ = ()


StateFunction: TypeAlias = Callable[[Any], Any]
"""Takes the stored state or NON_EXISTENCE; gives a `MemoStateOutcome`, or an awaitable of one (MEM-20)."""


class NotMemoKeyable:
    """Mixin: instances can't be part of a memo key (MEM-08)."""


def register_memo_key_function(
    typ: type, key_fn: Callable[[Any], Any], *, state_fn: Callable[[Any, Any], Any] | None = None
) -> None:
    """Give instances of a class you don't own a memo key, and optionally a memo state function.

    Args: typ: the class; its subclasses share the key function unless they have their own. key_fn: from an instance to
    the value that is fingerprinted in its place. state_fn: from (instance, previous state) to a `MemoStateOutcome`.
    """
    _process().memo_key_functions[typ] = (key_fn, state_fn)


def memo_fingerprint(obj: object) -> Fingerprint:
    """The 16-byte fingerprint a value has as memo argument. TypeError if it can't have one."""
    return Fingerprint(fingerprint_object(obj))


def fingerprint_bytes(data: bytes) -> bytes:
    """The 16-byte fingerprint of raw bytes, by their content alone."""
    return hashlib.blake2b(data, digest_size=16).digest()


def fingerprint_str(text: str) -> bytes:
    """The 16-byte fingerprint of a text: that of its UTF-8 bytes."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def fingerprint_object(obj: object) -> bytes:
    """The 16-byte fingerprint of any value that can be a memo argument. TypeError if it can't."""
    encoder = _Encoder(None)
    encoder.write(obj)
    return hashlib.blake2b(b"".join(encoder.out), digest_size=16).digest()


def fingerprint_call(
    identity: bytes, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[bytes, list[StateFunction]]:
    """The fingerprint of a call as written (FN-07), and the state functions found in its arguments, in order."""
    states: list[StateFunction] = []
    encoder = _Encoder(states)
    encoder.out.append(identity)
    encoder.write_sequence(args)
    for name in sorted(kwargs):
        encoder.write(name)
        encoder.write(kwargs[name])
    return hashlib.blake2b(b"".join(encoder.out), digest_size=16).digest(), states


_NAN: Final = b"f" + struct.pack(">d", float("nan"))


def _class_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


class _Encoder:
    __slots__ = ("_on_stack", "out", "states")

    def __init__(self, states: list[StateFunction] | None) -> None:
        self.out: list[bytes] = []
        self.states = states
        self._on_stack: dict[int, int] = {}

    def write(self, obj: Any) -> None:
        cls = type(obj)
        if cls is str:
            raw = obj.encode("utf-8", "surrogatepass")
            self.out.append(b"s%d:" % len(raw))
            self.out.append(raw)
        elif cls is int:
            self.out.append(b"i%d;" % obj)
        elif obj is None:
            self.out.append(b"n")
        elif cls is bytes:
            self.out.append(b"b%d:" % len(obj))
            self.out.append(obj)
        elif cls is bool:
            self.out.append(b"t" if obj else b"u")
        else:
            self._write_other(obj, cls)

    def _write_other(self, obj: Any, cls: type) -> None:
        # Primitives first, whatever a subclass adds (MEM-02).
        if isinstance(obj, str):
            self.write(str.__str__(obj))
        elif isinstance(obj, int):
            self.write(int(obj))
        elif isinstance(obj, float):
            self.out.append(_NAN if math.isnan(obj) else b"f" + struct.pack(">d", obj))
        elif isinstance(obj, bytes | bytearray | memoryview):
            self.write(bytes(obj))
        elif isinstance(obj, NotMemoKeyable):
            raise TypeError(f"{cls.__qualname__} cannot be used as a memoization key: {obj!r} is NotMemoKeyable")
        else:
            self._guarded(obj, cls)

    def _guarded(self, obj: Any, cls: type) -> None:
        """Write something that may contain itself: a value inside itself is written as its depth (MEM-07)."""
        identity = id(obj)
        depth = self._on_stack.get(identity)
        if depth is not None:
            self.out.append(b"c%d;" % depth)
            return
        self._on_stack[identity] = len(self._on_stack)
        try:
            self._write_compound(obj, cls)
        finally:
            del self._on_stack[identity]

    def _write_compound(self, obj: Any, cls: type) -> None:
        key_method = getattr(cls, "__coco_memo_key__", None)
        if key_method is not None:
            state = getattr(obj, "__coco_memo_state__", None)
            self._write_keyed(b"h", cls, key_method(obj), state)
        elif (registered := _process().find_memo_key_functions(cls)) is not None:
            base, key_fn, state_fn = registered
            state = None if state_fn is None else lambda prev, obj=obj, fn=state_fn: fn(obj, prev)
            self._write_keyed(b"r", base, key_fn(obj), state)
        elif isinstance(obj, list | tuple | range | deque):
            self.write_sequence(obj)
        elif isinstance(obj, Mapping):
            pairs = sorted(self._apart(key) + self._apart(value) for key, value in obj.items())
            self._write_sorted(b"m", pairs)
        elif isinstance(obj, Set):
            self._write_sorted(b"e", sorted(map(self._apart, obj)))
        elif isinstance(obj, Sequence):
            self.write_sequence(obj)
        elif is_dataclass(obj) and not isinstance(obj, type):
            self._write_fields(cls, [(f.name, getattr(obj, f.name, None)) for f in fields(obj)])
        elif hasattr(cls, "__pydantic_fields__"):
            extra = getattr(obj, "__pydantic_extra__", None) or {}
            self._write_fields(cls, [*obj.__dict__.items(), *extra.items()])
        else:
            self._write_plain(obj, cls)

    def _write_keyed(self, tag: bytes, cls: type, key: Any, state: StateFunction | None) -> None:
        self.out.append(tag + (b"+" if state is not None else b"-"))
        self.write(_class_name(cls))
        self.write(key)
        if state is not None and self.states is not None:
            self.states.append(state)

    def _write_plain(self, obj: Any, cls: type) -> None:
        """Values with a name or a text of their own; what is left goes through pickle."""
        if isinstance(obj, type):
            self._write_named(b"C", _class_name(obj))
        elif isinstance(obj, enum.Enum):
            self._write_named(b"E", _class_name(cls), obj.name)
        elif isinstance(obj, PurePath):
            self._write_named(b"P", type(obj).__name__, str(obj))
        elif isinstance(obj, uuid.UUID):
            self.out.append(b"U" + obj.bytes)
        elif isinstance(obj, datetime.datetime):
            self._write_named(b"D", obj.isoformat(), str(obj.tzinfo), str(obj.fold))
        elif isinstance(obj, datetime.date):
            self._write_named(b"d", obj.isoformat())
        elif isinstance(obj, datetime.time):
            self._write_named(b"T", obj.isoformat(), str(obj.tzinfo), str(obj.fold))
        elif isinstance(obj, datetime.timedelta):
            self._write_named(b"L", f"{obj.days}:{obj.seconds}:{obj.microseconds}")
        elif isinstance(obj, decimal.Decimal | complex):
            self._write_named(b"N", type(obj).__name__, str(obj))
        elif isinstance(obj, StablePath | Symbol) or (
            isinstance(obj, FunctionType | BuiltinFunctionType) and "<" in obj.__qualname__
        ):
            raise TypeError(_unsupported(obj))
        else:
            try:
                data = pickle.dumps(obj, protocol=4)
            except Exception as error:
                raise TypeError(_unsupported(obj)) from error
            self.out.append(b"p%d:" % len(data))
            self.out.append(data)

    def _write_named(self, tag: bytes, *names: str) -> None:
        self.out.append(tag)
        for name in names:
            self.write(name)

    def write_sequence(self, items: Sequence[Any]) -> None:
        self.out.append(b"l%d:" % len(items))
        for item in items:
            self.write(item)

    def _write_sorted(self, tag: bytes, parts: list[bytes]) -> None:
        self.out.append(tag + b"%d:" % len(parts))
        self.out.extend(parts)

    def _write_fields(self, cls: type, named: list[tuple[str, Any]]) -> None:
        self.out.append(b"o%d:" % len(named))
        self.write(_class_name(cls))
        for name, value in named:
            self.write(name)
            self.write(value)

    def _apart(self, obj: Any) -> bytes:
        """The encoding of a part whose place depends on it."""
        whole, self.out = self.out, []
        try:
            self.write(obj)
            return b"".join(self.out)
        finally:
            self.out = whole


def _process() -> Process:
    from ._process import current_process

    return current_process()


def _unsupported(obj: object) -> str:
    return (
        f"Unsupported type for memoization key: {obj!r} is a {type(obj).__qualname__};"
        " give it `__coco_memo_key__()` or call `register_memo_key_function`"
    )
