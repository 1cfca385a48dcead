"""How a map says no."""

from __future__ import annotations

__all__ = ["MapError"]


class MapError(ConnectionError):
    """The map did not do what was asked, or did it and could not say so."""
