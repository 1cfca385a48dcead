"""Stories written in Python: the same vocabulary as in scenario files, the same errors, the same `Story`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from ..world import Story
from ._file import stories_in
from ._node import Node, plain_node

__all__ = ["StoryBuilder"]

Content: TypeAlias = "str | bytes"
Check: TypeAlias = "str | bytes | Mapping[str, str]"
"""The content, or `{"contains": text}`, or `{"matches": pattern}`."""
Paths: TypeAlias = "str | Sequence[str]"

_ROOM: Final = str(Path(__file__).parent) + os.sep


def _caller() -> tuple[Path, int]:
    """File and line of the code that called into this room."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_ROOM):
        frame = frame.f_back
    path = Path(frame.f_code.co_filename)
    with suppress(ValueError):
        path = path.relative_to(Path.cwd())
    return path, frame.f_lineno


def _said(**options: Any) -> dict[str, Any] | None:
    """The options that are not what they are anyway; None when none is left."""
    return {name: value for name, value in options.items() if value is not None and value is not False} or None


class StoryBuilder:
    """One story, step by step; each method adds one and gives the builder back.

    The methods are called as the steps are, with an underscore for the dot: `fs_write` is `fs.write`. What they take is
    what stands in a scenario file. `app`: the pipeline, `path/main.py`, or `source`: a connector under test,
    `path/prices.py:prices`; relative to `base`, which is the directory of the calling file unless it is given.
    `drivers`: by name what makes each, `path/shop.py:Shop`. `name`: that of the calling function unless it is given.

    A module attribute called `test_...` that is a builder is collected by pytest as a scenario. Anywhere else, `build`
    gives the `Story`, for `explore`, `check` or `perform`.
    """

    def __init__(
        self,
        app: str | None = None,
        *,
        source: str | None = None,
        name: str | None = None,
        description: str | None = None,
        base: Path | str | None = None,
        drivers: Mapping[str, str] | None = None,
    ) -> None:
        self._path, self._line = _caller()
        self._base = self._path.absolute().parent if base is None else Path(base)
        self._heading: dict[str, Node] = {}
        self._steps: list[Node] = []
        self._set("name", name)
        self._set("description", description)
        self._set("app", app)
        self._set("source", source)
        self._set("drivers", drivers)

    def _set(self, key: str, value: object) -> None:
        if value is not None:
            self._heading[key] = plain_node(value, *_caller())

    def step(self, name: str, value: object = None) -> StoryBuilder:
        """Add a step by its name in scenario files; `value` is what stands behind it there."""
        path, line = _caller()
        key = Node("text", name, path, line)
        node = key if value is None else Node("mapping", [(key, plain_node(value, path, line))], path, line)
        self._steps.append(node)
        return self

    def build(self, name: str = "story") -> Story:
        """The story. `name` is its name unless the builder was given one.

        Raises: ScenarioError, with the line that added what can't be run as written.
        """
        entries = [(Node("text", key, node.path, node.line), node) for key, node in self._heading.items()]
        steps = Node("list", list(self._steps), self._path, self._line)
        entries.append((Node("text", "steps", self._path, self._line), steps))
        (story,) = stories_in(Node("mapping", entries, self._path, self._line), self._base, name)
        return story

    # -- the heading -----------------------------------------------------------------------------------------------

    def given(
        self,
        *,
        files: Mapping[str, Content] | None = None,
        watch: str | None = None,
        map: Mapping[str, str | Mapping[str, str]] | None = None,
        kafka: Mapping[str, Any] | None = None,
    ) -> StoryBuilder:
        """What there is before the first step."""
        self._set("given", _said(files=files, watch=watch, map=map, kafka=kafka) or {})
        return self

    def oracles_off(self, **reasons: str) -> StoryBuilder:
        """Switch oracles off that can't hold in this story, each with the reason."""
        self._set("oracles_off", reasons)
        return self

    def options(self, **options: int | str | bool) -> StoryBuilder:
        """Say how it is explored, as in `runs=50`; the command line and a marker go before it."""
        self._set("options", options)
        return self

    def recording(self, text: str) -> StoryBuilder:
        """Repeat this run, which failed once, before any other is made."""
        self._set("recording", text)
        return self

    # -- the pipeline and its process ------------------------------------------------------------------------------

    def start(self, *, live: bool = False, full_reprocess: bool = False) -> StoryBuilder:
        """Begin an update and go on without waiting for it; a live one goes on until `stop`."""
        return self.step("start", _said(live=live, full_reprocess=full_reprocess))

    def ready(self) -> StoryBuilder:
        """Run the started update until all of its first pass is done."""
        return self.step("ready")

    def settle(self) -> StoryBuilder:
        """Run what is ready; let time pass only for changes that are on their way to the pipeline."""
        return self.step("settle")

    def stop(self) -> StoryBuilder:
        """End the started live update, as Ctrl-C does."""
        return self.step("stop")

    def update(self, *, full_reprocess: bool = False) -> StoryBuilder:
        """Run one update to its end."""
        return self.step("update", _said(full_reprocess=full_reprocess))

    def hold(self, at: str, *, nth: int = 1) -> StoryBuilder:
        """Run the started update to a barrier, and no step further until `release`."""
        return self.step("hold", at if nth == 1 else {"at": at, "nth": nth})

    def release(self) -> StoryBuilder:
        """Let the update that is held go on."""
        return self.step("release")

    def call(self, method: str, /, **arguments: Any) -> StoryBuilder:
        """Call a method of a driver, `shop.sell`, and wait for its end."""
        return self.step("call", {method: arguments} if arguments else method)

    def advance(self, duration: str | timedelta) -> StoryBuilder:
        """Let virtual time pass: `1h30m`, or a timedelta."""
        return self.step("advance", duration)

    def crash(self, *, at: str | None = None, nth: int | None = None) -> StoryBuilder:
        """Kill the process: now, or when the started update comes to an event."""
        return self.step("crash", _said(at=at, nth=nth))

    def restart(self) -> StoryBuilder:
        """Begin a new process on what was durable."""
        return self.step("restart")

    def drop(self) -> StoryBuilder:
        """Drop the app: everything it declared, and all it remembers."""
        return self.step("drop")

    # -- files -----------------------------------------------------------------------------------------------------

    def fs_write(self, files: Mapping[str, Content]) -> StoryBuilder:
        """Give files this content, creating directories as needed."""
        return self.step("fs.write", files)

    def fs_append(self, files: Mapping[str, Content]) -> StoryBuilder:
        """Add this to the end of files, creating those that are not there."""
        return self.step("fs.append", files)

    def fs_remove(self, *paths: str) -> StoryBuilder:
        """Delete files, or directories with everything in them."""
        return self.step("fs.remove", paths)

    def fs_move(self, source: str, target: str) -> StoryBuilder:
        """Rename a file or a directory, creating the directories it goes into."""
        return self.step("fs.move", {"from": source, "to": target})

    def fs_link(self, path: str, to: str) -> StoryBuilder:
        """Make a symbolic link that leads to `to`, seen from its directory."""
        return self.step("fs.link", {"path": path, "to": to})

    def fs_touch(self, *paths: str, like: Mapping[str, str] | None = None) -> StoryBuilder:
        """Set modification times: of these paths to now, or of the keys of `like` to those of its values."""
        return self.step("fs.touch", paths if like is None else like)

    def fs_chmod(self, modes: Mapping[str, str]) -> StoryBuilder:
        """Set permission bits, as in `{"docs/a.md": "000"}`."""
        return self.step("fs.chmod", modes)

    def fs_watch(self, what: Literal["hold", "release", "overflow", "goes silent", "dies"]) -> StoryBuilder:
        """Something that happens to the watches of files."""
        return self.step("fs.watch", what)

    def inject(
        self,
        fault: str,
        path: str,
        *,
        call: str | None = None,
        nth: int | None = None,
        times: int | None = None,
        content: Content | None = None,
    ) -> StoryBuilder:
        """Let something go wrong with a file later on."""
        return self.step("inject", _said(fault=fault, path=path, call=call, nth=nth, times=times, content=content))

    # -- maps and targets ------------------------------------------------------------------------------------------

    def map_set(self, entries: Mapping[str, str | Mapping[str, str]]) -> StoryBuilder:
        """Give keys of external maps these values."""
        return self.step("map.set", entries)

    def map_delete(self, *keys: str, map: str | None = None) -> StoryBuilder:
        """Remove keys of an external map."""
        return self.step("map.delete", keys if map is None else {map: keys})

    def map_watch(
        self, what: Literal["hold", "release", "dies", "goes silent", "rewinds"], *, map: str | None = None
    ) -> StoryBuilder:
        """Something that happens to the subscriptions to a map."""
        return self.step("map.watch", what if map is None else {map: what})

    def map_hold(self, barrier: str, *, map: str | None = None) -> StoryBuilder:
        """Let no client of a map past a barrier, until `map_release`."""
        return self.step("map.hold", barrier if map is None else {map: barrier})

    def map_release(self, barrier: str | None = None, *, map: str | None = None) -> StoryBuilder:
        """Let the clients of a map past a barrier again, or past all of them."""
        return self.step("map.release", barrier if map is None else {map: barrier})

    def map_inject(
        self,
        fault: str,
        *,
        map: str | None = None,
        call: str | None = None,
        nth: int | None = None,
        times: int | None = None,
    ) -> StoryBuilder:
        """Let something go wrong with a map later on."""
        return self.step("map.inject", _said(fault=fault, map=map, call=call, nth=nth, times=times))

    def target_inject(
        self, fault: str, *, target: str | None = None, nth: int | None = None, times: int | None = None
    ) -> StoryBuilder:
        """Let something go wrong at an action of a target later on."""
        return self.step("target.inject", _said(fault=fault, target=target, nth=nth, times=times))

    # -- Kafka -----------------------------------------------------------------------------------------------------

    def kafka_create(self, topics: str | Mapping[str, int]) -> StoryBuilder:
        """Create topics: one with one partition, or as many as are said."""
        return self.step("kafka.create", topics)

    def kafka_produce(self, messages: Mapping[str, Any]) -> StoryBuilder:
        """Add messages to topics: by topic a mapping from key to value, or a list of messages."""
        return self.step("kafka.produce", messages)

    def kafka_tombstone(self, keys: Mapping[str, Content | Sequence[Content]]) -> StoryBuilder:
        """Add messages that delete keys, by topic."""
        return self.step("kafka.tombstone", keys)

    def kafka_expire(self, topics: Paths | Mapping[str, int]) -> StoryBuilder:
        """Drop the messages before an offset of each partition, or all there are."""
        return self.step("kafka.expire", topics)

    def kafka_compact(self, *topics: str, tombstones: bool = False) -> StoryBuilder:
        """Keep the last message of each key; with `tombstones`, no deletions either."""
        return self.step("kafka.compact", {"topic": topics, "tombstones": True} if tombstones else topics)

    def kafka_broker(self, change: Literal["stop", "start"], broker: int | None = None) -> StoryBuilder:
        """Take brokers down, or bring them up again: all of them, or one by its number."""
        return self.step("kafka.broker", change if broker is None else {change: broker})

    def kafka_member(
        self,
        *,
        join: str | None = None,
        leave: str | None = None,
        topics: Paths | None = None,
        name: str | None = None,
    ) -> StoryBuilder:
        """Have a member that reads nothing join a group, or leave it."""
        return self.step("kafka.member", _said(join=join, leave=leave, topics=topics, name=name) or {})

    def kafka_rebalance(self, group: str) -> StoryBuilder:
        """Have the members of a group share out the partitions anew."""
        return self.step("kafka.rebalance", group)

    def kafka_inject(self, fault: str, at: str, *, nth: int | None = None, times: int | None = None) -> StoryBuilder:
        """Let something go wrong with Kafka later on."""
        return self.step("kafka.inject", _said(fault=fault, at=at, nth=nth, times=times))

    # -- expectations ----------------------------------------------------------------------------------------------

    def expect(
        self,
        *,
        targets: Mapping[str, Check] | None = None,
        diff: Mapping[str, Paths] | None = None,
        stats: Mapping[str, int | Mapping[str, int]] | None = None,
        terminates: bool | None = None,
        raises: Mapping[str, str] | None = None,
        rows: Mapping[str, Any] | None = None,
        kafka: Mapping[str, Mapping[str, Check]] | None = None,
        committed: Mapping[str, Mapping[str, Any]] | None = None,
        actions: int | Mapping[str, int] | None = None,
        ready: bool | Paths | None = None,
        order: Sequence[str | Mapping[str, str]] | None = None,
        logs: Sequence[str | Mapping[str, str]] | None = None,
    ) -> StoryBuilder:
        """Look at the world; what is not given is not looked at."""
        looks = {name: value for name, value in locals().items() if name != "self" and value is not None}
        return self.step("expect", looks)
