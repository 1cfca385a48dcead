"""Who is told what the engine did."""

from __future__ import annotations

from typing import Protocol

from ..values import Event

__all__ = ["Observer"]


class Observer(Protocol):
    """Called once per event, in order. It must not raise and must not block.

    Events come from the environment's event loop, those of sync functions from the thread that runs them.
    """

    def on_event(self, event: Event) -> None:
        """Take one event."""
        ...
