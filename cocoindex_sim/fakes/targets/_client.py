"""What a sink calls: the target as a process that writes to it sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from ...values import StableKey
from .._cut import ProcessCut
from ._kernel import JournalTarget

__all__ = ["RowAction", "TargetClient", "TargetError"]

_SLOW_S: Final = 5.0
_FOREIGN_VALUE: Final = "written by another writer"


class TargetError(ConnectionError):
    """The target did not apply all actions of a call, or did and could not say so."""


class RowAction(NamedTuple):
    """Give a row this value; NON_EXISTENCE removes it."""

    key: StableKey
    value: Any


class TargetClient:
    """A connection to a target, of one process."""

    def __init__(self, kernel: JournalTarget) -> None:
        self._kernel = kernel
        self._is_cut = False

    @property
    def name(self) -> str:
        """The name of the target."""
        return self._kernel.name

    async def apply(self, actions: Sequence[RowAction]) -> None:
        """Apply actions, in order. TargetError says that some may not have been applied, or all of them were.

        All mean the same when they are applied again.
        """
        kernel = self._kernel
        self._check()
        await asyncio.sleep(0)
        trouble, at, half_s = self._troubles(len(actions))
        if half_s:
            await asyncio.sleep(half_s)
        last = {None: len(actions), "ack_lost": len(actions), "before": 0}.get(trouble, at)
        for action in actions[:last]:
            self._check()
            kernel.do(*action)
            kernel.hazards.durable(f"target.{self.name}")
        if trouble == "conflict":
            self._check()
            kernel.put(actions[at].key, _FOREIGN_VALUE)
        for action in actions[last:]:
            kernel.refuse(*action)
        if half_s:
            await asyncio.sleep(half_s)
            self._check()
        if trouble is not None:
            raise TargetError(self._what_went_wrong(trouble, at, len(actions)))

    async def get(self, key: StableKey) -> Any:
        """The value of a row; NON_EXISTENCE for none."""
        self._check()
        await asyncio.sleep(0)
        self._check()
        return self._kernel.get(key)

    def cut(self) -> None:
        """Have the process of this client be dead: what it calls raises ProcessCut from now on."""
        self._is_cut = True

    def _troubles(self, count: int) -> tuple[str | None, int, float]:
        """What ends a call of that many actions and at which one, and half the time it takes in seconds."""
        half_s = 0.0
        for at in range(count):
            trouble = self._kernel.troubles.at("action")
            if trouble == "slow":
                half_s += _SLOW_S / 2
            elif trouble is not None:
                return trouble, at, half_s
        return None, count, half_s

    def _what_went_wrong(self, trouble: str, at: int, count: int) -> str:
        name = f"target {self.name!r}"
        return {
            "before": f"{name} does not answer: none of {count} actions was applied",
            "ack_lost": f"no answer from {name}: all of {count} actions were applied",
            "partial": f"{name} broke off: {at} of {count} actions were applied",
            "conflict": f"{name} refused an action, the row was changed meanwhile: {at} of {count} were applied",
        }[trouble]

    def _check(self) -> None:
        if self._is_cut:
            raise ProcessCut(f"a client of target {self.name!r} belongs to a process that has ended")
