"""How a dead process learns that it is dead."""

from __future__ import annotations

__all__ = ["ProcessCut"]


class ProcessCut(BaseException):
    """A process that was killed in the simulation called a port.

    Not an `Exception`: code of the dead process must not handle it and go on.
    """
