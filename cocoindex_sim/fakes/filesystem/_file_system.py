"""The file-system port of one simulated process."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeAlias

from ...ports import DirectoryEntry, FileStat
from .._cut import ProcessCut
from .._hazards import Hazards
from ._faults import ERRNOS, HAZARD_KINDS
from ._kernel import FileKernel
from ._lookup import os_error
from ._watch import FakeWatch
from ._watching import Watching

__all__ = ["FakeFileSystem", "Faults"]

Faults: TypeAlias = Callable[[str, str], OSError | bytes | None]
"""Asked before every port call with its name and path. An error that it returns is raised instead of the call; bytes
are what a `read` gives instead, up to the size it asked for.

It may change files first, such as remove one between its listing (`scandir`) and its reading (`read`).
"""


class FakeFileSystem:
    """`ports.FileSystem` over a kernel, as the writer `pipeline`.

    Each simulated process has its own, over the one kernel: `cut` is the end of the process, not of the files.
    `faults` may be set at any time. `watching`, which processes share too, says how watches behave; without it they
    are perfect. `hazards` are met at the sites `fs.<call>`, and told of each call that changed something.
    """

    def __init__(
        self,
        kernel: FileKernel,
        *,
        faults: Faults | None = None,
        watching: Watching | None = None,
        hazards: Hazards | None = None,
    ) -> None:
        self.kernel = kernel
        self.faults = faults
        self.hazards = hazards or Hazards()
        self.watching = Watching(kernel, random.Random(0)) if watching is None else watching
        self._watches: list[FakeWatch] = []
        self.is_cut = False

    def cut(self) -> None:
        """From now on every call raises ProcessCut and has no effect; the watches end."""
        self.is_cut = True
        for watch in self._watches:
            watch.end()

    def enter(self, op: str, path: str) -> bytes | None:
        """Where every call passes, before it has an effect. What a read gives instead, if anything."""
        if self.is_cut:
            raise ProcessCut(f"{op}({path!r}) was called by a process that was killed")
        kinds = HAZARD_KINDS.get(op)
        if kinds is not None and (kind := self.hazards.meet(f"fs.{op}", kinds)) is not None:
            raise os_error(ERRNOS[kind], path)
        if self.faults is None:
            return None
        fault = self.faults(op, path)
        if isinstance(fault, OSError):
            raise fault
        return fault

    def getcwd(self) -> str:
        """The absolute directory that relative paths start from."""
        self.enter("getcwd", "")
        return self.kernel.cwd

    def stat(self, path: str, *, follow_symlinks: bool = True) -> FileStat:
        """The status of what is at `path`; of the link itself when links are not followed."""
        self.enter("stat", path)
        return self.kernel.stat(path, follow_symlinks=follow_symlinks, writer="pipeline")

    def scandir(self, path: str) -> list[DirectoryEntry]:
        """The entries of a directory, in the order they were made."""
        self.enter("scandir", path)
        return self.kernel.scandir(path, writer="pipeline")

    def realpath(self, path: str) -> str:
        """The absolute path with every link resolved, as far as it exists."""
        self.enter("realpath", path)
        return self.kernel.realpath(path, writer="pipeline")

    def read(self, path: str, size: int = -1) -> bytes:
        """The first `size` bytes of a file, or all of it."""
        instead = self.enter("read", path)
        if instead is not None:
            return instead if size < 0 else instead[:size]
        return self.kernel.read(path, size, writer="pipeline")

    def replace_content(self, path: str, data: bytes) -> None:
        """Make `path` a file with exactly this content, in one step that a crash falls before or after."""
        self.enter("replace_content", path)
        self.kernel.replace_content(path, data, writer="pipeline")
        self.hazards.durable("fs.replace_content")

    def mkdir(self, path: str, *, parents: bool = False) -> None:
        """Create a directory; an existing one is fine."""
        self.enter("mkdir", path)
        self.kernel.mkdir(path, parents=parents, writer="pipeline")
        self.hazards.durable("fs.mkdir")

    def unlink(self, path: str) -> None:
        """Remove a file or a link."""
        self.enter("unlink", path)
        self.kernel.unlink(path, writer="pipeline")
        self.hazards.durable("fs.unlink")

    def rmdir(self, path: str) -> None:
        """Remove an empty directory."""
        self.enter("rmdir", path)
        self.kernel.rmdir(path, writer="pipeline")
        self.hazards.durable("fs.rmdir")

    async def watch(self, path: str, *, recursive: bool) -> FakeWatch:
        """Watch a directory, given by its real path. It behaves as `watching` says."""
        self.enter("watch", path)
        self.kernel.scandir(path, writer="pipeline")  # raises what arming raises
        watch = self.watching.arm(path, recursive=recursive)
        self._watches = [before for before in self._watches if not before.is_over]
        self._watches.append(watch)
        return watch
