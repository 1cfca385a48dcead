"""Users' values as bytes and back (MEM-30..33): msgspec first, pickle only for types that are known to be safe."""

from __future__ import annotations

import datetime
import importlib
import io
import pathlib
import pickle
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, TypeVar

import msgspec

from ..ports import StoredValue
from ..values import DeserializationError
from ._process import current_process

__all__ = ["decode_value", "encode_value", "serialize_by_pickle", "unpickle_safe"]

T = TypeVar("T")

_PICKLE_EXT: Final = 1
_MSGPACK, _PYDANTIC, _PICKLE = "m", "j", "p"
_REAL_DATETIME, _REAL_DATE = datetime.datetime, datetime.date
_NONE_VALUE: Final = StoredValue(_MSGPACK, msgspec.msgpack.encode(None))


# What may be written by pickle, and what a pickle may name when it is read; a process adds its own decorated classes.
_BY_PICKLE: Final = frozenset({complex, slice, range, type(Ellipsis), type(NotImplemented)})
_SAFE_GLOBALS: Final = frozenset(
    [("builtins", n) for n in ("complex", "slice", "range", "set", "frozenset", "Ellipsis", "NotImplemented")]
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
)


def serialize_by_pickle(cls: type[T]) -> type[T]:
    """Class decorator: store instances by pickle, and allow reading them back."""
    current_process().pickled_classes.add(cls)
    return unpickle_safe(cls)


def unpickle_safe(cls: type[T]) -> type[T]:
    """Class decorator: allow pickles that name this class to be read."""
    current_process().unpickled_names.add((cls.__module__, cls.__qualname__))
    return cls


def encode_value(value: object) -> StoredValue:
    """The stored form of a value. NotImplementedError `Cannot serialize` when there is none."""
    if value is None:
        return _NONE_VALUE
    if hasattr(type(value), "__pydantic_fields__"):
        return StoredValue(_PYDANTIC, value.model_dump_json().encode())  # type: ignore[attr-defined]  # pydantic's
    if _goes_by_pickle(value):
        return StoredValue(_PICKLE, pickle.dumps(value, protocol=4))
    return StoredValue(_MSGPACK, _encoder.encode(value))


def decode_value(stored: StoredValue, hint: Any = Any) -> Any:
    """The value in the shape of a type annotation; `Any` gives msgspec's generic shapes (MEM-31).

    DeserializationError when it does not fit, or names a class that is not allowed.
    """
    try:
        if stored.codec == _MSGPACK:
            return _decoder(hint).decode(stored.data)
        if stored.codec == _PYDANTIC:
            if hasattr(hint, "model_validate_json"):
                return hint.model_validate_json(stored.data)
            return msgspec.json.decode(stored.data)
        return _unpickle(stored.data)
    except DeserializationError:
        raise
    except Exception as error:
        raise DeserializationError(f"a stored value can't be read as {hint!r}: {error}") from error


def _goes_by_pickle(value: object) -> bool:
    cls = type(value)
    if cls in _BY_PICKLE or current_process().may_pickle(cls) or isinstance(value, pathlib.PurePath):
        return True
    if cls.__module__ == "builtins":
        return isinstance(value, type)
    return cls.__module__ == "numpy" and (cls.__name__ == "ndarray" or any(c.__name__ == "dtype" for c in cls.__mro__))


def _enc_hook(value: object) -> object:
    if hasattr(type(value), "__pydantic_fields__"):
        return value.model_dump(mode="json")  # type: ignore[attr-defined]  # pydantic's
    if _goes_by_pickle(value):
        return msgspec.msgpack.Ext(_PICKLE_EXT, pickle.dumps(value, protocol=4))
    # A frozen clock's dates are subclasses, which msgspec refuses.
    if isinstance(value, _REAL_DATETIME):
        return _REAL_DATETIME(
            value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond,
            tzinfo=value.tzinfo, fold=value.fold,
        )  # fmt: skip
    if isinstance(value, _REAL_DATE):
        return _REAL_DATE(value.year, value.month, value.day)
    cls = type(value)
    raise NotImplementedError(
        f"Cannot serialize {value!r} of type {cls.__module__}.{cls.__qualname__}:"
        " return a dataclass, struct or pydantic model, or decorate the class with `serialize_by_pickle`"
    )


def _ext_hook(code: int, data: memoryview) -> Any:
    if code != _PICKLE_EXT:
        raise DeserializationError(f"a stored value has the unknown extension code {code}")
    return _unpickle(bytes(data))


def _dec_hook(hint: type, value: Any) -> Any:
    if hasattr(hint, "model_validate"):
        return hint.model_validate(value)
    if isinstance(hint, type) and isinstance(value, hint):
        return value
    raise DeserializationError(f"a stored {type(value).__name__} can't be read as {hint!r}")


_encoder: Final = msgspec.msgpack.Encoder(enc_hook=_enc_hook)


def _make_decoder(hint: Any) -> msgspec.msgpack.Decoder[Any]:
    try:
        return msgspec.msgpack.Decoder(hint, dec_hook=_dec_hook, ext_hook=_ext_hook)
    except TypeError:  # msgspec can't express the annotation: read it generically
        return msgspec.msgpack.Decoder(Any, dec_hook=_dec_hook, ext_hook=_ext_hook)


_cached_decoder: Callable[[Any], msgspec.msgpack.Decoder[Any]] = lru_cache(maxsize=256)(_make_decoder)


def _decoder(hint: Any) -> msgspec.msgpack.Decoder[Any]:
    try:
        return _cached_decoder(hint)
    except TypeError:  # an unhashable annotation
        return _make_decoder(hint)


class _RestrictedUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _SAFE_GLOBALS and not current_process().may_unpickle((module, name)):
            raise pickle.UnpicklingError(f"Forbidden global: {module}.{name}")
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
        return found


def _unpickle(data: bytes) -> Any:
    return _RestrictedUnpickler(io.BytesIO(data)).load()
