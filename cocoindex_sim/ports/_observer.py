"""Who is told what the engine did."""

from __future__ import annotations

from typing import Protocol

from ..values import Event

__all__ = ["Observer"]


class Observer(Protocol):
    """Called on the environment's event loop, once per event, in order. It must not raise and must not block."""

    def on_event(self, event: Event) -> None:
        """Take one event."""
        ...
