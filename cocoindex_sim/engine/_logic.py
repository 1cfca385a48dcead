"""Logic fingerprints: what a function does, as 16 bytes that survive reformatting (LGC)."""

from __future__ import annotations

import ast
import linecache
import weakref
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from types import CodeType
from typing import Any, Protocol

from ._fingerprint import fingerprint_object, name_of_module

__all__ = ["LogicRegistry", "logic_fingerprint", "module_name", "source_lines"]


class _Tracked(Protocol):
    @property
    def logic(self) -> bytes: ...


class LogicRegistry:
    """The fingerprints of every function that is decorated in this process.

    A stored result stands only while all fingerprints it was made with are registered (LGC-04). A function counts as
    long as it exists: defining it again, in a notebook or by reloading its module, ends the former one. Fingerprints
    are computed when first asked for: decorating must stay cheap at import.
    """

    __slots__ = ("_known", "_outer", "_pending")

    def __init__(self, outer: LogicRegistry | None = None) -> None:
        self._outer = outer
        self._known: dict[bytes, set[_Registered]] = {}
        self._pending: dict[int, weakref.ref[_Tracked]] = {}  # by the id of the reference

    def register(self, function: _Tracked) -> None:
        """Add a function, for as long as it exists."""
        reference = weakref.ref(function)
        self._pending[id(reference)] = reference

    def offers(self, fingerprints: Iterable[bytes]) -> bool:
        """Whether functions with all these fingerprints are registered."""
        if self._pending:
            self._settle()
        known, outer = self._known, self._outer
        for fingerprint in fingerprints:
            if fingerprint not in known and (outer is None or not outer.offers((fingerprint,))):
                return False
        return True

    def _settle(self) -> None:
        # Several threads may do this at once: nothing leaves `_pending` before it is known.
        for key, reference in list(self._pending.items()):
            function = reference()
            if function is not None:
                registered = _Registered(function, self._forget)
                registered.logic = function.logic
                self._known.setdefault(registered.logic, set()).add(registered)
            self._pending.pop(key, None)

    def _forget(self, registered: weakref.ref[_Tracked]) -> None:
        assert isinstance(registered, _Registered)
        same = self._known.get(registered.logic, set())
        same.discard(registered)
        if not same:
            self._known.pop(registered.logic, None)


class _Registered(weakref.ref[_Tracked]):
    __slots__ = ("logic",)

    logic: bytes


def source_lines(function: Any) -> list[str]:
    """The lines of the file a function was just made from; none if there is no such file.

    To be asked for at once: the file may be another one by the time its fingerprint is needed.
    """
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType):
        return []
    linecache.checkcache(code.co_filename)
    return linecache.getlines(code.co_filename, getattr(function, "__globals__", None))


def module_name(function: Any) -> str:
    """The module of a function; a script run as `__main__` counts as its base name (LGC-09)."""
    return name_of_module(getattr(function, "__module__", None) or "")


def logic_fingerprint(function: Any, version: object, deps: object, lines: list[str] | None = None) -> bytes:
    """Module, qualified name, and the syntax tree (or `version` in its place), with `deps` folded in (LGC-01, -03).

    `lines`: the source the function was made from, as far as `source_lines` knows, unless given.
    """
    code = getattr(function, "__code__", None)
    body: object = None
    if version is not None:
        body = ("version", version)
    elif isinstance(code, CodeType):
        body = _syntax(code, source_lines(function) if lines is None else lines) or _bytecode(code)
    return fingerprint_object((module_name(function), function.__qualname__, body, deps))


def _syntax(code: CodeType, lines: list[str]) -> bytes | None:
    """A digest of the function's tree without decorators, docstrings and positions; None if it can't be told apart."""
    found = _functions_by_line("".join(lines)).get((code.co_firstlineno, code.co_name), ())
    return found[0] if len(found) == 1 else None


@lru_cache(maxsize=512)
def _functions_by_line(source: str) -> dict[tuple[int, str], list[bytes]]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return {}
    found: dict[tuple[int, str], list[bytes]] = {}
    # Inner functions first: outer digests are taken once their docstrings and decorators are gone.
    for node in reversed(list(ast.walk(tree))):
        if isinstance(node, ast.Lambda):
            found.setdefault((node.lineno, "<lambda>"), []).append(_digest(node))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node, clean=False) is not None:
                del node.body[0]
            decorators, node.decorator_list = node.decorator_list, []
            first_line = decorators[0].lineno if decorators else node.lineno
            found.setdefault((first_line, node.name), []).append(_digest(node))
    return found


def _digest(node: ast.AST) -> bytes:
    try:
        text = ast.dump(node, annotate_fields=False)
    except RecursionError:  # a very long expression
        return b""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _bytecode(code: CodeType) -> tuple[object, ...]:
    constants = tuple(_bytecode(value) if isinstance(value, CodeType) else value for value in code.co_consts)
    return (code.co_code, code.co_names, code.co_varnames, constants)
