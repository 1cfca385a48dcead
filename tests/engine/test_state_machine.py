"""Goal: whatever was declared, edited, failed and killed in whatever order, a clean update makes the targets what the model says.

Programs are random, and so is their history: edits, updates and drops that fail or are killed or cancelled, previews,
restarts with other versions of the code. The seeds are fixed; `STATE_MACHINE_SEED=17 pytest -m real
tests/engine/test_state_machine.py` takes others, from that number on.
"""

from __future__ import annotations

import contextlib
import contextvars
import copy
import itertools
import logging
import os
import random
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, get_state_machine_test, initialize, rule

import cocoindex_sim as coco
from cocoindex_sim.engine._collect import UnresolvedContainerError
from cocoindex_sim.values import Committed, ComponentRemoved, Event
from cocoindex_sim.world import SeededRandom

from .bench import Bench, Journal, Rows, Tables
from .model import HOWS, KINDS, VIAS, Declared, Model, Where

Place: TypeAlias = tuple[Any, ...]
"""A stable path, in parts."""

FIRST_SEED = int(os.environ.get("STATE_MACHINE_SEED", "0"))
sub = coco.component_subpath


# -- the targets -------------------------------------------------------------------------------------------------------------


class Refusing(Journal):
    """A journal whose `reconcile` raises for keys in `fail_asked`."""

    def __init__(self, content: dict[Any, Any] | None = None) -> None:
        super().__init__(content)
        self.fail_asked: set[Any] = set()

    def reconcile(self, key: Any, desired: Any, prev: Collection[Any], missing: bool, /) -> Any:
        if key in self.fail_asked:
            raise OSError(f"{key} failed when asked")
        return super().reconcile(key, desired, prev, missing)


class Notes(Rows):
    """The handler of what is attached to a table."""

    def reconcile(self, key: Any, desired: Any, prev: Collection[Any], missing: bool, /) -> Any:
        return super().reconcile(f"note:{key}", desired, prev, missing)


class NotedRows(Rows):
    """Rows of a table with attachments."""

    def attachments(self) -> dict[str, Any]:
        return {"note": Notes(self._tables, self._table)}


class NotedTables(Refusing, Tables):
    """Tables with attachments."""

    def __init__(self, content: dict[Any, Any], *, asks_rows: bool) -> None:
        Tables.__init__(self, content)
        self.fail_asked = set()
        put_row = self._put_row
        self.rows = Refusing()
        self.rows._put = put_row  # type: ignore[method-assign]  # rows are part of the content
        self.sink = coco.TargetActionSink.from_fn(
            self._apply, child_handler=lambda _, action: NotedRows(self, action[0])
        )
        if asks_rows:
            self.child_handler_for_deletion = lambda key, prev: NotedRows(self, key)


# -- the pipeline ------------------------------------------------------------------------------------------------------------


class Plan(NamedTuple):
    """A component and all below it, as an argument: whatever of it changes is seen."""

    path: tuple[str, ...]
    place: Place
    how: str
    kind: str
    counts: bool
    tables: tuple[tuple[str, int], ...]
    states: tuple[tuple[Where, Declared], ...]
    children: tuple[Plan, ...]


def plan_of(model: Model, path: tuple[str, ...] = (), *, forgets: bool = True) -> Plan:
    """The part of a model from a component on. `forgets`: nothing above it is memoized."""
    node = model.nodes[path]
    how = "use" if node.how == "caught" and not forgets else node.how  # nobody asks a memoized component again
    forgets = forgets and node.kind == "forgets"
    below = [child for child in model.live() if len(child) == len(path) + 1 and child[: len(path)] == path]
    return Plan(
        path, model.place(path), how, node.kind, node.counts, tuple(sorted(model.tables_of(path).items())),
        tuple(sorted(node.states.items())), tuple(plan_of(model, child, forgets=forgets) for child in below),
    )  # fmt: skip


class Faults(NamedTuple):
    """What fails, by (how, which): `early` and `late` bodies by path, calls by key, target states by `Where`.

    Tables are states of the table "/".
    """

    of: frozenset[tuple[str, Any]] = frozenset()

    def strike(self, how: str, which: Any) -> None:
        """Raise if this is to fail now."""
        if (how, which) in self.of:
            raise OSError(f"{which} failed {how}")

    def keys(self, how: str, table: str | None) -> set[Any]:
        """The states to fail, as the journal of a table, or of all rows, knows them."""
        states = [which for one, which in self.of if one == how]
        if table is None:
            return {which for which in states if which[0] not in ("", "/")}
        return {which[1] for which in states if which[0] == table}


class Outside:
    """What is outside the process, and so survives it."""

    def __init__(self, *, asks_rows: bool, invalidation: Any) -> None:
        self.plain: dict[Any, Any] = {}
        self.tables: dict[Any, Any] = {}
        self.asks_rows, self.invalidation = asks_rows, invalidation

    def content(self) -> dict[Where, str]:
        rows = {(table, key): value for table, rows in self.tables.items() for key, value in rows.items()}
        return {**{("", key): value for key, value in self.plain.items()}, **rows}


class Life:
    """One process of a pipeline: its functions in their present versions, its targets, and what it saw."""

    def __init__(self, bench: Bench, outside: Outside, versions: Mapping[str, int], quota: int) -> None:
        self.bench = bench
        self.versions = dict(versions)
        self.faults = Faults()
        self.plan = Plan((), (), "mount", "forgets", False, (), (), ())
        self.ran: list[tuple[str, Any]] = []
        self.seen: dict[Place, int] = {}  # counters, by the place of their component
        self.plain = Refusing(outside.plain)
        self.tables = NotedTables(outside.tables, asks_rows=outside.asks_rows)
        self.tables.invalidation = outside.invalidation
        self.roots = {"": self.plain.provider("test/plain"), "/": self.tables.provider("test/tables")}
        self.app = self._app(quota)

    def _app(self, quota: int) -> coco.App[..., Any]:
        life = self  # all that the functions capture

        @coco.fn(version=self.versions["derive"])
        def derive(value: int) -> str:
            return f"{value}.{life.versions['derive']}"

        @coco.fn(memo=True, version=self.versions["call"])
        def call(provider: Any, key: str, value: int) -> str:
            life.ran.append(("call", key))
            result = f"{derive(value)}.{life.versions['call']}"
            coco.declare_target_state(provider.target_state(key, result))
            life.faults.strike("called", key)
            return result

        @coco.fn(memo=True, version=self.versions["outer"])
        def outer(calls: list[tuple[Any, str, int]]) -> list[str]:
            life.ran.append(("outer", len(calls)))
            return [f"{call(*one)}.{life.versions['outer']}" for one in calls]

        outer_async = outer.as_async  # type: ignore[attr-defined]  # typed as the plain function

        def begin(plan: Plan) -> None:
            life.ran.append((plan.kind, plan.path))
            if plan.counts:
                count = coco.use_state("count", 0)
                life.seen[plan.place] = count.value
                count.value += 1
            life.faults.strike("early", plan.path)

        def declare(plan: Plan, providers: dict[str, Any]) -> list[tuple[str, Any, str, int]]:
            """Declare what the body declares; what is left for calls."""
            later = []
            for (table, key), (value, via) in plan.states:
                if table not in providers:
                    continue
                provider = providers[table]
                name = key
                if key.startswith("note:"):
                    provider, name = provider.attachment("note"), key.removeprefix("note:")
                if via == "body":
                    state = provider.target_state(name, f"{value}.{life.versions[plan.kind]}")
                    coco.declare_target_state(state)
                elif via == "call":
                    echo(table, key, call(provider, name, value))
                else:
                    later.append((table, provider, name, value))
            return later

        def echo(table: str, key: str, result: str) -> None:
            if not table:
                coco.declare_target_state(life.roots[""].target_state(f"{key}~", result))

        def echo_all(later: list[tuple[str, Any, str, int]], results: list[str]) -> None:
            for (table, _, key, _), result in zip(later, results, strict=True):
                echo(table, key, result)

        async def body(plan: Plan, providers: dict[str, Any]) -> None:
            begin(plan)
            for table, value in plan.tables:
                provider = await coco.mount_target(life.roots["/"].target_state(table, value))
                providers = {**providers, table: provider}
            later = declare(plan, providers)
            if later:
                echo_all(later, await outer_async([one[1:] for one in later]))
            each: dict[str, list[tuple[str, Plan]]] = {}
            for child in plan.children:
                name, fn = child.path[-1], functions[child.kind]
                match child.how:
                    case "mount":
                        await coco.mount(sub(name), fn, child, providers)
                    case "ready":
                        await (await coco.mount(sub(name), fn, child, providers)).ready()
                    case "use":
                        await coco.use_mount(sub(name), fn, child, providers)
                    case "caught":
                        with contextlib.suppress(OSError):
                            await coco.use_mount(sub(name), fn, child, providers)
                    case "directory":
                        with sub("dir"):
                            await coco.mount(sub(name), fn, child, providers)
                    case "below":
                        await coco.mount(sub(name, "x"), fn, child, providers)
                    case "each":
                        each.setdefault(child.kind, []).append((name, child))
            for kind, items in each.items():
                await coco.mount_each(sub("each", kind), functions[kind], items, providers)
            life.faults.strike("late", plan.path)

        @coco.fn(memo=True, version=self.versions["memo"])
        async def memo(plan: Plan, providers: dict[str, Any]) -> None:
            await body(plan, providers)

        @coco.fn(version=self.versions["forgets"])  # decorated: a memo above has to notice other code
        async def forgets(plan: Plan, providers: dict[str, Any]) -> None:
            await body(plan, providers)

        @coco.fn(memo=True, version=self.versions["sync"])
        def sync(plan: Plan, providers: dict[str, Any]) -> None:
            begin(plan)
            later = declare(plan, providers)
            if later:
                echo_all(later, outer([one[1:] for one in later]))
            life.faults.strike("late", plan.path)

        functions: dict[str, Any] = {"memo": memo, "forgets": forgets, "sync": sync}

        async def main() -> None:
            await body(life.plan, {"": life.roots[""]})

        return self.bench.app(main, max_inflight_components=quota)

    @property
    def journals(self) -> list[tuple[Any, str | None]]:
        """Each journal with the table its keys are of; rows have several."""
        return [(self.plain, ""), (self.tables, "/"), (self.tables.rows, None)]

    def begin(self, plan: Plan, faults: Faults) -> None:
        """Set what the next run finds, and forget what the last one did."""
        self.plan, self.faults = plan, faults
        self.seen.clear()
        self.ran.clear()
        self.bench.trace.take_events()
        for journal, table in self.journals:
            journal.calls.clear()
            journal.asked.clear()
            journal.before_action = lambda key: None
            for how in ("before", "after", "asked"):
                setattr(journal, f"fail_{how}", faults.keys(how, table))

    def applied(self) -> set[Where]:
        """The leaf states that a sink was asked to change since `begin`."""
        keys = [("", key) for call in self.plain.calls for key, _ in call]
        return {*keys, *(key for call in self.tables.rows.calls for key, _ in call)}


# -- the machine -------------------------------------------------------------------------------------------------------------

STATES: list[Where] = [("", "k"), ("", "l"), ("", "m"), ("t", "x"), ("t", "y"), ("t", "note:n"), ("u", "x")]
TABLES = ["t", "u"]
numbers = st.integers(0, 12)
values, vias = st.integers(0, 2), st.sampled_from(VIAS)
edits = st.one_of(
    st.tuples(st.just("add"), numbers, st.sampled_from("ab"), st.sampled_from(HOWS), st.sampled_from(KINDS)),
    st.tuples(st.just("state"), numbers, st.sampled_from(STATES), values, vias),
    st.tuples(st.just("state"), numbers, st.sampled_from(STATES), values, vias),
    st.tuples(st.just("contest"), numbers, numbers, values, vias),
    st.tuples(st.sampled_from(["leave", "leave", "remove", "count"]), numbers),
    st.tuples(st.just("table"), numbers, st.sampled_from(TABLES), values),
    st.tuples(st.just("version"), st.just(0), st.sampled_from(list(Model().versions)), values),
)  # fmt: skip
faults = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["before", "after", "asked"]), st.sampled_from([*STATES, *(("/", table) for table in TABLES)])),
        st.tuples(st.sampled_from(["early", "late"]), numbers),
        st.tuples(st.just("called"), st.sampled_from([key.removeprefix("note:") for _, key in STATES])),
    ),
    min_size=1, max_size=4,
)  # fmt: skip
changes = st.lists(edits, max_size=3)
modes = st.sampled_from(["update", "update", "update", "full", "drop"])
moments = st.one_of(
    st.tuples(st.just("event"), st.integers(1, 20)), st.tuples(st.just("action"), st.integers(1, 6))
)  # fmt: skip


BEGINNING: list[tuple[Any, ...]] = [
    ("table", 0, "t", 1), ("add", 0, "a", "mount", "memo"), ("table", 1, "u", 1), ("add", 1, "a", "mount", "memo"),
    ("add", 0, "b", "mount", "forgets"), *(("state", n, where, 0, VIAS[n % 3]) for n, where in enumerate(STATES)),
]  # fmt: skip


class Machine(RuleBasedStateMachine):
    """One pipeline from its first declaration to its end."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.kept: dict[Place, set[int]] = {}  # counters by place: what each may be
        self.sound = False  # whether the last step went as it should
        self.bench: Bench
        self.life: Life

    @initialize(
        seed=st.integers(0, 99), quota=st.integers(1, 4), asks_rows=st.booleans(),
        invalidation=st.sampled_from([None, "lossy", "destructive"]),
        first=st.lists(edits, max_size=6), updated=st.booleans(),
    )  # fmt: skip
    def start(self, seed: int, quota: int, asks_rows: bool, invalidation: Any, first: list[Any], updated: bool) -> None:
        """Begin with some sources, and perhaps with all of them in the targets."""
        self.quota = quota
        self.outside = Outside(asks_rows=asks_rows, invalidation=invalidation)
        self.bench = Bench(SeededRandom(random.Random(seed)) if seed else None)
        for change in (*BEGINNING, *first):
            self.model.edit(change)
        self.life = self.another_life()
        if updated:
            self.clean()
        self.sound = True

    # -- steps

    @rule(changes=changes, drop=st.sampled_from([False, False, False, False, True]), quota=st.integers(1, 4))
    def update(self, changes: list[Any], drop: bool, quota: int) -> None:
        """A clean update, in the same process if it can be, brings the content about; a clean drop leaves nothing."""
        with self.step(changes):
            if drop:
                self.drop_all()
            elif quota != self.quota:
                self.quota = quota
                self.restart()
            self.clean()

    @rule(changes=changes, of=faults, mode=modes)
    def fail(self, changes: list[Any], of: list[Any], mode: str) -> None:
        """A run in which some things fail."""
        with self.step(changes):
            self.begin(of)
            self.run(mode)

    @rule(changes=changes, of=st.just([]) | faults, mode=modes, at=moments)
    def kill(self, changes: list[Any], of: list[Any], mode: str, at: tuple[str, int]) -> None:
        """A run that is killed right after its nth event, or within the nth action."""
        with self.step(changes):
            self.begin(of)
            self.run(mode, at)
            self.restart()

    @rule(changes=changes, of=st.just([]) | faults, mode=modes, nth=st.integers(1, 20),
          then=st.sampled_from(["interrupt", "drop"]))  # fmt: skip
    def cancel(self, changes: list[Any], of: list[Any], mode: str, nth: int, then: str) -> None:
        """A run that is cancelled after its nth event."""
        with self.step(changes):
            self.begin(of)
            self.run(mode, ("event", nth), then)

    @rule(changes=changes, of=st.just([]) | faults, full=st.booleans())
    def preview(self, changes: list[Any], of: list[Any], full: bool) -> None:
        """A preview changes nothing."""
        with self.step(changes):
            self.begin(of)
            before = copy.deepcopy((dict(self.disk), self.outside.plain, self.outside.tables))
            with contextlib.suppress(OSError):
                self.bench.run(self.life.app.update(preview=True, full_reprocess=full).result())
            assert (self.disk, self.outside.plain, self.outside.tables) == before
            self.check_seen(full)

    # -- how they are taken

    @property
    def disk(self) -> Any:
        return self.bench._disk._content

    def another_life(self) -> Life:
        return Life(self.bench, self.outside, self.model.versions, self.quota)

    def restart(self) -> None:
        """Kill the process and begin another one."""
        self.bench.crash()
        self.life = self.another_life()

    @contextlib.contextmanager
    def step(self, changes: list[Any]) -> Iterator[None]:
        """Change the sources first; other versions of the code come with another process."""
        self.sound = False
        for change in changes:
            self.model.edit(change)
        if any(change[0] == "version" for change in changes):
            self.restart()
        yield
        self.sound = True

    def begin(self, of: list[Any] = []) -> None:  # noqa: B006  never changed
        """Prepare a run of the present sources, with these faults."""
        live = self.model.live()
        known = {(how, live[which % len(live)] if isinstance(which, int) else which) for how, which in of}
        self.life.begin(plan_of(self.model), Faults(frozenset(known)))

    def run(self, mode: str, at: tuple[str, int] | None = None, then: str = "") -> None:
        """One run, which may fail as it was told to; `at` the nth event or action it is killed, or what `then` says."""
        bench, life = self.bench, self.life
        handle = None if mode == "drop" else life.app.update(full_reprocess=mode == "full")
        tasks = [bench.loop.create_task(life.app.drop() if handle is None else handle.result())]
        left = itertools.count(0 if at is None else at[1], -1)
        struck = False
        outside = contextvars.copy_context()  # a component does not drop the app it is part of

        def strike() -> None:
            nonlocal struck
            if next(left) != 1:
                return
            struck = True
            if then == "interrupt":
                life.app.interrupt()
            elif then == "drop":
                tasks.append(bench.loop.create_task(life.app.drop(), context=outside))
            else:
                bench.loop.halt()
                if at is not None and at[0] == "action":
                    raise OSError("killed here")

        class Watcher:
            def on_event(self, event: Event) -> None:
                strike()

        watcher = Watcher()
        if at is not None and at[0] == "event":
            bench.process.observers.append(watcher)
        elif at is not None:
            for journal, _ in life.journals:
                journal.before_action = lambda key: strike()
        bench.loop.run_until(lambda: bench.loop.halted or all(task.done() for task in tasks))
        if watcher in bench.process.observers:
            bench.process.observers.remove(watcher)
        cancelled = struck and bool(then)
        for task in tasks:
            if task.done() and (error := task.exception()) is not None:
                assert isinstance(error, FAILURES) or (cancelled and str(error) == "Operation cancelled"), repr(error)
        for failure in handle.failures() if handle is not None else ():
            assert isinstance(failure.error, FAILURES), repr(failure)
        self.account(full=mode == "full", unsure=struck, gone=mode == "drop" or (struck and then == "drop"))

    def account(self, *, full: bool = False, unsure: bool = False, gone: bool = False) -> None:
        """Check the counters that the last run saw, and note what was kept of them.

        `unsure`: it may have kept more than it told. `gone`: it was to remove everything.
        """
        self.check_seen(full)
        seen = self.life.seen
        told: dict[Place, int] = {}
        for event in self.bench.trace.take_events():
            if isinstance(event, Committed):
                place = tuple(event.path.parts())
                told[place] = seen[place] + 1 if place in seen else 0
            elif isinstance(event, ComponentRemoved):
                told[tuple(event.path.parts())] = 0
        counting = {self.model.place(path) for path in self.model.live() if self.model.nodes[path].counts}
        for place in {*self.kept, *seen, *told}:
            may_be = self.kept.setdefault(place, {0})
            if place in told and not (unsure and gone):
                may_be.clear()
            if place in told:
                may_be.add(told[place])
            if unsure and place in seen:
                may_be.add(seen[place] + 1)
            if unsure and (gone or place not in counting):
                may_be.add(0)

    def check_seen(self, full: bool) -> None:
        """Each counter begins where its component last left it."""
        for place, value in self.life.seen.items():
            assert value in ({0} if full else self.kept.get(place, {0})), f"counter of {place}"

    def clean(self) -> None:
        """An update without faults: it can't fail, and the targets become what the model says."""
        self.begin()
        self.bench.run(self.life.app.update(strict=True).result())
        self.account()
        expected, content = self.model.expected(), self.outside.content()
        assert content.keys() == expected.keys()
        assert [where for where, value in content.items() if value not in expected[where]] == []
        assert self.outside.tables.keys() == self.model.tables().keys()

    def check_rest(self) -> None:
        """Another update finds nothing to do; what is on record is what is there."""
        self.clean()
        contested = self.model.contested()
        assert self.life.applied() <= contested
        if not contested:
            assert [ran for ran in self.life.ran if ran[0] != "forgets"] == []
        model, live = self.model, self.model.live()
        declared = {path: model.declared(path).values() for path in live}
        assert self.on_record("component") == {model.place(path) for path in live}
        assert self.on_record("state") == {model.place(path) for path in live if model.nodes[path].counts}
        assert self.on_record("memo") == {
            model.place(path) for path in live if any(one.via != "body" for one in declared[path])
        }
        assert self.on_record("tombstone") == set()
        assert len(self.on_record("target")) == len(model.expected()) + len(model.tables())

    def on_record(self, kind: Any) -> set[Place]:
        """The paths on record, without those of the components that only declare a table."""
        found = self.bench.env.store.space("app").scan(kind, coco.ROOT_PATH)
        paths = [tuple(key.path.parts()) for key, _ in found]
        return {
            parts for parts in paths if kind == "target" or not any(isinstance(part, coco.Symbol) for part in parts)
        }

    def drop_all(self) -> None:
        """A drop without faults."""
        self.begin()
        self.bench.run(self.life.app.drop())
        self.check_empty()

    def check_empty(self) -> None:
        assert (self.outside.plain, self.outside.tables) == ({}, {})
        assert self.bench.env.store.spaces() == []
        self.kept.clear()

    def teardown(self) -> None:
        """After any history: two clean updates, one in which all functions are new and all counters are seen, a drop."""
        try:
            if self.sound:
                self.sound = False
                self.clean()
                self.check_rest()
                for version in self.model.versions:
                    self.model.edit(("version", 0, version, 7))
                self.restart()
                self.clean()
                assert self.life.seen.keys() == {
                    self.model.place(path) for path in self.model.live() if self.model.nodes[path].counts
                }
                self.drop_all()
        finally:
            if hasattr(self, "bench"):
                self.bench.close()


FAILURES = (OSError, UnresolvedContainerError)


def check(first_seed: int, examples: int) -> None:
    """Run the machine on examples that depend on the seed alone."""
    test = get_state_machine_test(
        Machine,
        settings=settings(
            max_examples=examples, stateful_step_count=STEPS, deadline=None, database=None, print_blob=False,
            suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
        ),
    )  # fmt: skip
    logging.disable()  # failures are what it is about
    try:
        seed(first_seed)(test)()
    finally:
        logging.disable(logging.NOTSET)


STEPS = 8


def test_whatever_happened_a_clean_update_converges() -> None:
    check(FIRST_SEED, 100)


@pytest.mark.real
@pytest.mark.parametrize("nth", range(4))
def test_whatever_happened_a_clean_update_converges_for_long(nth: int) -> None:
    check(FIRST_SEED + 1 + nth, 500)
