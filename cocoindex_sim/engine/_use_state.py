"""Values that a component keeps from one run to the next (STA)."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from ..ports import RecordKey, StateRecord, StoredValue
from ..values import DeserializationError, StableKey, encode_key, key_text
from ._codec import decode_value, encode_value
from ._component import Component, LiveNode, current_context

__all__ = ["StateHandle", "state_to_store", "use_state"]

T = TypeVar("T")
_UNREAD = object()


class StateHandle(Generic[T]):
    """One kept value. It is saved, as it is then, when the component commits."""

    __slots__ = ("_component", "_hint", "_key", "_stored", "_value", "is_live")

    def __init__(
        self, component: Component, key: StableKey, initial: Any, stored: StoredValue | None, hint: Any
    ) -> None:
        self._component = component
        self._key = key
        self._stored = stored
        self._hint = hint
        self._value = initial if stored is None else _UNREAD
        self.is_live = stored is None  # whether the value at commit is an object the component gave, or made

    @property
    def value(self) -> Any:
        """The value: the initial one on a first run, later what was saved last (STA-01)."""
        if self._value is _UNREAD:
            assert self._stored is not None
            try:
                self._value = decode_value(self._stored, self._hint)
            except DeserializationError as error:
                raise DeserializationError(f"use_state key {key_text(self._key)}: {error}") from error
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        self._component.check_open()
        self._value = value
        self.is_live = True

    def to_store(self) -> StoredValue:
        """What to save; a value that was only read is saved as it was stored (STA-02)."""
        if not self.is_live and self._stored is not None:
            return self._stored
        try:
            return encode_value(self._value)
        except Exception as error:
            error.add_note(f"use_state key {key_text(self._key)} of component {self._component.path}")
            raise


def use_state(key: StableKey, initial_value: Any = None, *, type_hint: type[Any] | None = None) -> StateHandle[Any]:
    """A value of this component that lasts from run to run, by key.

    `type_hint`: what a stored value is read as. RuntimeError outside a component, inside `with component_subpath(...)`,
    inside a memoized call, and for a key declared twice in a run (STA-06).
    """
    context = current_context()
    component = context.component
    if isinstance(component, LiveNode):
        raise RuntimeError(f"use_state inside process_live ({component.path}): use operator.write_committed_state")
    if context.subpath:
        raise RuntimeError("use_state inside `with component_subpath(...)`: call it in the component mounted there")
    if context.call is not None:
        raise RuntimeError("use_state inside an inline memoized call: its result would not depend on the state")
    encoded = encode_key(key)
    if encoded in component.states:
        raise RuntimeError(f"use_state key {key_text(key)} is declared more than once in component {component.path}")
    stored = None if component.run.full_reprocess else _stored_states(component).get(encoded)
    handle: StateHandle[Any] = StateHandle(
        component, key, initial_value, stored, Any if type_hint is None else type_hint
    )
    component.states[encoded] = handle
    return handle


def _stored_states(component: Component) -> dict[bytes, StoredValue]:
    record = component.run.get(RecordKey("state", component.path))
    return dict(record.values) if isinstance(record, StateRecord) else {}


def state_to_store(component: Component) -> StateRecord | None:
    """What a component that ran keeps: the keys it declared, and no others (STA-04)."""
    if not component.states:
        return None
    return StateRecord(tuple((key, handle.to_store()) for key, handle in sorted(component.states.items())))
