"""A collection in memory that some components fill and others are made of, entry by entry."""

from ._live_map import LiveMap

__all__ = ["LiveMap"]
