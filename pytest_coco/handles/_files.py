"""The disk of a test's world, as somebody beside the pipeline uses it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import overload

from cocoindex_sim.world import FileFault, InjectedFault, World

__all__ = ["CocoFiles"]


class CocoFiles:
    """The files of a world, in memory. Paths are relative to the directory of the pipeline, once one is loaded.

    While an update runs, each change comes at a moment that the policy chooses. Errors are those of the disk:
    FileNotFoundError and so on.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._kernel = world.files

    @overload
    def write(self, files: Mapping[str, str | bytes], /) -> None: ...

    @overload
    def write(self, files: str, content: str | bytes, /) -> None: ...

    def write(self, files: Mapping[str, str | bytes] | str, content: str | bytes = "", /) -> None:
        """Give files this content, creating directories as needed: `write("docs/a.txt", "a")`, or a mapping."""
        self._world.linger()
        for path, data in ({files: content} if isinstance(files, str) else files).items():
            self._kernel.write(path, data, parents=True)

    def append(self, path: str, content: str | bytes) -> None:
        """Add to the end of a file, which need not be there."""
        self._world.linger()
        self._kernel.append(path, content, parents=True)

    def remove(self, *paths: str) -> None:
        """Delete files, or directories with everything in them."""
        self._world.linger()
        for path in paths:
            try:
                self._kernel.unlink(path)
            except IsADirectoryError:
                self._kernel.rmtree(path)

    def move(self, source: str, target: str) -> None:
        """Rename a file or a directory, creating the directories it goes into."""
        self._world.linger()
        self._kernel.mkdir(os.path.dirname(target) or ".", parents=True)
        self._kernel.rename(source, target)

    def link(self, path: str, target: str) -> None:
        """Make a symbolic link at `path`; `target` stays as written, relative to its directory."""
        self._world.linger()
        self._kernel.mkdir(os.path.dirname(path) or ".", parents=True)
        self._kernel.symlink(target, path)

    def touch(self, path: str) -> None:
        """Set the modification time of a file that is there to now."""
        self._world.linger()
        self._kernel.stat(path)
        self._kernel.touch(path)

    def chmod(self, path: str, mode: int) -> None:
        """Set permission bits, which the pipeline has to obey; the test itself may do everything."""
        self._world.linger()
        self._kernel.chmod(path, mode)

    def read(self, path: str) -> bytes:
        """What is in a file."""
        return self._kernel.read(path)

    def text(self, path: str) -> str:
        """What is in a file, as UTF-8."""
        return self._kernel.read(path).decode()

    def paths(self) -> list[str]:
        """Every file there is in or below the working directory, sorted, whoever wrote it."""
        return list(self._kernel.contents(self._kernel.cwd))

    # -- how changes are told --------------------------------------------------------------------------------------

    @property
    def watch(self) -> str:
        """The profile by which changes are told, such as `inotify` or `fsevents`; see `world.WATCH_PROFILES`."""
        return self._world.watching.profile.name

    @watch.setter
    def watch(self, profile: str) -> None:
        self._world.watching.profile = profile

    def hold(self) -> None:
        """Tell nobody of changes until they are released."""
        self._world.linger()
        self._world.watching.hold()

    def release(self) -> None:
        """Tell what was held back."""
        self._world.linger()
        self._world.watching.release()

    def overflow(self) -> None:
        """Lose what is undelivered, as a queue that runs over does."""
        self._world.linger()
        self._world.watching.overflow()

    def silence(self) -> None:
        """Have the watchers that there are never tell anything again."""
        self._world.linger()
        self._world.watching.silence()

    def kill(self) -> None:
        """Have the watchers that there are end with an error."""
        self._world.linger()
        self._world.watching.kill()

    def inject(
        self, kind: str, path: str, *, call: str = "", nth: int = 1, times: int = 1, content: bytes | None = None
    ) -> InjectedFault:
        """Let something go wrong when the pipeline uses its files; the result counts how often it did.

        The arguments are those of `cocoindex_sim.world.FileFault`. Raises: ValueError naming what does not fit.
        """
        return self._world.inject(FileFault(kind, path, call, nth, times, content))
