"""Production: the engine's ports plugged into this machine."""

from __future__ import annotations

from dataclasses import replace

from ..connectors.localfs._disk import Disk
from ..engine import Process, current_process, set_production_process
from ..ports import Ports, StateStore
from ..store import LmdbStore, open_for_reading
from ._clock import SystemClock
from ._loop_thread import background_loop

__all__ = ["real_ports", "wire_production", "wire_reading"]


def real_ports() -> Ports:
    """The system's clock, its disk, LMDB, and the shared background loop."""
    return Ports(clock=SystemClock(), file_system=Disk(), open_store=_open_store, event_loop=background_loop)


def _open_store(directory: str, map_size_bytes: int) -> StateStore:
    return LmdbStore(directory, map_size_bytes)


def wire_production() -> None:
    """Make the process that code outside any simulated world belongs to."""
    set_production_process(Process(real_ports()))


def wire_reading() -> None:
    """Let the current process open state directories for reading only, beside whoever writes to them."""
    process = current_process()
    process.ports = replace(process.ports, open_store=lambda directory, map_size_bytes: open_for_reading(directory))
