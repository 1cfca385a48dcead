"""A pipeline that follows a directory in a simulated world, and what can be seen of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import cocoindex_sim as coco
from cocoindex_sim.connectors import localfs
from cocoindex_sim.fakes.filesystem import FileKernel, WatchProfile
from cocoindex_sim.resources.file import FilePathMatcher
from cocoindex_sim.world import Policy, World

SRC = "/project/src"


class LiveProject:
    """`src` is followed, and every file in it copied to a file in `out`, whose name is the key with `|` for slashes.

    `ran`: the items that were processed since the last look, as (key, content). `errors`: what the exception handlers
    were told since then. `failing`: keys whose processing fails after it has read the file. `tolerant`: files that
    may not be read are processed as "unreadable". `before_read` is awaited by every item before it reads.
    """

    def __init__(
        self,
        profile: WatchProfile | str = "perfect",
        *,
        seed: int = 0,
        policy: Policy | None = None,
        recursive: bool = True,
        matcher: FilePathMatcher | None = None,
        rescan_interval: timedelta | None = None,
        path: str = "src",
        memo: bool = False,
        live: bool = True,
    ) -> None:
        self.world = World(seed, policy=policy)
        self.world.watching.profile = profile
        self.files: FileKernel = self.world.files
        self.files.mkdir(SRC)
        self.ran: list[tuple[str, str]] = []
        self.errors: list[BaseException] = []
        self.failing: set[str] = set()
        self.tolerant = False
        self.before_read: Callable[[str], Any] | None = None
        self._walk = {
            "live": live, "recursive": recursive, "path_matcher": matcher, "rescan_interval": rescan_interval
        }  # fmt: skip
        self._path = path
        self._memo = memo
        self._load()

    def _load(self) -> None:
        self.world.use(self._app)

    def _app(self) -> coco.App[..., Any]:
        async def item(file: localfs.File) -> None:
            key = str(file.file_path.path).removeprefix(f"{self._path}/")
            if self.before_read is not None:
                await self.before_read(key)
            try:
                content = await file.read_text()
            except PermissionError:
                if not self.tolerant:
                    raise
                content = "unreadable"
            self.ran.append((key, content))
            if key in self.failing:
                raise RuntimeError(f"{key} fails")
            localfs.declare_file(Path("out", key.replace("/", "|")), content, create_parent_dirs=True)

        async def main() -> None:
            async def note(error: BaseException, context: Any) -> None:
                self.errors.append(error)

            async with coco.exception_handler(note):
                fn = coco.fn(memo=True)(item) if self._memo else item
                walker = localfs.walk_dir(self._path, **self._walk)  # type: ignore[arg-type]
                await coco.mount_each(coco.component_subpath("items"), fn, walker.items())

        environment = coco.Environment(coco.Settings(db_path=Path("state")))
        return coco.App(coco.AppConfig("app", environment=environment), main)

    # --- the run ---

    def start(self) -> LiveProject:
        """Begin a live update, and let it get ready."""
        self.world.start(live=True)
        self.world.settle()
        assert self.world.running
        return self

    def restart(self) -> None:
        """Kill the process; another one is ready to start."""
        self.world.crash()
        self.world.restart()
        self._load()

    def do(self, *acts: Callable[[FileKernel], object]) -> None:
        """Change files, and let the pipeline catch up."""
        for act in acts:
            act(self.files)
        self.world.settle()

    def write(self, key: str, content: str, *, settle: bool = True) -> None:
        """Write a file of `src`."""
        self.files.write(f"{SRC}/{key}", content, parents=True)
        if settle:
            self.world.settle()

    # --- what there is to see ---

    @property
    def out(self) -> dict[str, str]:
        """The copies."""
        return {
            os.path.basename(path).replace("|", "/"): content.decode()
            for path, content in self.world.target_files().items()
            if path.startswith("out/")
        }

    @property
    def source(self) -> dict[str, str]:
        """The files there are."""
        return {path: content.decode() for path, content in self.files.contents(SRC).items()}

    def take_ran(self) -> list[tuple[str, str]]:
        """What was processed since the last look."""
        ran, self.ran = self.ran, []
        return ran

    def take_errors(self) -> list[str]:
        """What was reported since the last look."""
        errors, self.errors = self.errors, []
        return [f"{type(error).__name__}: {error}" for error in errors]

    @property
    def armed(self) -> int:
        """How many watches there are."""
        return len(self.world.watching.watches)

    def __enter__(self) -> LiveProject:
        return self

    def __exit__(self, *_: object) -> None:
        self.world.close()
        assert self.armed == 0
