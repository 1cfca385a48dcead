"""When something happens outside, seen from what runs: the policy chooses that, too."""

from __future__ import annotations

from typing import Final

__all__ = ["MOMENTS", "Moment"]


class Moment:
    """A candidate: what happens outside does so that many steps later. It is a `Candidate`."""

    __slots__ = ("steps",)

    def __init__(self, steps: int) -> None:
        self.steps = steps

    @property
    def label(self) -> str:
        """How many steps later."""
        return f"{self.steps} steps later"

    @property
    def actor(self) -> object:
        """The moment itself."""
        return self


# Often at once, so that several things happen together; then each of the first steps, for they are where things begin;
# then wider and wider apart.
_STEPS: Final = (*[0] * 8, *range(1, 14), 16, 20, 25, 32, 40, 64, 100, 160, 256, 400, 640)

MOMENTS: Final = tuple(Moment(steps) for steps in _STEPS)
"""The moments there are, soonest first."""
