"""The component: one running (or finished) node of the tree, and the context in which its code runs."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from ..ports import ComponentRecord, MemoRecord
from ..values import InternalError, StablePath, UsageError, key_text
from ._dependencies import Collector
from ._targets import TargetState, TargetStateProvider

if TYPE_CHECKING:
    from ._call_memo import CallEntry
    from ._cycle import Cycle
    from ._exceptions import ExceptionHandler, MountKind
    from ._stats import StatsCounter
    from ._use_state import StateHandle

__all__ = [
    "Component",
    "ComponentContext",
    "Declared",
    "LiveNode",
    "Phase",
    "current_component",
    "current_context",
    "find_context",
]


class Phase(Enum):
    """Where a component is in its life."""

    MOUNTED = "mounted"
    RUNNING = "running"
    WAITING = "waiting for children"
    SUBMITTING = "submitting"
    DONE = "done"
    REUSED = "reused"
    FAILED = "failed"

    is_closed: bool  # on the members, not in tables: a phase hashes by its name, in Python
    may_become: tuple[Phase, ...]


FOLLOWS: Final[dict[Phase, tuple[Phase, ...]]] = {
    Phase.MOUNTED: (Phase.RUNNING, Phase.REUSED, Phase.FAILED),
    Phase.RUNNING: (Phase.WAITING, Phase.FAILED),
    Phase.WAITING: (Phase.SUBMITTING, Phase.FAILED),
    Phase.SUBMITTING: (Phase.DONE, Phase.FAILED),
    Phase.DONE: (),
    Phase.REUSED: (),
    Phase.FAILED: (),
}
"""What may follow what; `docs/architecture.md` has it as a table."""

for _phase, _next in FOLLOWS.items():
    _phase.is_closed = _phase in (Phase.SUBMITTING, Phase.DONE, Phase.REUSED, Phase.FAILED)
    _phase.may_become = _next


class Declared(Struct, frozen=True):
    """A target state declared in this run, with its value then; `child` is the pending provider of a container."""

    state: TargetState[Any]
    value: Any
    child: TargetStateProvider[Any, Any] | None


_ATOMS: Final = frozenset({str, bytes, int, float, bool, type(None)})


def _copied(value: Any) -> Any:
    """Built-in containers are copied when declared, other values go by reference (TGT-03)."""
    if isinstance(value, list | dict | set | tuple | bytearray) or type(value).__name__ == "ndarray":
        return copy.copy(value)
    return value


class Component:
    """One node of the tree in one cycle."""

    __slots__ = (
        "_children_done",
        "any_descendant_failed",
        "broken_by",
        "calls",
        "children",
        "collector",
        "cycle",
        "declared",
        "directories",
        "gave_up_slot",
        "handlers",
        "mount_kind",
        "new_calls",
        "open_children",
        "parent",
        "path",
        "phase",
        "processor",
        "record",
        "run",
        "states",
        "stats",
    )

    def __init__(
        self, cycle: Cycle, path: StablePath, processor: str, parent: Component | None,
        collector: Collector | None = None,
    ) -> None:  # fmt: skip
        self.cycle = cycle
        self.run = cycle.run
        self.path = path
        self.processor = processor
        self.parent = parent
        self.phase = Phase.MOUNTED
        self.record: ComponentRecord | None = None  # as found when the run of this component began
        self.collector = Collector() if collector is None else collector
        self.declared: dict[bytes, Declared] = {}
        self.children: set[bytes] = set()  # encoded paths of mounted components
        self.directories: set[bytes] = set()  # encoded paths between this one and them
        self.calls: dict[bytes, CallEntry] = {}  # inline memoized calls of this run, by call fingerprint
        self.new_calls: dict[bytes, MemoRecord] = {}  # their records to store
        self.states: dict[bytes, StateHandle[Any]] = {}  # by encoded key
        self.any_descendant_failed = False
        self.broken_by: tuple[StablePath, BaseException] | None = None  # a live child, and its raise before readiness
        self.gave_up_slot = False
        self.handlers: tuple[ExceptionHandler, ...] = ()  # who hears of its failures, innermost first
        self.mount_kind: MountKind = "mount"
        self.stats: StatsCounter = self.run.stats if parent is None else parent.stats
        self.open_children = 0  # how many children there are to wait for
        self._children_done: asyncio.Future[None] | None = None

    def enter(self, phase: Phase) -> None:
        """Go on to a phase that may follow the present one."""
        if phase not in self.phase.may_become:
            raise InternalError(f"component {self.path} went from {self.phase.value} to {phase.value}")
        self.phase = phase

    def check_open(self) -> None:
        """RuntimeError when the component has finished (CMP-22)."""
        if self.phase.is_closed:
            raise RuntimeError(f"component {self.path} has already finished; a late task or kept context used it")

    def declare(self, state: TargetState[Any], child: TargetStateProvider[Any, Any] | None) -> None:
        """Record a target state. ValueError when the component declared it before (TGT-02)."""
        encoded, value = state.path.encoded, state.value
        if encoded in self.declared:
            raise ValueError(f"target state {state.path} is already declared in component {self.path}")
        self.declared[encoded] = Declared(state, value if type(value) in _ATOMS else _copied(value), child)

    def reserve(self, subpath: bytes, part_ends: Sequence[int]) -> StablePath:
        """The path of a new child, `part_ends` being where each part but the last of its subpath ends.

        ValueError as of CMP-07.
        """
        if not subpath:
            raise UsageError(f"Path is empty: a child of {self.path} needs a subpath")
        base = self.path.encoded
        encoded = base + subpath
        for end in part_ends:
            above = base + subpath[:end]
            if above in self.children:
                part = key_text(StablePath(above).parts()[-1])
                raise UsageError(f"{part} is not a directory in path {StablePath(encoded)}: it is a component")
            if above not in self.directories:
                self.directories.add(above)
                self.run.forget_memo(StablePath(above))
        children = self.children
        if encoded in children or encoded in self.directories:
            raise UsageError(f"Path {StablePath(encoded)} already exists; give each child a subpath of its own")
        children.add(encoded)
        return StablePath(encoded)

    def give_up_slot(self) -> None:
        """Who waits for other components must not keep them from running (CMP-17)."""
        if not self.gave_up_slot:
            self.gave_up_slot = True
            self.run.slots.give_back()

    def child_began(self) -> None:
        """One more child to wait for."""
        self.open_children += 1

    def child_ended(self, child: Component, *, background: bool) -> None:
        """A child, and everything below it, is done or has failed."""
        self.open_children -= 1
        self.collector.absorb_child(child.collector)
        if child.stats is not self.stats:  # it was mounted in a group
            child.stats.member_ended()
        if (background and child.phase is Phase.FAILED) or child.any_descendant_failed:
            self.any_descendant_failed = True
        if not self.open_children and self._children_done is not None:
            if not self._children_done.done():
                self._children_done.set_result(None)
            self._children_done = None

    async def children_done(self) -> None:
        """Wait until no child is open."""
        while self.open_children and not self.run.interrupted:
            if self._children_done is None:
                self._children_done = self.run.loop.create_future()
            await asyncio.shield(self._children_done)


class LiveNode(Component):
    """The place of a live component in the tree of those that mounted it. What it builds is in cycles of their own."""

    __slots__ = ()

    def declare(self, state: TargetState[Any], child: TargetStateProvider[Any, Any] | None) -> None:
        """Refuse: only `process` declares."""
        raise RuntimeError(f"target states can't be declared inside process_live ({self.path}); declare in process()")

    def reserve(self, subpath: bytes, part_ends: Sequence[int]) -> StablePath:
        """Refuse: only `process` mounts (LIV-42)."""
        raise RuntimeError(
            f"mounting is not allowed inside process_live ({self.path}); use operator.update, or mount in process()"
        )


class ComponentContext:
    """Where the running code belongs: its component, the scope that gathers its dependencies, the subpath it is in."""

    __slots__ = ("call", "collector", "component", "group", "subpath")

    def __init__(
        self,
        component: Component,
        collector: Collector,
        subpath: bytes = b"",
        call: CallEntry | None = None,
        group: StatsCounter | None = None,
    ) -> None:
        self.component = component
        self.collector = collector
        self.subpath = subpath
        self.call = call  # the innermost inline memoized call
        self.group = group  # the innermost group of statistics around the running code

    @contextmanager
    def attach(self) -> Iterator[None]:
        """Work in this context in another thread or task (STA-09)."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)


_current: ContextVar[ComponentContext | None] = ContextVar("coco_component", default=None)


def find_context() -> ComponentContext | None:
    """The context of the running code, if it belongs to a component."""
    return _current.get()


def current_component() -> Component | None:
    """The component the running code belongs to, if any."""
    context = _current.get()
    return None if context is None else context.component


def current_context() -> ComponentContext:
    """The context of the running code. RuntimeError outside components and after the component finished."""
    context = _current.get()
    if context is None:
        raise RuntimeError(
            "No ComponentContext available: call this from a function run by App.update, mount or use_mount"
        )
    if context.component.phase.is_closed:
        context.component.check_open()  # says so
    return context
