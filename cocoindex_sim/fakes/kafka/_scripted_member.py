"""A member of a group that only a story moves: it owns partitions, and neither reads nor commits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ._assignors import TopicAndPartition
from ._group import Member

__all__ = ["ScriptedMember"]


class ScriptedMember:
    """The seat of such a member: it lets go at once."""

    member: Member | None = None

    def give(self, partitions: Sequence[TopicAndPartition]) -> None:
        """It takes what it gets."""

    def take(self, partitions: Sequence[TopicAndPartition], then: Callable[[], object]) -> None:
        """It lets go."""
        then()

    def lose(self) -> None:
        """It does not come back."""
