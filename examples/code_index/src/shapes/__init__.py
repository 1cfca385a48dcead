"""Plane shapes."""

from .areas import circle_area as circle_area
from .areas import rectangle_area as rectangle_area
from .points import Point as Point
