"""Areas, in the square of whatever unit goes in."""

import math


def circle_area(radius: float) -> float:
    """The area of a circle."""
    return math.pi * radius**2


def rectangle_area(width: float, height: float) -> float:
    """The area of a rectangle."""
    return width * height
