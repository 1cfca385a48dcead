"""What the contract calls per-process, in one object: so that a simulated crash can end one and begin another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from ..ports import Observer, Ports
from ..values import InternalError
from ._logic import LogicRegistry

if TYPE_CHECKING:
    from ._context_keys import ContextKey
    from ._targets import TargetHandler, TargetStateProvider

__all__ = ["Process", "current_process", "set_production_process"]


class Process:
    """Registries that live as long as an operating-system process, and the ports it is plugged into.

    Production has one. A simulated world makes one per run and per restart, and executes the pipeline's modules
    afresh in it; `modules` names those that registered something and so belong to this process.
    """

    __slots__ = (
        "context_keys",
        "default_environment",
        "environments",
        "logic",
        "memo_key_functions",
        "modules",
        "observers",
        "pickled_classes",
        "ports",
        "root_providers",
        "unpickled_names",
    )

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.context_keys: dict[str, ContextKey[Any]] = {}
        self.root_providers: dict[str, TargetStateProvider[Any, Any]] = {}
        self.logic = LogicRegistry()
        self.memo_key_functions: dict[type, tuple[Callable[[Any], Any], Callable[..., Any] | None]] = {}
        self.pickled_classes: set[type] = set()
        self.unpickled_names: set[tuple[str, str]] = set()
        self.default_environment: Any = None  # the runtime room's; the engine only keeps it per process
        self.environments: list[Any] = []  # likewise: weak references, in order of creation
        self.observers: list[Observer] = []
        self.modules: set[str] = set()

    def root_provider(
        self, name: str, make_handler: Callable[[], TargetHandler[Any, Any, Any]]
    ) -> TargetStateProvider[Any, Any]:
        """The root provider of this name, registered on first use.

        For connectors: registering at import would bind them to the process that imported them first.
        """
        from ._targets import register_root_target_states_provider

        found = self.root_providers.get(name)
        return found if found is not None else register_root_target_states_provider(name, make_handler())

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make this the current process for the block, and for whatever copies its context."""
        token = _active.set(self)
        try:
            yield
        finally:
            _active.reset(token)


_active: ContextVar[Process | None] = ContextVar("coco_process", default=None)
_production: Process | None = None


def set_production_process(process: Process) -> None:
    """Name the process that code outside any simulated world belongs to. Called once, by the runtime."""
    global _production
    _production = process


def current_process() -> Process:
    """The process that the calling code belongs to."""
    process = _active.get() or _production
    if process is None:
        raise InternalError("no process: import `cocoindex_sim` (or a room above the engine) before the engine is used")
    return process
