"""What authors of targets write and what pipelines declare: handlers, sinks, providers, target states (TGT)."""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable, Collection, Sequence
from types import GenericAlias
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Generic,
    Literal,
    NamedTuple,
    Protocol,
    TypeAlias,
    TypeVar,
    get_args,
    get_type_hints,
)

from ..ports import Generation
from ..values import NonExistenceType, StableKey, StablePath, Symbol, UsageError, encode_key
from ._context_keys import ContextProvider
from ._process import Process, current_process

if TYPE_CHECKING:
    from ._child_forms import ChildTargetDef

__all__ = [
    "MaybePendingS",
    "PendingS",
    "PendingTargetStateProvider",
    "ResolvedS",
    "ResolvesTo",
    "TargetActionSink",
    "TargetHandler",
    "TargetReconcileOutput",
    "TargetState",
    "TargetStateProvider",
    "register_root_target_states_provider",
]

ResolvedT_co = TypeVar("ResolvedT_co", covariant=True)


class PendingS:
    """Type-level mark: the provider can't be used yet."""


class ResolvedS:
    """Type-level mark: the provider can be used."""


# Annotations may leave out type arguments. Type checkers know by defaults, which Python itself has from 3.13 on; an
# annotation that is evaluated is filled up by `_filled`.
if TYPE_CHECKING:
    from typing_extensions import TypeVar as DefaultTypeVar

    ActionT = DefaultTypeVar("ActionT", default=Any)
    IgnoredT = DefaultTypeVar("IgnoredT", default=Any)
    ValueT = DefaultTypeVar("ValueT", default=Any)
    RecordT = DefaultTypeVar("RecordT", default=Any)
    ChildHandlerT = DefaultTypeVar("ChildHandlerT", default=Any)
    MaybePendingS = DefaultTypeVar("MaybePendingS", PendingS, ResolvedS, default=ResolvedS)
else:
    ActionT, IgnoredT = TypeVar("ActionT"), TypeVar("IgnoredT")
    ValueT, RecordT, ChildHandlerT = TypeVar("ValueT"), TypeVar("RecordT"), TypeVar("ChildHandlerT")
    MaybePendingS = TypeVar("MaybePendingS", PendingS, ResolvedS)
"""Type-level: either of the two."""


def _filled(cls: Any, arguments: Any) -> tuple[Any, ...]:
    given = arguments if isinstance(arguments, tuple) else (arguments,)
    return (*given, *[Any] * (len(cls.__parameters__) - len(given)))


class ResolvesTo(Generic[ResolvedT_co]):
    """Type-level mark: a pending form of this type; `use_mount` gives the resolved one."""


# Sinks are given lists, and may say so: a `Sequence` here would refuse those that do.
SinkFn: TypeAlias = Callable[[ContextProvider, list[Any]], "Sequence[ChildTargetDef | None] | None"]
AsyncSinkFn: TypeAlias = Callable[[ContextProvider, list[Any]], Awaitable["Sequence[ChildTargetDef | None] | None"]]
ChildHandlerFn: TypeAlias = Callable[[ContextProvider, Any], "TargetHandler[Any, Any, Any]"]


class TargetActionSink(Generic[ActionT, IgnoredT]):
    """Applies actions in batches. Sinks with equal callbacks are one sink (TGT-12). They must be idempotent."""

    __slots__ = ("__weakref__", "child_handler", "fn", "in_memory", "is_async", "takes_slots")

    if not TYPE_CHECKING:

        def __class_getitem__(cls, arguments: Any) -> Any:
            return super().__class_getitem__(_filled(cls, arguments))

    def __init__(
        self,
        fn: Callable[..., Any],
        *,
        is_async: bool = False,
        child_handler: ChildHandlerFn | None = None,
        takes_slots: bool = False,
        in_memory: bool = False,
    ) -> None:
        if not callable(fn):
            raise TypeError(f"a sink takes a callable, got {fn!r}")
        self.fn: Final = fn
        self.is_async: Final = is_async
        self.child_handler: Final = child_handler
        self.takes_slots: Final = takes_slots  # one of the deprecated forms
        self.in_memory: Final = in_memory  # it changes nothing outside this process, so a preview applies it

    @staticmethod
    def from_fn(fn: SinkFn, *, child_handler: ChildHandlerFn | None = None) -> TargetActionSink[Any]:
        """A sink that calls `fn(context_provider, actions)` on a worker thread.

        `child_handler(context_provider, action)` gives the handler of the rows of a container; it is called before
        `fn`, once per action whose state was declared with a child.
        """
        return TargetActionSink(fn, child_handler=child_handler)

    @staticmethod
    def from_async_fn(fn: AsyncSinkFn, *, child_handler: ChildHandlerFn | None = None) -> TargetActionSink[Any]:
        """As `from_fn`, for an async `fn`, which is awaited on the environment's event loop."""
        return TargetActionSink(fn, is_async=True, child_handler=child_handler)

    @staticmethod
    def from_fn_with_children(fn: Callable[..., None]) -> TargetActionSink[Any]:
        """Deprecated: a sink that calls `fn(context_provider, actions, child_slots)`; use `from_fn(child_handler=)`."""
        return _with_slots(fn, is_async=False)

    @staticmethod
    def from_async_fn_with_children(fn: Callable[..., Awaitable[None]]) -> TargetActionSink[Any]:
        """Deprecated: as `from_fn_with_children`, for an async function; use `from_async_fn(child_handler=)`."""
        return _with_slots(fn, is_async=True)

    @property
    def name(self) -> str:
        """What traces and errors call it: the callback's qualified name."""
        return getattr(self.fn, "__qualname__", type(self.fn).__qualname__)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TargetActionSink)
            and (self.is_async, self.takes_slots) == (other.is_async, other.takes_slots)
            and self.fn == other.fn
            and self.child_handler == other.child_handler
        )

    def __hash__(self) -> int:
        return hash((self.is_async, self.fn, self.child_handler))


def _with_slots(fn: Callable[..., Any], *, is_async: bool) -> TargetActionSink[Any]:
    warnings.warn(
        "sinks made with_children are deprecated and can't be previewed: build the sink with `child_handler=`",
        DeprecationWarning,
        stacklevel=3,
    )
    return TargetActionSink(fn, is_async=is_async, takes_slots=True)


class TargetReconcileOutput(NamedTuple, Generic[ActionT, RecordT, IgnoredT]):
    """The action a target state needs, who applies it, and what to remember once it is applied.

    `tracking_record`: any serialisable value, or NON_EXISTENCE to forget the state. `child_invalidation`, for a
    container: the action removes its rows ("destructive") or may have lost some ("lossy").
    """

    action: ActionT
    sink: TargetActionSink[Any]
    tracking_record: RecordT | NonExistenceType
    child_invalidation: Literal["destructive", "lossy"] | None = None

    @classmethod
    def __class_getitem__(cls, arguments: Any) -> GenericAlias:  # takes any number of them
        return GenericAlias(cls, arguments)


class TargetHandler(Protocol[ValueT, RecordT, ChildHandlerT]):  # type: ignore[misc]  # CocoIndex's parameter list
    """A target type: compares what is wanted with what may be there.

    A handler of containers may also define `child_handler_for_deletion(key, prev_possible_records)`: when one of its
    states is deleted, the rows tracked below are reconciled to NON_EXISTENCE through the handler it returns, and their
    actions applied before the container's. Without it, rows go with their container and are not asked (TGT-20 row 14).

    A root handler with a true attribute `in_memory` has containers that end with their run: what depends on one has to
    run again in every run.
    """

    if not TYPE_CHECKING:

        def __class_getitem__(cls, arguments: Any) -> Any:
            return super().__class_getitem__(_filled(cls, arguments))

    def reconcile(
        self,
        key: StableKey,
        desired_target_state: ValueT | NonExistenceType,
        prev_possible_records: Collection[RecordT],
        prev_may_be_missing: bool,
        /,
    ) -> TargetReconcileOutput | None:
        """The needed action, or None for none. Must be synchronous and free of side effects."""
        ...


class TargetState(Generic[ChildHandlerT]):
    """One thing a target should hold: a key and a value below a provider."""

    __slots__ = ("key", "path", "provider", "value")

    def __init__(self, provider: TargetStateProvider[Any, Any, Any], key: StableKey, value: Any) -> None:
        self.provider = provider
        self.key = key
        self.value = value
        self.path = StablePath(provider.path.encoded + encode_key(key))

    def __repr__(self) -> str:
        return f"TargetState({self.path})"


_NOT_COMMITTED: Final = (
    "its container is declared but not committed;"
    " use mount_target, or declare it in a component that use_mount waits for"
)


class TargetStateProvider(Generic[ValueT, ChildHandlerT, MaybePendingS]):
    """Makes target states of one type: a registered root, or the rows of one container.

    A container's provider is *pending* until the component that declared it commits (TGT-18).
    """

    __slots__ = ("__weakref__", "_attachments", "around", "generation", "handler", "is_root", "path", "why_pending")

    if not TYPE_CHECKING:

        def __class_getitem__(cls, arguments: Any) -> Any:
            return super().__class_getitem__(_filled(cls, arguments))

    def __init__(
        self, path: StablePath, handler: TargetHandler[Any, Any, Any] | None, *, is_root: bool = False
    ) -> None:
        self.path: Final = path
        self.is_root: Final = is_root
        self.why_pending = _NOT_COMMITTED
        self.handler = handler
        self.generation = Generation()
        self.around: TargetStateProvider[Any, Any, Any] | None = None  # of an attachment: what it is attached to
        self._attachments: dict[str, TargetStateProvider[Any, Any]] | None = None

    def target_state(self, key: StableKey, value: Any) -> TargetState[ChildHandlerT]:
        """The target state of this key with this value; declare it to make it so."""
        return TargetState(self, key, value)

    def resolve(self, handler: TargetHandler[Any, Any, Any], generation: Generation) -> None:
        """Make a pending provider usable."""
        self.handler = handler
        self.generation = generation

    def attachment(self, att_type: str) -> TargetStateProvider[Any, Any]:
        """The provider of something attached to this container, an index say, by the type name its handler gives it.

        Its keys are apart from those of the rows. ValueError for a type the handler does not have, and on a pending
        provider (TGT-24).
        """
        if self.handler is None:
            raise UsageError(f"the provider of {self.path} is pending: attachments come once its component committed")
        if self._attachments is None:
            handlers: dict[str, Any] = getattr(self.handler, "attachments", dict)()
            self._attachments = {name: self._attached(name, handler) for name, handler in handlers.items()}
        found = self._attachments.get(att_type)
        if found is None:
            raise UsageError(
                f"{type(self.handler).__qualname__} does not support attachment type {att_type!r}; it has"
                f" {', '.join(map(repr, self._attachments)) or 'none'}"
            )
        return found

    def _attached(self, name: str, handler: TargetHandler[Any, Any, Any]) -> TargetStateProvider[Any, Any]:
        check_handler(handler)
        attached: TargetStateProvider[Any, Any] = TargetStateProvider(
            self.path.concat_part(Symbol(ATTACHMENT + name)), handler
        )
        attached.generation = self.generation
        attached.around = self
        return attached

    @property
    def memo_key(self) -> object:
        """What the provider counts as in a memo key: its path and generation (TGT-23)."""
        return b"%b\x01%d,%d" % (self.path.encoded, self.generation.destructive, self.generation.lossy)

    def __coco_memo_key__(self) -> object:
        return self.memo_key

    def __repr__(self) -> str:
        return f"TargetStateProvider({self.path})"


ATTACHMENT: Final = "cocoindex/attachment/"
"""Begins the symbol that stands between a container and the keys of what is attached to it."""

PendingTargetStateProvider = TargetStateProvider
"""Typing only: a provider that may still be pending."""


def register_root_target_states_provider(
    name: str, handler: TargetHandler[Any, Any, Any]
) -> TargetStateProvider[Any, Any]:
    """Register a top-level target type. ValueError if the name is taken in this process, TypeError for no handler."""
    process = current_process()
    check_handler(handler)
    if name in process.root_providers:
        raise ValueError(f"target states provider {name!r} is already registered in this process")
    provider: TargetStateProvider[Any, Any] = TargetStateProvider(StablePath.of(Symbol(name)), handler, is_root=True)
    process.root_providers[name] = provider
    note_registrant(process, handler)
    return provider


def note_registrant(process: Process, registered: object) -> None:
    """Remember the module of something registered: it has to be executed afresh for another process."""
    module = getattr(registered, "__module__", None)
    if module:
        process.modules.add(module)


def check_handler(handler: object) -> None:
    """TypeError unless `handler` can reconcile."""
    if not callable(getattr(handler, "reconcile", None)):
        raise TypeError(f"{handler!r} is not a target handler: it has no `reconcile` method")


_record_types: dict[type, Any] = {}


def record_type(handler: TargetHandler[Any, Any, Any]) -> Any:
    """The type a handler's records are read as: R of `Collection[R]` at its third data parameter (TGT-09)."""
    cls = type(handler)
    if cls not in _record_types:
        _record_types[cls] = _annotated_record(handler.reconcile)
    return _record_types[cls]


def _annotated_record(reconcile: Any) -> Any:
    function = getattr(reconcile, "__func__", reconcile)
    names: tuple[str, ...] = ()
    if hasattr(function, "__code__"):
        names = function.__code__.co_varnames[: function.__code__.co_argcount]
    try:
        hint = get_type_hints(function).get(names[3]) if len(names) > 3 else None
    except Exception:  # unresolvable annotations count as absent (MEM-32)
        return Any
    arguments = list(get_args(hint))
    return arguments[0] if len(arguments) == 1 and not isinstance(arguments[0], TypeVar) else Any
