"""The two-phase submit: what is durable when, and who owns what (DUR-01, TGT-26..31)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import pytest

import cocoindex_sim as coco
from cocoindex_sim.values import DuplicateDeclared, OwnerChanged

from .bench import Bench, Journal, Tables

sub = coco.component_subpath
NE = coco.NON_EXISTENCE


def test_possible_records_are_durable_before_the_sink_and_settled_ones_after(bench: Bench) -> None:  # DUR-01
    journal = Journal()
    provider = journal.provider()
    order: list[str] = []
    journal.before_action = lambda key: order.extend(bench.events("pre_committed", "committed"))

    async def main() -> None:
        coco.declare_target_state(provider.target_state("k", 1))

    app = bench.app(main)
    bench.update(app)
    assert order == ["pre_committed /"]
    assert bench.events("pre_committed", "actions_applied", "committed") == ["actions_applied /", "committed /"]


def test_without_actions_there_is_no_pre_commit(bench: Bench) -> None:
    async def main() -> None:
        pass

    bench.update(bench.app(main))
    assert bench.events("pre_committed", "committed") == ["committed /"]


def test_a_result_that_can_not_be_stored_fails_before_the_sinks(bench: Bench) -> None:  # SE-08, beats FN-19
    journal = Journal()
    provider = journal.provider()

    @coco.fn(memo=True)
    async def child() -> object:
        coco.declare_target_state(provider.target_state("k", 1))
        return object()

    async def main() -> None:
        await coco.use_mount(child)

    with pytest.raises(NotImplementedError, match="Cannot serialize"):
        bench.update(bench.app(main))
    assert journal.asked == []
    assert journal.calls == []


def test_a_component_that_failed_keeps_what_it_had(bench: Bench) -> None:  # DUR-02, CMP-13
    journal = Journal()
    provider = journal.provider()
    broken: list[str] = []

    @coco.fn(memo=True)
    async def child(key: str, broken: bool) -> None:
        coco.declare_target_state(provider.target_state(key, 1 + broken))
        if broken:
            raise ValueError

    async def main() -> None:
        for key in "ab":
            await coco.mount(sub(key), child, key, key in broken)

    app = bench.app(main)
    bench.update(app)
    broken.append("a")
    bench.update(app)
    assert journal.content == {"a": 1, "b": 1}
    broken.clear()
    bench.events()
    bench.update(app)
    assert sorted(bench.events("component_started", "component_reused")) == [
        'component_reused /"b"',
        "component_started /",
        'component_started /"a"',
    ]


# -- ownership -------------------------------------------------------------------------------------------------------------


class Places:
    """Components by name, each declaring the states given to it, in the order given."""

    def __init__(self, bench: Bench, *, memo: bool = False, one_by_one: bool = True) -> None:
        self.bench = bench
        self.journal = Journal()
        self.plan: dict[str, dict[str, int]] = {}
        provider = self.journal.provider()

        @coco.fn(memo=memo)
        async def child(states: dict[str, int]) -> None:
            for key, value in states.items():
                coco.declare_target_state(provider.target_state(key, value))

        async def main() -> None:
            for name, states in self.plan.items():
                handle = await coco.mount(sub(name), child, states)
                if one_by_one:
                    await handle.ready()

        self.app = bench.app(main)

    def update(self, **plan: dict[str, int]) -> list[list[tuple[Any, Any]]]:
        """Update with these; the sink calls it took."""
        self.plan = plan
        self.bench.update(self.app)
        return self.journal.take_calls()

    def owners(self) -> list[str]:
        """Who took over since the last look."""
        taken = self.bench.trace.take_events()
        return [str(event.new) for event in taken if isinstance(event, OwnerChanged)]


@pytest.fixture(params=[False, True], ids=["plain", "memo"])
def places(bench: Bench, request: pytest.FixtureRequest) -> Places:
    return Places(bench, memo=request.param)


def test_a_state_that_moves_is_not_written_again(places: Places) -> None:  # TGT-26
    places.update(a={"k": 1})
    assert places.update(b={"k": 1}) == []
    assert places.owners() == ['/"b"']
    assert places.update(b={"k": 1}) == []
    assert places.owners() == []
    assert places.update(c={"k": 2}) == [[("k", 2)]]
    assert places.update(a={}) == [[("k", None)]]


@pytest.mark.parametrize("taker_first", [False, True])
def test_a_state_moves_between_components_that_stay(places: Places, taker_first: bool) -> None:  # TGT-27
    places.update(a={"k": 1}, b={})
    after = {"b": {"k": 2}, "a": {}} if taker_first else {"a": {}, "b": {"k": 2}}
    calls = places.update(**after)
    assert calls == ([[("k", 2)]] if taker_first else [[("k", None)], [("k", 2)]])
    assert places.journal.content == {"k": 2}
    assert places.update(**after) == []
    assert places.update(b={}, a={"k": 3})[-1] == [("k", 3)]
    assert places.update(b={}, a={"k": 3}) == []


def test_a_state_may_wander(places: Places) -> None:  # TGT-27
    for name in "abcabc":
        places.update(**{other: {"k": 1} if other == name else {} for other in "cba"})
        assert places.journal.content == {"k": 1}
    assert places.update(c={}, b={}, a={}) == [[("k", None)]]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("then", "asked"),
    [
        ({"b": {"k": 2}}, [("k", 2, [1, 2], False)]),
        ({}, [("k", NE, [1, 2], False)]),
        ({"c": {"k": 3}}, [("k", 3, [1, 2], False)]),
        ({"a": {"k": 1}}, [("k", 1, [1, 2], False)]),
    ],
)
def test_a_taker_whose_sink_failed_owns_the_state(
    places: Places, then: dict[str, dict[str, int]], asked: list[Any], after: bool
) -> None:  # TGT-28
    places.update(a={"k": 1})
    failing = places.journal.fail_after if after else places.journal.fail_before
    failing.add("k")
    places.update(b={"k": 2})
    failing.clear()
    places.journal.take_asked()
    places.update(**then)
    assert places.journal.take_asked() == asked
    assert places.journal.content == {key: value for states in then.values() for key, value in states.items()}
    assert places.update(**then) == []


def test_a_taker_that_failed_elsewhere_owns_what_needed_no_action(places: Places) -> None:  # TGT-28
    places.update(a={"k": 1})
    places.journal.fail_before.add("l")
    places.update(b={"k": 1, "l": 1})
    places.journal.fail_before.clear()
    places.update()
    assert places.journal.content == {}


def test_the_owner_comes_back_while_the_failed_taker_stays(places: Places) -> None:  # TGT-28
    places.update(a={"k": 1}, b={})
    places.journal.fail_after.add("k")
    places.update(a={}, b={"k": 2})
    places.journal.fail_after.clear()
    places.update(a={"k": 1}, b={})
    assert places.journal.content == {"k": 1}
    assert places.update(a={"k": 1}, b={}) == []


def test_a_claimant_waits_for_the_owner_s_sink_call(bench: Bench) -> None:  # TGT-29
    journal = Journal()
    calls: list[Any] = []

    async def slow(context: Any, actions: Sequence[Any]) -> None:
        await asyncio.sleep(100)
        calls.append((bench.loop.now_ns // 10**9, actions))

    journal.sink = coco.TargetActionSink.from_async_fn(slow)
    provider = journal.provider()

    async def child(seconds: int, value: int) -> None:
        await asyncio.sleep(seconds)
        coco.declare_target_state(provider.target_state("k", value))

    async def main() -> None:
        for n in (1, 2, 3):
            await coco.mount(sub(n), child, n, n)

    bench.update(bench.app(main))
    assert calls == [(101, [("k", 1)]), (201, [("k", 2)]), (301, [("k", 3)])]
    assert [asked[1:] for asked in journal.asked] == [(1, [], True), (2, [1], False), (3, [2], False)]


# -- duplicates ------------------------------------------------------------------------------------------------------------


def duplicates(bench: Bench) -> list[tuple[str, str, str]]:
    taken = bench.trace.take_events()
    return [(str(one.target), str(one.first), str(one.second)) for one in taken if isinstance(one, DuplicateDeclared)]


@pytest.mark.parametrize("values", [(1, 2), (1, 1)])
def test_two_components_declaring_one_state_are_named_and_the_last_one_wins(
    bench: Bench, caplog: pytest.LogCaptureFixture, values: tuple[int, int]
) -> None:  # TGT-30, SE-12
    places = Places(bench)
    for _ in range(2):
        caplog.clear()
        places.update(a={"k": values[0]}, b={"k": values[1]})
        assert places.journal.content == {"k": values[1]}
        assert duplicates(bench) == [('/@test/journal/"k"', '/"a"', '/"b"')]
        [record] = caplog.records
        assert record.levelno == logging.WARNING
        message = record.getMessage()
        assert all(path in message for path in ('/@test/journal/"k"', '/"a"', '/"b"'))


@pytest.mark.parametrize("order", [(0, 5), (5, 0)])
def test_the_one_to_submit_last_wins_whichever_was_mounted_first(
    bench: Bench, order: tuple[int, int]
) -> None:  # TGT-30
    journal = Journal()
    provider = journal.provider()

    async def child(seconds: int, value: int) -> None:
        await asyncio.sleep(seconds)
        coco.declare_target_state(provider.target_state("k", value))

    async def main() -> None:
        for n, seconds in enumerate(order):
            await coco.mount(sub(n), child, seconds, n)

    bench.update(bench.app(main))
    assert journal.content == {"k": order.index(5)}
    assert len(duplicates(bench)) == 1


@pytest.mark.parametrize("one_by_one", [False, True])
@pytest.mark.parametrize("leaver", ["a", "b"])
def test_who_stays_has_its_state_after_the_other_left(bench: Bench, leaver: str, one_by_one: bool) -> None:  # SE-12
    places = Places(bench, memo=True, one_by_one=one_by_one)
    plan = {"a": {"k": 1}, "b": {"k": 2}}
    for _ in range(3):
        places.update(**plan)
        assert len(duplicates(bench)) == 1
    del plan[leaver]
    places.update(**plan)
    assert places.journal.content == next(iter(plan.values()))
    assert places.update(**plan) == []
    assert duplicates(bench) == []


def test_who_is_robbed_while_its_own_sink_is_at_work_looks_again(bench: Bench) -> None:  # SE-12
    journal = Journal()
    fast, slow = journal.provider(), Journal()

    async def apply_slowly(context: Any, actions: Sequence[Any]) -> None:
        await asyncio.sleep(10)

    slow.sink = coco.TargetActionSink.from_async_fn(apply_slowly)
    slow_provider = slow.provider("test/slow")
    plan = {"n": 1, "thief": False}

    @coco.fn(memo=True)
    async def owner(n: int) -> None:
        coco.declare_target_state(fast.target_state("k", 1))
        coco.declare_target_state(slow_provider.target_state("l", n))

    async def steals() -> None:
        await asyncio.sleep(5)
        coco.declare_target_state(fast.target_state("k", 2))

    async def main() -> None:
        await coco.mount(owner, plan["n"])
        if plan["thief"]:
            await coco.mount(steals)

    app = bench.app(main)
    bench.update(app)
    plan.update(n=2, thief=True)
    bench.update(app)
    assert journal.content == {"k": 2}
    plan.update(thief=False)
    bench.update(app)
    assert journal.content == {"k": 1}


def test_a_parent_and_its_child_can_be_the_two(bench: Bench) -> None:  # TGT-30, CMP-12
    journal = Journal()
    provider = journal.provider()

    async def child() -> None:
        coco.declare_target_state(provider.target_state("k", "child"))

    async def main() -> None:
        coco.declare_target_state(provider.target_state("k", "main"))
        await coco.mount(child)

    bench.update(bench.app(main))
    assert journal.content == {"k": "main"}
    assert duplicates(bench) == [('/@test/journal/"k"', "/@child", "/")]


def test_taking_over_from_one_that_is_removed_is_no_duplicate(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    places = Places(bench)  # TGT-26
    places.update(a={"k": 1})
    places.update(b={"k": 1})
    assert duplicates(bench) == []
    assert caplog.records == []


# -- containers and their rows ---------------------------------------------------------------------------------------------


class TablesStory:
    """Tables with one component each for its rows, so that owner and container may go in any order."""

    def __init__(self, bench: Bench, *, asks_rows: bool, memo: bool = True) -> None:
        self.bench = bench
        self.tables = Tables(asks_rows=asks_rows)
        self.plan: dict[str, dict[str, int]] = {}
        provider = self.tables.provider()

        @coco.fn(memo=memo)
        async def child(table: Any, rows: dict[str, int]) -> None:
            for key, value in rows.items():
                coco.declare_target_state(table.target_state(key, value))

        async def main() -> None:
            for place, (name, rows) in enumerate(self.plan.items()):
                table = await coco.mount_target(provider.target_state(name, 1))
                await coco.mount(sub(place), child, table, rows)

        self.app = bench.app(main)

    def update(self, **plan: dict[str, int]) -> None:
        """Update with these tables; then once more, which must find nothing to do."""
        self.plan = plan
        self.bench.update(self.app)
        assert self.tables.content == plan
        asked, calls = self.tables.rows.take_asked(), self.tables.rows.take_calls()
        self.bench.update(self.app)
        assert self.tables.rows.take_calls() == []
        assert self.tables.rows.take_asked() == []
        self.tables.rows.asked, self.tables.rows.calls = asked, calls


@pytest.fixture(params=[False, True], ids=["forgets rows", "asks rows"])
def story(bench: Bench, request: pytest.FixtureRequest) -> TablesStory:
    return TablesStory(bench, asks_rows=request.param)


def test_a_memoized_component_leaves_one_container_for_another(story: TablesStory) -> None:  # TGT-20 row 14
    story.update(t={"x": 1})
    story.update(u={"x": 1})
    story.update(t={"x": 1, "y": 1})
    story.update()


def test_rows_are_asked_before_their_container_goes_when_the_handler_wants_that(bench: Bench) -> None:
    story = TablesStory(bench, asks_rows=True)
    story.update(t={"x": 1, "y": 2})
    order: list[Any] = []
    story.tables.before_action = story.tables.rows.before_action = order.append
    story.tables.rows.take_asked()
    story.update()
    assert order == [("t", "x"), ("t", "y"), "t"]
    assert story.tables.rows.take_asked() == [(("t", "x"), NE, [1], False), (("t", "y"), NE, [2], False)]


@pytest.mark.parametrize("record", [None, 1])
def test_a_row_that_is_asked_goes_with_its_container_whatever_the_answer(bench: Bench, record: int | None) -> None:
    story = TablesStory(bench, asks_rows=True)  # TGT-20 row 14
    story.update(t={"x": 1})
    rows = story.tables.rows
    reconcile = rows.reconcile

    def keep(key: Any, desired: Any, *past: Any) -> coco.TargetReconcileOutput | None:
        output = reconcile(key, desired, *past)
        return None if output is None or record is None else output._replace(tracking_record=record)

    rows.reconcile = keep  # type: ignore[method-assign]  # for a while
    story.update()
    rows.reconcile = reconcile  # type: ignore[method-assign]  # back
    rows.take_asked()
    story.update(t={"x": 1})
    assert rows.take_asked() == [(("t", "x"), 1, [], True)]


def with_rows(bench: Bench, tables: Tables, names: list[str], rows: list[str]) -> Any:
    """An app that declares these tables in a component, and in the root these rows in each."""
    provider = tables.provider()

    async def containers() -> list[Any]:
        return [coco.declare_target_state_with_child(provider.target_state(name, 1)) for name in names]

    async def main() -> None:
        for table in await coco.use_mount(containers):
            for row in rows:
                coco.declare_target_state(table.target_state(row, 1))

    return bench.app(main)


def test_rows_of_a_container_that_its_handler_keeps_stay_on_record(bench: Bench) -> None:  # TGT-07, TGT-20 row 3
    tables = Tables()
    names, rows = ["t"], ["x"]
    reconcile = tables.reconcile
    app = with_rows(bench, tables, names, rows)
    bench.update(app)
    tables.reconcile = lambda key, desired, *past: reconcile(key, 1, *past)  # type: ignore[method-assign]  # it stays
    names.clear()
    rows.clear()
    bench.update(app)
    assert tables.content == {"t": {"x": 1}}
    names.append("t")
    bench.update(app)
    assert tables.content == {"t": {}}


def test_only_of_containers_a_handler_is_asked_for_the_rows_to_delete(bench: Bench) -> None:  # TGT-16
    tables = Tables(asks_rows=True)
    provider = tables.provider()
    asked: list[Any] = []
    tables.child_handler_for_deletion = lambda key, prev: asked.append((key, prev))  # type: ignore[func-returns-value]  # no handler
    declared = [1]

    async def main() -> None:
        if declared:
            coco.declare_target_state(provider.target_state("plain", 1))
            coco.declare_target_state_with_child(provider.target_state("t", 1))

    app = bench.app(main)
    bench.update(app)
    declared.clear()
    bench.update(app)
    assert tables.content == {}
    assert asked == [("t", [1])]


def test_rows_go_before_their_container_even_when_its_sink_is_called_for_others(bench: Bench) -> None:
    tables = Tables(asks_rows=True)
    names, rows = ["t"], ["x"]
    app = with_rows(bench, tables, names, rows)
    bench.update(app)
    names[:] = ["u"]
    order: list[Any] = []
    tables.before_action = tables.rows.before_action = order.append
    bench.update(app)
    assert order == [("t", "x"), "u", "t", ("u", "x")]
    assert tables.content == {"u": {"x": 1}}


class TwoSinks:
    """What two sinks were called with."""

    def __init__(self) -> None:
        self.order: list[tuple[str, list[str]]] = []
        self.even = coco.TargetActionSink.from_fn(self.apply_even, child_handler=self.below)
        self.odd = coco.TargetActionSink.from_fn(self.apply_odd, child_handler=self.below)

    def apply_even(self, context: Any, actions: Any) -> None:
        self.order.append(("even", ["/".join(path) for path in actions]))

    def apply_odd(self, context: Any, actions: Any) -> None:
        self.order.append(("odd", ["/".join(path) for path in actions]))

    def below(self, context: Any, path: tuple[str, ...]) -> Alternating:
        return Alternating(self, path)


class Alternating:
    """Containers in containers, whose levels take turns with two sinks."""

    def __init__(self, sinks: TwoSinks, path: tuple[str, ...] = ()) -> None:
        self._sinks, self._path = sinks, path

    def child_handler_for_deletion(self, key: str, prev: Any) -> Alternating:
        return Alternating(self._sinks, (*self._path, key))

    def reconcile(self, key: Any, desired: Any, prev: Any, missing: bool, /) -> coco.TargetReconcileOutput | None:
        sink = self._sinks.odd if len(self._path) % 2 else self._sinks.even
        record = NE if coco.is_non_existence(desired) else desired
        return coco.TargetReconcileOutput((*self._path, key), sink, record)


def test_a_sink_is_called_twice_rather_than_a_container_before_its_rows(bench: Bench) -> None:  # beats TGT-13
    sinks = TwoSinks()
    provider = coco.register_root_target_states_provider("test/alternating", Alternating(sinks))
    mounted = [True]

    async def main() -> None:
        if mounted:
            outer = await coco.mount_target(provider.target_state("t", 1))
            inner = await coco.mount_target(outer.target_state("u", 1))
            coco.declare_target_state(inner.target_state("x", 1))

    app = bench.app(main)
    bench.update(app)
    assert sinks.order == [("even", ["t"]), ("odd", ["t/u"]), ("even", ["t/u/x"])]
    sinks.order.clear()
    mounted.clear()
    bench.update(app)
    assert sinks.order == [("even", ["t/u/x"]), ("odd", ["t/u"]), ("even", ["t"])]


@pytest.mark.parametrize("asks_rows", [False, True])
@pytest.mark.parametrize("failing", ["t", ("t", "x")])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("then", [{}, {"t": {"x": 1}}, {"t": {"y": 1}}, {"u": {"x": 1}}])
def test_a_container_that_could_not_go_takes_its_rows_later_or_keeps_them(
    bench: Bench, asks_rows: bool, failing: Any, after: bool, then: dict[str, dict[str, int]]
) -> None:  # CMP-20, TGT-20 rows 10 and 14
    story = TablesStory(bench, asks_rows=asks_rows)
    story.update(t={"x": 1})
    journal = story.tables.rows if isinstance(failing, tuple) else story.tables
    (journal.fail_after if after else journal.fail_before).add(failing)
    story.plan = {}
    bench.update(story.app)
    journal.fail_after, journal.fail_before = set(), set()
    story.update(**then)


def test_a_row_left_behind_is_deleted_once_its_container_is_back(story: TablesStory) -> None:  # TGT-20 row 3
    story.update(t={"x": 1}, u={"y": 1})
    reconcile = story.tables.reconcile

    def refuse(key: Any, desired: Any, *past: Any) -> coco.TargetReconcileOutput | None:
        if coco.is_non_existence(desired):
            raise OSError("not now")
        return reconcile(key, desired, *past)

    story.tables.reconcile = refuse  # type: ignore[method-assign]  # for a while
    for plan in ({"u": {"y": 1}}, {"u": {"y": 1}}):
        story.plan = plan
        story.bench.update(story.app)
    story.tables.reconcile = reconcile  # type: ignore[method-assign]  # back
    story.update(t={}, u={"y": 1})


@pytest.mark.parametrize("is_below", [False, True])
def test_a_memoized_component_that_left_a_row_behind_deletes_it_later(bench: Bench, is_below: bool) -> None:  # row 3
    tables = Tables()
    provider = tables.provider()
    names = ["t", "u"]
    reconcile = tables.reconcile

    @coco.fn(memo=not is_below)
    async def child(table: Any) -> None:
        coco.declare_target_state(table.target_state("x", 1))

    @coco.fn(memo=True)
    async def parent(table: Any) -> None:
        await coco.mount(child, table)

    async def main() -> None:
        mounted = [await coco.mount_target(provider.target_state(name, 1)) for name in names]
        await coco.mount(sub("place"), parent if is_below else child, mounted[0])

    def refuse(key: Any, desired: Any, *past: Any) -> coco.TargetReconcileOutput | None:
        if coco.is_non_existence(desired):
            raise OSError("not now")
        return reconcile(key, desired, *past)

    app = bench.app(main)
    bench.update(app)
    names[:] = ["u"]
    tables.reconcile = refuse  # type: ignore[method-assign]  # for a while
    bench.update(app)
    tables.reconcile = reconcile  # type: ignore[method-assign]  # back
    names[:] = ["u", "t"]
    bench.update(app)
    assert tables.content == {"t": {}, "u": {"x": 1}}


@pytest.mark.parametrize("asks_rows", [False, True])
def test_a_memo_does_not_bring_back_a_component_that_waited_for_its_container(bench: Bench, asks_rows: bool) -> None:
    tables, plain = Tables(asks_rows=asks_rows), Journal()  # APP-13
    provider, plain_provider = tables.provider(), plain.provider("test/plain")
    reconcile = tables.reconcile

    @coco.fn
    async def below() -> None:
        coco.declare_target_state(plain_provider.target_state("k", 1))

    @coco.fn(memo=True)
    async def child(table: Any) -> None:
        coco.declare_target_state(table.target_state("x", 1))
        await coco.mount(below)

    async def main() -> None:
        await coco.mount(child, await coco.mount_target(provider.target_state("t", 1)))

    def refuse(*args: Any) -> coco.TargetReconcileOutput | None:
        raise OSError("not now")

    app = bench.app(main)
    bench.update(app)
    tables.reconcile = refuse  # type: ignore[method-assign]  # for a while
    with pytest.raises(OSError, match="not now"):
        bench.run(app.drop())
    assert plain.content == {}
    tables.reconcile = reconcile  # type: ignore[method-assign]  # back
    bench.update(app)
    assert plain.content == {"k": 1}
    assert tables.content == {"t": {"x": 1}}


def test_rows_that_a_destructive_change_took_are_not_asked_when_their_container_goes(bench: Bench) -> None:
    story = TablesStory(bench, asks_rows=True)  # TGT-20 row 13
    story.tables.invalidation = "destructive"
    story.update(t={"x": 1})
    value = [2]
    original = story.tables.reconcile

    def changed(key: Any, desired: Any, *past: Any) -> coco.TargetReconcileOutput | None:
        return original(key, desired if coco.is_non_existence(desired) else value[0], *past)

    story.tables.reconcile = changed  # type: ignore[method-assign]  # as if the table was declared anew
    story.tables.rows.fail_before = {("t", "x")}
    story.plan = {"t": {"x": 2}}
    bench.update(story.app)
    story.tables.rows.fail_before = set()
    story.plan = {"t": {"x": 2}}
    value[0] = 3
    story.tables.rows.take_asked()

    def broken(*args: Any) -> Any:
        raise OSError("no rows today")

    reconcile = story.tables.rows.reconcile
    story.tables.rows.reconcile = broken  # type: ignore[method-assign]  # for a while
    bench.update(story.app)
    story.tables.rows.reconcile = reconcile  # type: ignore[method-assign]  # back
    story.update()
    assert story.tables.rows.take_asked() == []


@pytest.mark.parametrize("asks_rows", [False, True])
def test_an_inner_removal_waits_for_the_container_an_outer_one_takes(bench: Bench, asks_rows: bool) -> None:  # CMP-18
    tables = Tables(asks_rows=asks_rows)
    provider = tables.provider()
    on = [True]

    async def row(table: Any) -> None:
        coco.declare_target_state(table.target_state("x", 1))

    async def group(table: Any) -> None:
        if table is not None:
            await coco.mount(row, table)

    async def main() -> None:
        table = await coco.mount_target(provider.target_state("t", 1)) if on else None
        await coco.mount(group, table)

    app = bench.app(main)
    bench.update(app)
    on.clear()
    bench.events()
    bench.update(app)
    assert tables.content == {}
    assert bench.events("component_removed", "removal_failed") == [
        'component_removed /@cocoindex/mount_target/[@test/journal,"t"]',
        "component_removed /@group/@row",
    ]


@pytest.mark.parametrize("asks_rows", [False, True])
def test_a_component_may_own_a_container_and_a_row_left_in_it(bench: Bench, asks_rows: bool) -> None:
    tables = Tables(asks_rows=asks_rows)
    provider = tables.provider()
    stage = [1]

    async def main() -> None:
        if stage[0] == 1:
            table = await coco.mount_target(provider.target_state("t", 1))
            coco.declare_target_state(table.target_state("x", 1))
        elif stage[0] == 2:
            coco.declare_target_state_with_child(provider.target_state("t", 1))

    app = bench.app(main)
    bench.update(app)
    stage[0] = 2
    tables.rows.fail_before = {("t", "x")}
    bench.update(app)
    assert tables.content == {"t": {"x": 1}}
    tables.rows.fail_before = set()
    tables.rows.take_asked()
    stage[0] = 3
    bench.update(app)
    assert tables.content == {}
    assert len(tables.rows.take_asked()) == asks_rows


def test_states_of_a_reused_call_stay_tracked(bench: Bench) -> None:  # FN-08
    journal = Journal()
    provider = journal.provider()
    on = [True]

    @coco.fn(memo=True)
    def declare() -> None:
        coco.declare_target_state(provider.target_state("k", 1))

    async def main() -> None:
        if on:
            declare()

    app = bench.app(main)
    bench.update(app)
    bench.update(app)
    assert journal.content == {"k": 1}
    on.clear()
    bench.update(app)
    assert journal.content == {}


@pytest.mark.parametrize("asks_rows", [False, True])
def test_rows_of_the_root_go_with_a_container_mounted_below_it(bench: Bench, asks_rows: bool) -> None:  # APP-15
    tables = Tables(asks_rows=asks_rows)
    provider = tables.provider()

    async def main() -> None:
        table = await coco.mount_target(provider.target_state("t", 1))
        coco.declare_target_state(table.target_state("x", 1))
        coco.declare_target_state(provider.target_state("plain", 1))

    app = bench.app(main)
    bench.update(app)
    bench.run(app.drop())
    assert tables.content == {}
    bench.update(app)
    assert tables.content["t"] == {"x": 1}


def test_a_container_passes_to_another_component_with_its_rows(bench: Bench) -> None:  # TGT-26
    tables = Tables()
    provider = tables.provider()
    place = ["a"]

    @coco.fn(memo=True)
    async def rows(table: Any) -> None:
        coco.declare_target_state(table.target_state("x", 1))

    async def main() -> None:
        with sub(place[0]):
            table = await coco.mount_target(provider.target_state("t", 1))
        await coco.mount(rows, table)

    app = bench.app(main)
    bench.update(app)
    place[0] = "b"
    tables.rows.calls.clear()
    bench.update(app)
    assert tables.content == {"t": {"x": 1}}
    assert tables.rows.calls == []
    writes: list[Any] = []
    write = bench._holder.write
    bench._holder.write = lambda batch, *more: writes.append(batch) or write(batch, *more)
    for _ in range(2):
        writes.clear()
        bench.update(app)
    assert writes == []  # nothing is in doubt any more


def test_a_container_that_stays_keeps_its_memo_whatever_else_fails(bench: Bench) -> None:  # FN-14
    tables = Tables()
    provider = tables.provider()
    value = [1]
    broken: list[int] = []

    @coco.fn(memo=True)
    async def table(value: int) -> None:
        coco.declare_target_state_with_child(provider.target_state("t", value))

    async def other() -> None:
        if broken:
            raise ValueError

    async def main() -> None:
        await coco.mount(table, value[0])
        await coco.mount(other)

    app = bench.app(main)
    bench.update(app)
    value[0] = 2
    broken.append(1)
    bench.update(app)
    bench.events()
    bench.update(app)
    assert bench.events("component_reused") == ["component_reused /@table"]
