"""Declaring: what a component says its targets should hold (TGT-02, TGT-18), and reading context (CTX-02)."""

from __future__ import annotations

from typing import Any, TypeVar

from ._component import current_context
from ._context_keys import ContextKey
from ._targets import TargetState, TargetStateProvider

__all__ = ["declare_target_state", "declare_target_state_with_child", "use_context"]

T = TypeVar("T")


def declare_target_state(target_state: TargetState[Any]) -> None:
    """Say that a target should hold this. Nothing happens before the component commits.

    ValueError when this component declared it already; RuntimeError outside a component, or while the provider of the
    state is pending.
    """
    _declare(target_state, None)


def declare_target_state_with_child(target_state: TargetState[Any]) -> TargetStateProvider[Any, Any]:
    """Say that a target should hold this container. The provider of its rows is usable once the component committed."""
    child: TargetStateProvider[Any, Any] = TargetStateProvider(target_state.path, None)
    _declare(target_state, child)
    return child


def _declare(state: TargetState[Any], child: TargetStateProvider[Any, Any] | None) -> None:
    context = current_context()
    provider = state.provider
    if provider.handler is None:
        raise RuntimeError(f"provider not ready: {provider.path}: {provider.why_pending}")
    container = provider.around or provider
    if not container.is_root:
        # A provider of an earlier run would take rows into a container that nobody declares now (SE-17).
        if context.component.run.resolved.get(container.path.encoded) is not container:
            raise RuntimeError(
                f"the provider of {container.path} belongs to an earlier run: its container is not declared now;"
                " get it from mount_target in every run"
            )
        context.collector.providers[container.path.encoded] = container.generation
    context.component.declare(state, child)
    if context.call is not None:
        context.collector.targets.add(state.path.encoded)


def use_context(key: ContextKey[T]) -> T:
    """The value provided for a key. RuntimeError outside a component, KeyError when nothing is provided."""
    context = current_context()
    provider = context.component.run.context_provider
    value: T = provider.get(key)
    if key.detect_change:
        fingerprint = provider.fingerprint(key)
        context.collector.context.setdefault(fingerprint, provider.states(fingerprint))
    return value
