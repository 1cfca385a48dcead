"""What the contract calls per-process, in one object: so that a simulated crash can end one and begin another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias

from ..ports import Observer, Ports
from ..values import InternalError

if TYPE_CHECKING:
    from ._context_keys import ContextKey
    from ._logic import LogicRegistry
    from ._targets import TargetHandler, TargetStateProvider

__all__ = ["Process", "current_process", "offer_root_provider", "set_production_process"]

KeyFunction: TypeAlias = Callable[[Any], Any]
MemoStateFunction: TypeAlias = Callable[[Any, Any], Any]
MemoKeyFunctions: TypeAlias = dict[type, tuple[KeyFunction, MemoStateFunction | None]]
"""By class: from an instance to what is fingerprinted in its place, and the state function if there is one."""


class Process:
    """Registries that live as long as an operating-system process, and the ports it is plugged into.

    Production has one. A simulated world makes one per run and per restart, and executes the pipeline's modules
    afresh in it; `modules` names those that registered something and so belong to this process. What code outside the
    pipeline registered before, in the `outer` process, is found too; names only have to be unique within one.
    """

    __slots__ = (
        "class_names",
        "context_keys",
        "default_environment",
        "environments",
        "gpus",
        "logic",
        "memo_key_functions",
        "modules",
        "observers",
        "outer",
        "pickled_classes",
        "ports",
        "root_providers",
        "unpickled_names",
    )

    def __init__(self, ports: Ports, outer: Process | None = None) -> None:
        from ._logic import LogicRegistry  # it needs fingerprints, and these the process

        self.ports = ports
        self.outer = outer
        self.context_keys: dict[str, ContextKey[Any]] = {}
        self.root_providers: dict[str, TargetStateProvider[Any, Any]] = {}
        self.logic: LogicRegistry = LogicRegistry(None if outer is None else outer.logic)
        self.memo_key_functions: MemoKeyFunctions = {}
        self.pickled_classes: set[type] = set()
        self.unpickled_names: set[tuple[str, str]] = set()
        self.default_environment: Any = None  # the runtime room's; the engine only keeps it per process
        self.environments: list[Any] = []  # likewise: weak references, in order of creation
        self.gpus: Any = None  # likewise
        self.class_names: dict[type, bytes] = {}  # as fingerprints have them; kept here to go with the classes
        self.observers: list[Observer] = []
        self.modules: set[str] = set()

    def root_provider(self, name: str) -> TargetStateProvider[Any, Any]:
        """The root provider of this name. LookupError when nobody registered or offered it."""
        found = self.find_root_provider(name)
        if found is None:
            raise LookupError(f"no target states provider {name!r} is registered in this process")
        return found

    def find_root_provider(self, name: str) -> TargetStateProvider[Any, Any] | None:
        """The root provider of a name: registered here or in the outer process, or made from an offer."""
        for process in self._chain():
            if name in process.root_providers:
                return process.root_providers[name]
        if name not in _offers:
            return None
        from ._targets import register_root_target_states_provider

        with self.active():
            return register_root_target_states_provider(name, _offers[name]())

    def find_memo_key_functions(self, cls: type) -> tuple[type, KeyFunction, MemoStateFunction | None] | None:
        """What is registered for the most specific base of a class (MEM-01)."""
        registries: list[MemoKeyFunctions] = []
        process: Process | None = self
        while process is not None:
            if process.memo_key_functions:
                registries.append(process.memo_key_functions)
            process = process.outer
        if registries:
            for base in cls.__mro__:
                for registry in registries:
                    if base in registry:
                        return base, *registry[base]
        return None

    def may_pickle(self, cls: type) -> bool:
        """Whether instances of a class are stored by pickle."""
        return any(cls in process.pickled_classes for process in self._chain())

    def may_unpickle(self, name: tuple[str, str]) -> bool:
        """Whether a pickle may name this module and qualified name."""
        return any(name in process.unpickled_names for process in self._chain())

    def _chain(self) -> Iterator[Process]:
        process: Process | None = self
        while process is not None:
            yield process
            process = process.outer

    def active(self) -> AbstractContextManager[None]:
        """Make this the current process for the block, and for whatever copies its context."""
        return _Active(self)


class _Active:
    """A class rather than a generator: it is entered for every run of a loop."""

    __slots__ = ("_process", "_token")

    def __init__(self, process: Process) -> None:
        self._process = process

    def __enter__(self) -> None:
        self._token = _active.set(self._process)

    def __exit__(self, *_: object) -> None:
        _active.reset(self._token)


_offers: dict[str, Callable[[], TargetHandler[Any, Any, Any]]] = {}


def offer_root_provider(name: str, make_handler: Callable[[], TargetHandler[Any, Any, Any]]) -> None:
    """Let every process have a root provider of this name, made when it is first needed.

    For connectors, at import: registering there would bind them to the process that happened to import them first, and
    registering at first use would leave a process that only drops or removes without the provider.
    """
    _offers[name] = make_handler


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
