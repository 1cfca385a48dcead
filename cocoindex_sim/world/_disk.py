"""Files that code in a world uses without a connector: `open`, `os`, and all that stands on them, on its own disk.

`pathlib`, `shutil`, `glob`, `tempfile` and most packages look these functions up when they need them, so it is enough
to replace those. A call from a world's step goes to the world's files, but for

* what Python itself reads, to import a module or show its source, and what lies in its own directories and below /dev;
* what installed packages use by an absolute path outside of the world's working and temporary directory: their data;
* what a module reads while it is loaded and the world does not have, as it comes with the code.

A file operation that gets round this is caught by the audit hook, and is a fence.
"""

from __future__ import annotations

import builtins
import glob
import io
import os
import pathlib
import re
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache, wraps
from types import FrameType
from typing import Any, Final, Literal

from ..fakes.filesystem import SystemCalls
from ._outside import bypassed, permitted, present

__all__ = ["replace_disk"]

# By name: in which of its arguments the path stands, and by which name; and that of the directory it is relative to.
_CALLS: Final[dict[str, tuple[int, str, str]]] = {
    "stat": (0, "path", "dir_fd"),
    "lstat": (0, "path", "dir_fd"),
    "access": (0, "path", "dir_fd"),
    "scandir": (0, "path", ""),
    "listdir": (0, "path", ""),
    "readlink": (0, "path", "dir_fd"),
    "open": (0, "path", "dir_fd"),
    "mkdir": (0, "path", "dir_fd"),
    "rmdir": (0, "path", "dir_fd"),
    "unlink": (0, "path", "dir_fd"),
    "remove": (0, "path", "dir_fd"),
    "rename": (0, "src", "src_dir_fd"),
    "replace": (0, "src", "src_dir_fd"),
    "symlink": (1, "dst", "dir_fd"),
    "link": (0, "src", "src_dir_fd"),
    "chmod": (0, "path", "dir_fd"),
    "utime": (0, "path", "dir_fd"),
    "truncate": (0, "path", ""),
    "chdir": (0, "path", ""),
    "listxattr": (0, "path", ""),
    "fstat": (0, "fd", ""),
    "close": (0, "fd", ""),
    "read": (0, "fd", ""),
    "write": (0, "fd", ""),
    "lseek": (0, "fd", ""),
    "ftruncate": (0, "fd", ""),
    "fsync": (0, "fd", ""),
    "fdatasync": (0, "fd", ""),
    "isatty": (0, "fd", ""),
    "set_inheritable": (0, "fd", ""),
}
_SAME: Final = {"remove": "unlink", "replace": "rename"}
_LOOKS: Final = frozenset({"stat", "lstat", "access", "scandir", "listdir", "readlink"})

# What the audit hook hears of, and which of its arguments is the path.
_EVENTS: Final = {
    "open": 0,
    "os.listdir": 0,
    "os.scandir": 0,
    "os.mkdir": 0,
    "os.rmdir": 0,
    "os.remove": 0,
    "os.rename": 0,
    "os.symlink": 1,
    "os.link": 0,
    "os.chmod": 0,
    "os.chown": 0,
    "os.utime": 0,
    "os.truncate": 0,
    "os.chdir": 0,
    "os.chflags": 0,
    "os.listxattr": 0,
    "os.getxattr": 0,
    "os.setxattr": 0,
    "os.removexattr": 0,
    "sqlite3.connect": 0,
}

_Caller = Literal["standard library", "python", "package", "user"]
_ROOM: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_LIBRARIES: Final = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib")})
_PACKAGES: Final = tuple({sysconfig.get_path(name) + os.sep for name in ("purelib", "platlib")})
_PYTHONS_OWN: Final = (*_LIBRARIES, *_PACKAGES, "/dev/")
_PREFIXES: Final = (sys.prefix + os.sep, sys.base_prefix + os.sep)
_READERS_OF_SOURCE: Final = ("linecache.py", "inspect.py", "tokenize.py", "pkgutil.py", "zipimport.py", "runpy.py")


_TOOLS: Final = ("_pytest", "pluggy", "coverage", "hypothesis", "pydevd", "debugpy")  # they are there for Python's sake


@cache
def _kind_of(filename: str) -> _Caller:
    if filename == __file__:
        return "standard library"  # stands in for it
    if filename.startswith("<frozen"):
        own = filename.startswith(("<frozen importlib", "<frozen zipimport", "<frozen runpy"))
        return "python" if own else "standard library"
    if filename.startswith(_ROOM):  # wherever it is installed; else it acts for the pipeline, as an executor does
        return "python" if filename.startswith((_ROOM + "runtime", _ROOM + "alias")) else "user"
    if "site-packages" in filename or filename.startswith(_PACKAGES):
        is_tool = any(f"{os.sep}{tool}{os.sep}" in filename for tool in _TOOLS)
        return "python" if is_tool else "package"
    for library in _LIBRARIES:
        if filename.startswith(library):
            name = filename[len(library) :]
            is_own = name in _READERS_OF_SOURCE or name.startswith("importlib")
            return "python" if is_own else "standard library"
    return "user"


def _caller(depth: int) -> _Caller:
    """Who asks: the first on the way out that is not the standard library."""
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None:
        kind = _kind_of(frame.f_code.co_filename)
        if kind != "standard library":
            return kind
        frame = frame.f_back
    return "user"


def _is_loading() -> bool:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        above = frame.f_back
        if frame.f_code.co_name == "<module>" and above is not None and "importlib" in above.f_code.co_filename:
            return True
        frame = above
    return False


def _calls_for(path: Any, directory: Any, depth: int) -> SystemCalls | None:
    """The files of the world if it is for them; None if it is for the real ones."""
    inside = present()
    if inside is None or inside.disk is None:
        return None
    calls: SystemCalls = inside.disk
    if isinstance(path, int):
        return calls if path in calls.files else None
    if directory is not None:
        return calls if directory in calls.files else None
    try:
        text = "." if path is None else os.fsdecode(path)
    except TypeError:
        return None  # the real one says what is wrong with it
    is_temporary = _is_below(text, _TEMPORARY[0])
    is_elsewhere = os.path.isabs(text) and not is_temporary and not _is_below(text, calls.port.kernel.cwd)
    if text.startswith(_PYTHONS_OWN) or (is_elsewhere and text.startswith(_PREFIXES)):
        return None
    caller = _caller(depth + 1)
    if caller == "python" or (caller == "package" and is_elsewhere):
        return None
    if is_temporary and calls.port.kernel.node_at(_TEMPORARY[0]) is None:
        calls.port.kernel.mkdir(_TEMPORARY[0], parents=True)
    return calls


_TEMPORARY: Final = [""]


def _is_below(path: str, directory: str) -> bool:
    path = os.path.normpath(path)
    return path == directory or path.startswith(directory + os.sep)


def _bypassed(event: str, arguments: tuple[Any, ...]) -> str | None:
    """For the audit hook: the call, if the files of the world should have been used for it."""
    position = _EVENTS.get(event)
    if position is None:
        return None
    path = arguments[position]
    if path is None and event in ("os.listdir", "os.scandir"):
        path = "."
    if path is None or isinstance(path, int) or (event == "sqlite3.connect" and _is_in_memory(path)):
        return None
    if event == "open" and path == "<unknown>":  # where a compiler looks for the line of a syntax error
        return None
    return None if _calls_for(path, None, 3) is None else f"{event}({os.fsdecode(path)!r})"


def _is_in_memory(database: Any) -> bool:
    text = os.fsdecode(database)
    return text in ("", ":memory:") or re.match(r"file:(:memory:|[^?]*\?(.*&)?mode=memory(&|$))", text) is not None


def _really(real: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call it with the audit hook told that this is right."""
    with permitted():
        return real(*args, **kwargs)


def _replacement(name: str, real: Any, position: int, path_name: str, directory_name: str) -> Any:
    ours = _SAME.get(name, name)
    is_look = name in _LOOKS

    @wraps(real)
    def call(*args: Any, **kwargs: Any) -> Any:
        if present() is None:
            return real(*args, **kwargs)
        path = args[position] if len(args) > position else kwargs.get(path_name, ".")
        calls = _calls_for(path, kwargs.get(directory_name), 2)
        if calls is None:
            return real(*args, **kwargs)
        try:
            return getattr(calls, ours)(*args, **kwargs)
        except FileNotFoundError:
            if not is_look or isinstance(path, int) or not _is_loading():
                raise
        return _really(real, os.path.join(calls.port.kernel.cwd, os.fsdecode(path)), *args[1:], **kwargs)

    return call


def _opener(real: Any) -> Any:
    @wraps(real)
    def open(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if present() is None:
            return real(file, mode, *args, **kwargs)
        calls = _calls_for(file, None, 2)
        if calls is None:
            return real(file, mode, *args, **kwargs)
        try:
            return calls.open_file(file, mode, *args, **kwargs)
        except FileNotFoundError:
            if isinstance(file, int) or set(mode) & set("wax+") or not _is_loading():
                raise
        return _really(real, os.path.join(calls.port.kernel.cwd, os.fsdecode(file)), mode, *args, **kwargs)

    return open


def replace_disk(undo: ExitStack) -> None:
    """Make `open` and the functions of `os` follow the worlds. `undo` gets what makes them real again."""

    def replace(owner: Any, name: str, value: Any) -> None:
        undo.callback(setattr, owner, name, vars(owner)[name] if name in vars(owner) else getattr(owner, name))
        setattr(owner, name, value)

    _TEMPORARY[0] = os.path.normpath(tempfile.gettempdir())  # which it finds by writing, and remembers
    bypassed.append(_bypassed)
    undo.callback(bypassed.remove, _bypassed)
    opener = _opener(builtins.open)
    replace(builtins, "open", opener)
    replace(io, "open", opener)
    reals: dict[Any, Any] = {}
    for name, where in _CALLS.items():
        real = getattr(os, name, None)
        if real is None:
            continue
        call = reals[real] = _replacement(name, real, *where)
        replace(os, name, call)
        for supported in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks, os.supports_effective_ids):
            if real in supported:
                supported.add(call)
                undo.callback(supported.discard, call)
    replace(os, "getcwd", _cwd(os.getcwd))
    replace(os, "getcwdb", _cwd(os.getcwdb))
    replace(tempfile, "_get_candidate_names", _names(tempfile._get_candidate_names))  # type: ignore[attr-defined]
    for module in (glob, pathlib, tempfile):
        _replace_taken(module, reals, replace)


def _replace_taken(module: Any, reals: dict[Any, Any], replace: Callable[[Any, str, Any], None]) -> None:
    """Replace what the classes of a module took out of `os` when they were made."""
    classes = [cls for cls in vars(module).values() if isinstance(cls, type) and cls.__module__ == module.__name__]
    for cls in classes:
        for name, value in list(vars(cls).items()):
            if isinstance(value, staticmethod) and value.__func__ in reals:
                replace(cls, name, staticmethod(reals[value.__func__]))
            defaults = getattr(value, "__defaults__", None)
            if defaults and any(callable(default) and default in reals for default in defaults):
                taken = [reals.get(default, default) if callable(default) else default for default in defaults]
                replace(value, "__defaults__", tuple(taken))


def _cwd(real: Any) -> Any:
    @wraps(real)
    def call() -> Any:
        calls = _calls_for(".", None, 2)
        return real() if calls is None else getattr(calls, real.__name__)()

    return call


def _names(real: Callable[[], Iterator[str]]) -> Callable[[], Iterator[str]]:
    """The names that `tempfile` tries."""

    def names() -> Iterator[str]:
        inside = present()
        if inside is None or inside.streams is None:
            return real()
        user = inside.streams.user
        return iter(lambda: "".join(user.choices("abcdefghijklmnopqrstuvwxyz0123456789_", k=8)), "")

    return names
