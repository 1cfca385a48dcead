"""What can go wrong between a map and its clients."""

from __future__ import annotations

from typing import Final

__all__ = ["TROUBLES", "sites_of"]

TROUBLES: Final[dict[str, tuple[str, ...]]] = {
    "deliver": ("duplicate", "rewind", "reorder", "late", "dies", "silent"),
    "arm": ("fails",),
    "scan": ("fails", "slow"),
    "get": ("fails",),
    "commit": ("fails", "ack_lost"),
}
"""By call, what can go wrong at it. A `deliver` is one change on its way to one subscription."""


def sites_of(name: str) -> dict[str, str]:
    """By call, the site at which hazards strike it: `feed.NAME` for deliveries, `feed.NAME.CALL` for the others."""
    return {call: f"feed.{name}" if call == "deliver" else f"feed.{name}.{call}" for call in TROUBLES}
