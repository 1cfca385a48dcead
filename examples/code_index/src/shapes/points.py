"""Points."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """A point in the plane."""

    x: float
    y: float

    def moved(self, dx: float, dy: float) -> "Point":
        """The point at a distance."""
        return Point(self.x + dx, self.y + dy)
