"""A policy of priorities, for bugs that need someone to wait long: probabilistic concurrency testing."""

from __future__ import annotations

import random
import weakref
from collections.abc import Sequence

from ._moment import Moment
from ._policy import Candidate

__all__ = ["Pct"]

_FAIR_AFTER = 10


class Pct:
    """Who has the highest priority goes first, but for `depth - 1` moments, each of which sends someone to the back.

    Every actor draws a priority when it is first seen; the moments are drawn from the first `decisions` decisions,
    so that should be about how many a run has (`len(World.choices)` of an earlier one). A bug that needs `depth`
    things in one order is found with a probability of at least 1 / (actors * decisions ** (depth - 1)), however long
    someone has to wait for it; `SeededRandom` is better where nobody has to.

    After ten times `decisions` every candidate has the same probability: in asyncio a task that asks again and again
    (`while not done: await sleep(0)`) does let the others run, so nobody is starved for ever. When something happens
    outside is no matter of priorities either: it has another moment each time.

    Algorithm: S. Burckhardt and others, "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs"
    (ASPLOS 2010). A decision costs time linear in the number of candidates.

    Raises: ValueError for `depth` or `decisions` below 1.
    """

    def __init__(self, rng: random.Random, *, depth: int = 3, decisions: int = 1_000) -> None:
        if depth < 1 or decisions < 1:
            raise ValueError(f"depth and decisions begin at 1; got depth={depth!r}, decisions={decisions!r}")
        self._draw = rng.random
        moments = rng.sample(range(1, decisions + 1), min(depth - 1, decisions))
        # Below every drawn priority, and in an order of their own, as in the paper.
        self._sent_back = {moment: -1.0 - number for number, moment in enumerate(moments)}
        self._decisions = 0
        self._fair_after = _FAIR_AFTER * decisions
        # By identity, since equal timers are two actors; weakly, since a task that is kept can't report its error.
        self._priorities: dict[int, tuple[float, weakref.ref[object]]] = {}

    def choose(self, ready: Sequence[Candidate]) -> int:
        """The index of the candidate whose actor has the highest priority."""
        self._decisions += 1
        if self._decisions > self._fair_after or isinstance(ready[0].actor, Moment):
            return int(self._draw() * len(ready))
        priorities = [self._priority(candidate.actor) for candidate in ready]
        best = priorities.index(max(priorities))
        lowest = self._sent_back.get(self._decisions)
        if lowest is not None:
            self._set_priority(ready[best].actor, lowest)
            priorities[best] = lowest
            best = priorities.index(max(priorities))
        return best

    def _priority(self, actor: object) -> float:
        found = self._priorities.get(id(actor))
        return self._set_priority(actor, self._draw()) if found is None else found[0]

    def _set_priority(self, actor: object, priority: float) -> float:
        key, priorities = id(actor), self._priorities
        priorities[key] = priority, weakref.ref(actor, lambda _: priorities.pop(key, None))
        return priority
