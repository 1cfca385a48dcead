"""Data fingerprints: 128 bits over a canonical encoding of a value (MEM-01..08).

Equal values give equal bytes in any process, on any platform and under any hash seed. The encoding of every value says
its kind and its length first, so no two different values share an encoding.
"""

from __future__ import annotations

import copyreg
import datetime
import math
import struct
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import fields
from functools import partial
from hashlib import blake2b
from operator import itemgetter
from pathlib import PurePath
from types import FunctionType
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
    "fingerprint_with_states",
    "memo_fingerprint",
    "name_of_module",
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
    from ._process import current_process

    current_process().memo_key_functions[typ] = (key_fn, state_fn)


def memo_fingerprint(obj: object) -> Fingerprint:
    """The 16-byte fingerprint a value has as memo argument. TypeError if it can't have one."""
    return Fingerprint(fingerprint_object(obj))


def fingerprint_bytes(data: bytes) -> bytes:
    """The 16-byte fingerprint of raw bytes, by their content alone."""
    return blake2b(data, digest_size=16).digest()


def fingerprint_str(s: str) -> bytes:
    """The 16-byte fingerprint of a text: that of its UTF-8 bytes."""
    return blake2b(s.encode(), digest_size=16).digest()


def fingerprint_object(obj: object) -> bytes:
    """The 16-byte fingerprint of any value that can be a memo argument. TypeError if it can't."""
    return blake2b(_Encoder().encode(obj), digest_size=16).digest()


def fingerprint_with_states(obj: object) -> tuple[bytes, list[StateFunction]]:
    """As `fingerprint_object`, and the state functions found in the value, in order."""
    encoder = _Encoder()
    return blake2b(encoder.encode(obj), digest_size=16).digest(), encoder.states


def fingerprint_call(
    identity: bytes, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[bytes, list[StateFunction]]:
    """The fingerprint of a call as written (FN-07), and the state functions found in its arguments, in order."""
    encoder = _Encoder()
    parts = [identity, b"%d:" % len(args), *map(encoder.encode, args)]
    for name in sorted(kwargs):
        parts += (encoder.encode(name), encoder.encode(kwargs[name]))
    return blake2b(b"".join(parts), digest_size=16).digest(), encoder.states


def name_of_module(module: str) -> str:
    """A module's name in fingerprints: a script that runs as `__main__` counts as its base name (LGC-09)."""
    if module == "__main__":
        return PurePath(getattr(sys.modules.get(module), "__file__", None) or module).stem
    return module


def _class_name(cls: type) -> str:
    return f"{name_of_module(cls.__module__)}.{cls.__qualname__}"


_NAN: Final = b"f" + struct.pack(">d", math.nan)
_LONG: Final = 64  # an encoding longer than this stands in its surroundings as a digest, so that sharing stays cheap
_LOOPING_MAX: Final = 1_000_000
_PRIMITIVES: Final = (str, int, float, bytes, bytearray, memoryview)
_SEQUENCES: Final = (list, tuple, range, deque)


class _Encoder:
    """Writes a value with all that is in it, and finds the state functions on the way.

    A part that occurs again is not written again: equal parts have equal encodings, shared or not. Where a part
    contains itself, the number of steps up to it is written (MEM-07). What holds such a step means something only below
    the part that the step leads to, so it is written anew each time.
    """

    __slots__ = ("_depth", "_known", "_looping", "_lowest", "_process", "states")

    def __init__(self) -> None:
        self.states: list[StateFunction] = []
        # By id: object, encoding and state functions of what was written; the depth of what is being written.
        self._known: dict[int, int | tuple[Any, bytes, list[StateFunction]]] = {}
        self._depth = 0
        self._lowest = sys.maxsize  # how far up the steps lead in what was written last
        self._looping = 0
        self._process: Process | None = None

    def encode(self, obj: Any) -> bytes:
        cls = type(obj)
        if cls is str:
            raw = obj.encode("utf-8", "surrogatepass")
            return b"s%d:%b" % (len(raw), raw)
        if cls is int:
            return b"i%d;" % obj
        if obj is None:
            return b"n"
        if cls is bytes:
            return b"b%d:%b" % (len(obj), obj)
        if cls is bool:
            return b"t" if obj else b"u"
        if cls is float:
            return _NAN if math.isnan(obj) else b"f" + struct.pack(">d", obj)
        if isinstance(obj, _PRIMITIVES):
            return self._primitive(obj)
        identity, depth = id(obj), self._depth
        known = self._known.get(identity)
        if isinstance(known, int):
            self._lowest = min(self._lowest, known)
            return b"c%d;" % (depth - known)
        if known is not None:
            self.states += known[2]
            return known[1]
        self._known[identity] = depth
        self._depth = depth + 1
        outer_lowest, self._lowest = self._lowest, sys.maxsize
        first_state = len(self.states)
        encoded = self._compound(obj, cls)
        if len(encoded) > _LONG:
            encoded = b"#" + blake2b(encoded, digest_size=16).digest()
        self._depth = depth
        if self._lowest >= depth:
            self._known[identity] = (obj, encoded, self.states[first_state:])  # `obj` keeps its id from being reused
            self._lowest = outer_lowest
        else:
            self._forget(identity, obj)
            self._lowest = min(self._lowest, outer_lowest)
        return encoded

    def _primitive(self, obj: Any) -> bytes:
        """Primitives and their subclasses, whatever these add (MEM-02)."""
        if isinstance(obj, NotMemoKeyable):
            raise _not_keyable(obj)
        if isinstance(obj, float):
            return self.encode(float(obj))
        if isinstance(obj, str):
            return self.encode(str.__str__(obj))
        if isinstance(obj, int):
            return b"i%d;" % int.__index__(obj)
        return self.encode(bytes(obj))

    def _forget(self, identity: int, obj: Any) -> None:
        del self._known[identity]
        self._looping += 1
        if self._looping > _LOOPING_MAX:
            raise TypeError(_unsupported(obj, "whose parts refer to each other in too many ways"))

    def _compound(self, obj: Any, cls: type) -> bytes:
        if isinstance(obj, NotMemoKeyable):
            raise _not_keyable(obj)
        hook = getattr(cls, "__coco_memo_key__", None)
        if hook is not None:
            return self._keyed(b"h", cls, hook(obj), getattr(obj, "__coco_memo_state__", None))
        if self._process is None:
            from ._process import current_process

            self._process = current_process()
        registered = self._process.find_memo_key_functions(cls)
        if registered is not None:
            base, key_fn, state_fn = registered
            return self._keyed(b"r", base, key_fn(obj), None if state_fn is None else partial(state_fn, obj))
        if isinstance(obj, _SEQUENCES):  # spelled out: nesting may be deep, and every frame counts
            return b"l%d:%b" % (len(obj), b"".join(map(self.encode, obj)))
        if cls is not dict and isinstance(obj, Sequence):
            return self._listed(b"l", obj)
        if isinstance(obj, Mapping):
            return self._unordered(b"m", obj.items())
        if isinstance(obj, Set):
            return self._unordered(b"e", ((item,) for item in obj))
        if hasattr(cls, "__dataclass_fields__"):
            named = {field.name: getattr(obj, field.name) for field in fields(obj) if hasattr(obj, field.name)}
            return self._named_parts(cls, named)
        if hasattr(cls, "model_fields"):  # pydantic's
            extra = sorted((obj.__pydantic_extra__ or {}).items())
            named = {name: getattr(obj, name) for name in cls.model_fields} | dict(extra)
            return self._named_parts(cls, named)
        return self._plain(obj, cls)

    def _keyed(self, tag: bytes, cls: type, key: Any, state: StateFunction | None) -> bytes:
        encoded = self._tagged(tag if state is None else tag.upper(), _class_name(cls), key)
        if state is not None:
            self.states.append(state)
        return encoded

    def _unordered(self, tag: bytes, items: Iterable[tuple[Any, ...]]) -> bytes:
        """Items in the order of their encodings, and so their state functions."""
        first_state = len(self.states)
        parts = []
        for item in items:
            encoded = b"".join(map(self.encode, item))
            parts.append((encoded, self.states[first_state:]))
            del self.states[first_state:]
        parts.sort(key=itemgetter(0))
        for _, states in parts:
            self.states += states
        return tag + b"%d:" % len(parts) + b"".join(encoded for encoded, _ in parts)

    def _named_parts(self, cls: type, named: dict[str, Any]) -> bytes:
        return self._listed(b"o", [_class_name(cls), *named, *named.values()])

    def _listed(self, tag: bytes, items: Any) -> bytes:
        return tag + b"%d:" % len(items) + b"".join(map(self.encode, items))

    def _plain(self, obj: Any, cls: type) -> bytes:
        """Values with a name or a text of their own; others by what pickle would make them from."""
        if isinstance(obj, type):
            return self._tagged(b"g", _class_name(obj))
        if isinstance(obj, FunctionType):
            return self._named(obj, obj.__qualname__)
        if isinstance(obj, PurePath):
            return self._tagged(b"p", cls.__name__, str(obj))
        if isinstance(obj, datetime.datetime):  # these two by kind: a frozen clock's dates are subclasses
            return self._tagged(b"d", obj.replace(tzinfo=None).isoformat(), obj.fold, obj.tzinfo)
        if isinstance(obj, datetime.date):
            return self._tagged(b"d", obj.isoformat())
        if isinstance(obj, StablePath | Symbol) or "<" in cls.__qualname__:  # local classes: as local functions
            raise TypeError(_unsupported(obj))
        reducer = copyreg.dispatch_table.get(cls)
        try:
            made = obj.__reduce_ex__(4) if reducer is None else reducer(obj)
        except Exception as error:
            raise TypeError(_unsupported(obj)) from error
        if isinstance(made, str):
            return self._named(obj, made)
        # Function, arguments, state, items of a list, items of a dict; the last two are iterators.
        return self._listed(b"x", [*made[:3], *(list(items or ()) for items in made[3:5])])

    def _named(self, obj: Any, name: str) -> bytes:
        if "<" in name:  # lambdas and local functions: several may share one name (MEM-06)
            raise TypeError(_unsupported(obj))
        return self._tagged(b"g", f"{name_of_module(getattr(obj, '__module__', None) or type(obj).__module__)}.{name}")

    def _tagged(self, tag: bytes, *parts: Any) -> bytes:
        return tag + b"".join(map(self.encode, parts))


def _not_keyable(obj: object) -> TypeError:
    return TypeError(f"{type(obj).__qualname__} cannot be used as a memoization key: {obj!r} is NotMemoKeyable")


def _unsupported(obj: object, why: str = "") -> str:
    return (
        f"Unsupported type for memoization key: {obj!r} is a {type(obj).__qualname__} {why}".rstrip()
        + "; give it `__coco_memo_key__()` or call `register_memo_key_function`"
    )
