"""Every schedule of a small run, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..values import DivergenceError
from ._policy import Candidate

__all__ = ["Branch", "Dfs"]

# One decision: the index taken, and among how many.
_Path = list[tuple[int, int]]


class Branch:
    """One of the schedules of a `Dfs`: the policy of one run."""

    def __init__(self, begin: Sequence[tuple[int, int]]) -> None:
        self._begin = begin
        self.path: _Path = []
        """What was decided until now: the index taken and the number of candidates, each time."""

    lingers = False
    """What happens outside does so at once: its moments would be most of the schedules there are."""

    def choose(self, ready: Sequence[Candidate]) -> int:
        """The index this branch takes, then asyncio's order.

        Raises: DivergenceError when there are more or fewer candidates than in the run it branches from.
        """
        index, count, number = 0, len(ready), len(self.path)
        if number < len(self._begin):
            index, before = self._begin[number]
            if count != before:
                names = ", ".join(candidate.label for candidate in ready)
                raise DivergenceError(
                    f"decision {number + 1} was among {before} candidates, and is among {count} now ({names}), after"
                    " the same choices: something outside the world decides; look for state that outlives a run,"
                    " real time, ids and the order of sets"
                )
        self.path.append((index, count))
        return index


class Dfs:
    """All schedules of a run, depth first, each once: iterate over it, and give each item to one run as its policy.

        for policy in Dfs(deviations_max=2):
            with World(policy=policy) as world:
                ...

    The first is asyncio's own order. `deviations_max` bounds how often a schedule may take another candidate than
    asyncio would. (That is the preemption bound here: a step of a task can't be interrupted, only overtaken.) Without
    it their number grows exponentially: three tasks of two steps have 90 schedules, three of three 1,680.

    All that the world may draw besides must be the same each time, so keep the seed.

    Raises: DivergenceError, here or in the run, when a run does not repeat itself; ValueError for a negative bound.
    """

    def __init__(self, *, deviations_max: int | None = None) -> None:
        if deviations_max is not None and deviations_max < 0:
            raise ValueError(f"deviations_max is not negative; got {deviations_max!r}")
        self._deviations_max = deviations_max

    def __iter__(self) -> Iterator[Branch]:
        begin: _Path | None = []
        while begin is not None:
            branch = Branch(begin)
            yield branch
            if len(branch.path) < len(begin):
                raise DivergenceError(
                    f"the run ended after {len(branch.path)} decisions, before decision {len(begin)}, where it was to"
                    " leave the run before: something outside the world decides, or the policy was not used for one"
                    " whole run in a world of the same seed"
                )
            begin = self._next(branch.path)

    def _next(self, path: _Path) -> _Path | None:
        """How the next schedule begins; None after the last."""
        deviations = sum(index > 0 for index, _ in path)
        for number in range(len(path) - 1, -1, -1):
            index, count = path[number]
            deviations -= index > 0
            if index + 1 < count and (self._deviations_max is None or deviations < self._deviations_max):
                return [*path[:number], (index + 1, count)]
        return None
