"""The state of an external map: its log, its entries, who follows it, how far who has read. No event loop in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from .._hazards import Hazards
from .._troubles import InjectedTrouble, Troubles
from ._change import MapChange, MapSnapshot
from ._subscription import Subscription
from ._troubles import TROUBLES, sites_of

__all__ = ["BARRIERS", "MapCommit", "RemoteMap"]

BARRIERS: Final = ("arm", "scan", "answer", "deliver", "commit")
"""Where `hold` stops a client: before it arms, before a scan looks, after it looked and before the client knows what
it saw, before a change is told, before a commit counts."""


class MapCommit(NamedTuple):
    """A client said that it is done with everything below `offset`."""

    group: str
    offset: int


class RemoteMap:
    """An external system of keys and values: every change goes into a log, and may be followed from any offset.

    Keys are hashable, values anything. What happens to it is called on the thread of the loop that follows it. `note`
    is told, as text, of each change and of each trouble.
    """

    def __init__(
        self, name: str = "map", *, hazards: Hazards | None = None, note: Callable[[str], object] = lambda _: None
    ) -> None:
        self.name = name
        self.hazards = hazards or Hazards()
        self.note = note
        self.log: list[MapChange] = []
        self.commits: list[MapCommit] = []
        """Every commit, in order; also those that went back."""
        self.troubles = Troubles(TROUBLES, sites_of(name), self.hazards)
        self.subscriptions: list[Subscription] = []
        self.on_change: list[Callable[[MapChange], object]] = []
        """Called with each change, after it happened and before anybody is told."""
        self.on_commit: list[Callable[[MapCommit], object]] = []
        """Called with each commit, when it counts."""
        self.scan_s = 0.0
        """How long a scan takes, half of it before it looks and half after, by the loop's time."""
        self._entries: dict[Any, Any] = {}
        self._committed: dict[str, int] = {}
        self._held: dict[str, list[asyncio.Future[None]]] = {}  # who waits, by barrier that is held

    # --- what is in it ---

    @property
    def end(self) -> int:
        """The offset that the next change will have."""
        return len(self.log)

    @property
    def entries(self) -> dict[Any, Any]:
        """The entries now; a copy."""
        return dict(self._entries)

    def snapshot(self) -> MapSnapshot:
        """The entries now, and the offset they hold at."""
        return MapSnapshot(self.end, self.entries)

    def history(self, key: Any) -> list[MapChange]:
        """Every change of a key, oldest first."""
        return [change for change in self.log if change.key == key]

    # --- what happens to it ---

    def set(self, key: Any, value: Any) -> MapChange:
        """Give a key a value."""
        self._entries[key] = value
        return self._append(MapChange(self.end, key, value))

    def delete(self, key: Any) -> MapChange:
        """Remove a key. That is told also when there was none."""
        self._entries.pop(key, None)
        return self._append(MapChange(self.end, key, deleted=True))

    def replay(self, changes: Iterable[MapChange]) -> None:
        """Let the changes of another map happen here, in order."""
        for change in changes:
            if change.deleted:
                self.delete(change.key)
            else:
                self.set(change.key, change.value)

    def _append(self, change: MapChange) -> MapChange:
        self.log.append(change)
        self.note(f"map {self.name}: {change}")
        for listener in self.on_change:
            listener(change)
        for subscription in list(self.subscriptions):
            subscription.on_change(change)
        return change

    # --- who follows it ---

    def arm(self, start: int | None = None) -> Subscription:
        """Begin to follow on the running loop: from the offset `start` on, or from the next change."""
        subscription = Subscription(self, self.end if start is None else start, asyncio.get_running_loop())
        self.subscriptions.append(subscription)
        for change in self.log[subscription.start :]:
            subscription.on_change(change)
        return subscription

    def forget(self, subscription: Subscription) -> None:
        """A subscription has ended; called by it."""
        if subscription in self.subscriptions:
            self.subscriptions.remove(subscription)

    def commit(self, offset: int, group: str = "default") -> None:
        """Remember that a group of clients is done with everything below `offset`; also when it was further before."""
        commit = MapCommit(group, offset)
        self._committed[group] = offset
        self.commits.append(commit)
        self.note(f"map {self.name}: {group} committed {offset}")
        for listener in self.on_commit:
            listener(commit)

    def committed(self, group: str = "default") -> int | None:
        """The offset a group committed last; None for one that never did."""
        return self._committed.get(group)

    # --- what is on its way ---

    @property
    def undelivered(self) -> int:
        """How many changes are on their way to clients that were not taken yet. While it is not 0, a run is busy."""
        return sum(subscription.undelivered for subscription in self.subscriptions)

    @property
    def next_delivery_s(self) -> float | None:
        """When, by the loop's time, the next late change arrives; None if none is late."""
        dues = (subscription.next_due_s for subscription in self.subscriptions)
        return min((due for due in dues if due is not None), default=None)

    # --- troubles ---

    def inject(self, kind: str, *, call: str = "deliver", nth: int = 1, times: int = 1) -> InjectedTrouble:
        """Let this go wrong at the `nth` such call from now on, and `times` of them in a row; see `TROUBLES`.

        Raises: ValueError naming what does not fit.
        """
        return self.troubles.inject(call, kind, nth, times)

    def kill(self) -> None:
        """Every subscription dies, with what is on its way to it. Those armed later live."""
        self.note(f"map {self.name}: all subscriptions die")
        for subscription in list(self.subscriptions):
            subscription.kill()

    def silence(self) -> None:
        """Every subscription says nothing any more, without a word. Those armed later do."""
        self.note(f"map {self.name}: all subscriptions fall silent")
        for subscription in self.subscriptions:
            subscription.silence()

    def rewind(self) -> None:
        """Every subscription tells the last few changes again."""
        self.note(f"map {self.name}: all subscriptions rewind")
        for subscription in self.subscriptions:
            subscription.rewind()

    def hold(self, barrier: str = "deliver") -> None:
        """Let nobody past one of the `BARRIERS`, until `release`. ValueError for another name."""
        if barrier not in BARRIERS:
            raise ValueError(f"unknown barrier {barrier!r}; known: {', '.join(BARRIERS)}")
        self._held.setdefault(barrier, [])

    def release(self, barrier: str | None = None) -> None:
        """Let everybody go on who waits at a barrier, or at any."""
        for name in BARRIERS if barrier is None else (barrier,):
            for waiting in self._held.pop(name, ()):
                if not waiting.done():
                    waiting.set_result(None)
        for subscription in list(self.subscriptions):
            subscription.deliver()

    def is_held(self, barrier: str) -> bool:
        """Whether nobody gets past this barrier."""
        return barrier in self._held

    def waiting_at(self, barrier: str) -> int:
        """How many clients wait at a barrier; changes that are held are not among them."""
        return sum(not waiting.done() for waiting in self._held.get(barrier, ()))

    @property
    def is_troubled(self) -> bool:
        """Whether somebody is held back, or a subscription is silent without having said so."""
        return bool(self._held) or any(subscription.is_silent for subscription in self.subscriptions)

    def lift(self) -> None:
        """Let nothing go wrong any more, and nobody be held back."""
        self.troubles.lift()
        self.release()

    async def passed(self, barrier: str) -> None:
        """Wait until the barrier is not held."""
        while self.is_held(barrier):
            waiting = asyncio.get_running_loop().create_future()
            self._held[barrier].append(waiting)
            await waiting
