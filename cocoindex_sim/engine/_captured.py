"""What tells two closures of one factory apart: the values they captured (SE-04)."""

from __future__ import annotations

import datetime
import decimal
import dis
import enum
import functools
import types
import uuid
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import PurePath
from typing import Any, Final, NamedTuple

from ..values import StablePath, Symbol
from ._fingerprint import NotMemoKeyable, fingerprint_object
from ._logic import logic_fingerprint, module_name
from ._process import current_process

__all__ = ["Captured", "CapturedNow"]

_PLAIN: Final = (
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    range,
    enum.Enum,
    type,
    PurePath,
    uuid.UUID,
    decimal.Decimal,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    types.NoneType,
    types.BuiltinFunctionType,
)


class CapturedNow(NamedTuple):
    """The captured values at one moment.

    `key`: a fingerprint of those that can't change. `held`: the others. They may change after a result was stored, so
    nothing about them belongs in its key; but while they are alive, `is` tells two closures apart.
    """

    key: bytes
    held: tuple[Any, ...]


class Captured:
    """The variables a closure reads and doesn't assign itself: a counter in its body says nothing about results."""

    __slots__ = ("_cells", "names")

    def __init__(self, body: types.FunctionType) -> None:
        assigned = _assigned_names(body.__code__)
        cells = zip(body.__code__.co_freevars, body.__closure__ or (), strict=True)
        self._cells = [(name, cell) for name, cell in cells if name not in assigned]
        self.names = [name for name, _ in self._cells]

    @staticmethod
    def by(body: Callable[..., Any]) -> Captured | None:
        """What a function captured; None when nothing."""
        if not isinstance(body, types.FunctionType) or not body.__closure__:
            return None
        captured = Captured(body)
        return captured if captured.names else None

    def now(self) -> CapturedNow:
        """Their values."""
        reader = _Reader()
        key = reader.cells(self._cells)
        return CapturedNow(fingerprint_object(key), tuple(reader.held))


@functools.lru_cache(maxsize=4096)  # taking code apart costs a hundred times what reading a closure does
def _assigned_names(code: types.CodeType) -> frozenset[str]:
    names: set[str] = set()
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("STORE_DEREF", "DELETE_DEREF"):
            names.add(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _assigned_names(constant)
    return frozenset(names)


class _Reader:
    """Turns captured values into something to fingerprint, and keeps those it can't."""

    __slots__ = ("_open", "held")

    def __init__(self) -> None:
        self.held: list[Any] = []
        self._open: list[int] = []  # functions being read: they may capture each other

    def cells(self, cells: list[tuple[str, types.CellType]]) -> object:
        return [(name, self._cell(cell)) for name, cell in cells]

    def _cell(self, cell: types.CellType) -> object:
        try:
            value = cell.cell_contents
        except ValueError:
            return "unset"
        return self.value(value)

    def value(self, value: Any) -> object:
        from ._function import Function

        if isinstance(value, _PLAIN) and not isinstance(value, NotMemoKeyable):
            return value
        cls = type(value)
        if isinstance(value, Function):
            return self._function(value.body)
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, types.MethodType):
            return "method", self.value(value.__func__), self.value(value.__self__)
        if isinstance(value, functools.partial):
            keywords = [(name, self.value(value.keywords[name])) for name in sorted(value.keywords)]
            return "partial", self.value(value.func), [self.value(one) for one in value.args], keywords
        if isinstance(value, tuple):
            return "tuple", cls.__qualname__, [self.value(one) for one in value]
        if isinstance(value, frozenset):
            return "set", {fingerprint_object(self.value(one)) for one in value}
        if isinstance(value, types.ModuleType):
            return "module", value.__name__
        if isinstance(value, Symbol):
            return "symbol", value.name
        if isinstance(value, StablePath):
            return "path", value.encoded
        if hasattr(cls, "__coco_memo_key__") or current_process().find_memo_key_functions(cls) is not None:
            return "keyed", fingerprint_object(value)
        if is_dataclass(value) and not isinstance(value, NotMemoKeyable) and cls.__dataclass_params__.frozen:
            parts = [(field.name, self.value(getattr(value, field.name))) for field in fields(value)]
            return "data", cls.__module__, cls.__qualname__, parts
        self.held.append(value)
        return "held"

    def _function(self, function: Any) -> object:
        if id(function) in self._open:
            return "again", self._open.index(id(function))
        self._open.append(id(function))
        try:
            name = (module_name(function), getattr(function, "__qualname__", ""))
            # Lambdas of one scope share a name.
            logic = logic_fingerprint(function, None, None) if "<lambda>" in name[1] else None
            captured = Captured.by(function)
            return "function", name, logic, None if captured is None else self.cells(captured._cells)
        finally:
            self._open.pop()
