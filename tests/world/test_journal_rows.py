# Goal: a pipeline declares rows of simulated targets like those of any other, and the journal tells each action and its life.

from collections.abc import Iterator
from typing import Any

import pytest

import cocoindex_sim as coco
from cocoindex_sim.fakes import Hazard, RecordedHazards
from cocoindex_sim.fakes.targets import TARGET_TROUBLES
from cocoindex_sim.values import NON_EXISTENCE, Symbol
from cocoindex_sim.world import World, declare_row, remote_map

worlds: list[World] = []


@pytest.fixture(autouse=True)
def closed_worlds() -> Iterator[None]:
    yield
    while worlds:
        worlds.pop().close()


class Rows:
    """An app whose rows a test changes between the runs, in a world that may be restarted."""

    def __init__(self, **options: Any) -> None:
        self.world = World(**options)
        worlds.append(self.world)
        self.rows: dict[Any, Any] = {}
        self.load()

    def load(self) -> None:
        self.world.use(
            lambda: coco.App(coco.AppConfig("Rows", coco.Environment(coco.Settings(db_path="state"))), self.main)
        )

    async def main(self) -> None:
        await coco.mount_each(self.row, [(key, (key, value)) for key, value in self.rows.items()])

    async def row(self, item: tuple[Any, Any]) -> None:
        declare_row(*item)

    def update(self, rows: dict[Any, Any] | None = None, **options: Any) -> list[str]:
        """The actions of one update."""
        if rows is not None:
            self.rows = rows
        before = len(self.world.target().journal)
        self.world.update(**options)
        return [f"{entry.key!r}: {entry.old!r} -> {entry.new!r}" for entry in self.world.target().journal[before:]]


def test_rows_follow_what_is_declared() -> None:  # TGT-02, TGT-05
    rows = Rows()
    assert rows.update({"a": 1, "b": 2}) == ["'a': NON_EXISTENCE -> 1", "'b': NON_EXISTENCE -> 2"]
    assert rows.update({"a": 1, "b": 3}) == ["'b': 2 -> 3"]
    assert rows.update({"a": 1}) == ["'b': 3 -> NON_EXISTENCE"]
    assert rows.update() == []
    assert rows.world.targets["mirror"].rows == {"a": 1}


def test_a_full_reprocess_writes_every_row_again() -> None:  # TGT-20 row 4
    rows = Rows()
    rows.update({"a": 1})
    assert rows.update(full_reprocess=True) == ["'a': 1 -> 1"]


def test_a_drop_removes_the_rows_also_in_a_process_that_declares_none() -> None:  # APP-15
    rows = Rows()
    rows.update({"a": 1, "b": 2})
    rows.world.restart()
    rows.load()
    rows.world.drop()
    assert rows.world.target().rows == {}
    assert [entry.moment.life for entry in rows.world.target().journal] == [1, 1, 2, 2]


def test_rows_of_a_target_that_is_no_longer_mentioned_are_removed() -> None:  # CMP-20
    rows = Rows()
    rows.update({"a": 1})
    rows.world.restart()
    rows.load()
    assert rows.update({}) == ["'a': 1 -> NON_EXISTENCE"]


def test_six_keys_are_six_rows() -> None:  # CMP-02
    keys = [1, True, "1", b"1", Symbol("1"), (1,)]

    async def main() -> None:
        for key in keys:
            declare_row(key, repr(key))

    with World() as world:
        world.use(lambda: coco.App(coco.AppConfig("Keys", coco.Environment(coco.Settings(db_path="state"))), main))
        world.update()
        assert sorted(world.target().contents.values()) == sorted(map(repr, keys))


def test_targets_are_apart() -> None:
    async def main() -> None:
        declare_row("a", 1)
        declare_row("a", 2, target="other")

    with World() as world:
        world.use(lambda: coco.App(coco.AppConfig("Two", coco.Environment(coco.Settings(db_path="state"))), main))
        world.update()
        assert {name: target.rows for name, target in world.targets.items()} == {"mirror": {"a": 1}, "other": {"a": 2}}


@pytest.mark.parametrize("kind", TARGET_TROUBLES)
def test_whatever_goes_wrong_at_an_action_the_next_update_puts_right(kind: str) -> None:  # TGT-15, TGT-20 rows 6-10
    rows = Rows()
    rows.update({"a": 1, "b": 2, "c": 3})
    trouble = rows.world.target().inject(kind, nth=2, times=2)
    wanted = {"a": 4, "c": 3, "d": 5}
    rows.update(wanted)
    assert trouble.fired == 2
    rows.update()
    assert rows.world.target().rows == wanted
    assert rows.update() == []


@pytest.mark.parametrize("kind", TARGET_TROUBLES)
def test_whatever_goes_wrong_at_an_action_what_is_no_longer_wanted_goes(kind: str) -> None:  # TGT-20 rows 8-10
    rows = Rows()
    rows.world.target().inject(kind)
    rows.update({"a": 1})
    rows.update({})
    assert rows.world.target().rows == {}


@pytest.mark.parametrize("action", [1, 2, 3])
def test_a_crash_right_after_an_action_is_made_good_in_the_next_life(action: int) -> None:  # DUR-03
    counting = Rows(hazards=RecordedHazards([]))
    steps: list[int] = []
    counting.world.target().on_entry.append(lambda _: steps.append(counting.world.hazards.durable_steps + 1))
    counting.update({"a": 1, "b": 2, "c": 3})

    rows = Rows(hazards=RecordedHazards([Hazard("crash", steps[action - 1], "target.mirror")]))
    rows.rows = {"a": 1, "b": 2, "c": 3}
    rows.world.start()
    rows.world.loop.run_until(lambda: rows.world.killed)
    assert len(rows.world.target().journal) == action
    rows.world.crash()
    rows.world.restart()
    rows.load()
    rows.update()
    assert rows.world.target().rows == {"a": 1, "b": 2, "c": 3}
    assert rows.update() == []


def test_a_slow_target_takes_virtual_time() -> None:
    rows = Rows()
    rows.world.target().inject("slow")
    rows.update({"a": 1})
    assert rows.world.loop.time() == 5.0
    [entry] = rows.world.target().journal
    assert entry.moment.time_ns == 2_500_000_000


def test_a_declared_absence_removes_the_row() -> None:  # TGT-03
    rows = Rows()
    rows.update({"a": 1})
    rows.update({"a": NON_EXISTENCE})
    assert rows.world.target().rows == {}


def test_outside_a_world_there_are_no_external_systems() -> None:
    with pytest.raises(RuntimeError, match="there are no external systems here: run this in a simulated world"):
        remote_map()


def test_outside_a_component_no_row_can_be_declared() -> None:  # TGT-02
    with World() as world, pytest.raises(RuntimeError, match="No ComponentContext available"):
        world.use(lambda: declare_row("a", 1))  # type: ignore[arg-type,return-value]  # no app is needed to refuse it


def test_the_trace_tells_what_happened_at_the_target_by_its_name() -> None:
    rows = Rows()
    rows.update({"a": 1})
    lines = [line.split(" ", 2)[2] for line in rows.world.trace.lines()]
    assert "target mirror: 'a' = 1" in lines
    assert 'actions_applied path=/@row/"a" sink=target mirror count=1' in lines
