"""Chance of code in a world comes from the world's seed, from the stream `user`.

That goes for the functions of `random`, for `random.Random()` without a seed, `os.urandom`, `secrets`, `uuid.uuid1` and
`uuid.uuid4`. Outside of steps they are the real ones.
"""

from __future__ import annotations

import os
import random
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final

from ._outside import present

__all__ = ["replace_chance"]

_UUID_EPOCH_100NS: Final = 0x01B21DD213814000  # from 1582-10-15, where UUIDs begin to count, to 1970-01-01
_MULTICAST: Final = 1 << 40  # marks a node that is no network card's address
_NODE: Final = _MULTICAST | 1


def _drawn() -> random.Random | None:
    """What code in the world draws from."""
    inside = present()
    return None if inside is None or inside.streams is None else inside.streams.user


class _Shared(random.Random):
    """The generator behind the functions of `random`: in a world another one, that of the world."""

    def random(self) -> float:
        drawn = _drawn()
        return super().random() if drawn is None else drawn.random()

    def getrandbits(self, k: int, /) -> int:
        drawn = _drawn()
        return super().getrandbits(k) if drawn is None else drawn.getrandbits(k)

    def seed(self, *args: Any, **kwargs: Any) -> None:
        drawn = _drawn()
        super().seed(*args, **kwargs) if drawn is None else drawn.seed(*args, **kwargs)

    def getstate(self) -> Any:
        drawn = _drawn()
        return super().getstate() if drawn is None else drawn.getstate()

    def setstate(self, state: Any) -> None:
        drawn = _drawn()
        super().setstate(state) if drawn is None else drawn.setstate(state)

    def gauss(self, *args: Any, **kwargs: Any) -> float:  # keeps every second result for the next call
        drawn = _drawn()
        return super().gauss(*args, **kwargs) if drawn is None else drawn.gauss(*args, **kwargs)


def replace_chance(undo: ExitStack) -> None:
    """Make chance follow the seeds of the worlds. `undo` gets what makes it real again."""

    def replace(owner: Any, name: str, value: Any) -> None:
        undo.callback(setattr, owner, name, getattr(owner, name))
        setattr(owner, name, value)

    shared: Any = random._inst  # what the functions of the module are methods of
    names = [name for name in random.__all__ if getattr(getattr(random, name), "__self__", None) is shared]
    replace(shared, "__class__", _Shared)
    for name in names:
        replace(random, name, getattr(shared, name))
    replace(random.Random, "seed", _seeding(random.Random.seed))
    for owner, name in ((os, "urandom"), (random, "_urandom")):
        replace(owner, name, _bytes_of(getattr(owner, name)))
    replace(uuid, "getnode", _node_of(uuid.getnode))
    replace(uuid, "uuid1", _uuid1_of(uuid.uuid1))


def _seeding(real: Callable[..., None]) -> Callable[..., None]:
    def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
        drawn = None if a is not None else _drawn()
        real(self, a if drawn is None else drawn.getrandbits(128), version)

    return seed


def _bytes_of(real: Callable[[int], bytes]) -> Callable[[int], bytes]:
    def urandom(size: int, /) -> bytes:
        drawn = _drawn()
        return real(size) if drawn is None else drawn.randbytes(size)

    return urandom


def _node_of(real: Callable[[], int]) -> Callable[[], int]:
    def getnode() -> int:
        return real() if _drawn() is None else _NODE

    return getnode


def _uuid1_of(real: Callable[..., uuid.UUID]) -> Callable[..., uuid.UUID]:
    def uuid1(node: int | None = None, clock_seq: int | None = None) -> uuid.UUID:
        inside = present()
        if inside is None or inside.clock is None or inside.streams is None:
            return real(node, clock_seq)
        drawn = inside.streams.user
        # The real one counts on when two are made at one instant; here they differ by chance.
        node = drawn.getrandbits(48) | _MULTICAST if node is None else node
        clock_seq = drawn.getrandbits(14) if clock_seq is None else clock_seq & 0x3FFF
        ticks = inside.clock.time_ns() // 100 + _UUID_EPOCH_100NS
        low, middle, high = ticks & 0xFFFF_FFFF, ticks >> 32 & 0xFFFF, ticks >> 48 & 0x0FFF
        return uuid.UUID(fields=(low, middle, high, clock_seq >> 8, clock_seq & 0xFF, node), version=1)

    return uuid1
