"""Relative component paths, as authors write them (CMP-05)."""

from __future__ import annotations

from types import TracebackType

from ..values import StableKey, StablePath, encode_key, key_end
from ._component import ComponentContext, _current, current_context

__all__ = ["ComponentSubpath", "component_subpath", "split_parts"]


class ComponentSubpath:
    """A path below the running component. As a context manager it prefixes every mount inside the block."""

    __slots__ = ("_tokens", "encoded")

    def __init__(self, *key_parts: StableKey) -> None:
        self.encoded = encode_key(key_parts[0]) if len(key_parts) == 1 else b"".join(map(encode_key, key_parts))
        self._tokens: list[object] = []

    def __truediv__(self, part: StableKey) -> ComponentSubpath:
        longer = ComponentSubpath()
        longer.encoded = self.encoded + encode_key(part)
        return longer

    @property
    def parts(self) -> tuple[StableKey, ...]:
        """The parts, as Python values."""
        return tuple(StablePath(self.encoded).parts())

    def __enter__(self) -> ComponentSubpath:
        context = current_context()
        subpath = context.subpath + self.encoded
        inner = ComponentContext(context.component, context.collector, subpath, context.call, context.group)
        self._tokens.append(_current.set(inner))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _current.reset(self._tokens.pop())  # type: ignore[arg-type]  # what set() gave

    def __repr__(self) -> str:
        return f"ComponentSubpath({', '.join(map(repr, self.parts))})"


def component_subpath(*key_parts: StableKey) -> ComponentSubpath:
    """The subpath of these keys, for `mount` and its kin or for a `with` block."""
    return ComponentSubpath(*key_parts)


def split_parts(encoded: bytes) -> list[int]:
    """Where each part of an encoded path ends."""
    ends, at = [], 0
    while at < len(encoded):
        at = key_end(encoded, at)
        ends.append(at)
    return ends
