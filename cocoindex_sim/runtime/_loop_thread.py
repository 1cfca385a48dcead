"""The event loop of environments that were created outside one: shared, on a thread of its own."""

from __future__ import annotations

import asyncio
import threading

__all__ = ["background_loop"]

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def background_loop() -> asyncio.AbstractEventLoop:
    """The running loop of the background thread, started on first use."""
    global _loop
    with _lock:
        if _loop is None or _loop.is_closed():
            _loop, runs = asyncio.new_event_loop(), threading.Event()
            _loop.call_soon(runs.set)
            threading.Thread(target=_loop.run_forever, name="cocoindex-sim loop", daemon=True).start()
            runs.wait()
        return _loop
