"""What a check did to a source, key by key, and what of it a pipeline should have by now."""

from __future__ import annotations

from typing import Any, Final

from cocoindex_sim.values import NON_EXISTENCE, encode_key, is_non_existence

__all__ = ["GONE", "History", "difference"]

GONE: Final = NON_EXISTENCE
"""Stands for the value of a key that was deleted."""


class History:
    """Every value that each key was given, oldest first, GONE among them."""

    def __init__(self) -> None:
        self._values: dict[bytes, list[Any]] = {}
        self._keys: dict[bytes, Any] = {}

    def append(self, key: Any, value: Any) -> None:
        """A key is given a value, or GONE."""
        self._values.setdefault(encode_key(key), []).append(value)
        self._keys[encode_key(key)] = key

    def latest(self) -> dict[bytes, int]:
        """How far each key has got: the position of its last value."""
        return {encoded: len(values) - 1 for encoded, values in self._values.items()}

    def position(self, encoded: bytes, value: Any, since: int | None = None) -> int | None:
        """The last position at which a key had this value; None if it never had.

        `since`: the first one from there on, if there is any. A key can have been deleted several times, and nobody can
        tell of which of them a subscriber heard; so the benefit of the doubt.
        """
        at = [index for index, had in enumerate(self._values.get(encoded, ())) if _is_same(had, value)]
        later = [] if since is None else [index for index in at if index >= since]
        return later[0] if later else at[-1] if at else None

    def value(self, encoded: bytes, position: int) -> Any:
        """The value of a key at a position."""
        return self._values[encoded][position]

    def key(self, encoded: bytes) -> Any:
        """The key that is encoded so."""
        return self._keys[encoded]

    def current(self) -> dict[bytes, tuple[Any, Any]]:
        """The keys and values there are now, by encoded key."""
        return {
            encoded: (self._keys[encoded], values[-1])
            for encoded, values in self._values.items()
            if not is_non_existence(values[-1])
        }


def _is_same(one: Any, other: Any) -> bool:
    if is_non_existence(one) or is_non_existence(other):
        return one is other
    return bool(one == other)


def difference(expected: dict[bytes, tuple[Any, Any]], found: dict[bytes, tuple[Any, Any]]) -> list[str]:
    """What differs, one line for each key: `-` is missing, `+` too much."""
    lines = []
    for encoded in sorted(expected.keys() | found.keys()):
        if encoded not in found:
            key, value = expected[encoded]
            lines.append(f"- {key!r}: {value!r}")
        elif encoded not in expected:
            key, value = found[encoded]
            lines.append(f"+ {key!r}: {value!r}")
        elif expected[encoded][1] != found[encoded][1]:
            key, value = expected[encoded]
            lines += [f"- {key!r}: {value!r}", f"+ {key!r}: {found[encoded][1]!r}"]
    return lines
