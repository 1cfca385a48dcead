"""From what was seen of a live run to the story that tells it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final, NamedTuple

from ..world import (
    Advance,
    CreateTopics,
    Exactly,
    Expect,
    Place,
    ProduceMessages,
    Ready,
    RemoveFiles,
    Settle,
    Start,
    Step,
    Story,
    TopicMessage,
    Update,
    WriteFiles,
)
from ._witness_files import FileSeen
from ._witness_kafka import MessageSeen

__all__ = ["Seen", "recorded_story"]

_TOGETHER_S: Final = 0.02
"""What comes closer than that after each other is one step."""

_BYTES_MAX: Final = 1_000_000
_NOWHERE: Final = Place(Path("recording"))


class Seen(NamedTuple):
    """All that was seen of a run, which ended by itself or was live. Paths are absolute, seconds from the beginning."""

    given: dict[str, bytes]
    changes: list[FileSeen]
    targets: dict[str, bytes]
    partitions: dict[str, int]
    messages: list[MessageSeen]
    sent: dict[str, dict[bytes, bytes]]
    ready_s: float | None
    end_s: float
    is_live: bool


def recorded_story(name: str, app: str, base: Path, seen: Seen, cwd: str) -> Story:
    """The story. `app` is relative to `base`; `cwd`: where the pipeline ran.

    Raises: ValueError for what no scenario can hold.
    """

    def local(path: str) -> str:
        found = os.path.relpath(path, cwd)
        if found.startswith(os.pardir):
            raise ValueError(
                f"the pipeline uses {path!r}, which is not below the working directory {cwd!r}: a scenario has no other"
                " files, so run it where they are"
            )
        return Path(found).as_posix()

    size = sum(map(len, seen.given.values())) + sum(len(change.content or b"") for change in seen.changes)
    if size > _BYTES_MAX:
        raise ValueError(
            f"the files that the pipeline reads have {size:,} bytes, and a scenario is no place for more than"
            f" {_BYTES_MAX:,}: record with fewer or smaller ones"
        )
    changes = [change._replace(path=local(change.path)) for change in seen.changes]
    before = tuple(message.message for message in seen.messages if message.was_there)
    after = [message for message in seen.messages if not message.was_there]
    look = Expect(
        _NOWHERE,
        targets=tuple((local(path), Exactly(content)) for path, content in seen.targets.items()),
        terminates=False if seen.is_live else None,
        kafka=tuple(
            (topic, tuple((key, Exactly(value)) for key, value in sorted(content.items())))
            for topic, content in sorted(seen.sent.items())
        )
        or None,
    )
    steps = (*_live_steps(seen, changes, after), look) if seen.is_live else (Update(_NOWHERE), look)
    return Story(
        name=name,
        place=_NOWHERE,
        app=app,
        app_place=_NOWHERE,
        base=base,
        steps=steps,
        files=tuple((local(path), content) for path, content in seen.given.items()),
        kafka=tuple(_topics(seen.partitions, before)),
    )


def _topics(partitions: dict[str, int], messages: Sequence[TopicMessage]) -> Iterator[CreateTopics | ProduceMessages]:
    for topic, count in sorted(partitions.items()):
        yield CreateTopics(_NOWHERE, ((topic, count),))
        own = tuple(message for message in messages if message.topic == topic)
        if own:
            yield ProduceMessages(_NOWHERE, own)


def _live_steps(seen: Seen, changes: Sequence[FileSeen], messages: Sequence[MessageSeen]) -> Iterator[Step]:
    moments: list[tuple[float, FileSeen | MessageSeen | None]] = [(change.at_s, change) for change in changes]
    moments += [(message.at_s, message) for message in messages]
    if seen.ready_s is not None:
        moments.append((seen.ready_s, None))
    moments.sort(key=lambda moment: moment[0])
    yield Start(_NOWHERE, live=True)
    at_s = 0.0
    group: list[FileSeen | MessageSeen] = []
    for moment_s, what in [*moments, (seen.end_s, None)]:
        if group and (what is None or moment_s - at_s > _TOGETHER_S or not _fits(group, what)):
            yield _together(group)
            group = []
        passed_ms = round((moment_s - at_s) * 1000)
        if not group and passed_ms > 0:
            yield Advance(_NOWHERE, timedelta(milliseconds=passed_ms))
            at_s += passed_ms / 1000
        if what is not None:
            group.append(what)
        elif moment_s == seen.ready_s:
            yield Ready(_NOWHERE)
    yield Settle(_NOWHERE)


def _fits(group: Sequence[FileSeen | MessageSeen], what: FileSeen | MessageSeen) -> bool:
    """Whether one step can say it together with what came before."""
    if isinstance(what, MessageSeen):
        return isinstance(group[0], MessageSeen)
    files = [each for each in group if isinstance(each, FileSeen)]
    return (
        len(files) == len(group)
        and (files[0].content is None) == (what.content is None)
        and what.path not in [each.path for each in files]
    )


def _together(group: Sequence[FileSeen | MessageSeen]) -> Step:
    messages = tuple(each.message for each in group if isinstance(each, MessageSeen))
    if messages:
        return ProduceMessages(_NOWHERE, messages)
    files = [each for each in group if isinstance(each, FileSeen)]
    written = tuple((each.path, each.content) for each in files if each.content is not None)
    if written:
        return WriteFiles(_NOWHERE, written)
    return RemoveFiles(_NOWHERE, tuple(each.path for each in files))
