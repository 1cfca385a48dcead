"""A step on one line, in the words of scenario files."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from typing import Final

from ..fakes.filesystem import FileFault
from ._story import (
    AppendFiles,
    Call,
    ChangeMode,
    DeleteKeys,
    Expect,
    Inject,
    InjectTrouble,
    MakeLink,
    MapTrouble,
    MoveFile,
    RemoveFiles,
    SetKeys,
    Step,
    TouchFiles,
    Trouble,
    WriteFiles,
)

__all__ = ["step_text"]

_WORDS: Final[dict[str, str]] = {
    "WriteFiles": "fs.write",
    "AppendFiles": "fs.append",
    "RemoveFiles": "fs.remove",
    "MoveFile": "fs.move",
    "MakeLink": "fs.link",
    "TouchFiles": "fs.touch",
    "ChangeMode": "fs.chmod",
    "Trouble": "fs.watch",
    "SetKeys": "map.set",
    "DeleteKeys": "map.delete",
}
_CONTENT_CHARS_MAX: Final = 30


def step_text(step: Step) -> str:
    """The step's name in scenario files and what it is about, on one line."""
    name = type(step).__name__
    about = ", ".join(_about(step))
    word = _WORDS.get(name, name.lower())
    if isinstance(step, MapTrouble):
        word = f"map.{step.kind}" if step.kind in ("hold", "release") else "map.watch"
    elif isinstance(step, InjectTrouble):
        word = f"{step.system}.inject"
    return f"{word}: {about}" if about else word


def _about(step: Step) -> list[str]:
    if isinstance(step, WriteFiles | AppendFiles):
        return [f"{path}: {_content(content)}" for path, content in step.files]
    if isinstance(step, Call):
        arguments = ", ".join(f"{name}: {value!r}" for name, value in step.arguments)
        return [f"{step.driver}.{step.method}({arguments})"]
    if isinstance(step, RemoveFiles):
        return list(step.paths)
    if isinstance(step, MoveFile):
        return [f"from: {step.source}", f"to: {step.target}"]
    if isinstance(step, MakeLink):
        return [f"path: {step.path}", f"to: {step.target}"]
    if isinstance(step, TouchFiles):
        return [path if like is None else f"{path}: {like}" for path, like in step.paths]
    if isinstance(step, ChangeMode):
        return [f"{path}: {mode:03o}" for path, mode in step.modes]
    if isinstance(step, Trouble):
        return [{"silence": "goes silent", "kill": "dies"}.get(step.kind, step.kind)]
    if isinstance(step, SetKeys):
        return [f"{_key(name, key)}: {_content(value.encode())}" for name, key, value in step.entries]
    if isinstance(step, DeleteKeys):
        return [_key(name, key) for name, key in step.keys]
    if isinstance(step, MapTrouble):
        what = step.barrier or {"silence": "goes silent", "kill": "dies", "rewind": "rewinds"}.get(step.kind, "")
        return [part for part in (what, "" if step.map == "map" else f"map: {step.map}") if part]
    if isinstance(step, InjectTrouble):
        return [str(step)]
    if isinstance(step, Inject):
        return [str(step.fault)]
    if isinstance(step, Expect):
        return []
    return _others(step)


def _others(step: Step) -> list[str]:
    """What any step says that is not the default."""
    shown = []
    for part in fields(step):
        value = getattr(step, part.name)
        if part.name == "place" or value == part.default:
            continue
        if isinstance(value, timedelta):
            shown.append(f"{value.total_seconds():g}s")
        elif isinstance(value, FileFault | str):
            shown.append(f"{part.name}: {value}")
        else:
            shown.append(f"{part.name}: {str(value).lower() if isinstance(value, bool) else value}")
    return shown


def _key(name: str, key: str) -> str:
    return key if name == "map" else f"{name}/{key}"


def _content(content: bytes) -> str:
    text = repr(content)[1:]
    return text if len(text) <= _CONTENT_CHARS_MAX else text[: _CONTENT_CHARS_MAX - 1] + "…'"
