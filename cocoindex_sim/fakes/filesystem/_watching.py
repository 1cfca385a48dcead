"""Watches over a kernel, with the habits of a profile and faults on request."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Final

from ...ports import ChangeKind, FileChange
from ._kernel import FileKernel
from ._kernel_change import KernelChange
from ._profiles import PROFILES, WatchProfile
from ._watch import FakeWatch

__all__ = ["Watching"]

_HISTORY_S: Final = 0.1
_HISTORY_MAX: Final = 64


class Watching:
    """All watches over one kernel, whichever process they belong to.

    `random` decides delays, orders and duplicates; a function is asked for it at the first draw, since seeding
    one takes as long as the rest of an idle world. `profile` (by name, or a `WatchProfile`) may be changed at any time;
    a watch keeps the one it was armed with.

    Faults: `hold` and `release`, `overflow`, `silence`, `kill`. To have arming fail, use the `faults` of the
    `FakeFileSystem`, op `watch`.
    """

    def __init__(
        self,
        kernel: FileKernel,
        random: Random | Callable[[], Random],
        *,
        profile: WatchProfile | str = PROFILES["perfect"],
    ) -> None:
        self.kernel = kernel
        self._random = random
        self.watches: list[FakeWatch] = []
        self.is_held = False
        self._history: deque[tuple[float, KernelChange]] = deque(maxlen=_HISTORY_MAX)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._profile = PROFILES["perfect"]
        self.profile = profile

    @property
    def random(self) -> Random:
        """What the watches draw from."""
        if not isinstance(self._random, Random):
            self._random = self._random()
        return self._random

    @property
    def profile(self) -> WatchProfile:
        """The habits of the watches that are armed from now on. Set it by name or by value; KeyError for neither."""
        return self._profile

    @profile.setter
    def profile(self, profile: WatchProfile | str) -> None:
        if isinstance(profile, str):
            if profile not in PROFILES:
                raise KeyError(f"no watch profile is called {profile!r}; there are {', '.join(sorted(PROFILES))}")
            profile = PROFILES[profile]
        self._profile = profile

    def arm(self, path: str, *, recursive: bool) -> FakeWatch:
        """Begin to watch a directory by its real path; on the loop that runs now."""
        loop = asyncio.get_running_loop()
        watch = FakeWatch(self, path, recursive, self._profile, loop)
        if not self.watches and self._on_change not in self.kernel.listeners:
            self.kernel.listeners.append(self._on_change)
        self._loop = loop
        self.watches.append(watch)
        if self._profile.tells_history:
            for at, change in self._history:
                if at >= loop.time() - _HISTORY_S:
                    watch.on_change(change)
        return watch

    def forget(self, watch: FakeWatch) -> None:
        """A watch has ended; called by the watch. The kernel is listened to on: the next one may tell history."""
        if watch in self.watches:
            self.watches.remove(watch)

    def _on_change(self, change: KernelChange) -> None:
        if self._loop is not None:
            self._history.append((self._loop.time(), change))
        for watch in list(self.watches):
            watch.on_change(change)

    @property
    def is_troubled(self) -> bool:
        """Whether changes are held back, or some watch is silent without having said so."""
        return self.is_held or any(watch.is_silent for watch in self.watches)

    # --- what is on its way ---

    @property
    def undelivered(self) -> int:
        """How many changes happened that a pipeline has not taken yet and is going to be told.

        Not those of watches that are held, silent or dead. While this is not 0, the world is busy.
        """
        return sum(watch.undelivered for watch in self.watches)

    @property
    def next_delivery_s(self) -> float | None:
        """When, by the loop's time, the next batch is due; None if nothing is on its way."""
        return min((due for watch in self.watches if (due := watch.next_due_s) is not None), default=None)

    async def delivered(self) -> None:
        """Wait until nothing is undelivered."""
        while self.undelivered:
            due_s = self.next_delivery_s
            now_s = asyncio.get_running_loop().time()
            # What has arrived is taken when the pipeline gets to it: a look every millisecond.
            await asyncio.sleep(0.001 if due_s is None or due_s <= now_s else due_s - now_s)

    # --- faults ---

    def hold(self) -> None:
        """Tell nothing until `release`; what happens meanwhile is kept."""
        self.is_held = True

    def release(self) -> None:
        """Tell what was held, and go on."""
        self.is_held = False
        for watch in list(self.watches):
            watch.deliver()

    def overflow(self) -> None:
        """The queue of every armed watch runs over: what is on its way is lost, and a rescan is told instead."""
        for watch in list(self.watches):
            watch.overflow()

    def silence(self) -> None:
        """Every armed watch tells nothing any more, without a word. Those armed later do."""
        for watch in self.watches:
            watch.silence()

    def kill(self, error: OSError | None = None) -> None:
        """Every armed watch dies with this error, by default an EIO."""
        for watch in list(self.watches):
            watch.kill(error)

    def tell(self, kind: ChangeKind, path: str) -> None:
        """Have every armed watch tell this, whether it happened or not."""
        for watch in list(self.watches):
            watch.tell([FileChange(kind, path)])
