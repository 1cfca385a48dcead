"""The log of one partition: records by offset, and what becomes of them.

Offsets are given out once. Retention cuts the log at its start, compaction takes records out of its middle, and the end
of a transaction takes one offset of its own for its marker, so a reader sees gaps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

__all__ = ["Headers", "Marker", "Partition", "Record"]

Headers = tuple[tuple[str, str | bytes | None], ...]
Marker = Literal["commit", "abort"]


class Record(NamedTuple):
    """One record of a log.

    `arrival` counts the records of the whole cluster. `transaction`: the number of the transaction it belongs to, 0 for
    none. `marker`: this is no message but the end of that transaction.
    """

    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int
    arrival: int
    transaction: int = 0
    marker: Marker | None = None


@dataclass(slots=True)
class Partition:
    """The log of a partition of a topic, read and written synchronously."""

    topic: str
    index: int
    log_start: int = 0
    """The first offset that may be read."""
    high_watermark: int = 0
    """The offset of the next record."""
    records: list[Record] = field(default_factory=list)
    """What is in the log, by rising offset."""
    history: list[Record] = field(default_factory=list)
    """All that ever was in the log, by rising offset, but for what went before any consumer was given it."""
    given: set[int] = field(default_factory=set)
    """The offsets of what consumers were given."""
    _open: dict[int, int] = field(default_factory=dict)  # transaction -> its first offset
    _aborted: set[int] = field(default_factory=set)

    @property
    def last_stable_offset(self) -> int:
        """Where reading ends for those who want committed transactions only: the first offset of an open one."""
        return min(self._open.values(), default=self.high_watermark)

    def end(self, *, committed_only: bool) -> int:
        """Where reading ends."""
        return self.last_stable_offset if committed_only else self.high_watermark

    def append(
        self,
        key: bytes | None,
        value: bytes | None,
        *,
        headers: Headers = (),
        timestamp_ms: int,
        arrival: int,
        transaction: int = 0,
    ) -> Record:
        """Add a message at the end."""
        if transaction:
            self._open.setdefault(transaction, self.high_watermark)
        return self._add(Record(self.high_watermark, key, value, headers, timestamp_ms, arrival, transaction))

    def end_transaction(self, transaction: int, marker: Marker, *, timestamp_ms: int, arrival: int) -> None:
        """Commit or abort: the marker takes one offset. Nothing happens if the transaction wrote nothing here."""
        if self._open.pop(transaction, None) is None:
            return
        if marker == "abort":
            self._aborted.add(transaction)
        self._add(Record(self.high_watermark, None, None, (), timestamp_ms, arrival, transaction, marker))

    def _add(self, record: Record) -> Record:
        self.records.append(record)
        self.history.append(record)
        self.high_watermark += 1
        return record

    def expire(self, before: int | None = None) -> None:
        """Drop what lies before an offset, as retention does; None: everything."""
        self.log_start = max(
            self.log_start, min(self.high_watermark if before is None else before, self.high_watermark)
        )
        self._keep([record for record in self.records if record.offset >= self.log_start])

    def _keep(self, records: list[Record]) -> None:
        unseen = {record.offset for record in self.records}.difference(self.given, (each.offset for each in records))
        self.records = records
        if unseen:
            self.history = [record for record in self.history if record.offset not in unseen]

    def compact(self, *, tombstones: bool = False) -> None:
        """Keep the last record of each key; with `tombstones`, drop a deletion that is the last one, too.

        Markers go as well. Offsets stay, so gaps are left, also at the end. What an open transaction holds back stays.
        """
        stable = self.last_stable_offset
        last = {
            record.key: record.offset for record in self.records if record.offset < stable and self.is_message(record)
        }
        self._keep(
            [
                record
                for record in self.records
                if record.offset >= stable
                or (
                    self.is_message(record)
                    and record.key is not None
                    and last[record.key] == record.offset
                    and not (tombstones and record.value is None)
                )
            ]
        )

    def is_message(self, record: Record) -> bool:
        """Whether who reads committed transactions only is given this record."""
        return record.marker is None and record.transaction not in self._aborted

    def read(self, offset: int, *, committed_only: bool) -> tuple[Record | None, int]:
        """The first message at or after an offset, and where reading goes on after it, or has come to without one.

        With `committed_only`, messages of transactions that are open or aborted are no messages.
        """
        end = self.end(committed_only=committed_only)
        for record in self._from(offset):
            if record.offset >= end:
                break
            if record.marker is None and (not committed_only or record.transaction not in self._aborted):
                return record, record.offset + 1
        return None, max(offset, end)

    def marker_before(self, offset: int) -> int:
        """Just past the last marker of a run of markers that ends where `offset` is; -1 if no marker stands there."""
        found = -1
        for record in reversed(self.records):
            if record.offset < offset:
                found = record.offset + 1 if record.marker is not None else -1
                break
        return found

    def messages(self) -> Iterator[Record]:
        """What a reader of committed transactions is given from the beginning."""
        offset = self.log_start
        while True:
            record, offset = self.read(offset, committed_only=True)
            if record is None:
                return
            yield record

    def offset_at(self, timestamp_ms: int) -> int:
        """The first offset whose record is of this time or later; -1 if there is none."""
        return next((record.offset for record in self.records if record.timestamp_ms >= timestamp_ms), -1)

    def _from(self, offset: int) -> Iterator[Record]:
        low, high = 0, len(self.records)
        while low < high:
            middle = (low + high) // 2
            if self.records[middle].offset < offset:
                low = middle + 1
            else:
                high = middle
        for index in range(low, len(self.records)):
            yield self.records[index]
