"""The state of an external target: its rows, and a journal of everything that was done to them or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from ...values import NON_EXISTENCE, StableKey, encode_key, is_non_existence
from .._hazards import Hazards
from .._troubles import InjectedTrouble, Troubles

__all__ = ["TARGET_TROUBLES", "JournalEntry", "JournalTarget", "Moment"]

TARGET_TROUBLES: Final = ("before", "ack_lost", "partial", "slow", "conflict")
"""What can go wrong at an action: the call is refused as a whole, applied as a whole without an answer, applied up to
that action, applied late, or refused from that action on because another writer came first and changed the row."""


class Moment(NamedTuple):
    """When something happened: virtual nanoseconds, the step of the run, and the number of the process, from 1."""

    time_ns: int = 0
    step: int = 0
    life: int = 0


class JournalEntry(NamedTuple):
    """One action at a target. `old` and `new` are values, or NON_EXISTENCE for none.

    `accepted`: it took effect, whether the writer got to know that or not. `foreign`: somebody else did it.
    """

    moment: Moment
    key: StableKey
    old: Any
    new: Any
    accepted: bool = True
    foreign: bool = False

    @property
    def changed(self) -> bool:
        """Whether the row is another one after it."""
        return self.accepted and (is_non_existence(self.old) != is_non_existence(self.new) or self.old != self.new)


class JournalTarget:
    """An external target: rows by key, each put or removed by one action, and all of it journalled.

    `moment` says when something happens, `note` is told of it as text. An action means the same whatever was there
    before: a row is put over another, and removing none is no error. Keys are StableKeys.
    """

    def __init__(
        self,
        name: str = "rows",
        *,
        hazards: Hazards | None = None,
        moment: Callable[[], Moment] = Moment,
        note: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.name = name
        self.hazards = hazards or Hazards()
        self.note = note
        self.journal: list[JournalEntry] = []
        """Every action that reached the target, in order."""
        self.on_entry: list[Callable[[JournalEntry], object]] = []
        """Called with each entry of the journal."""
        self.troubles = Troubles({"action": TARGET_TROUBLES}, {"action": f"target.{name}"}, self.hazards)
        self._moment = moment
        self._rows: dict[bytes, tuple[StableKey, Any]] = {}  # by encoded key: to a dict, 1 and True are one

    @property
    def rows(self) -> dict[StableKey, Any]:
        """The rows now, by key; a copy."""
        return dict(self._rows.values())

    def get(self, key: StableKey) -> Any:
        """The value of a row now; NON_EXISTENCE for none."""
        return self._rows.get(encode_key(key), (key, NON_EXISTENCE))[1]

    @property
    def contents(self) -> dict[bytes, Any]:
        """The values now by encoded key, in the order of keys: for comparing."""
        return {encoded: self._rows[encoded][1] for encoded in sorted(self._rows)}

    @property
    def operations(self) -> int:
        """How many actions of the pipeline took effect: of actions, not of calls, which depend on batching."""
        return sum(entry.accepted and not entry.foreign for entry in self.journal)

    def inject(self, kind: str, *, nth: int = 1, times: int = 1) -> InjectedTrouble:
        """Let this go wrong at the `nth` action from now on, and at `times` of them in a row; see `TARGET_TROUBLES`.

        Raises: ValueError naming what does not fit.
        """
        return self.troubles.inject("action", kind, nth, times)

    def put(self, key: StableKey, value: Any) -> None:
        """Somebody else than the pipeline writes a row."""
        self.do(key, value, foreign=True)

    def remove(self, key: StableKey) -> None:
        """Somebody else than the pipeline removes a row."""
        self.do(key, NON_EXISTENCE, foreign=True)

    def do(self, key: StableKey, new: Any, *, foreign: bool = False) -> None:
        """One action takes effect."""
        encoded = encode_key(key)
        old = self.get(key)
        if is_non_existence(new):
            self._rows.pop(encoded, None)
        else:
            self._rows[encoded] = key, new
        self._write(JournalEntry(self._moment(), key, old, new, foreign=foreign))

    def refuse(self, key: StableKey, new: Any) -> None:
        """One action takes no effect."""
        old = self.get(key)
        self._write(JournalEntry(self._moment(), key, old, new, accepted=False))

    def _write(self, entry: JournalEntry) -> None:
        what = "removed" if is_non_existence(entry.new) else f"= {entry.new!r}"
        suffix = " by another writer" if entry.foreign else "" if entry.accepted else ", refused"
        self.journal.append(entry)
        self.note(f"target {self.name}: {entry.key!r} {what}{suffix}")
        for listener in self.on_entry:
            listener(entry)
