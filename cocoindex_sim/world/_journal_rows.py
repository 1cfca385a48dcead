"""Rows of the simulated targets as target states: what a pipeline declares to have something to look at."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any, Final

from ..engine import (
    ContextProvider,
    TargetActionSink,
    TargetReconcileOutput,
    current_context,
    current_process,
    declare_target_state,
    fingerprint_object,
    offer_root_provider,
)
from ..fakes.targets import RowAction, TargetClient
from ..values import NON_EXISTENCE, StableKey, is_non_existence
from ._external import present_connections

__all__ = ["MIRROR", "declare_row"]

MIRROR: Final = "mirror"
"""The target that a connector under test is mirrored into, and that `declare_row` means unless it is told another."""

_ROOT: Final = "cocoindex_sim/target"


def declare_row(key: StableKey, value: Any, *, target: str = MIRROR) -> None:
    """Say that a simulated target should hold this row; it does once the calling component commits.

    The value is anything with a fingerprint; `world.targets[target]` has it, and the journal. ValueError when the
    component declared the key already, RuntimeError outside a component and outside a simulated world.
    """
    current_context()
    present_connections()
    declare_target_state(current_process().root_provider(_ROOT).target_state((target, key), value))


class _Rows:
    """The handler of the rows of all targets of a process. The record of a row is the fingerprint of its value."""

    def __init__(self) -> None:
        self._connections = present_connections()
        self._sink = cache(self._make_sink)  # by target: their calls are apart

    def reconcile(
        self, key: Any, desired: Any, prev: Collection[bytes], missing: bool, /
    ) -> TargetReconcileOutput | None:
        """Nothing to do only if the one thing that may be there is what is wanted (TGT-20)."""
        target, row = key
        if is_non_existence(desired):
            return TargetReconcileOutput(RowAction(row, NON_EXISTENCE), self._sink(target), NON_EXISTENCE)
        record = bytes(fingerprint_object(desired))
        if not missing and prev and all(before == record for before in prev):
            return None
        return TargetReconcileOutput(RowAction(row, desired), self._sink(target), record)

    def _make_sink(self, target: str) -> TargetActionSink[Any]:
        return TargetActionSink.from_async_fn(_Applying(self._connections.target(target)))


class _Applying:
    """A sink callback, by the name of its target in traces and errors."""

    def __init__(self, client: TargetClient) -> None:
        self._client = client
        self.__qualname__ = f"target {client.name}"

    async def __call__(self, context: ContextProvider, actions: Sequence[RowAction]) -> None:
        await self._client.apply(actions)


offer_root_provider(_ROOT, _Rows)
