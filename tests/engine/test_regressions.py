"""Goal: histories that once went wrong, each found by `test_state_machine`, and none covered by the tests of one room."""

from __future__ import annotations

from typing import Any

import pytest

import cocoindex_sim as coco

from .bench import Bench, Tables

sub = coco.component_subpath


class Shop:
    """A table `t` declared by a memoized component or the root, whose rows are declared in it and in other places."""

    def __init__(self, bench: Bench, content: dict[Any, Any]) -> None:
        self.bench = bench
        self.tables = Tables(content)
        self.fails: set[str] = set()
        self.ran: list[str] = []
        provider = self.tables.provider()
        shop = self

        async def row(table: Any, key: str) -> None:
            if key in shop.fails:
                raise OSError(f"{key} failed")
            if table is not None:
                coco.declare_target_state(table.target_state(key, 1))

        @coco.fn(memo=True)
        async def holder(rows: list[str]) -> None:
            shop.ran.append("holder")
            table = await coco.mount_target(provider.target_state("t", 1))
            for key in rows:
                await coco.mount(sub(key), row, table, key)

        async def main() -> None:
            where, rows = shop.wanted
            table = await coco.mount_target(provider.target_state("t", 1)) if where == "root" else None
            handle = await coco.mount(sub("beside"), row, table, "beside")
            await handle.ready()
            if where == "holder":
                await coco.mount(holder, rows)

        self.wanted: tuple[str, list[str]] = ("root", [])
        self.app = bench.app(main)

    def update(self, where: str, *rows: str) -> dict[Any, Any]:
        """The content after an update in which nothing else fails."""
        self.wanted = where, list(rows)
        self.ran.clear()
        self.bench.update(self.app, strict=True)
        return self.tables.content


def test_a_row_goes_although_its_container_is_declared_after_its_owner_committed(bench: Bench) -> None:  # TGT-20 row 3
    shop = Shop(bench, {})
    assert shop.update("root") == {"t": {"beside": 1}}
    assert shop.update("holder", "x") == {"t": {"x": 1}}
    assert shop.update("holder", "x") == {"t": {"x": 1}}
    assert shop.ran == []


def test_a_row_that_could_not_be_deleted_goes_in_the_next_run_under_a_memo(bench: Bench) -> None:  # CMP-20
    shop = Shop(bench, {})
    shop.update("root")
    shop.tables.rows.fail_before = {("t", "beside")}
    with pytest.raises(ExceptionGroup):
        shop.update("holder", "x")
    shop.tables.rows.fail_before.clear()
    assert shop.update("holder", "x") == {"t": {"x": 1}}
    shop.update("holder", "x")
    assert shop.ran == []


def test_a_removed_component_with_a_row_goes_in_the_next_run_under_a_memo(bench: Bench) -> None:  # CMP-20
    shop = Shop(bench, {})
    assert shop.update("holder", "x", "y") == {"t": {"x": 1, "y": 1}}
    shop.tables.rows.fail_before = {("t", "y")}
    with pytest.raises(ExceptionGroup):
        shop.update("holder", "x")
    shop.tables.rows.fail_before.clear()
    assert shop.update("holder", "x") == {"t": {"x": 1}}
    shop.update("holder", "x")
    assert shop.ran == []


@pytest.mark.parametrize("nth", range(1, 12))
@pytest.mark.parametrize("before", ["root", "holder"])
def test_a_kill_between_a_container_and_rows_to_remove_leaves_none_behind(before: str, nth: int) -> None:  # DUR-02
    content: dict[Any, Any] = {}
    bench = Bench()
    try:
        Shop(bench, content).update(before, "x", "y")
        bench.crash()
        shop = Shop(bench, content)
        shop.wanted = "holder", ["x"]
        bench.halt_at(shop.app.update().result(), "committed", nth)
        bench.crash()
        assert Shop(bench, content).update("holder", "x") == {"t": {"x": 1}}
    finally:
        bench.close()


def test_a_moved_container_stays_in_reach_until_a_run_ends_well(bench: Bench) -> None:  # TGT-20 row 3, FN-15
    shop = Shop(bench, {})
    shop.update("root")
    shop.tables.rows.fail_before = {("t", "beside")}
    for _ in range(3):
        with pytest.raises(ExceptionGroup):
            shop.update("holder", "x")
    shop.tables.rows.fail_before.clear()
    assert shop.update("holder", "x") == {"t": {"x": 1}}
    shop.update("holder", "x")
    assert shop.ran == []


def test_who_fails_may_still_have_a_row_of_a_moved_container(bench: Bench) -> None:  # TGT-20 row 3, FN-15
    shop = Shop(bench, {})
    shop.update("root")
    shop.fails = {"beside"}
    with pytest.raises(ExceptionGroup):
        shop.update("holder", "x")
    shop.fails.clear()
    assert shop.update("holder", "x") == {"t": {"x": 1}}
    shop.update("holder", "x")
    assert shop.ran == []
