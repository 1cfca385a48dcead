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
from itertools import chain
from operator import itemgetter
from pathlib import PurePath
from types import FunctionType
from typing import Any, Final, TypeAlias

from ..values import StablePath, Symbol
from ._loops import LoopShape, look_at
from ._process import current_process

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
    encoder: _Encoder | None = None
    parts = [identity, b"%d:" % len(args)]
    for arg in args:
        if type(arg) is str:
            raw = arg.encode("utf-8", "surrogatepass")
            parts.append(b"s%d:%b" % (len(raw), raw))
        else:
            if encoder is None:
                encoder = _Encoder()
            parts.append(encoder.encode(arg))
    if kwargs:
        if encoder is None:
            encoder = _Encoder()
        for name in sorted(kwargs):
            parts += (encoder.encode(name), encoder.encode(kwargs[name]))
    return blake2b(b"".join(parts), digest_size=16).digest(), [] if encoder is None else encoder.states


def name_of_module(module: str) -> str:
    """A module's name in fingerprints: a script that runs as `__main__` counts as its base name (LGC-09)."""
    if module == "__main__":
        return PurePath(getattr(sys.modules.get(module), "__file__", None) or module).stem
    return module


def _class_name(cls: type) -> str:
    return f"{name_of_module(cls.__module__)}.{cls.__qualname__}"


_NAN: Final = b"f" + struct.pack(">d", math.nan)
_CLASSES_MAX: Final = 1_000  # as many names are kept
_LONG: Final = 64  # an encoding longer than this stands in its surroundings as a digest, so that sharing stays cheap
_FLAT: Final = frozenset({str, bytes})
_FLAT_MAX: Final = 512
_PRIMITIVES: Final = (str, int, float, bytes, bytearray, memoryview)
_SEQUENCES: Final = (list, tuple, range, deque)

_Shape: TypeAlias = tuple[bytes, Any, int, StateFunction | None]
"""Of a value that has parts: what it is and how many parts, the parts, how many of them make up an item where the order
of the items does not count (0 where it does), and its state function."""


class _Looped(Exception):
    """A value that contains itself was met in the middle of it."""


class _Encoder:
    """Writes a value with all that is in it, and finds the state functions on the way.

    A part that occurs again is not written again: equal parts have equal encodings, shared or not. What contains itself
    can't be written this way, and is left to `_write_looped`.
    """

    __slots__ = ("_known", "states")

    def __init__(self) -> None:
        self.states: list[StateFunction] = []
        # By id: object, encoding and state functions of what was written; None while it is being written.
        self._known: dict[int, tuple[Any, bytes, list[StateFunction]] | None] = {}

    def encode(self, obj: Any) -> bytes:
        """The encoding of a whole value."""
        first_state = len(self.states)
        try:
            return self._write(obj)
        except _Looped:
            pass
        del self.states[first_state:]
        self._known.clear()
        return self._write_looped(obj)

    def _write(self, obj: Any) -> bytes:
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
        identity = id(obj)
        if identity in self._known:
            known = self._known[identity]
            if known is None:
                raise _Looped
            self.states += known[2]
            return known[1]
        head, parts, group, state = self._shape(obj, cls)
        if type(parts) is tuple and len(parts) == 1 and type(parts[0]) in _FLAT and len(parts[0]) <= _FLAT_MAX:
            # Nothing that it could be part of, and to write it again takes no longer than to know it again.
            if state is not None:
                self.states.append(state)
            return head + self._write(parts[0])
        self._known[identity] = None
        first_state = len(self.states)
        encoded = head + (self._unordered(parts, group) if group else b"".join(map(self._write, parts)))
        if state is not None:
            self.states.append(state)
        if len(encoded) > _LONG:
            encoded = b"#" + blake2b(encoded, digest_size=16).digest()
        self._known[identity] = (obj, encoded, self.states[first_state:])  # `obj` keeps its id from being reused
        return encoded

    def _unordered(self, parts: Iterable[Any], group: int) -> bytes:
        """Items in the order of their encodings, and so their state functions."""
        first_state = len(self.states)
        items = []
        for item in zip(*[iter(parts)] * group, strict=True):
            encoded = b"".join(map(self._write, item))
            items.append((encoded, self.states[first_state:]))
            del self.states[first_state:]
        items.sort(key=itemgetter(0))
        for _, states in items:
            self.states += states
        return b"".join(encoded for encoded, _ in items)

    def _write_looped(self, whole: Any) -> bytes:
        shapes: list[LoopShape] = []
        states: list[StateFunction | None] = []
        indices = {id(whole): 0}
        objects = [whole]  # keeps the ids from being reused
        for obj in objects:  # it grows meanwhile
            head, parts, group, state = self._shape(obj, type(obj))
            links: list[bytes | int] = []
            for part in parts:
                if part is None or isinstance(part, _PRIMITIVES):
                    links.append(self._write(part))
                    continue
                index = indices.setdefault(id(part), len(objects))
                if index == len(objects):
                    objects.append(part)
                links.append(index)
            shapes.append(LoopShape(head, links, group))
            states.append(state)
        try:
            digest, looks = look_at(shapes)
        except OverflowError as error:
            raise TypeError(_unsupported(whole, f"of which {error}")) from None
        # One for what looks alike, as it is one state, and in an order that does not depend on where one enters.
        found = {look: state for look, state in zip(looks, states, strict=True) if state is not None}
        self.states += (found[look] for look in sorted(found))
        return b"c" + digest

    def _primitive(self, obj: Any) -> bytes:
        """Primitives and their subclasses, whatever these add (MEM-02)."""
        if isinstance(obj, NotMemoKeyable):
            raise _not_keyable(obj)
        if isinstance(obj, float):
            return self._write(float(obj))
        if isinstance(obj, str):
            return self._write(str.__str__(obj))
        if isinstance(obj, int):
            return b"i%d;" % int.__index__(obj)
        return self._write(bytes(obj))

    def _name(self, cls: type) -> bytes:
        """A class's name, written."""
        process = current_process()
        name = process.class_names.get(cls)
        if name is None:
            if len(process.class_names) >= _CLASSES_MAX:  # somebody makes classes all the time
                process.class_names.clear()
            name = process.class_names[cls] = self._write(_class_name(cls))
        return name

    def _shape(self, obj: Any, cls: type) -> _Shape:
        if isinstance(obj, NotMemoKeyable):
            raise _not_keyable(obj)
        hook = getattr(cls, "__coco_memo_key__", None)
        if hook is not None:
            state = getattr(obj, "__coco_memo_state__", None)
            return (b"h" if state is None else b"H") + self._name(cls), (hook(obj),), 0, state
        registered = current_process().find_memo_key_functions(cls)
        if registered is not None:
            base, key_fn, state_fn = registered
            return _keyed(b"r", base, key_fn(obj), None if state_fn is None else partial(state_fn, obj))
        if isinstance(obj, _SEQUENCES) or (cls is not dict and isinstance(obj, Sequence)):
            return b"l%d:" % len(obj), obj, 0, None
        if isinstance(obj, Mapping):
            return b"m%d:" % len(obj), chain.from_iterable(obj.items()), 2, None
        if isinstance(obj, Set):
            return b"e%d:" % len(obj), obj, 1, None
        if hasattr(cls, "__dataclass_fields__"):
            named = {field.name: getattr(obj, field.name) for field in fields(obj) if hasattr(obj, field.name)}
            return _named_parts(cls, named)
        if hasattr(cls, "model_fields"):  # pydantic's
            extra = sorted((obj.__pydantic_extra__ or {}).items())
            named = {name: getattr(obj, name) for name in cls.model_fields} | dict(extra)
            return _named_parts(cls, named)
        return _plain(obj, cls)


def _keyed(tag: bytes, cls: type, key: Any, state: StateFunction | None) -> _Shape:
    return tag if state is None else tag.upper(), (_class_name(cls), key), 0, state


def _named_parts(cls: type, named: dict[str, Any]) -> _Shape:
    return b"o%d:" % (2 * len(named) + 1), (_class_name(cls), *named, *named.values()), 0, None


def _plain(obj: Any, cls: type) -> _Shape:
    """Values with a name or a text of their own; others by what pickle would make them from."""
    if isinstance(obj, type):
        return b"g", (_class_name(obj),), 0, None
    if isinstance(obj, FunctionType):
        return _named(obj, obj.__qualname__)
    if isinstance(obj, PurePath):
        return b"p", (cls.__name__, str(obj)), 0, None
    if isinstance(obj, datetime.datetime):  # these two by kind: a frozen clock's dates are subclasses
        return b"d", (obj.replace(tzinfo=None).isoformat(), obj.fold, obj.tzinfo), 0, None
    if isinstance(obj, datetime.date):
        return b"d", (obj.isoformat(),), 0, None
    if isinstance(obj, StablePath | Symbol) or "<" in cls.__qualname__:  # local classes: as local functions
        raise TypeError(_unsupported(obj))
    reducer = copyreg.dispatch_table.get(cls)
    try:
        made = obj.__reduce_ex__(4) if reducer is None else reducer(obj)
    except Exception as error:
        raise TypeError(_unsupported(obj)) from error
    if isinstance(made, str):
        return _named(obj, made)
    # Function, arguments, state, items of a list, items of a dict; the last two are iterators.
    parts = [*made[:3], *(list(items or ()) for items in made[3:5])]
    return b"x%d:" % len(parts), parts, 0, None


def _named(obj: Any, name: str) -> _Shape:
    if "<" in name:  # lambdas and local functions: several may share one name (MEM-06)
        raise TypeError(_unsupported(obj))
    module = getattr(obj, "__module__", None) or type(obj).__module__
    return b"g", (f"{name_of_module(module)}.{name}",), 0, None


def _not_keyable(obj: object) -> TypeError:
    return TypeError(f"{type(obj).__qualname__} cannot be used as a memoization key: {obj!r} is NotMemoKeyable")


def _unsupported(obj: object, why: str = "") -> str:
    return (
        f"Unsupported type for memoization key: {obj!r} is a {type(obj).__qualname__} {why}".rstrip()
        + "; give it `__coco_memo_key__()` or call `register_memo_key_function`"
    )
