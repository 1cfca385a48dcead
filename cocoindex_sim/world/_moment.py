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


# Each of the first steps, for they are where things begin; then wider and wider apart.
_STEPS: Final = (*range(16), 20, 25, 32, 40, 50, 64, 80, 100, 128, 160, 200, 256, 320, 400, 512, 640)

MOMENTS: Final = tuple(Moment(steps) for steps in _STEPS)
"""The moments there are, soonest first."""
