"""Logic fingerprints: what a function does, as 16 bytes that survive reformatting (LGC)."""

from __future__ import annotations

import ast
import hashlib
import linecache
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import PurePath
from types import CodeType
from typing import Any

from ._fingerprint import fingerprint_object

__all__ = ["LogicRegistry", "logic_fingerprint", "module_name"]


class LogicRegistry:
    """The fingerprints of every function decorated in this process.

    A stored result stands only while all fingerprints it was made with are registered (LGC-04). They are computed when
    first asked for: decorating must stay cheap at import.
    """

    __slots__ = ("_known", "_outer", "_pending")

    def __init__(self, outer: LogicRegistry | None = None) -> None:
        self._outer = outer
        self._known: set[bytes] = set()
        self._pending: list[Callable[[], bytes]] = []

    def register(self, compute: Callable[[], bytes]) -> None:
        """Add a function by the way to its fingerprint."""
        self._pending.append(compute)

    def offers(self, fingerprint: bytes) -> bool:
        """Whether a function with this fingerprint is registered."""
        if self._pending:
            pending, self._pending = self._pending, []
            self._known.update(compute() for compute in pending)
        return fingerprint in self._known or (self._outer is not None and self._outer.offers(fingerprint))


def module_name(function: Any) -> str:
    """The module of a function; a script run as `__main__` counts as its base name (LGC-09)."""
    module: str = getattr(function, "__module__", None) or ""
    if module == "__main__":
        filename = getattr(getattr(function, "__code__", None), "co_filename", "")
        return PurePath(filename).stem or module
    return module


def logic_fingerprint(function: Any, version: object, deps: object) -> bytes:
    """Module, qualified name, and the syntax tree (or `version` in its place), with `deps` folded in (LGC-01, -03)."""
    if version is not None:
        body: object = ("version", version)
    else:
        code = getattr(function, "__code__", None)
        body = _syntax(code) if isinstance(code, CodeType) else None
        if body is None and isinstance(code, CodeType):
            body = _bytecode(code)
    return fingerprint_object((module_name(function), getattr(function, "__qualname__", ""), body, deps))


def _syntax(code: CodeType) -> bytes | None:
    """A digest of the function's tree without decorators, docstrings and positions; None if it can't be told apart."""
    lines = linecache.getlines(code.co_filename)
    if not lines:
        return None
    found = _functions_by_line("".join(lines)).get((code.co_firstlineno, code.co_name), ())
    return found[0] if len(found) == 1 else None


@lru_cache(maxsize=512)
def _functions_by_line(source: str) -> dict[tuple[int, str], list[bytes]]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # the file changed under the running process
        return {}
    found: dict[tuple[int, str], list[bytes]] = {}
    for node in _walk_outermost_last(tree):
        if isinstance(node, ast.Lambda):
            found.setdefault((node.lineno, "<lambda>"), []).append(_digest(node))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first_line = node.decorator_list[0].lineno if node.decorator_list else node.lineno
            node.decorator_list = []
            _strip_docstring(node)
            found.setdefault((first_line, node.name), []).append(_digest(node))
        elif isinstance(node, ast.ClassDef):
            _strip_docstring(node)
    return found


def _walk_outermost_last(node: ast.AST) -> Iterator[ast.AST]:
    # Inner functions first: an outer digest must be taken after its inner ones lost decorators and docstrings.
    for child in ast.iter_child_nodes(node):
        yield from _walk_outermost_last(child)
    yield node


def _strip_docstring(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
    if ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:]


def _digest(node: ast.AST) -> bytes:
    return hashlib.blake2b(ast.dump(node, annotate_fields=False).encode(), digest_size=16).digest()


def _bytecode(code: CodeType) -> tuple[object, ...]:
    constants = tuple(_bytecode(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts)
    return (code.co_code, code.co_names, code.co_varnames, constants)
