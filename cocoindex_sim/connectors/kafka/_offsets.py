"""What was delivered of one partition and what of it is finished: values only, no consumer (KFK-07..11)."""

from __future__ import annotations

__all__ = ["Partition"]


class Partition:
    """One assigned partition.

    Only offsets that are delivered and not finished are kept, so memory follows what is in flight, not what was
    consumed, also when one item blocks the rest.

    Args:
        committed: the group's offset, -1 for none.
        goal: the high watermark to reach before the feed is ready; None if there is none to reach.
    """

    __slots__ = ("_stuck", "_unfinished", "_was_rewound", "committed", "goal", "position")

    def __init__(self, committed: int = -1, goal: int | None = None) -> None:
        self.committed = committed
        self.goal = None if goal is not None and committed >= goal else goal
        self.position: int | None = None  # one past the last offset that was delivered
        self._unfinished: dict[int, None] = {}
        self._stuck: int | None = None  # the first offset that will not be finished
        self._was_rewound = False

    def deliver(self, offset: int) -> None:
        """A message at this offset was handed over."""
        if self.position is not None and offset < self.position:  # the log was cut, or somebody sought
            self._was_rewound = True
        else:
            if self.position is None:  # before anything is finished there is nothing to commit
                self.committed = max(self.committed, offset)
            self.position = offset + 1
        if self._stuck is None or offset < self._stuck:
            self._unfinished[offset] = None

    def finish(self, offset: int) -> None:
        """The component of this message is ready, or there was nothing to do."""
        self._unfinished.pop(offset, None)

    def give_up(self, offset: int) -> None:
        """This message will not be finished, so nothing from it on is ever committed."""
        self._unfinished.pop(offset, None)
        self._stuck = offset if self._stuck is None else min(self._stuck, offset)

    def skip_to(self, offset: int) -> None:
        """The consumer knows that no message stands between the last one and this offset: records of the log itself."""
        if self.position is None or offset > self.position:
            self.position = offset

    @property
    def in_flight(self) -> int:
        """How many messages were delivered and are not finished."""
        return len(self._unfinished)

    @property
    def stuck(self) -> int | None:
        """The first offset that will not be finished."""
        return self._stuck

    @property
    def prefix(self) -> int | None:
        """One past the last offset such that it and all delivered before it are finished; None before the first."""
        end = self.position
        if self._unfinished:
            end = min(self._unfinished) if self._was_rewound else next(iter(self._unfinished))
        elif self._was_rewound:
            self._was_rewound = False
        return end if self._stuck is None or end is None else min(end, self._stuck)

    @property
    def committable(self) -> int | None:
        """The offset to commit; None if it is committed already. It never goes back (KFK-10)."""
        prefix = self.prefix
        return prefix if prefix is not None and prefix > self.committed else None

    @property
    def is_read(self) -> bool:
        """Whether everything below the goal was delivered."""
        return self.goal is None or (self.position is not None and self.position >= self.goal)

    @property
    def is_caught_up(self) -> bool:
        """Whether everything below the goal is finished (KFK-11)."""
        if self.goal is None:
            return True
        prefix = self.prefix
        return prefix is not None and prefix >= self.goal

    def expect_no_more(self) -> None:
        """What is left below the goal does not exist: what was delivered is all there is (KFK-13)."""
        self.goal = None if self.position is None else min(self.goal or 0, self.position)
