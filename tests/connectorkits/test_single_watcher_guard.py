# Goal: a source that hands each change to one consumer has one consumer, and can have another one after it.

import asyncio

import pytest

from cocoindex_sim.connectorkits import SingleWatcherGuard


def test_a_second_watch_is_refused_by_name_and_the_first_stands() -> None:  # FEED-14
    guard = SingleWatcherGuard("the feed")
    with guard:
        for _ in range(2):
            with pytest.raises(RuntimeError, match=r"^the feed supports a single active watch\(\) at a time\.$"), guard:
                pytest.fail("two at a time")


@pytest.mark.parametrize("end", [None, ValueError(), asyncio.CancelledError(), KeyboardInterrupt()])
def test_however_a_watch_ends_the_next_one_may_begin(end: BaseException | None) -> None:  # FEED-14
    guard = SingleWatcherGuard("the feed")

    def watch() -> None:
        with guard:
            if end is not None:
                raise end

    for _ in range(2):
        if end is None:
            watch()
        else:
            with pytest.raises(type(end)):
                watch()


def test_guards_do_not_know_each_other() -> None:  # FEED-14
    with SingleWatcherGuard("one"), SingleWatcherGuard("one"):
        pass
