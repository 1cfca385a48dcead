"""The fingerprint of a value that contains itself: what is to be seen on walks through it, and how large its loops are.

Such a value has no encoding from the inside out. Two parts look alike from `n + 1` steps if they are the same kind of
thing and their parts look alike from `n`; once another step tells no more parts apart, the whole is what each kind of
part looks like before and after that step. Values in which these pairs are the same can't be told apart by any walk.
A walk can't count, though: a ring of three equal parts looks like one of four. So what leads back to itself also counts
by how many objects it does so with.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final, NamedTuple

__all__ = ["LoopShape", "look_at"]

_STEPS_MAX: Final = 4_000_000  # of one or two microseconds each


class LoopShape(NamedTuple):
    """One object in such a value.

    `parts`: the encoding of a primitive, or the index of another shape. `group`: how many parts make up an item where
    the order of items does not count, 0 where it does.
    """

    head: bytes
    parts: list[bytes | int]
    group: int


def look_at(shapes: list[LoopShape]) -> tuple[bytes, list[bytes]]:
    """16 bytes for the first shape, from which all others can be reached, and what each shape looks like.

    OverflowError when there are too many of them, too many steps apart.
    """
    shapes = [
        shape if size == 0 else shape._replace(head=b"@%d:" % size + shape.head)
        for shape, size in zip(shapes, _loop_sizes(shapes), strict=True)
    ]
    looks, kinds, steps = [bytes(16)] * len(shapes), 1, 0
    while True:
        steps += len(shapes)
        if steps > _STEPS_MAX:
            raise OverflowError(f"{len(shapes)} parts refer to each other in too many ways")
        further = [_look(shape, looks) for shape in shapes]
        kinds_before, kinds = kinds, len(set(further))
        if kinds == kinds_before:
            pairs = sorted({before + after for before, after in zip(looks, further, strict=True)})
            return blake2b(looks[0] + b"".join(pairs), digest_size=16).digest(), looks
        looks = further


def _look(shape: LoopShape, looks: list[bytes]) -> bytes:
    seen = [part if isinstance(part, bytes) else b"#" + looks[part] for part in shape.parts]
    if shape.group:
        seen = sorted(map(b"".join, zip(*[iter(seen)] * shape.group, strict=True)))
    return blake2b(shape.head + b"".join(seen), digest_size=16).digest()


def _loop_sizes(shapes: list[LoopShape]) -> list[int]:
    """For each shape, with how many (itself included) it leads back to itself; 0 if it doesn't. Tarjan's algorithm."""
    sizes = [0] * len(shapes)
    order: dict[int, int] = {}  # when each was met
    lowest: dict[int, int] = {}  # the earliest one met that it leads back to
    open_: list[int] = []  # met, but not known yet whether something earlier leads to them and back
    is_open: set[int] = set()
    walk = [(0, iter(shapes[0].parts))]
    order[0] = lowest[0] = 0
    open_.append(0)
    is_open.add(0)
    while walk:
        at, parts = walk[-1]
        for part in parts:
            if isinstance(part, bytes):
                continue
            if part not in order:
                order[part] = lowest[part] = len(order)
                open_.append(part)
                is_open.add(part)
                walk.append((part, iter(shapes[part].parts)))
                break
            if part in is_open:
                lowest[at] = min(lowest[at], order[part])
        else:
            walk.pop()
            if walk:
                above = walk[-1][0]
                lowest[above] = min(lowest[above], lowest[at])
            if lowest[at] == order[at]:
                loop = [open_.pop()]
                while loop[-1] != at:
                    loop.append(open_.pop())
                is_open.difference_update(loop)
                if len(loop) > 1 or at in shapes[at].parts:
                    for one in loop:
                        sizes[one] = len(loop)
    return sizes
