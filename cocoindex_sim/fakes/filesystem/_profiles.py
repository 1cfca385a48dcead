"""What watches of different systems tell, and how late, as a set of habits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["PROFILES", "WatchProfile"]


@dataclass(frozen=True, slots=True)
class WatchProfile:
    """The habits of a watch. The defaults are those of a perfect one.

    Whatever they are, a watch keeps what `ports.FileWatch` promises; only the faults of `Watching` break it.
    """

    name: str
    latency_ms: tuple[float, float] = (0.0, 0.0)
    """Between the first change of a batch and its telling, drawn for each; what comes meanwhile joins the batch."""
    coalesces: bool = False
    """A change told twice in one batch is told once."""
    merges_kinds: bool = False
    """A path is told once in a batch, as any of the kinds that ever were told of it."""
    reorders: bool = False
    """The order within a batch says nothing."""
    duplicates: float = 0.0
    """How probable it is that a change is told once more, later."""
    tells_parents: bool = False
    """A directory is told as modified when an entry comes or goes."""
    tells_history: bool = False
    """What happened in the 100 ms before the watch was armed is told too."""
    moves_without_children: bool = False
    """A directory that is moved is told alone."""
    removals_without_children: bool = False
    """A directory that is removed with all that is in it is told alone, if it happens in one batch."""
    new_directory_gap_ms: float = 0.0
    """How long at most a new directory is not watched itself; it is told for a rescan 100 ms later."""
    queue_max: int | None = None
    """More changes than this in one batch are replaced by a rescan of everything."""


PROFILES: Final[dict[str, WatchProfile]] = {
    profile.name: profile
    for profile in (
        WatchProfile("perfect"),
        WatchProfile(
            "inotify",
            latency_ms=(2, 8),
            coalesces=True,
            reorders=True,
            moves_without_children=True,
            new_directory_gap_ms=1,
            queue_max=16_384,
        ),
        WatchProfile(
            "fsevents",
            latency_ms=(10, 50),
            coalesces=True,
            merges_kinds=True,
            reorders=True,
            duplicates=0.2,
            tells_history=True,
            moves_without_children=True,
            removals_without_children=True,
            queue_max=4096,
        ),
        WatchProfile(
            "windows",
            latency_ms=(1, 20),
            duplicates=0.3,
            tells_parents=True,
            moves_without_children=True,
            removals_without_children=True,
            queue_max=256,
        ),
    )
}
"""By name: `perfect`, and the habits seen of inotify, of macOS's FSEvents and of Windows."""
