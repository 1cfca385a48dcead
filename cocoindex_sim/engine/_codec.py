"""Users' values as bytes and back (MEM-30..33): msgspec first, pickle only for types that are known to be safe."""

from __future__ import annotations

import datetime
import importlib
import io
import pathlib
import pickle
import warnings
from collections.abc import Callable
from dataclasses import is_dataclass
from functools import lru_cache
from types import BuiltinFunctionType, FunctionType, SimpleNamespace
from typing import Any, Final, TypeVar, get_origin, get_type_hints

import msgspec

from ..ports import StoredValue
from ..values import DeserializationError
from ._process import current_process

__all__ = ["annotation_of", "decode_value", "encode_value", "serialize_by_pickle", "unpickle_safe"]

T = TypeVar("T")

_PICKLE_EXT: Final = 1
_MSGPACK, _PICKLE = "m", "p"
_DATES: Final = datetime.datetime, datetime.date  # in a tuple, where a frozen clock leaves them alone
NONE_VALUE: Final = StoredValue(_MSGPACK, msgspec.msgpack.encode(None))
_NATIVE: Final = frozenset({bool, int, float, str, bytes, list, tuple, dict, set})

# What a pickle may name; a process adds the classes it decorated.
_SAFE_GLOBALS: Final = frozenset(
    [
        ("builtins", name)
        for name in ("bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "object",
                     "set", "str", "tuple")
    ]
    + [
        (module, name)
        for module in ("pathlib", "pathlib._local")
        for name in ("Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath")
    ]
    + [("numpy", "ndarray"), ("numpy", "dtype")]
    + [
        (f"numpy.{core}.{module}", name)
        for core in ("core", "_core")
        for module, name in (("multiarray", "_reconstruct"), ("numeric", "_frombuffer"))
    ]
)  # fmt: skip


def serialize_by_pickle(cls: type[T]) -> type[T]:
    """Class decorator: store instances by pickle, and allow reading them back.

    Warns about dataclasses, named tuples and structs: inside other values they are stored as what they are.
    """
    kind = _native_kind(cls)
    if kind is not None:
        warnings.warn(
            f"@serialize_by_pickle on {cls.__qualname__} ({kind}) has no effect where an instance is part of another"
            " stored value: there it is stored by its fields",
            UserWarning,
            stacklevel=2,
        )
    current_process().pickled_classes.add(cls)
    return unpickle_safe(cls)


def unpickle_safe(cls: type[T]) -> type[T]:
    """Class decorator: allow pickles that name this class to be read.

    Instances that can't be stored in another way are stored by pickle.
    """
    current_process().unpickled_names.add((cls.__module__, cls.__qualname__))
    return cls


def _native_kind(cls: type) -> str | None:
    if is_dataclass(cls):
        return "a dataclass"
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return "a named tuple"
    return "a struct" if issubclass(cls, msgspec.Struct) else None


def annotation_of(function: Any, name: str) -> Any:
    """The type a parameter, or `return`, is annotated with; Any without one that can be resolved (MEM-32).

    Other annotations need not be resolvable.
    """
    try:
        annotation = function.__annotations__[name]
        names = {parameter.__name__: parameter for parameter in getattr(function, "__type_params__", ())}
        alone = SimpleNamespace(__annotations__={name: annotation})
        return get_type_hints(alone, function.__globals__, names, include_extras=True)[name]
    except Exception:
        return Any


def encode_value(value: object) -> StoredValue:
    """The stored form of a value. NotImplementedError `Cannot serialize` when there is none."""
    if value is None:
        return NONE_VALUE
    if type(value) not in _NATIVE and _goes_by_pickle(value):
        return StoredValue(_PICKLE, _pickled(value))
    return StoredValue(_MSGPACK, _encoder.encode(value))


def decode_value(stored: StoredValue, hint: Any = Any) -> Any:
    """The value in the shape of a type annotation; `Any` gives msgspec's generic shapes (MEM-31).

    DeserializationError when it does not fit, when the annotation can't be decided on, or when the value names a class
    that is not allowed.
    """
    try:
        if stored.codec == _MSGPACK:
            return _decoder(hint).decode(stored.data)
        return _unpickle(stored.data)
    except DeserializationError:
        raise
    except Exception as error:
        raise DeserializationError(f"a stored value can't be read as {hint!r}: {error}") from error


def _goes_by_pickle(value: object) -> bool:
    cls = type(value)
    if current_process().may_pickle(cls) or isinstance(value, complex | pathlib.PurePath):
        return True
    if cls.__module__ == "builtins":
        return isinstance(value, type)
    return cls.__module__.startswith("numpy") and any(
        base.__module__ == "numpy" and base.__name__ in ("ndarray", "dtype") for base in cls.__mro__
    )


def _enc_hook(value: object) -> object:
    cls = type(value)
    if hasattr(cls, "model_dump"):
        return value.model_dump(mode="json")  # type: ignore[attr-defined]  # pydantic's
    if _goes_by_pickle(value) or current_process().may_unpickle((cls.__module__, cls.__qualname__)):
        return msgspec.msgpack.Ext(_PICKLE_EXT, _pickled(value))
    real_datetime, real_date = _DATES
    if isinstance(value, real_datetime):  # a frozen clock's dates are subclasses, which msgspec refuses
        return real_datetime(
            value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond,
            tzinfo=value.tzinfo, fold=value.fold,
        )  # fmt: skip
    if isinstance(value, real_date):
        return real_date(value.year, value.month, value.day)
    raise _unserialisable(value)


def _unserialisable(value: object) -> NotImplementedError:
    cls = type(value)
    return NotImplementedError(
        f"Cannot serialize {value!r} of type {cls.__module__}.{cls.__qualname__}:"
        " return a dataclass, struct or pydantic model, or decorate the class with `serialize_by_pickle`"
    )


class _Pickler(pickle.Pickler):
    """Refuses what `_Unpickler` would refuse to read."""

    def reducer_override(self, obj: Any) -> Any:
        is_global = isinstance(obj, type | FunctionType | BuiltinFunctionType)
        if is_global and not _may_name(getattr(obj, "__module__", None) or "builtins", obj.__qualname__):
            raise _unserialisable(obj)
        return NotImplemented


def _pickled(value: object) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=4).dump(value)
    return buffer.getvalue()


def _ext_hook(code: int, data: memoryview) -> Any:
    if code != _PICKLE_EXT:
        raise DeserializationError(f"a stored value has the unknown extension code {code}")
    return _unpickle(bytes(data))


def _dec_hook(hint: Any, value: Any) -> Any:
    cls = get_origin(hint) or hint
    if hasattr(cls, "model_validate_json"):
        return hint.model_validate_json(msgspec.json.encode(value))
    if isinstance(cls, type):
        for real in _DATES:
            if cls is not real and issubclass(cls, real) and issubclass(real, cls):  # annotated under a frozen clock
                return msgspec.convert(value, real)
        if isinstance(value, cls):
            return value
    raise DeserializationError(f"a stored {type(value).__name__} can't be read as {hint!r}")


_encoder: Final = msgspec.msgpack.Encoder(enc_hook=_enc_hook)


def _make_decoder(hint: Any) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(hint, dec_hook=_dec_hook, ext_hook=_ext_hook)


_cached_decoder: Callable[[Any], msgspec.msgpack.Decoder[Any]] = lru_cache(maxsize=256)(_make_decoder)


def _decoder(hint: Any) -> msgspec.msgpack.Decoder[Any]:
    try:
        hash(hint)
    except TypeError:
        return _make_decoder(hint)
    return _cached_decoder(hint)


def _may_name(module: str, name: str) -> bool:
    return (module, name) in _SAFE_GLOBALS or current_process().may_unpickle((module, name))


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if not _may_name(module, name):
            raise pickle.UnpicklingError(f"Forbidden global: {module}.{name}")
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
        return found


def _unpickle(data: bytes) -> Any:
    return _Unpickler(io.BytesIO(data)).load()
