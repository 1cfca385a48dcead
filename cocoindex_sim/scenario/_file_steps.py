"""The steps that change files, and what goes wrong with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields as fields_of
from typing import Any, Final

from ..world import (
    FAULT_CALLS,
    FAULT_KINDS,
    AppendFiles,
    ChangeMode,
    FileFault,
    Inject,
    MakeLink,
    MoveFile,
    RemoveFiles,
    TouchFiles,
    Trouble,
    WriteFiles,
)
from ._app_steps import COUNT
from ._form import Form, form_of_one
from ._mappings import Field, Fields, MapOf
from ._node import Node, one_of
from ._paths import PATH, parse_path, paths
from ._shapes import Content, Either, Mapped, Parsed, Shape, Unwritable, Word

__all__ = ["FILE_FORMS", "files"]


def files(empty: str = "") -> Shape[tuple[tuple[str, bytes], ...]]:
    """A mapping from path to content."""
    return MapOf(PATH, Content("the content of a file"), "a mapping from path to content", empty)


def _touched() -> Shape[tuple[tuple[str, str | None], ...]]:
    empty = "`fs.touch` touches nothing; name at least one path"

    def without_times(value: tuple[tuple[str, str | None], ...]) -> tuple[str, ...]:
        if any(like is not None for _, like in value):
            raise Unwritable
        return tuple(path for path, _ in value)

    names: Shape[tuple[tuple[str, str | None], ...]] = Mapped(
        paths(empty), lambda value: tuple((path, None) for path in value), without_times
    )
    return Either(
        "a path or a list of paths",
        scalar=names,
        items=names,
        mapping=MapOf(PATH, PATH, "a mapping from path to the path that has the time", empty),  # type: ignore[arg-type]  # a tuple of str is one of str | None
    )


def _mode(text: str) -> int:
    if not re.fullmatch("[0-7]{3}", text):
        raise ValueError(f"{text!r} is not a mode; write three octal digits, as in '644' or '000'")
    return int(text, 8)


_MODE = Parsed("a mode such as '644'", _mode, "{:03o}".format, {"type": ["string", "integer"], "pattern": "^[0-7]{3}$"})
_LINK_TARGET = "where the link leads, seen from its directory"


def _link_target(text: str) -> str:
    if not text:
        raise ValueError("a link can't lead to ''")
    return text


_WATCH: Final = {
    "hold": "hold",
    "release": "release",
    "overflow": "overflow",
    "goes silent": "silence",
    "dies": "kill",
}


def _fault_rule(values: dict[str, Any], nodes: Mapping[str, Node], node: Node) -> None:
    kind = values["fault"]
    call = values.get("call", FAULT_CALLS[kind][0])
    if call not in FAULT_CALLS[kind]:
        nodes["call"].fail(f"{kind} can't happen at {call!r}; {one_of(call, FAULT_CALLS[kind])}")
    if kind == "changes" and "content" not in values:
        node.fail("a file that changes needs `content:`, which it has then")
    if kind != "changes" and "content" in values:
        nodes["content"].fail(f"{kind} takes no content; only `fault: changes` does")


_CALLS: Final = tuple(dict.fromkeys(call for calls in FAULT_CALLS.values() for call in calls))
_MISSING = "write what goes wrong where, as in `{fault: EIO, path: docs/a.md}`"
_FAULT = Fields(
    "`fault:` and `path:`",
    "part of a fault",
    (
        Field("fault", Word("what goes wrong", FAULT_KINDS, "unknown fault {!r}"), "What goes wrong.", _MISSING),
        Field(
            "path",
            Parsed("a path", parse_path, str, PATH.details),
            "Of which file; `*` stands for any text, `?` for one character, `[ab]` for one of them.",
            _MISSING,
        ),
        Field(
            "call",
            Parsed("the name of a call", str, str, {"enum": list(_CALLS)}),
            "At which call; the first that the fault can happen at unless given.",
        ),
        Field("nth", COUNT, "At which of these calls, from this step on; the first unless given."),
        Field("times", COUNT, "At how many of them in a row; one unless given."),
        Field("content", Content("the content of a file"), "What a file has that `changes`."),
    ),
    rule=_fault_rule,
)


def _to_fault(values: dict[str, Any]) -> FileFault:
    kind = values["fault"]
    counts = {name: values[name] for name in ("nth", "times") if name in values}
    call = values.get("call", FAULT_CALLS[kind][0])
    return FileFault(kind, values["path"], call, content=values.get("content"), **counts)


def _from_fault(fault: FileFault) -> dict[str, Any]:
    values: dict[str, Any] = {"fault": fault.kind, "path": fault.path}
    if fault.call != FAULT_CALLS[fault.kind][0]:
        values["call"] = fault.call
    defaults = {each.name: each.default for each in fields_of(FileFault)}
    for name in ("nth", "times", "content"):
        if getattr(fault, name) != defaults[name]:
            values[name] = getattr(fault, name)
    return values


def _pair(
    first: str, second: str, expected: str, what: str, hint: str, second_shape: Shape[str], abouts: str
) -> Fields:
    first_about, second_about = abouts.split("|")
    return Fields(
        expected,
        what,
        (Field(first, PATH, first_about, hint), Field(second, second_shape, second_about, hint)),
    )


_MOVE = _pair(
    "from",
    "to",
    "`from:` and `to:`",
    "part of a move",
    "write what moves where, as in `{from: a.md, to: b.md}`",
    PATH,
    "The path it had.|The path it has then.",
)
_LINK = _pair(
    "path",
    "to",
    "`path:` and `to:`",
    "part of a link",
    "write where the link is and where it leads, as in `{path: docs/b.md, to: a.md}`",
    Parsed(_LINK_TARGET, _link_target, str, {"minLength": 1}),
    "Where the link is.|Where it leads, seen from its directory.",
)

FILE_FORMS: Final[tuple[Form, ...]] = (
    form_of_one(
        "fs.write",
        WriteFiles,
        files("`fs.write` writes nothing; name at least one file"),
        "Gives files this content, creating directories as needed.",
        "fs.write: {docs/a.md: one}",
    ),
    form_of_one(
        "fs.append",
        AppendFiles,
        files("`fs.append` adds nothing; name at least one file"),
        "Adds this to the end of files, creating those that are not there.",
        "fs.append: {logs/today.log: 'one more line'}",
    ),
    form_of_one(
        "fs.remove",
        RemoveFiles,
        paths("`fs.remove` removes nothing; name at least one path"),
        "Deletes files, or directories with everything in them.",
        "fs.remove: [docs/a.md, docs/old]",
    ),
    Form(
        "fs.move",
        MoveFile,
        _MOVE,
        lambda place, values: MoveFile(place, values["from"], values["to"]),
        lambda step: {"from": step.source, "to": step.target},
        "Renames a file or a directory, creating the directories it goes into.",
        "fs.move: {from: docs/a.md, to: docs/b.md}",
    ),
    Form(
        "fs.link",
        MakeLink,
        _LINK,
        lambda place, values: MakeLink(place, values["path"], values["to"]),
        lambda step: {"path": step.path, "to": step.target},
        "Makes a symbolic link, creating the directory it is in.",
        "fs.link: {path: docs/b.md, to: a.md}",
    ),
    form_of_one(
        "fs.touch",
        TouchFiles,
        _touched(),
        "Sets modification times, and changes nothing else: to now, or to that of another file.",
        "fs.touch: {docs/a.md: docs/b.md}",
    ),
    form_of_one(
        "fs.chmod",
        ChangeMode,
        MapOf(PATH, _MODE, "a mapping from path to mode", "`fs.chmod` changes nothing; name at least one path"),
        "Sets permission bits, which the pipeline has to obey; the story itself may do everything.",
        "fs.chmod: {docs/a.md: '000'}",
    ),
    form_of_one(
        "fs.watch",
        Trouble,
        Word("what happens to the watches of files", _WATCH, "nothing called {!r} happens to a watch"),
        "Something that happens to the watches of files: changes are held back and released, too many come at once, or"
        " the watcher says nothing any more, or ends.",
        "fs.watch: goes silent",
    ),
    Form(
        "inject",
        Inject,
        Mapped(_FAULT, _to_fault, _from_fault),
        Inject,
        lambda step: step.fault,
        "Lets something go wrong with a file later on. That it never does is a failure of the story.",
        "inject: {fault: EIO, path: docs/a.md, call: read}",
    ),
)
