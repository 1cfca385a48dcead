"""What can go wrong with files while a pipeline uses them, and how often it did."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from ._inodes import File
from ._kernel import FileKernel
from ._lookup import os_error

__all__ = ["ERRNOS", "FAULT_CALLS", "FAULT_KINDS", "HAZARD_KINDS", "FaultPlan", "FileFault", "InjectedFault"]

_PORT_CALLS: Final[dict[str, tuple[str, ...]]] = {
    "read": ("read",),
    "write": ("replace_content", "write"),
    "list": ("scandir",),
    "stat": ("stat",),
    "mkdir": ("mkdir",),
    "remove": ("unlink", "rmdir"),
    "watch": ("watch",),
}
ERRNOS: Final[dict[str, int]] = {"EIO": errno.EIO, "EACCES": errno.EACCES, "ENOSPC": errno.ENOSPC}

FAULT_CALLS: Final[dict[str, tuple[str, ...]]] = {
    "EIO": tuple(_PORT_CALLS),
    "EACCES": tuple(_PORT_CALLS),
    "ENOSPC": ("write", "mkdir"),
    "vanishes": ("read", "stat"),
    "changes": ("read",),
}
"""By kind of fault, the calls that it can strike; the first is the default."""

FAULT_KINDS: Final = tuple(FAULT_CALLS)
"""What can go wrong."""

# What a pipeline has no permission to look at is not there for it (FS-10): drawn, it would be a removal.
_LOOKS: Final = frozenset({"stat", "scandir", "realpath"})

HAZARD_KINDS: Final[dict[str, tuple[str, ...]]] = {
    op: tuple(kind for kind in ERRNOS if call in FAULT_CALLS[kind] and not (kind == "EACCES" and op in _LOOKS))
    for call, ops in _PORT_CALLS.items()
    for op in ops
}
"""By port call, the errors that may be drawn for it."""


@dataclass(frozen=True, slots=True)
class FileFault:
    """One thing to go wrong, at the `nth` matching call from when it is injected, and at `times` of them in a row.

    `path`: relative to the working directory; `*` in it stands for any text, with slashes too, `?` for one character,
    `[ab]` for one of them. `call`: one of `FAULT_CALLS[kind]`, the first unless one is named.

    EIO, EACCES and ENOSPC are raised in place of the call. A file that `vanishes` is removed before it, as by another
    process. One that `changes` gets `content` while it is read, and the reader gets the first half of the old content
    and what follows the same place in the new one.

    Raises: ValueError naming what does not fit.
    """

    kind: str
    path: str
    call: str = ""
    nth: int = 1
    times: int = 1
    content: bytes | None = None

    def __post_init__(self) -> None:
        if self.kind not in FAULT_CALLS:
            raise ValueError(f"unknown fault {self.kind!r}; known: {', '.join(FAULT_KINDS)}")
        if not self.call:
            object.__setattr__(self, "call", FAULT_CALLS[self.kind][0])
        if self.call not in FAULT_CALLS[self.kind]:
            raise ValueError(
                f"{self.kind} can't happen at {self.call!r}; it can at {', '.join(map(repr, FAULT_CALLS[self.kind]))}"
            )
        if (self.content is not None) != (self.kind == "changes"):
            raise ValueError(
                "a file that changes needs `content`" if self.content is None else f"{self.kind} takes no `content`"
            )
        for name, count in (("nth", self.nth), ("times", self.times)):
            if count < 1:
                raise ValueError(f"`{name}` is {count!r}; the least is 1")

    def __str__(self) -> str:
        return f"{self.kind} at {self.call!r} of {self.path!r}"


class InjectedFault:
    """A fault that waits for its calls: how many it has `seen`, and at how many it `fired`."""

    def __init__(self, fault: FileFault) -> None:
        self.fault = fault
        self.seen = 0
        self.fired = 0
        self._ops = _PORT_CALLS[fault.call]

    def strikes(self, op: str, relative: str) -> bool:
        """Whether it fires at this call, which it counts if it matches."""
        if op not in self._ops or not fnmatchcase(relative, self.fault.path):
            return False
        self.seen += 1
        return self.fault.nth <= self.seen < self.fault.nth + self.fault.times


class FaultPlan:
    """The faults of a file system, as the `faults` of the ports over it; `note` is told of each that fires."""

    def __init__(self, kernel: FileKernel, note: Callable[[str], object] = lambda _: None) -> None:
        self._kernel = kernel
        self._note = note
        self.injected: list[InjectedFault] = []
        """All that were injected, in order, also those that are over."""
        self._active: list[InjectedFault] = []

    def inject(self, fault: FileFault) -> InjectedFault:
        """Let this go wrong from now on."""
        injected = InjectedFault(fault)
        self.injected.append(injected)
        self._active.append(injected)
        return injected

    def lift(self) -> None:
        """Let nothing go wrong any more; what fired stays counted."""
        self._active.clear()

    def __call__(self, op: str, path: str) -> OSError | bytes | None:
        """What happens to one call instead: an error, or what a read gives; None for nothing."""
        if not self._active:
            return None
        relative = os.path.relpath(os.path.join(self._kernel.cwd, path), self._kernel.cwd)
        answer: OSError | bytes | None = None
        for injected in self._active:
            needs_file = injected.fault.kind in ("vanishes", "changes")
            if needs_file and not isinstance(self._kernel.node_at(path), File):
                continue
            if injected.strikes(op, relative) and answer is None:
                injected.fired += 1
                self._note(f"fault: {injected.fault.kind} at {op} of {relative!r}")
                answer = self._fire(injected.fault, path)
        return answer

    def _fire(self, fault: FileFault, path: str) -> OSError | bytes | None:
        if fault.kind in ERRNOS:
            return os_error(ERRNOS[fault.kind], path)
        if fault.kind == "vanishes":
            self._kernel.unlink(path)
            return None  # the call finds out by itself
        assert fault.content is not None
        before = self._kernel.read(path)
        self._kernel.write(path, fault.content)
        half = len(before) // 2
        return before[:half] + fault.content[half:]
