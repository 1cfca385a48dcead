"""Which runs wait for the running code: an app can't be updated from inside one of its own (SE-16)."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._run import Run

__all__ = ["enter_run", "runs_around", "set_runs_around"]

_around: ContextVar[tuple[Run, ...]] = ContextVar("coco_runs_around", default=())


def runs_around() -> tuple[Run, ...]:
    """The runs whose components, sinks, handlers or batched calls the running code belongs to."""
    return _around.get()


def set_runs_around(runs: tuple[Run, ...]) -> None:
    """Say for whom the present context works."""
    _around.set(runs)


def enter_run(run: Run) -> None:
    """Count what the present context does, and all it starts, to this run as well."""
    _around.set((*_around.get(), run))
