"""The ports of one process, together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from ._clock import Clock
from ._file_system import FileSystem
from ._state_store import StateStore

__all__ = ["Ports"]


@dataclass(frozen=True, slots=True)
class Ports:
    """What an engine process is plugged into. Production and simulation differ in this object and nowhere else.

    `open_store(directory, map_size_bytes)` opens (and creates) the state directory; the size is where its map starts.
    `event_loop()` gives the loop of an environment that was created outside a running loop.
    `bodies_at_once`: how many components at most have their code run by one task, one after the other, as long as none
    of them has to wait. With 1 each has a task of its own, so that the loop decides which comes next.
    """

    clock: Clock
    file_system: FileSystem
    open_store: Callable[[str, int], StateStore]
    event_loop: Callable[[], asyncio.AbstractEventLoop]
    bodies_at_once: int = 1024
