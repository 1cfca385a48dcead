"""The steps: how each is written, and which may follow which."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal

from ..values import EVENT_NAMES, ScenarioError
from ..world import (
    FAULT_CALLS,
    FAULT_KINDS,
    Advance,
    ChangeMode,
    Crash,
    Drop,
    FileFault,
    Inject,
    MakeLink,
    MoveFile,
    Place,
    Ready,
    RemoveFiles,
    Restart,
    Settle,
    Start,
    Step,
    Stop,
    TouchFiles,
    Trouble,
    Update,
    WriteFiles,
    first_refusal,
)
from ._duration import parse_duration
from ._expectations import read_expect
from ._kafka import KAFKA_READERS
from ._maps import (
    read_map_delete,
    read_map_hold,
    read_map_inject,
    read_map_release,
    read_map_set,
    read_map_watch,
    read_target_inject,
)
from ._node import Node, one_of
from ._paths import read_path, read_paths

__all__ = ["STEP_NAMES", "check_order", "read_files", "read_step"]


def read_files(node: Node) -> tuple[tuple[str, bytes], ...]:
    """A mapping from path to content."""
    entries = node.entries("a mapping from path to content")
    return tuple((read_path(name, key), value.content("the content of a file")) for name, key, value in entries)


def _options(node: Node, *names: str) -> dict[str, bool]:
    if node.is_nothing:
        return {}
    fields = node.fields("nothing or a mapping of options", names, "option")
    return {name: value.truth("true or false") for name, value in fields.items()}


def _start(node: Node, place: Place) -> Step:
    return Start(place, **_options(node, "full_reprocess", "live"))


def _update(node: Node, place: Place) -> Step:
    return Update(place, **_options(node, "full_reprocess"))


def _nothing(node: Node) -> None:
    if not node.is_nothing:
        node.fail(f"this step takes nothing, found {node.found()}")


def _drop(node: Node, place: Place) -> Step:
    _nothing(node)
    return Drop(place)


def _ready(node: Node, place: Place) -> Step:
    _nothing(node)
    return Ready(place)


def _settle(node: Node, place: Place) -> Step:
    _nothing(node)
    return Settle(place)


def _stop(node: Node, place: Place) -> Step:
    _nothing(node)
    return Stop(place)


_TROUBLES: dict[str, Literal["hold", "release", "overflow", "silence", "kill"]] = {
    "hold": "hold",
    "release": "release",
    "overflow": "overflow",
    "goes silent": "silence",
    "dies": "kill",
}


def _watch(node: Node, place: Place) -> Step:
    text = node.text("what happens to the watches of files")
    if text not in _TROUBLES:
        node.fail(f"nothing called {text!r} happens to a watch; {one_of(text, tuple(_TROUBLES))}")
    return Trouble(place, _TROUBLES[text])


def _restart(node: Node, place: Place) -> Step:
    _nothing(node)
    return Restart(place)


def _crash(node: Node, place: Place) -> Step:
    if node.is_nothing:
        return Crash(place)
    fields = node.fields("nothing, or `at:` an event", ("at", "nth"), "option")
    if "at" not in fields:
        node.fail("`nth` counts an event; name it with `at:`")
    at = fields["at"].text("the name of an event")
    if at not in EVENT_NAMES:
        fields["at"].fail(f"unknown event {at!r}; {one_of(at, EVENT_NAMES)}")
    return Crash(place, at, fields["nth"].whole_number("a count", minimum=1) if "nth" in fields else 1)


def _advance(node: Node, place: Place) -> Step:
    text = node.text("a duration such as '5s'")
    try:
        return Advance(place, parse_duration(text))
    except ValueError as error:
        node.fail(str(error))


def _write(node: Node, place: Place) -> Step:
    files = read_files(node)
    if not files:
        node.fail("`fs.write` writes nothing; name at least one file")
    return WriteFiles(place, files)


def _remove(node: Node, place: Place) -> Step:
    paths = read_paths(node)
    if not paths:
        node.fail("`fs.remove` removes nothing; name at least one path")
    return RemoveFiles(place, paths)


def _move(node: Node, place: Place) -> Step:
    fields = node.fields("`from:` and `to:`", ("from", "to"), "part of a move")
    if len(fields) != 2:
        node.fail(f"a move needs `from:` and `to:`, found {', '.join(map(repr, fields)) or 'neither'}")
    source, target = (read_path(fields[name].text("a path"), fields[name]) for name in ("from", "to"))
    return MoveFile(place, source, target)


def _link(node: Node, place: Place) -> Step:
    fields = node.fields("`path:` and `to:`", ("path", "to"), "part of a link")
    if len(fields) != 2:
        node.fail(f"a link needs `path:` and `to:`, found {', '.join(map(repr, fields)) or 'neither'}")
    target = fields["to"].text("where the link leads, seen from its directory")
    if not target:
        fields["to"].fail("a link can't lead to ''")
    return MakeLink(place, read_path(fields["path"].text("a path"), fields["path"]), target)


def _touch(node: Node, place: Place) -> Step:
    paths: list[tuple[str, str | None]]
    if node.is_mapping:
        entries = node.entries("a mapping from path to the path that has the time")
        paths = [(read_path(name, key), read_path(like.text("a path"), like)) for name, key, like in entries]
    else:
        paths = [(path, None) for path in read_paths(node)]
    if not paths:
        node.fail("`fs.touch` touches nothing; name at least one path")
    return TouchFiles(place, tuple(paths))


def _chmod(node: Node, place: Place) -> Step:
    modes = []
    for name, key, value in node.entries("a mapping from path to mode"):
        text = value.text("a mode such as '644'")
        if not re.fullmatch("[0-7]{3}", text):
            value.fail(f"{text!r} is not a mode; write three octal digits, as in '644' or '000'")
        modes.append((read_path(name, key), int(text, 8)))
    if not modes:
        node.fail("`fs.chmod` changes nothing; name at least one path")
    return ChangeMode(place, tuple(modes))


def _inject(node: Node, place: Place) -> Step:
    known = ("fault", "path", "call", "nth", "times", "content")
    fields = node.fields("`fault:` and `path:`", known, "part of a fault")
    for needed in ("fault", "path"):
        if needed not in fields:
            node.fail(f"`{needed}:` is missing; write what goes wrong where, as in `{{fault: EIO, path: docs/a.md}}`")
    kind = fields["fault"].text("what goes wrong")
    if kind not in FAULT_KINDS:
        fields["fault"].fail(f"unknown fault {kind!r}; {one_of(kind, FAULT_KINDS)}")
    call = fields["call"].text("the name of a call") if "call" in fields else FAULT_CALLS[kind][0]
    if call not in FAULT_CALLS[kind]:
        fields["call"].fail(f"{kind} can't happen at {call!r}; {one_of(call, FAULT_CALLS[kind])}")
    content = fields["content"].content("the content of a file") if "content" in fields else None
    if kind == "changes" and content is None:
        node.fail("a file that changes needs `content:`, which it has then")
    if kind != "changes" and content is not None:
        fields["content"].fail(f"{kind} takes no content; only `fault: changes` does")
    counts = {name: fields[name].whole_number("a count", minimum=1) for name in ("nth", "times") if name in fields}
    path = read_path(fields["path"].text("a path"), fields["path"])
    return Inject(place, FileFault(kind, path, call, content=content, **counts))


_READERS: dict[str, Callable[[Node, Place], Step]] = {
    "start": _start,
    "ready": _ready,
    "settle": _settle,
    "stop": _stop,
    "update": _update,
    "fs.write": _write,
    "fs.remove": _remove,
    "fs.move": _move,
    "fs.link": _link,
    "fs.touch": _touch,
    "fs.chmod": _chmod,
    "fs.watch": _watch,
    "inject": _inject,
    "map.set": read_map_set,
    "map.delete": read_map_delete,
    "map.watch": read_map_watch,
    "map.hold": read_map_hold,
    "map.release": read_map_release,
    "map.inject": read_map_inject,
    "target.inject": read_target_inject,
    **KAFKA_READERS,
    "advance": _advance,
    "crash": _crash,
    "restart": _restart,
    "drop": _drop,
    "expect": read_expect,
}

STEP_NAMES: tuple[str, ...] = tuple(_READERS)
"""The names of all steps."""

_BARE = ("start", "ready", "settle", "stop", "update", "crash", "restart", "drop", "map.release")


def read_step(node: Node) -> Step:
    """One step: a mapping with one key, or the bare name of a step that needs nothing."""
    if node.is_mapping:
        entries = node.entries("a step")
        if len(entries) != 1:
            names = ", ".join(repr(name) for name, _, _ in entries)
            node.fail(f"a step has one key, found {len(entries)} ({names}); begin each step with `- `")
        name, key, value = entries[0]
    else:
        name, key, value = node.text("a step"), node, None
    reader = _READERS.get(name)
    if reader is None:
        key.fail(f"unknown step {name!r}; {one_of(name, STEP_NAMES)}")
    if value is None:
        if name not in _BARE:
            key.fail(f"{name!r} needs something to do; write `{name}: ...`")
        value = node.nothing()
    return reader(value, key.place)


def check_order(steps: Sequence[Step]) -> None:
    """Raise a ScenarioError for the first step that can't follow the ones before it."""
    refused = first_refusal(steps)
    if refused is not None:
        step, reason = refused
        place = step.place
        raise ScenarioError(reason, path=place.path, line=place.line, column=place.column)
