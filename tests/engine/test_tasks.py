# Goal: a run keeps the tasks that an interrupt has to end, in their order, and is never held up by those that are over.

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import pytest

from cocoindex_sim.engine._tasks import KEPT, LOOKS, Tasks


class FakeTask:
    """A task that counts how often anybody asks any of them whether it is done."""

    asked = 0

    def __init__(self, *, is_done: bool) -> None:
        self.is_done = is_done

    def done(self) -> bool:
        FakeTask.asked += 1
        return self.is_done


@pytest.fixture(autouse=True)
def asked() -> Iterator[None]:
    FakeTask.asked = 0
    yield


def fake(tasks: Tasks, *, is_done: bool) -> FakeTask:
    task = FakeTask(is_done=is_done)
    tasks.add(cast(asyncio.Task[Any], task))
    return task


def test_no_addition_looks_at_more_than_a_few_however_many_there_are() -> None:
    tasks = Tasks()
    running = [fake(tasks, is_done=False) for _ in range(10_000)]
    for task in running:
        task.is_done = True
    for _ in range(100):
        before = FakeTask.asked
        fake(tasks, is_done=True)
        assert FakeTask.asked - before <= LOOKS


def test_those_that_are_done_are_forgotten_as_others_come() -> None:
    tasks = Tasks()
    lasting = fake(tasks, is_done=False)
    brief = [fake(tasks, is_done=False) for _ in range(1_000)]
    for task in brief:
        task.is_done = True
    for _ in range(1_000):
        fake(tasks, is_done=True)
    assert len(tasks) <= KEPT + 1
    assert tasks.pending() == [lasting]


def test_pending_ones_are_given_in_the_order_of_their_creation() -> None:
    tasks = Tasks()
    running = [fake(tasks, is_done=False) for _ in range(3 * KEPT)]  # all looked at, some of them twice
    assert tasks.pending() == running
    running[7].is_done = True
    assert tasks.pending() == running[:7] + running[8:]


def test_done_ones_can_all_be_forgotten() -> None:
    tasks = Tasks()
    lasting, *_ = [fake(tasks, is_done=number > 0) for number in range(10)]
    tasks.forget_done()
    assert len(tasks) == 1
    assert tasks.pending() == [lasting]
