"""What a result was made with: gathered while a body runs, stored with the result, checked before it is reused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..ports import Dependencies, Generation

if TYPE_CHECKING:
    from ._run import Run

__all__ = ["Collector", "hold"]


class Collector:
    """Gathers the dependencies of one scope: a component, or one call that limits or stores what passes through it.

    `takes_logic` is False inside functions that track only their own logic, or none (LGC-05).
    """

    __slots__ = ("calls", "context", "logic", "parent", "providers", "takes_logic", "targets")

    def __init__(self, parent: Collector | None = None, *, takes_logic: bool = True) -> None:
        self.parent = parent
        self.takes_logic = takes_logic
        self.logic: set[bytes] = set()
        self.context: set[bytes] = set()
        self.providers: dict[bytes, Generation] = {}
        self.targets: list[bytes] = []
        self.calls: list[bytes] = []

    def offer_logic(self, fingerprint: bytes) -> None:
        """A tracked function was called here."""
        if self.takes_logic:
            self.logic.add(fingerprint)

    def absorb(self, inner: Collector) -> None:
        """Take over what an inner scope gathered."""
        if self.takes_logic:
            self.logic |= inner.logic
        self.context |= inner.context
        self.providers |= inner.providers
        self.targets += inner.targets
        self.calls += inner.calls

    def absorb_child(self, child: Collector) -> None:
        """Take over what a mounted child depends on; its targets and calls are its own (LGC-06)."""
        if self.takes_logic:
            self.logic |= child.logic
        self.context |= child.context
        self.providers |= child.providers

    def absorb_stored(
        self, dependencies: Dependencies, targets: Iterable[bytes] = (), calls: Iterable[bytes] = ()
    ) -> None:
        """Take over what a reused result was made with (SE-02, LGC-06)."""
        if self.takes_logic:
            self.logic.update(dependencies.logic)
        self.context.update(dependencies.context)
        self.providers.update(dependencies.providers)
        self.targets += targets
        self.calls += calls

    def freeze(self) -> Dependencies:
        """What was gathered, in a form and an order that can be stored."""
        return Dependencies(
            tuple(sorted(self.logic)), tuple(sorted(self.context)), tuple(sorted(self.providers.items()))
        )


def hold(dependencies: Dependencies, run: Run) -> bool:
    """Whether everything a result was made with is still on offer."""
    logic, context = run.process.logic, run.context_provider
    return (
        all(map(logic.offers, dependencies.logic))
        and all(map(context.offers, dependencies.context))
        and all(run.generation_of(path) == generation for path, generation in dependencies.providers)
    )
