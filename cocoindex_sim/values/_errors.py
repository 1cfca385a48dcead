"""The errors of this package.

    CocoSimError
    +- UsageError (ValueError)         yours: a call that can't be carried out as written; nothing has changed
    +- ScenarioError (ValueError)      yours: a scenario file; names file, line and the next step
    +- StateError (RuntimeError)       the state directory
    |  +- StateFormatError             written by a newer version, or by CocoIndex itself
    |  +- StateLockedError             held by another process
    +- FenceError (RuntimeError)       a call that leaves the simulation; names the call
    +- DeadlockError (RuntimeError)    a simulated run where nothing can happen any more; lists who waits where
    +- LimitError (RuntimeError)       a simulated run went past a limit; names the limit
    +- TasksLeftError (RuntimeError)   a stopped update that is not over; names the tasks that go on
    +- DivergenceError (RuntimeError)  a simulated run that was repeated went another way; says where
    +- InternalError (RuntimeError)    ours: please report it

Errors the contract gives a built-in type (`ValueError`, `RuntimeError`, `TypeError`) are raised as that type, or as a
subclass of it from this tree.
"""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "CocoSimError",
    "DeadlockError",
    "DeserializationError",
    "DivergenceError",
    "FenceError",
    "InternalError",
    "LimitError",
    "ScenarioError",
    "StateError",
    "StateFormatError",
    "StateLockedError",
    "TasksLeftError",
    "UsageError",
]


class CocoSimError(Exception):
    """Base of every error class this package defines."""


class UsageError(CocoSimError, ValueError):
    """A call the engine can't carry out as written. The text starts with `Invalid Request:`, as CocoIndex's does."""

    def __init__(self, fact: str) -> None:
        super().__init__(f"Invalid Request: {fact}")


class DeserializationError(CocoSimError):
    """A stored value does not fit the type it is read as, or names a class that is not allowed."""


class ScenarioError(CocoSimError, ValueError):
    """A scenario that can't be run as written.

    `path`, `line` and `column` (1-based; 0: the whole file, or line) say where; the text says what was expected and
    what to do.
    """

    def __init__(self, fact: str, *, path: Path, line: int = 0, column: int = 0) -> None:
        where = ":".join(str(part) for part in (path, line, column) if part)
        super().__init__(f"{where}: {fact}")
        self.fact = fact
        self.path = path
        self.line = line
        self.column = column


class StateError(CocoSimError, RuntimeError):
    """The state directory can't be used as it is. It was not changed."""


class StateFormatError(StateError):
    """The state directory was written in a format this version does not read. It was not changed."""


class StateLockedError(StateError):
    """Another process holds the state directory."""


class FenceError(CocoSimError, RuntimeError):
    """A simulated run called something the simulation can't control."""


class DeadlockError(CocoSimError, RuntimeError):
    """Nothing is ready, no timer is set, and the main task is not done."""


class LimitError(CocoSimError, RuntimeError):
    """A simulated run went past one of its limits."""


class TasksLeftError(CocoSimError, RuntimeError):
    """An update was stopped in a simulated run, and tasks of it go on."""


class DivergenceError(CocoSimError, RuntimeError):
    """A simulated run that was repeated went another way. The text says where."""


class InternalError(CocoSimError, RuntimeError):
    """A rule this package keeps by itself was broken: please report it with the trace."""
