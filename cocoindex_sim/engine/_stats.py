"""Counts of one update, per processor (STAT-03..11)."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ComponentStats", "StatsCounter", "UpdateStats"]


class ComponentStats(NamedTuple):
    """Counts for the components of one processor, or of all. A component counts once per run of it."""

    num_execution_starts: int = 0
    num_unchanged: int = 0
    num_adds: int = 0
    num_deletes: int = 0
    num_reprocesses: int = 0
    num_errors: int = 0

    @property
    def num_processed(self) -> int:
        """Runs that ended without error."""
        return self.num_unchanged + self.num_adds + self.num_deletes + self.num_reprocesses

    @property
    def num_finished(self) -> int:
        """Runs that ended."""
        return self.num_processed + self.num_errors

    @property
    def num_in_progress(self) -> int:
        """Runs that began and have not ended."""
        return max(0, self.num_execution_starts - self.num_finished)


class UpdateStats(NamedTuple):
    """Counts by processor name: function qualified names, `Class.process` for live components."""

    by_component: dict[str, ComponentStats]

    @property
    def total(self) -> ComponentStats:
        """The sum over all processors."""
        columns = zip(*self.by_component.values(), strict=True)
        return ComponentStats(*map(sum, columns)) if self.by_component else ComponentStats()


_STARTS, _UNCHANGED, _ADDS, _DELETES, _REPROCESSES, _ERRORS = range(6)


class StatsCounter:
    """The running counts behind `UpdateStats`. Always on, so plain integers instead of an event observer."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = {}

    def _add(self, processor: str, column: int) -> None:
        row = self._counts.get(processor)
        if row is None:
            row = self._counts[processor] = [0] * 6
        row[column] += 1

    def started(self, processor: str) -> None:
        """A run or a deletion began."""
        self._add(processor, _STARTS)

    def unchanged(self, processor: str) -> None:
        """A stored result was reused."""
        self._add(processor, _UNCHANGED)

    def executed(self, processor: str, *, existed: bool) -> None:
        """A run committed, at a path that held a component before or not."""
        self._add(processor, _REPROCESSES if existed else _ADDS)

    def deleted(self, processor: str) -> None:
        """A component was removed."""
        self._add(processor, _DELETES)

    def failed(self, processor: str) -> None:
        """A run or a deletion failed."""
        self._add(processor, _ERRORS)

    def snapshot(self) -> UpdateStats:
        """The counts now."""
        return UpdateStats({name: ComponentStats(*row) for name, row in list(self._counts.items())})
