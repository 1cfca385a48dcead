"""Fixtures of the tests of resources."""

from ..engine.conftest import field

__all__ = ["field"]
