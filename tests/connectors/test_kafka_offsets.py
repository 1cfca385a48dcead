"""Goal: what is committed of a partition is the prefix without a gap of what is finished, and it never goes back."""

from __future__ import annotations

import random

import pytest

from cocoindex_sim.connectors.kafka._offsets import Partition


def delivered(*offsets: int, committed: int = -1, goal: int | None = None) -> Partition:
    partition = Partition(committed, goal)
    for offset in offsets:
        partition.deliver(offset)
    return partition


def test_nothing_is_committed_before_the_first_message() -> None:  # KFK-07
    assert Partition().committable is None


def test_what_is_not_finished_blocks_what_comes_after_it() -> None:  # KFK-07
    partition = delivered(3, 4, 5)
    partition.finish(4)
    partition.finish(5)
    assert partition.committable is None
    partition.finish(3)
    assert partition.committable == 6


def test_gaps_in_the_log_are_no_gaps_in_the_prefix() -> None:  # KFK-13
    partition = delivered(0, 7, 9)
    partition.finish(7)
    partition.finish(0)
    assert partition.committable == 9


def test_what_is_committed_already_is_not_committed_again() -> None:  # KFK-10
    partition = delivered(0)
    partition.finish(0)
    partition.committed = 1
    assert partition.committable is None


def test_what_is_given_up_is_never_passed() -> None:  # KFK-09
    partition = delivered(0, 1, 2)
    partition.give_up(1)
    partition.finish(2)
    partition.finish(0)
    assert partition.committable == 1
    assert partition.stuck == 1
    for offset in range(3, 1_000):
        partition.deliver(offset)
        partition.give_up(offset)
    assert partition.in_flight == 0  # and is not kept for ever either
    assert partition.prefix == 1


def test_a_log_that_was_cut_and_read_again_does_not_move_the_commit_back() -> None:  # KFK-10
    partition = delivered(5, 6, committed=5)
    partition.finish(5)
    partition.finish(6)
    partition.committed = 7
    partition.deliver(2)
    assert partition.prefix == 2
    assert partition.committable is None
    partition.finish(2)
    assert partition.committable is None
    partition.deliver(7)
    partition.finish(7)
    assert partition.committable == 8


@pytest.mark.parametrize(("committed", "goal"), [(-1, None), (5, 5), (-1, 0), (9, 5)])
def test_nothing_to_reach_is_caught_up(committed: int, goal: int | None) -> None:  # KFK-11
    assert Partition(committed, goal or None).is_caught_up


def test_a_goal_is_reached_when_all_below_it_is_finished() -> None:  # KFK-11
    partition = delivered(0, 1, goal=2)
    assert (partition.is_read, partition.is_caught_up) == (True, False)
    partition.finish(1)
    assert not partition.is_caught_up
    partition.finish(0)
    assert partition.is_caught_up


def test_records_that_are_no_messages_are_passed_over() -> None:  # KFK-13
    partition = delivered(0, goal=3)
    partition.finish(0)
    partition.skip_to(3)
    assert partition.is_caught_up
    assert partition.committable == 3


def test_a_position_does_not_pass_what_is_in_flight() -> None:  # KFK-07
    partition = delivered(0, 1, goal=3)
    partition.skip_to(3)
    assert partition.committable == 0 or partition.prefix == 0
    assert not partition.is_caught_up


def test_a_tail_that_does_not_exist_is_not_committed() -> None:  # KFK-13
    partition = delivered(0, goal=9)
    partition.expect_no_more()
    assert partition.is_read
    assert not partition.is_caught_up
    partition.finish(0)
    assert partition.is_caught_up
    assert partition.committable == 1
    nothing = Partition(-1, 9)
    nothing.expect_no_more()
    assert nothing.is_caught_up
    assert nothing.committable is None


@pytest.mark.parametrize("seed", range(50))
def test_no_order_of_finishing_commits_past_what_is_unfinished(seed: int) -> None:  # KFK-07, KFK-10
    rng = random.Random(seed)
    partition, waiting, gone, offset, last = Partition(), [], set(), 0, -1
    for _ in range(300):
        if rng.random() < 0.5 or not waiting:
            offset += rng.choice((1, 1, 1, 5))
            partition.deliver(offset)
            waiting.append(offset)
        else:
            one = waiting.pop(rng.randrange(len(waiting)))
            if rng.random() < 0.02:
                partition.give_up(one)
                gone.add(one)
            else:
                partition.finish(one)
        if (commit := partition.committable) is not None:
            assert all(commit <= one for one in (*waiting, *gone))
            assert commit > last
            partition.committed = last = commit
        elif partition.position is not None:
            # Nothing could have been committed: the next message is unfinished.
            first = min([*waiting, *gone], default=partition.position)
            assert last in {first, -1}
