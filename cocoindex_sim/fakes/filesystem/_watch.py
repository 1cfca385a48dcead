"""One watch: from what the kernel says to what is told, and when."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ...ports import ChangeKind, FileChange
from ._kernel_change import KernelChange
from ._lookup import os_error
from ._profiles import WatchProfile

if TYPE_CHECKING:
    from ._watching import Watching

__all__ = ["FakeWatch"]

_LOOK_AGAIN_S: Final = 0.1
_WEIGHTS: Final[dict[ChangeKind, int]] = {"modified": 0, "added": 1, "deleted": 1, "rescan": 2}


class FakeWatch:
    """`ports.FileWatch` over a kernel. Armed by `Watching.arm`."""

    def __init__(
        self,
        watching: Watching,
        path: str,
        recursive: bool,
        profile: WatchProfile,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.path = path
        self.profile = profile
        self._watching = watching
        self._prefix = path if path.endswith("/") else f"{path}/"
        self._recursive = recursive
        self._loop = loop
        self._root = watching.kernel.node_at(path)
        self._on_its_way: list[FileChange] = []
        self._arrived: list[FileChange] = []
        self._news = asyncio.Event()
        self._timers: dict[asyncio.TimerHandle, int] = {}  # how many changes each will bring
        self._gaps: dict[str, float] = {}  # by directory that is not watched itself yet: until when
        self._kinds: dict[str, list[FileChange]] = {}
        self._error: OSError | None = None
        self.is_silent = False
        self.is_over = False
        self._is_due = False
        self._is_orphan = False

    # --- what a pipeline calls ---

    async def next_changes(self) -> list[FileChange]:
        """Wait for changes. OSError once it was killed."""
        await self._news.wait()
        if self._arrived:
            changes, self._arrived = self._arrived, []
            if self._error is None:
                self._news.clear()
            return changes
        assert self._error is not None
        raise OSError(self._error.errno, f"The watch has died: {self._error.strerror}", self.path) from self._error

    async def aclose(self) -> None:
        """End the watch."""
        self.end()

    def end(self) -> None:
        """End the watch, at once; for the end of its process too."""
        self.is_over = True
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._watching.forget(self)

    # --- what is on its way ---

    @property
    def undelivered(self) -> int:
        """How many changes are going to be told and were not taken yet."""
        if self.is_silent or self._watching.is_held:
            return 0
        return len(self._on_its_way) + len(self._arrived) + sum(self._timers.values())

    @property
    def next_due_s(self) -> float | None:
        """When the next batch is due, by the loop's time."""
        if self.is_silent or self._watching.is_held:
            return None
        return min((timer.when() for timer in self._timers), default=None)

    def _later(self, delay_s: float, count: int, action: Callable[[], None]) -> None:
        def run() -> None:
            self._timers.pop(timer, None)
            if not self.is_over:
                action()

        timer = self._loop.call_later(delay_s, run)
        self._timers[timer] = count

    def tell(self, changes: list[FileChange]) -> None:
        """Put changes on their way."""
        if self.is_over or self.is_silent or self._error is not None or not changes:
            return
        if self.profile.removals_without_children:
            for change in changes:
                if change.kind == "deleted":
                    below = f"{change.path}/"
                    self._on_its_way = [other for other in self._on_its_way if not other.path.startswith(below)]
        self._on_its_way += changes
        limit = self.profile.queue_max
        if limit is not None and len(self._on_its_way) > limit:
            self._on_its_way = [FileChange("rescan", self.path)]
        if not self._is_due:
            self._is_due = True
            least_ms, most_ms = self.profile.latency_ms
            delay_ms = self._watching.random.uniform(least_ms, most_ms) if most_ms else 0.0
            self._later(delay_ms / 1000, 0, self._batch_is_due)

    def _batch_is_due(self) -> None:
        self._is_due = False
        self.deliver()

    def deliver(self) -> None:
        """Tell what is on its way."""
        if self._watching.is_held or self.is_over or self.is_silent or not self._on_its_way:
            return
        batch, self._on_its_way = self._arranged(self._on_its_way), []
        self._arrived += batch
        self._news.set()

    def _arranged(self, batch: list[FileChange]) -> list[FileChange]:
        profile, draw = self.profile, self._watching.random
        if profile.coalesces:
            batch = list(dict.fromkeys(batch))
        if profile.merges_kinds:
            for change in batch:
                kinds = self._kinds.setdefault(change.path, [])
                if change not in kinds and change.kind != "rescan":
                    kinds.append(change)
            batch = [self._merged(change) for change in _latest(batch)]
        if profile.reorders:
            draw.shuffle(batch)
        if profile.duplicates:
            again = [change for change in batch if draw.random() < profile.duplicates]
            if again:
                self._later(profile.latency_ms[1] / 1000, len(again), lambda: self._tell_again(again))
        return batch

    def _merged(self, change: FileChange) -> FileChange:
        """The change as any of those that ever were told of its path; what came or went never as `modified`."""
        if change.kind == "rescan":
            return change
        may_be_modified = change.kind == "modified"
        told = [one for one in self._kinds[change.path] if one.kind != "modified" or may_be_modified]
        return self._watching.random.choice(told)

    def _tell_again(self, changes: list[FileChange]) -> None:
        if self._watching.is_held:
            self._on_its_way += changes
        else:
            self._arrived += changes
            self._news.set()

    # --- from the kernel ---

    def on_change(self, change: KernelChange) -> None:
        """Something changed, here or elsewhere."""
        if self.is_over or self.is_silent or self._is_orphan or self._error is not None:
            return
        if change.is_dir and self._watching.kernel.node_at(self.path) is not self._root:
            # A tree is told from its leaves on, and is gone already then.
            if change.kind == "removed" and change.path.startswith(self._prefix):
                self.tell([FileChange("deleted", change.path)])
            else:
                self.tell([FileChange("deleted", self.path)])
                self._is_orphan = True
            return
        told: list[FileChange] = []
        if change.kind == "moved":
            if change.before:
                self._add(told, FileChange("deleted", change.before))
            self._add(told, FileChange("added", change.path))
            if change.is_dir and not self.profile.moves_without_children:
                below = self._watching.kernel.listing(change.path)
                self._add(told, *(FileChange("deleted", f"{change.before}/{path.rstrip('/')}") for path in below))
                self._add(told, *(FileChange("added", f"{change.path}/{path.rstrip('/')}") for path in below))
        elif change.kind == "added":
            self._add(told, FileChange("added", change.path))
        elif change.kind == "removed":
            self._add(told, FileChange("deleted", change.path))
        else:
            self._add(told, FileChange("modified", change.path))
        if told and self.profile.tells_parents and change.kind in ("added", "removed", "moved"):
            self._add(told, *(FileChange("modified", one.path.rpartition("/")[0]) for one in list(told)))
        if change.is_dir and change.kind in ("added", "moved"):
            self._open_gap(change.path)
        self.tell(told)

    def _add(self, told: list[FileChange], *changes: FileChange) -> None:
        """Keep those that this watch can see."""
        now_s = self._loop.time()
        for change in changes:
            path = change.path
            if path != self.path and not path.startswith(self._prefix):
                continue
            if not self._recursive and "/" in path[len(self._prefix) :]:
                continue
            if any(path.startswith(f"{gap}/") and now_s < until_s for gap, until_s in self._gaps.items()):
                continue
            told.append(change)

    def _open_gap(self, directory: str) -> None:
        gap_ms = self.profile.new_directory_gap_ms
        if not gap_ms or not self._recursive or not directory.startswith(self._prefix):
            return
        delay_s = self._watching.random.uniform(0, gap_ms) / 1000
        self._gaps[directory] = self._loop.time() + delay_s
        self._later(delay_s, 0, lambda: self._close_gap(directory))
        self._later(delay_s + _LOOK_AGAIN_S, 1, lambda: self.tell([FileChange("rescan", directory)]))

    def _close_gap(self, directory: str) -> None:
        self._gaps.pop(directory, None)

    # --- faults ---

    def overflow(self) -> None:
        """Lose what is on its way; tell a rescan."""
        self._on_its_way.clear()
        self._arrived.clear()
        self.tell([FileChange("rescan", self.path)])

    def silence(self) -> None:
        """Tell nothing any more."""
        self.is_silent = True

    def kill(self, error: OSError | None = None) -> None:
        """Die."""
        self._error = error or os_error(errno.EIO, self.path)
        self._on_its_way.clear()
        self._arrived.clear()
        self._news.set()


def _latest(batch: list[FileChange]) -> list[FileChange]:
    """One change per path: that it came or went rather than that it was modified, and a rescan rather than either."""
    found: dict[str, FileChange] = {}
    for change in batch:
        before = found.get(change.path)
        if before is None or _WEIGHTS[change.kind] >= _WEIGHTS[before.kind]:
            found[change.path] = change
    return list(found.values())
