"""What survives a run: the records of an app and the store that keeps them.

The engine sees records and paths; how they become bytes is the store's business.
"""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

import msgspec

from ..values import StablePath

__all__ = [
    "ComponentMemo",
    "ComponentRecord",
    "Dependencies",
    "Generation",
    "MemoRecord",
    "Record",
    "RecordKey",
    "RecordKind",
    "StateRecord",
    "StateSpace",
    "StateStore",
    "StoredValue",
    "TargetRecord",
    "TombstoneRecord",
    "Write",
]


class StoredValue(msgspec.Struct, frozen=True, array_like=True):
    """A user's value, serialised: `codec` says how to read `data`."""

    codec: str
    data: bytes


class Generation(msgspec.Struct, frozen=True, array_like=True):
    """How often a container was invalidated: destructively (its rows are gone), lossily (they may be incomplete)."""

    destructive: int = 0
    lossy: int = 0


class Dependencies(msgspec.Struct, frozen=True, array_like=True):
    """What a stored result was made with: it stands while every fingerprint is still offered.

    `logic`: 16-byte fingerprints of functions. `context`: 16-byte fingerprints of (key, value) pairs of
    change-detecting context keys. `providers`: encoded path and generation of each container declared through.
    `context_states`: for those of the context fingerprints whose value has state functions, their states.
    `propagated`: those of the logic fingerprints that callers store too, whatever they track themselves.
    """

    logic: tuple[bytes, ...] = ()
    context: tuple[bytes, ...] = ()
    providers: tuple[tuple[bytes, Generation], ...] = ()
    context_states: tuple[tuple[bytes, tuple[StoredValue, ...]], ...] = ()
    propagated: tuple[bytes, ...] = ()


class ComponentMemo(msgspec.Struct, frozen=True, array_like=True):
    """The stored result of a memoized component."""

    fingerprint: bytes
    value: StoredValue
    dependencies: Dependencies
    states: tuple[StoredValue, ...] = ()


class ComponentRecord(msgspec.Struct, frozen=True, array_like=True):
    """One component, by path. It exists from before the first run of the body; `committed` since its first commit.

    `targets`: encoded paths of the target states it declared last and still owns, or may own after a failure.
    `left`: of those it owns and declares no longer, whose container was not declared either, so nobody could be asked.
    `in_doubt`: a run got as far as its sinks and did not commit. `has_calls`: it has memo records of inline calls;
    `has_state`: a state record.
    """

    processor: str
    committed: bool = False
    targets: tuple[bytes, ...] = ()
    memo: ComponentMemo | None = None
    in_doubt: bool = False
    has_calls: bool = False
    has_state: bool = False
    left: tuple[bytes, ...] = ()


class TombstoneRecord(msgspec.Struct, frozen=True, array_like=True):
    """A component that is no longer mounted and whose deletion is not finished, by path."""


class MemoRecord(msgspec.Struct, frozen=True, array_like=True):
    """The stored result of one inline memoized call, by component path and call fingerprint.

    `targets`: encoded paths of what the call declared; `calls`: fingerprints of the memoized calls inside it.
    """

    value: StoredValue
    dependencies: Dependencies
    states: tuple[StoredValue, ...] = ()
    targets: tuple[bytes, ...] = ()
    calls: tuple[bytes, ...] = ()


class StateRecord(msgspec.Struct, frozen=True, array_like=True):
    """The values a component keeps from run to run, by component path: encoded key and value, in key order.

    Under "state" what `use_state` keeps, under "live" what a live component committed.
    """

    values: tuple[tuple[bytes, StoredValue], ...]


class TargetRecord(msgspec.Struct, frozen=True, array_like=True):
    """What may be at one target state, by target path.

    `possible`: the serialised tracking record of each possible past state, oldest first, without repeats; None
    stands for "deleted" or "never there". A single non-None entry is a settled state. `provider_generation`: that of
    the container above when the state was last settled; `generation`: its own, when it is a container.
    """

    owner: bytes
    possible: tuple[StoredValue | None, ...]
    provider_generation: Generation = Generation()
    generation: Generation | None = None


Record: TypeAlias = ComponentRecord | TombstoneRecord | MemoRecord | StateRecord | TargetRecord
RecordKind: TypeAlias = Literal["component", "tombstone", "memo", "target", "state", "live"]


class RecordKey(msgspec.Struct, frozen=True, order=True):
    """Where a record is: its kind, its path, and for memos the 16-byte fingerprint of the call."""

    kind: RecordKind
    path: StablePath
    fingerprint: bytes = b""


Write: TypeAlias = tuple[RecordKey, Record | None]
"""One change: the record to put, or None to delete what is there."""


class StateSpace(Protocol):
    """The records of one app. Reads may come from any thread; each call is one short read of the latest commit."""

    def get(self, key: RecordKey) -> Record | None:
        """The record, or None."""
        ...

    def scan(
        self, kind: RecordKind, below: StablePath, *, after: RecordKey | None = None, limit: int = 1000
    ) -> list[tuple[RecordKey, Record]]:
        """Up to `limit` records at or below a path, in key order, beginning after a key."""
        ...

    def scan_calls(self, path: StablePath) -> list[bytes]:
        """The call fingerprints of the memo records at exactly this path, in order."""
        ...

    def scan_nearest(
        self, kind: RecordKind, below: StablePath, *, after: RecordKey | None = None, limit: int = 1000
    ) -> list[tuple[RecordKey, Record]]:
        """As `scan`, but only records strictly below, and none that has another found record above it.

        For components: the children of the component at `below`, however many parts their subpaths have.
        """
        ...

    def nearest_paths(
        self, kind: RecordKind, below: StablePath, *, after: StablePath | None = None, limit: int = 10_000
    ) -> list[bytes]:
        """The encoded paths of what `scan_nearest` finds, without reading the records. Not for memos."""
        ...

    def commit(self, writes: list[Write]) -> None:
        """Apply all writes in one durable step, the last one for a key winning. Blocking; runs in an executor."""
        ...


class StateStore(Protocol):
    """An opened state directory. One holder at a time."""

    def space(self, app: str) -> StateSpace:
        """The records of an app, empty if it never ran."""
        ...

    def spaces(self) -> list[str]:
        """The names of the apps that have records, sorted."""
        ...

    def drop_space(self, app: str) -> None:
        """Forget everything about an app. Blocking."""
        ...

    def close(self) -> None:
        """Give the directory back. Idempotent."""
        ...
