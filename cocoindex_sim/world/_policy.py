"""The one ordering decision of a simulated run: which of the candidates goes next."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Protocol

__all__ = ["Candidate", "Fifo", "Policy", "Replay", "SeededRandom"]


class Candidate(Protocol):
    """One thing that may run now."""

    @property
    def label(self) -> str:
        """What it is, the same in every process: the task's name, or the kind and the function's name."""
        ...

    @property
    def actor(self) -> object:
        """Whose turn it would be: a step's task; a body or timer itself; one for all plain callbacks together."""
        ...


class Policy(Protocol):
    """Decides the order. Asked only when there are at least two candidates."""

    def choose(self, ready: Sequence[Candidate]) -> int:
        """The index of the candidate to run. They stand in queue order: 0 is what asyncio would run."""
        ...


class Fifo:
    """asyncio's own order. The loop knows this class and does not ask it, so no choice is recorded."""

    def choose(self, ready: Sequence[Candidate]) -> int:
        """Always 0."""
        return 0


class SeededRandom:
    """Every candidate with the same probability, drawn from the given stream."""

    def __init__(self, rng: random.Random) -> None:
        self._draw = rng.random

    def choose(self, ready: Sequence[Candidate]) -> int:
        """A random index."""
        return int(self._draw() * len(ready))  # a quarter of the cost of randrange; the bias is below 2**-40


class Replay:
    """The recorded choices of an earlier run, then asyncio's order.

    A choice beyond the last candidate takes the last: a shortened record is still a schedule, so it can be shrunk.
    """

    def __init__(self, choices: Iterable[int]) -> None:
        self._choices = iter(tuple(choices))

    def choose(self, ready: Sequence[Candidate]) -> int:
        """The next recorded choice, or 0."""
        return min(next(self._choices, 0), len(ready) - 1)
