"""What handlers are told of the past: the pure rules, and every situation of TGT-20 as `reconcile` sees it."""

from __future__ import annotations

from typing import Any

import pytest

import cocoindex_sim as coco
from cocoindex_sim.engine._reconcile import after_applied, before_applied, look_back
from cocoindex_sim.ports import Generation, StoredValue, TargetRecord

from .bench import Bench, Journal, Tables

sub = coco.component_subpath
NE = coco.NON_EXISTENCE
R, N, M = (StoredValue("m", text) for text in (b"r", b"n", b"m"))
CALM = Generation()


def record(*possible: StoredValue | None, container: Generation = CALM) -> TargetRecord:
    return TargetRecord(b"owner", possible, container)


# -- the rules -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stored", "container", "reprocess", "records", "missing"),
    [
        (None, CALM, False, (), True),
        (record(R), CALM, False, (R,), False),
        (record(R), CALM, True, (R,), True),
        (record(R, N), CALM, False, (R, N), False),
        (record(None, N), CALM, False, (N,), True),
        (record(R, None), CALM, False, (R,), True),
        (record(R, None, N), CALM, False, (R, N), True),
        (record(None), CALM, False, (), True),
        (record(R), Generation(0, 1), False, (R,), True),
        (record(R), Generation(1, 0), False, (), True),
        (record(R), Generation(1, 1), False, (), True),
        (record(R, container=Generation(1, 1)), Generation(1, 1), False, (R,), False),
        (record(R, container=Generation(0, 1)), CALM, False, (R,), True),  # of a container that began anew
        (record(R, container=Generation(1, 0)), CALM, False, (), True),
    ],
)
def test_the_past_is_all_that_may_be_there(
    stored: TargetRecord | None, container: Generation, reprocess: bool, records: tuple[StoredValue, ...], missing: bool
) -> None:  # TGT-20, TGT-21
    assert look_back(stored, container, reprocess=reprocess) == (records, missing)


@pytest.mark.parametrize(
    ("stored", "container", "new", "possible"),
    [
        (None, CALM, N, (None, N)),
        (None, CALM, None, (None,)),
        (record(R), CALM, N, (R, N)),
        (record(R), CALM, None, (R, None)),
        (record(R), CALM, R, (R,)),
        (record(R, N), CALM, N, (R, N)),  # SE-20
        (record(R, N), CALM, R, (R, N)),
        (record(R, N), CALM, M, (R, N, M)),
        (record(R, None), CALM, N, (R, None, N)),
        (record(R), Generation(1, 0), N, (None, N)),
        (record(R), Generation(0, 1), N, (None, R, N)),
        (record(R, None), Generation(0, 1), N, (R, None, N)),
        (record(R, container=Generation(1, 0)), CALM, N, (None, N)),
        (record(R, container=Generation(0, 1)), CALM, N, (None, R, N)),
    ],
)
def test_an_attempt_adds_one_possibility_and_repeats_none(
    stored: TargetRecord | None,
    container: Generation,
    new: StoredValue | None,
    possible: tuple[StoredValue | None, ...],
) -> None:  # TGT-20, SE-20
    before = before_applied(stored, b"me", container, new)
    assert before == TargetRecord(b"me", possible, container)
    assert len(set(possible)) == len(possible)


def test_what_was_applied_is_all_there_is() -> None:
    assert after_applied(b"me", CALM, N, None) == TargetRecord(b"me", (N,), CALM)
    assert after_applied(b"me", CALM, None, None) is None


# -- the situations --------------------------------------------------------------------------------------------------------


class Story:
    """One component that declares `values`, at a path or not at all."""

    def __init__(self, bench: Bench, *, memo: bool = False) -> None:
        self.bench = bench
        self.journal = Journal()
        self.values: dict[str, int] = {}
        self.mounted = True
        provider = self.journal.provider()

        @coco.fn(memo=memo)
        async def child(values: dict[str, int]) -> None:
            for key, value in values.items():
                coco.declare_target_state(provider.target_state(key, value))

        async def main() -> None:
            if self.mounted:
                await coco.mount(sub("child"), child, self.values)

        self.app = bench.app(main)

    def update(self, values: dict[str, int] | None, **options: Any) -> list[tuple[Any, Any, list[Any], bool]]:
        """Update with these values, None for no component at all; the `reconcile` calls it took."""
        self.mounted, self.values = values is not None, dict(values or {})
        self.journal.calls.clear()
        self.bench.update(self.app, **options)
        return self.journal.take_asked()

    def fail(self, values: dict[str, int] | None, *, after: bool = False) -> list[tuple[Any, Any, list[Any], bool]]:
        """As `update`, while the sink fails for "k", before or after it had its effect."""
        failing = self.journal.fail_after if after else self.journal.fail_before
        failing.add("k")
        asked = self.update(values)
        failing.clear()
        return asked

    def applied(self) -> list[tuple[Any, Any]]:
        """The actions of the last update."""
        return [action for call in self.journal.calls for action in call]


@pytest.fixture(params=[False, True], ids=["plain", "memo"])
def story(bench: Bench, request: pytest.FixtureRequest) -> Story:
    return Story(bench, memo=request.param)


def test_row_1_first_declared_or_declared_again_after_a_delete(story: Story) -> None:  # TGT-20 row 1
    assert story.update({"k": 1}) == [("k", 1, [], True)]
    story.update({})
    assert story.update({"k": 1}) == [("k", 1, [], True)]
    story.update(None)
    assert story.update({"k": 2}) == [("k", 2, [], True)]
    assert story.journal.content == {"k": 2}


def test_row_2_a_value_that_changed_or_did_not(story: Story) -> None:  # TGT-20 row 2, TGT-04
    story.update({"k": 1, "l": 1})
    assert story.update({"k": 2, "l": 1}) == [("k", 2, [1], False), ("l", 1, [1], False)]
    assert story.applied() == [("k", 2)]


def test_row_3_no_longer_declared(story: Story) -> None:  # TGT-20 row 3
    story.update({"k": 1, "l": 1})
    assert story.update({"l": 1}) == [("k", NE, [1], False), ("l", 1, [1], False)]
    assert story.update(None) == [("l", NE, [1], False)]
    assert story.journal.content == {}


def test_row_4_full_reprocess_of_a_component_that_stays(story: Story) -> None:  # TGT-20 row 4, APP-12
    story.update({"k": 1, "l": 1})
    assert story.update({"l": 1}, full_reprocess=True) == [("k", NE, [1], True), ("l", 1, [1], True)]
    assert story.update({"l": 1}, full_reprocess=True) == [("l", 1, [1], True)]
    assert story.applied() == [("l", 1)]


def test_row_5_full_reprocess_of_a_component_that_goes(story: Story) -> None:  # TGT-20 row 5
    story.update({"k": 1})
    assert story.update(None, full_reprocess=True) == [("k", NE, [1], False)]


@pytest.mark.parametrize("after", [False, True])
def test_row_6_an_update_failed(story: Story, after: bool) -> None:  # TGT-20 row 6, DUR-03
    story.update({"k": 1})
    story.fail({"k": 2}, after=after)
    assert story.update({"k": 2}) == [("k", 2, [1, 2], False)]
    assert story.applied() == [("k", 2)]
    story.fail({"k": 3}, after=after)
    assert story.update({"k": 2}) == [("k", 2, [2, 3], False)]
    assert story.journal.content == {"k": 2}


def test_row_7_many_failed_attempts_are_listed_once_each(story: Story) -> None:  # TGT-20 row 7, SE-20
    story.update({"k": 1})
    for value in (2, 3, 2, 3, 1):
        story.fail({"k": value})
    assert story.update({"k": 3}) == [("k", 3, [1, 2, 3], False)]
    assert story.update({"k": 4}) == [("k", 4, [3], False)]


@pytest.mark.parametrize("removed", [False, True])
def test_row_8_an_update_failed_and_the_state_is_gone(story: Story, removed: bool) -> None:  # TGT-20 row 8
    story.update({"k": 1})
    story.fail({"k": 2}, after=True)
    assert story.update(None if removed else {}) == [("k", NE, [1, 2], False)]
    assert story.journal.content == {}


def test_row_9_the_first_insert_failed(story: Story) -> None:  # TGT-20 row 9
    story.fail({"k": 1}, after=True)
    assert story.fail({"k": 1}) == [("k", 1, [1], True)]
    assert story.update({"k": 1}) == [("k", 1, [1], True)]
    assert story.update({"k": 2}) == [("k", 2, [1], False)]


@pytest.mark.parametrize("removed", [False, True])
def test_row_9_the_first_insert_failed_and_the_state_is_gone(story: Story, removed: bool) -> None:  # TGT-20 row 9
    story.fail({"k": 1}, after=True)
    assert story.update(None if removed else {}) == [("k", NE, [1], True)]
    assert story.journal.content == {}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("removed", [False, True])
def test_row_10_a_delete_failed(story: Story, removed: bool, after: bool) -> None:  # TGT-20 row 10, CMP-20, CMP-21
    gone: dict[str, int] | None = None if removed else {}
    story.update({"k": 1})
    story.fail(gone, after=after)
    assert story.update(gone) == [("k", NE, [1], True)]
    assert story.update(gone) == []
    story.update({"k": 1})
    story.fail(gone, after=after)
    assert story.update({"k": 1}) == [("k", 1, [1], True)]
    assert story.applied() == [("k", 1)]
    assert story.journal.content == {"k": 1}
    story.fail(gone, after=after)
    story.fail({"k": 2}, after=after)
    assert story.update({"k": 3}) == [("k", 3, [1, 2], True)]


class TableStory:
    """A table at the root, and one component that declares its rows."""

    def __init__(self, bench: Bench, *, memo: bool, asks_rows: bool = False) -> None:
        self.bench = bench
        self.tables = Tables(asks_rows=asks_rows)
        self.schema: int | None = 1
        self.rows: dict[str, int] | None = {}
        provider = self.tables.provider()

        @coco.fn(memo=memo)
        async def child(table: Any, rows: dict[str, int]) -> None:
            for key, value in rows.items():
                coco.declare_target_state(table.target_state(key, value))

        async def main() -> None:
            if self.schema is not None:
                table = await coco.mount_target(provider.target_state("t", self.schema))
                if self.rows is not None:
                    await coco.mount(sub("rows"), child, table, self.rows)

        self.app = bench.app(main)

    def update(
        self, schema: int | None, rows: dict[str, int] | None, **options: Any
    ) -> list[tuple[Any, Any, list[Any], bool]]:
        """Update with these; the `reconcile` calls for rows, by the row's key."""
        self.schema, self.rows = schema, rows
        self.bench.update(self.app, **options)
        return [(key[1], *rest) for key, *rest in self.tables.rows.take_asked()]


@pytest.fixture(params=[False, True], ids=["plain", "memo"])
def table(bench: Bench, request: pytest.FixtureRequest) -> TableStory:
    return TableStory(bench, memo=request.param)


def test_row_11_a_lossy_container(table: TableStory) -> None:  # TGT-20 row 11, TGT-22
    table.tables.invalidation = "lossy"
    table.update(1, {"x": 1, "y": 1})
    assert table.update(2, {"y": 1}) == [("x", NE, [1], True), ("y", 1, [1], True)]
    assert table.tables.content == {"t": {"y": 1}}
    assert table.update(3, None) == [("y", NE, [1], True)]
    assert table.tables.content == {"t": {}}


def test_row_12_and_13_a_destructive_container(table: TableStory) -> None:  # TGT-20 rows 12 and 13, TGT-22
    table.tables.invalidation = "destructive"
    table.update(1, {"x": 1, "y": 1})
    assert table.update(2, {"y": 1}) == [("y", 1, [], True)]
    assert table.tables.content == {"t": {"y": 1}}
    assert table.update(2, {"y": 2}) == [("y", 2, [1], False)]
    assert table.update(3, None) == []
    assert table.tables.content == {"t": {}}


@pytest.mark.parametrize("kind", ["lossy", "destructive"])
def test_an_invalidation_counts_for_one_run(table: TableStory, kind: Any) -> None:  # TGT-22
    table.tables.invalidation = kind
    table.update(1, {"x": 1})
    table.update(2, {"x": 1})
    assert table.update(2, {"x": 2}) == [("x", 2, [1], False)]


def test_a_failed_row_of_a_lossy_container_stays_in_doubt(table: TableStory) -> None:  # TGT-20 rows 6 and 11
    table.tables.invalidation = "lossy"
    table.update(1, {"x": 1})
    table.tables.rows.fail_before = {("t", "x")}
    table.update(2, {"x": 2})
    table.tables.rows.fail_before = set()
    assert table.update(2, {"x": 2}) == [("x", 2, [1, 2], True)]


def test_row_14_a_container_deleted_with_its_rows(table: TableStory) -> None:  # TGT-20 row 14, APP-15
    table.update(1, {"x": 1})
    assert table.update(None, None) == []
    assert table.tables.content == {}
    assert table.update(1, {"x": 1}) == [("x", 1, [], True)]
    table.bench.run(table.app.drop())
    assert table.tables.rows.take_asked() == []
    assert table.tables.content == {}


@pytest.mark.parametrize("after", [False, True])
def test_rows_are_doubted_when_deleting_their_container_failed(table: TableStory, after: bool) -> None:  # rows 10, 11
    table.update(1, {"x": 1})
    failing = table.tables.fail_after if after else table.tables.fail_before
    failing.add("t")
    assert table.update(None, None) == []
    failing.clear()
    assert table.update(1, {"x": 1}) == [("x", 1, [1], True)]
    assert table.tables.content == {"t": {"x": 1}}


def test_full_reprocess_doubts_containers_and_rows(table: TableStory) -> None:  # TGT-20 row 4
    table.update(1, {"x": 1})
    table.tables.take_asked()
    assert table.update(1, {"x": 1}, full_reprocess=True) == [("x", 1, [1], True)]
    assert table.tables.take_asked() == [("t", 1, [1], True)]


def test_row_15_taken_over_with_its_history(bench: Bench) -> None:  # TGT-20 row 15, TGT-26
    journal = Journal()
    provider = journal.provider()
    where, value = ["a"], [1]

    async def child(value: int) -> None:
        coco.declare_target_state(provider.target_state("k", value))

    async def main() -> None:
        await coco.mount(sub(where[0]), child, value[0])

    app = bench.app(main)
    bench.update(app)
    where[0] = "b"
    journal.take_asked()
    bench.update(app)
    assert journal.take_asked() == [("k", 1, [1], False)]
    where[0], value[0] = "c", 2
    journal.fail_before = {"k"}
    bench.update(app)
    where[0], value[0] = "d", 3
    journal.fail_before = set()
    journal.take_asked()
    bench.update(app)
    assert journal.take_asked() == [("k", 3, [1, 2], False)]
    assert journal.content == {"k": 3}


class Killed:
    """A component declaring `values` in a process that can be killed."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.content: dict[Any, Any] = {}

    def app(self, values: dict[str, int]) -> coco.App[..., Any]:
        self.journal = Journal(self.content)
        provider = self.journal.provider()

        @coco.fn
        async def main() -> None:
            for key, value in values.items():
                coco.declare_target_state(provider.target_state(key, value))

        return self.bench.app(main)

    def update(self, values: dict[str, int]) -> list[tuple[Any, Any, list[Any], bool]]:
        self.bench.update(self.app(values))
        return self.journal.take_asked()

    def kill(self, values: dict[str, int], event: str) -> None:
        self.bench.update_until(self.app(values), event)
        self.bench.crash()

    def restart(self) -> None:
        self.bench.crash()


@pytest.mark.parametrize(("event", "value"), [("pre_committed", 1), ("actions_applied", 2)])
def test_row_16_killed_in_or_after_the_sink(bench: Bench, event: str, value: int) -> None:  # TGT-20 row 16, DUR-03
    killed = Killed(bench)
    killed.kill({"k": 1}, event)
    assert killed.update({"k": 1}) == [("k", 1, [1], True)]
    killed.restart()
    killed.kill({"k": 2}, event)
    assert killed.content == {"k": value}
    assert killed.update({"k": 2}) == [("k", 2, [1, 2], False)]
    killed.restart()
    killed.kill({}, event)
    assert killed.update({}) == [("k", NE, [2], True)]
    killed.restart()
    assert killed.update({}) == []
    assert killed.content == {}


def test_row_17_killed_in_the_body(bench: Bench) -> None:  # TGT-20 row 17, DUR-04
    killed = Killed(bench)
    killed.kill({"k": 1}, "component_started")
    assert killed.update({"k": 1}) == [("k", 1, [], True)]
    killed.restart()
    killed.kill({"k": 2}, "component_started")
    assert killed.content == {"k": 1}
    assert killed.update({"k": 3}) == [("k", 3, [1], False)]


def test_nothing_is_reconciled_for_a_component_that_is_reused(bench: Bench) -> None:  # TGT-05
    story = Story(bench, memo=True)
    story.update({"k": 1})
    assert story.update({"k": 1}) == []
    assert story.journal.content == {"k": 1}
