"""A feed of a file that others append lines to."""

import asyncio
import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import cocoindex as coco
from cocoindex.connectorkits import SingleWatcherGuard

__all__ = ["LogFile"]

_DONE = "done"
_BATCH_BYTES = 1 << 20
_log = logging.getLogger(__name__)


class LogFile:
    """A `LiveMapFeed` of a file with a change in each line: `{"key": "apples", "value": 3}`; without a value, it goes.

    It begins where it was: up to there every line is processed. A file that got shorter is read from its start. A
    line that is none of these is skipped, and the last one waits until all of it is written. One `watch` at a time.
    """

    def __init__(self, path: str | Path, *, interval: timedelta = timedelta(seconds=1)) -> None:
        self._path = Path(path)
        self._interval_s = interval.total_seconds()
        self._guard = SingleWatcherGuard(type(self).__name__)

    async def watch(self, subscriber: coco.LiveMapSubscriber[str, Any]) -> None:
        """Tell of every change, until cancelled."""
        with self._guard:
            done = await subscriber.read_committed_state(_DONE) or 0
            is_ready = False
            while True:
                try:
                    start, lines = await asyncio.to_thread(self._read, done)
                except OSError as error:
                    _log.warning("%s; looking again in %s s", error, self._interval_s)
                    await asyncio.sleep(self._interval_s)
                    continue
                if lines or start != done:
                    await self._tell(subscriber, start, lines)
                    done = start + len(lines)
                    # Last: whoever dies before tells of these again.
                    await subscriber.write_committed_state(_DONE, done)
                    continue
                if not is_ready:
                    is_ready = True
                    await subscriber.mark_ready()
                await asyncio.sleep(self._interval_s)

    async def _tell(self, subscriber: coco.LiveMapSubscriber[str, Any], start: int, lines: bytes) -> None:
        """Have whole lines processed."""
        handles = []
        for change in self._changes(start, lines):
            if "value" in change:
                handles.append(await subscriber.update(change["key"], change["value"]))
            else:
                handles.append(await subscriber.delete(change["key"]))
        for handle in handles:
            await handle.ready()

    def _changes(self, start: int, lines: bytes) -> Iterator[dict[str, Any]]:
        for line in lines.splitlines(keepends=True):
            try:
                change = json.loads(line)
                if not isinstance(change["key"], str):
                    raise TypeError(f"the key {change['key']!r} is no string")
                yield change
            except (ValueError, TypeError, KeyError) as error:
                _log.error("%s: skipping the line at byte %d: %r", self._path, start, error)
            start += len(line)

    def _read(self, start: int) -> tuple[int, bytes]:
        """Where the next lines begin, and the lines as far as they are complete."""
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, 2)
                if size < start:
                    _log.warning("%s: it has %d bytes, and had %d; reading all of it", self._path, size, start)
                    start = 0
                file.seek(start)
                found = file.read(_BATCH_BYTES) + file.readline()
        except FileNotFoundError:
            return start, b""
        return start, found[: found.rfind(b"\n") + 1]
