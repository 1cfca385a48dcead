"""What an update counts, by processor (STAT-03..10)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import cocoindex_sim as coco

from .bench import Bench, Journal, Tables

sub = coco.component_subpath


def counts(stats: dict[str, coco.ComponentStats]) -> dict[str, str]:
    """Each processor's counts that are not zero, as `starts: outcome n`."""
    short = {}
    for name, one in stats.items():
        parts = [f"{column.removeprefix('num_')} {n}" for column, n in one._asdict().items() if n]
        short[name] = ", ".join(part for part in parts if not part.startswith("execution_starts"))
        assert one.num_in_progress == 0, name
        assert one.num_execution_starts == one.num_finished == one.num_processed + one.num_errors
    return short


class Story:
    """A main function that mounts memoized `leaf`s and plain `group`s of them."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.journal = Journal()
        self.groups: dict[str, dict[str, int]] = {}
        self.broken = False
        provider = self.journal.provider()

        @coco.fn(memo=True)
        async def leaf(name: str, value: int) -> None:
            coco.declare_target_state(provider.target_state(name, value))
            if value < 0:
                raise ValueError(value)

        async def group(leaves: dict[str, int]) -> None:
            for name, value in leaves.items():
                await coco.mount(sub(name), leaf, name, value)

        async def main() -> None:
            for name, leaves in self.groups.items():
                await coco.mount(sub(name), group, leaves)
            if self.broken:
                raise LookupError

        self.app = bench.app(main)

    def update(self, **groups: dict[str, int]) -> dict[str, str]:
        self.groups = groups
        return counts(self.bench.stats(self.app))


@pytest.fixture
def story(bench: Bench) -> Story:
    return Story(bench)


def test_components_are_counted_by_what_became_of_them(story: Story) -> None:  # STAT-03..08
    assert story.update(g={"a": 1, "b": 1}) == {"main": "adds 1", "group": "adds 1", "leaf": "adds 2"}
    assert story.update(g={"a": 1, "b": 2}) == {
        "main": "reprocesses 1",
        "group": "reprocesses 1",
        "leaf": "unchanged 1, reprocesses 1",
    }
    assert story.update(g={"a": 1}) == {"main": "reprocesses 1", "group": "reprocesses 1",
                                        "leaf": "unchanged 1, deletes 1"}  # fmt: skip


def test_a_removed_subtree_counts_once_for_each_component(story: Story) -> None:  # STAT-05, STAT-09
    story.update(g={"a": 1, "b": 1})
    assert story.update() == {"main": "reprocesses 1", "group": "deletes 1", "leaf": "deletes 2"}


def test_a_component_without_target_states_is_added_too(bench: Bench) -> None:  # STAT-06
    async def main() -> None:
        pass

    app = bench.app(main)
    assert counts(bench.stats(app)) == {"main": "adds 1"}
    assert counts(bench.stats(app)) == {"main": "reprocesses 1"}


def test_a_failed_body_is_an_error_and_the_first_success_after_it_an_add(story: Story) -> None:  # STAT-06, STAT-10
    assert story.update(g={"a": -1}) == {"main": "adds 1", "group": "adds 1", "leaf": "errors 1"}
    assert story.update(g={"a": -2})["leaf"] == "errors 1"
    assert story.update(g={"a": 1})["leaf"] == "adds 1"


def test_a_success_after_an_attempt_that_failed_in_its_sink_is_no_add(story: Story) -> None:  # STAT-07
    story.journal.fail_before = {"a"}
    assert story.update(g={"a": 1})["leaf"] == "errors 1"
    story.journal.fail_before = set()
    assert story.update(g={"a": 1})["leaf"] == "reprocesses 1"


def test_a_failed_child_is_no_error_of_its_parents(story: Story) -> None:  # STAT-10
    story.update(g={"a": 1})
    assert story.update(g={"a": -1}) == {"main": "reprocesses 1", "group": "reprocesses 1", "leaf": "errors 1"}


def test_a_failed_removal_is_an_error_and_is_counted_again_when_it_is_retried(story: Story) -> None:  # STAT-05, STAT-10
    story.update(g={"a": 1, "b": 1})
    story.journal.fail_before = {"a"}
    assert story.update(g={"b": 1})["leaf"] == "unchanged 1, errors 1"
    story.journal.fail_before = set()
    assert story.update(g={"b": 1})["leaf"] == "unchanged 1, deletes 1"
    assert story.update(g={"b": 1})["leaf"] == "unchanged 1"


def test_a_failed_root_counts_and_so_do_its_children(story: Story) -> None:  # STAT-10
    story.broken = True
    assert story.update(g={"a": 1}) == {"main": "errors 1", "group": "adds 1", "leaf": "adds 1"}


def test_memoized_calls_are_not_counted(bench: Bench) -> None:  # STAT-08
    @coco.fn(memo=True)
    def call() -> int:
        return 1

    async def main() -> None:
        call()

    app = bench.app(main)
    bench.update(app)
    assert counts(bench.stats(app)) == {"main": "reprocesses 1"}


def test_mounted_containers_have_a_name_of_their_own(bench: Bench) -> None:  # STAT-03
    tables = Tables(asks_rows=True)
    provider = tables.provider()
    on = [True]

    async def rows(table: Any) -> None:
        coco.declare_target_state(table.target_state("x", 1))

    async def main() -> None:
        if on:
            await coco.mount(rows, await coco.mount_target(provider.target_state("t", 1)))

    app = bench.app(main)
    assert counts(bench.stats(app)) == {"main": "adds 1", "declare_target_state_with_child": "adds 1", "rows": "adds 1"}
    on.clear()
    assert counts(bench.stats(app)) == {
        "main": "reprocesses 1",
        "declare_target_state_with_child": "deletes 1",
        "rows": "deletes 1",
    }


def test_the_counts_grow_while_the_update_runs_and_sum_up(bench: Bench) -> None:  # STAT-04, STAT-05
    async def child(seconds: int) -> None:
        await asyncio.sleep(seconds)

    async def main() -> None:
        for n in (1, 3):
            await coco.mount(sub(n), child, n)

    handle = bench.app(main).update()

    async def story() -> list[coco.ComponentStats]:
        assert handle.stats() is None
        update = asyncio.ensure_future(handle.result())
        seen = []
        for _ in range(2):
            await asyncio.sleep(2)
            stats = handle.stats()
            assert stats is not None
            seen.append(stats.total)
        await update
        return seen

    running, ended = bench.run(story())
    assert (running.num_execution_starts, running.num_adds, running.num_in_progress) == (3, 1, 2)
    assert (ended.num_execution_starts, ended.num_adds, ended.num_in_progress) == (3, 3, 0)
    assert coco.UpdateStats({}).total == coco.ComponentStats()
