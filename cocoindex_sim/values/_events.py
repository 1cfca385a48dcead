"""What the engine tells its observers: a closed union of past-tense facts.

Every event is a frozen msgspec struct tagged with its snake_case name, so a trace can be written as JSON lines. The
names are also the vocabulary of scenario files (`crash: {at: pre_committed}`).
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from ._keys import StablePath

__all__ = [
    "EVENT_NAMES",
    "ActionsApplied",
    "ActionsFailed",
    "Committed",
    "ComponentFailed",
    "ComponentMounted",
    "ComponentReady",
    "ComponentRemoved",
    "ComponentReused",
    "ComponentStarted",
    "DuplicateDeclared",
    "Event",
    "FunctionReused",
    "FunctionStarted",
    "LiveEnded",
    "LiveReady",
    "LiveStarted",
    "OwnerChanged",
    "PreCommitted",
    "RemovalFailed",
    "RunFinished",
    "RunStarted",
    "event_name",
    "event_text",
]


def _snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


class _Event(msgspec.Struct, frozen=True, tag=_snake, tag_field="event"):
    pass


class RunStarted(_Event, frozen=True, tag=_snake):
    """One update or drop of an app began. `mode` is `update`, `full_reprocess` or `drop`."""

    app: str
    mode: str


class RunFinished(_Event, frozen=True, tag=_snake):
    """The update or drop ended; `error` is the text of the exception it raised, if any."""

    app: str
    error: str | None


class ComponentMounted(_Event, frozen=True, tag=_snake):
    """A component was given its path in this run."""

    path: StablePath
    processor: str


class ComponentStarted(_Event, frozen=True, tag=_snake):
    """The body of a component begins to run. `memo` is set when its result is to be stored, and was not found."""

    path: StablePath
    processor: str
    memo: Literal[True] | None = None


class ComponentReused(_Event, frozen=True, tag=_snake):
    """The stored result of a memoized component stands: neither its body nor its subtree runs."""

    path: StablePath
    processor: str


class FunctionStarted(_Event, frozen=True, tag=_snake):
    """The body of an inline memoized function begins to run."""

    path: StablePath
    function: str


class FunctionReused(_Event, frozen=True, tag=_snake):
    """The stored result of an inline memoized call stands."""

    path: StablePath
    function: str


class PreCommitted(_Event, frozen=True, tag=_snake):
    """Every record a component may leave behind is durable; its sinks may be called now."""

    path: StablePath
    targets: tuple[StablePath, ...]


class ActionsApplied(_Event, frozen=True, tag=_snake):
    """A sink applied these actions of one component."""

    path: StablePath
    sink: str
    count: int


class ActionsFailed(_Event, frozen=True, tag=_snake):
    """A sink call with actions of this component failed."""

    path: StablePath
    sink: str
    count: int
    error: str


class Committed(_Event, frozen=True, tag=_snake):
    """The run of one component is durable."""

    path: StablePath


class ComponentReady(_Event, frozen=True, tag=_snake):
    """A component and everything mounted below it is done."""

    path: StablePath


class ComponentFailed(_Event, frozen=True, tag=_snake):
    """A component's run ended without a commit."""

    path: StablePath
    error: str


class ComponentRemoved(_Event, frozen=True, tag=_snake):
    """A component that is no longer mounted was deleted with its target states."""

    path: StablePath


class RemovalFailed(_Event, frozen=True, tag=_snake):
    """The deletion of a component failed; its tombstone stays and is retried."""

    path: StablePath
    error: str


class LiveStarted(_Event, frozen=True, tag=_snake):
    """The `process_live` of a live component begins to run."""

    path: StablePath
    processor: str


class LiveReady(_Event, frozen=True, tag=_snake):
    """A live component has processed what was there when it began."""

    path: StablePath


class LiveEnded(_Event, frozen=True, tag=_snake):
    """A live component came to its end, with everything it had asked for; `error` is what `process_live` raised."""

    path: StablePath
    error: str | None


class OwnerChanged(_Event, frozen=True, tag=_snake):
    """A component took a target state over from another one."""

    target: StablePath
    old: StablePath
    new: StablePath


class DuplicateDeclared(_Event, frozen=True, tag=_snake):
    """Two components declared one target state in one run; `second`, the later one to submit, wins."""

    target: StablePath
    first: StablePath
    second: StablePath


Event: TypeAlias = (
    RunStarted
    | RunFinished
    | ComponentMounted
    | ComponentStarted
    | ComponentReused
    | FunctionStarted
    | FunctionReused
    | PreCommitted
    | ActionsApplied
    | ActionsFailed
    | Committed
    | ComponentReady
    | ComponentFailed
    | ComponentRemoved
    | RemovalFailed
    | LiveStarted
    | LiveReady
    | LiveEnded
    | OwnerChanged
    | DuplicateDeclared
)


def event_name(event: Event) -> str:
    """The snake_case name of an event."""
    return _snake(type(event).__name__)


EVENT_NAMES: tuple[str, ...] = tuple(_snake(kind.__name__) for kind in _Event.__subclasses__())
"""Every event name there is, in the order of the data flow."""


def _field_text(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_field_text, value)) + "]"
    return str(value)


def event_text(event: Event) -> str:
    """One line: the name, then `field=value` for each field that is set."""
    fields = ((name, getattr(event, name)) for name in event.__struct_fields__)
    return " ".join(
        [event_name(event), *(f"{name}={_field_text(value)}" for name, value in fields if value is not None)]
    )
