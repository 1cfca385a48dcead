"""What a result was made with: gathered while a body runs, stored with the result, checked before it is reused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..ports import Dependencies, Generation, StoredValue

if TYPE_CHECKING:
    from ._run import Run

__all__ = ["Collector", "hold"]


class Collector:
    """Gathers the dependencies of one scope: a component, or one call that limits or stores what passes through it.

    `takes_logic` is False inside functions that track only their own logic, or none (LGC-05).
    """

    __slots__ = ("calls", "closed", "context", "kept", "logic", "parent", "providers", "takes_logic", "targets")

    def __init__(self, parent: Collector | None = None, *, takes_logic: bool = True) -> None:
        self.parent = parent
        self.takes_logic = takes_logic
        self.logic: set[bytes] = set()
        self.kept: dict[bytes, bool] | None = None  # propagated logic; whether a repeat of this passes it on
        self.context: dict[bytes, tuple[StoredValue, ...]] = {}  # with the states of the value when it was first read
        self.providers: dict[bytes, Generation] = {}
        self.targets: set[bytes] = set()
        self.calls: set[bytes] = set()
        self.closed = False  # what it gathered was taken over

    def absorb(self, inner: Collector) -> None:
        """Take over what an inner scope gathered."""
        inner.closed = True
        if self.takes_logic:
            self.logic |= inner.logic
        if inner.context:
            self._read(inner.context)
        self.providers |= inner.providers
        self.targets |= inner.targets
        self.calls |= inner.calls

    def absorb_child(self, child: Collector) -> None:
        """Take over what a mounted child depends on; its targets and calls are its own (LGC-06)."""
        if self.takes_logic:
            self.logic |= child.logic
        if child.context:
            self._read(child.context)
        if child.providers:
            self.providers |= child.providers

    def _read(self, context: dict[bytes, tuple[StoredValue, ...]]) -> None:
        for fingerprint, states in context.items():  # in place: calls may end in several threads at once
            self.context.setdefault(fingerprint, states)

    def absorb_stored(
        self, dependencies: Dependencies, targets: Iterable[bytes] = (), calls: Iterable[bytes] = ()
    ) -> None:
        """Take over what a reused result was made with (SE-02, LGC-06)."""
        if self.takes_logic:
            self.logic.update(dependencies.logic)
        if dependencies.context:
            states = dict(dependencies.context_states)
            for fingerprint in dependencies.context:
                self.context.setdefault(fingerprint, states.get(fingerprint, ()))
        self.providers.update(dependencies.providers)
        self.targets.update(targets)
        self.calls.update(calls)

    def keep_logic(self, logic: Iterable[bytes], *, passed_on: bool) -> None:
        """Store this logic with the result, whatever it tracks (LGC-10)."""
        if self.takes_logic:
            self.logic.update(logic)
        if self.kept is None:
            self.kept = {}
        for fingerprint in logic:
            self.kept[fingerprint] = passed_on or self.kept.get(fingerprint, False)

    def freeze(self) -> Dependencies:
        """What was gathered, in a form and an order that can be stored."""
        logic = self.logic
        if not self.context and not self.providers and self.kept is None:
            return Dependencies(tuple(sorted(logic)))
        context_states: tuple[tuple[bytes, tuple[StoredValue, ...]], ...] = ()
        propagated: tuple[bytes, ...] = ()
        if self.context:
            context_states = tuple(sorted((key, states) for key, states in self.context.items() if states))
        if self.kept is not None:
            logic = logic.union(self.kept)
            propagated = tuple(sorted(fingerprint for fingerprint, passed_on in self.kept.items() if passed_on))
        return Dependencies(
            tuple(sorted(logic)),
            tuple(sorted(self.context)),
            tuple(sorted(self.providers.items())),
            context_states,
            propagated,
        )


def hold(dependencies: Dependencies, run: Run) -> bool:
    """Whether everything a result was made with is still on offer."""
    logic, context = run.process.logic, run.context_provider
    return (
        logic.offers(dependencies.logic)
        and (not dependencies.context or all(map(context.offers, dependencies.context)))
        and (
            not dependencies.providers
            or all(run.generation_of(path) == generation for path, generation in dependencies.providers)
        )
    )
