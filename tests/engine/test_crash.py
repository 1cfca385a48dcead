"""Killed anywhere, the next run converges and the one after finds nothing to do (DUR-01..05); random programs do, too."""

from __future__ import annotations

import contextlib
import copy
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import cocoindex_sim as coco
from cocoindex_sim.values import (
    EVENT_NAMES,
    ComponentFailed,
    ComponentRemoved,
    ComponentStarted,
    DuplicateDeclared,
    FunctionStarted,
    OwnerChanged,
    RemovalFailed,
    event_text,
)

from .bench import Bench, Journal, Tables

sub = coco.component_subpath


class Node(NamedTuple):
    """A component: what it declares at the root target and as rows of tables, and what it mounts, by subpath."""

    states: dict[str, int] = {}  # noqa: RUF012  never changed
    rows: dict[tuple[str, str], int] = {}  # noqa: RUF012  by table and row
    children: dict[str, Node] = {}  # noqa: RUF012  `a/b` is `b` in a directory `a`
    memo: bool = True
    calls: bool = False  # declares in an inline memoized call


class Program(NamedTuple):
    """A pipeline. `tables`: by name, with a value each."""

    root: Node
    tables: dict[str, int] = {}  # noqa: RUF012  never changed


class Outside:
    """What is outside the process, and so survives it."""

    def __init__(self, *, asks_rows: bool = False, invalidation: Any = None) -> None:
        self.plain: dict[Any, Any] = {}
        self.tables: dict[Any, Any] = {}
        self.asks_rows, self.invalidation = asks_rows, invalidation

    @property
    def content(self) -> tuple[dict[Any, Any], dict[Any, Any]]:
        """What both targets hold."""
        return self.plain, self.tables


class Life:
    """One process of a pipeline."""

    def __init__(self, bench: Bench, outside: Outside) -> None:
        self.bench = bench
        self.plain = Journal(outside.plain)
        self.tables = Tables(outside.tables, asks_rows=outside.asks_rows)
        self.tables.invalidation = outside.invalidation
        self.program = Program(Node())
        plain, tables = self.plain.provider("test/plain"), self.tables.provider("test/tables")

        def declare(node: Node, providers: dict[str, Any]) -> None:
            for key, value in node.states.items():
                coco.declare_target_state(plain.target_state(key, value))
            for (table, row), value in node.rows.items():
                coco.declare_target_state(providers[table].target_state(row, value))

        call = coco.fn(memo=True)(declare)

        async def body(node: Node, providers: dict[str, Any]) -> None:
            (call if node.calls else declare)(node, providers)
            for name, child in node.children.items():
                await coco.mount(sub(*name.split("/")), remembers if child.memo else forgets, child, providers)

        @coco.fn(memo=True)
        async def remembers(node: Node, providers: dict[str, Any]) -> None:
            await body(node, providers)

        async def forgets(node: Node, providers: dict[str, Any]) -> None:
            await body(node, providers)

        async def main() -> None:
            providers = {}
            for name, value in self.program.tables.items():
                providers[name] = await coco.mount_target(tables.target_state(name, value))
            await body(self.program.root, providers)

        self.app = bench.app(main)

    @property
    def journals(self) -> list[Journal]:
        return [self.plain, self.tables, self.tables.rows]

    def update(self, program: Program, **options: Any) -> None:
        self.program = program
        with contextlib.suppress(OSError):  # a table that failed fails the update
            self.bench.update(self.app, **options)

    def done_by(self, program: Program) -> list[str]:
        """What an update does that it would not do if there was nothing to do."""
        for journal in self.journals:
            journal.calls.clear()
        self.bench.trace.take_events()
        self.update(program)
        done = [event_text(event) for event in self.bench.trace.take_events() if isinstance(event, NEEDLESS)
                or (isinstance(event, ComponentStarted) and event.processor.endswith("remembers"))]  # fmt: skip
        return done + [f"applied {call}" for journal in (self.plain, self.tables.rows) for call in journal.calls]


NEEDLESS = (FunctionStarted, ComponentRemoved, ComponentFailed, RemovalFailed, OwnerChanged, DuplicateDeclared)


def content_of(program: Program) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """What both targets hold after a clean update."""
    plain: dict[str, int] = {}
    tables: dict[str, dict[str, int]] = {name: {} for name in program.tables}

    def visit(node: Node) -> None:
        plain.update(node.states)
        for (table, row), value in node.rows.items():
            tables[table][row] = value
        for child in node.children.values():
            visit(child)

    visit(program.root)
    return plain, tables


def check_converges(bench: Bench, outside: Outside, program: Program) -> None:
    """A clean update brings the content about, and another one finds nothing to do; dropping the app leaves nothing."""
    life = Life(bench, outside)
    life.update(program)
    assert outside.content == content_of(program)
    assert life.done_by(program) == []
    assert outside.content == content_of(program)


# -- killed at every event ---------------------------------------------------------------------------------------------------

FIRST = Program(
    Node(
        {"root": 1},
        children={
            "a": Node({"a": 1}, {("t", "x"): 1, ("u", "x"): 1}, {"b": Node({"b": 1}, memo=False), "c": Node({"c": 1})}),
            "d/e": Node({"e": 1}, {("t", "y"): 1}, calls=True),
            "f": Node({"f": 1}, memo=False, calls=True),
        },
    ),
    {"t": 1, "u": 1},
)
# Values and tables change, `c` goes and its state moves, `d` changes from directory to component, `g` comes.
SECOND = Program(
    Node(
        {"root": 2},
        children={
            "a": Node({"a": 2, "c": 1}, {("t", "x"): 2}, {"b": Node({"b": 1}, memo=False)}),
            "d": Node({"e": 1}, {("t", "y"): 1}, calls=True),
            "f": Node({"f": 1}, memo=False, calls=True),
            "g": Node({"g": 1}, {("v", "x"): 1}),
        },
    ),
    {"t": 2, "v": 1},
)
NOTHING = Program(Node())
RUNS = {"cold": (NOTHING, FIRST), "changed": (FIRST, SECOND), "back": (SECOND, FIRST), "emptied": (FIRST, NOTHING)}


def after_kill(outside: Outside, before: Program, program: Program, event: str, nth: int, then: Program) -> bool:
    """Kill the update from one program to the other at an event; whether it came to that."""
    bench = Bench()
    try:
        Life(bench, outside).update(before)
        bench.crash()
        life = Life(bench, outside)
        life.program = program
        reached = bench.halt_at(life.app.update().result(), event, nth)
        bench.crash()
        if reached:
            check_converges(bench, outside, then)
    finally:
        bench.close()
    return reached


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("event", EVENT_NAMES)
@pytest.mark.parametrize(("asks_rows", "kind"), [(False, "destructive"), (True, "lossy")])
def test_an_update_killed_at_any_event_converges(
    run: str, event: str, asks_rows: bool, kind: Any
) -> None:  # DUR-01..05
    before, program = RUNS[run]
    nth = 1
    while all(
        after_kill(Outside(asks_rows=asks_rows, invalidation=kind), before, program, event, nth, then)
        for then in (program, before)
    ):
        nth += 1
    if event in ("run_started", "pre_committed", "actions_applied", "committed", "run_finished"):
        assert nth > 1


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("asks_rows", [False, True])
def test_an_update_killed_within_any_sink_call_converges(run: str, asks_rows: bool) -> None:  # DUR-03
    before, program = RUNS[run]
    nth, reached = 0, True
    while reached:
        nth += 1
        outside = Outside(asks_rows=asks_rows, invalidation="destructive")
        bench = Bench()
        Life(bench, outside).update(before)
        bench.crash()
        life = Life(bench, outside)
        life.program = program
        seen: list[Any] = []

        def kill(key: Any, bench: Bench = bench, seen: list[Any] = seen, nth: int = nth) -> None:
            seen.append(key)
            if len(seen) == nth:
                bench.loop.halt()
                raise OSError("killed here")

        for journal in life.journals:
            journal.before_action = kill
        task = bench.loop.create_task(life.app.update().result())
        bench.loop.run_until(lambda: len(seen) >= nth or task.done())  # noqa: B023  called here
        reached = len(seen) >= nth
        if task.done():
            task.exception()
        bench.crash()
        check_converges(bench, outside, program)
        bench.close()
    assert nth > 3


def test_a_kill_in_a_body_leaves_the_target_untouched(bench: Bench) -> None:  # DUR-04
    outside = Outside()
    Life(bench, outside).update(FIRST)
    held = copy.deepcopy(outside.content)
    bench.crash()
    life = Life(bench, outside)
    life.program = Program(Node({"root": 2}))
    bench.update_until(life.app, "component_started")
    assert outside.content == held


def test_what_committed_before_a_kill_stays_committed(bench: Bench) -> None:  # DUR-02
    outside = Outside()
    life = Life(bench, outside)
    life.program = Program(Node({}, children={name: Node({name: 1}) for name in "abc"}))
    bench.update_until(life.app, "component_ready", 3)
    bench.crash()
    again = Life(bench, outside)
    again.update(life.program)
    assert again.plain.calls == []
    assert len(bench.events("component_reused")) == 3


def test_killed_again_and_again(bench: Bench) -> None:  # DUR-03, DUR-05
    outside = Outside(asks_rows=True, invalidation="destructive")
    program = FIRST
    for nth, event in enumerate(EVENT_NAMES * 3):
        life = Life(bench, outside)
        life.program = program = SECOND if nth % 2 else FIRST
        bench.halt_at(life.app.update().result(), event, 1 + nth % 4)
        bench.crash()
    check_converges(bench, outside, program)


# -- memos of what is above ------------------------------------------------------------------------------------------------


def under(child: dict[str, Node], *, memo: bool = True) -> Program:
    """A component `c` with these children."""
    return Program(Node(children={"c": Node(children=child, memo=memo)}))


@pytest.mark.parametrize("full_reprocess", [False, True])
@pytest.mark.parametrize(
    ("before", "during"),
    [
        ({"a": Node({"a": 1})}, {"a/x": Node({"x": 1})}),
        ({"a/x": Node({"x": 1})}, {"a": Node({"a": 1})}),
        ({"a": Node({"a": 1})}, {"a": Node({"a": 1}), "b": Node({"b": 1})}),
        ({"a": Node(children={"y": Node({"y": 1})})}, {"a/x/y": Node({"y": 1})}),
    ],
)
@pytest.mark.parametrize("memo", [False, True])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_memo_does_not_hide_what_a_killed_run_left_below_it(
    bench: Bench, before: dict[str, Node], during: dict[str, Node], memo: bool, nth: int, full_reprocess: bool
) -> None:  # CMP-19, FN-15, APP-12
    outside = Outside()
    Life(bench, outside).update(under(before, memo=memo))
    bench.crash()
    life = Life(bench, outside)
    life.program = under(during, memo=memo)
    bench.halt_at(life.app.update(full_reprocess=full_reprocess).result(), "committed", nth)
    bench.crash()
    check_converges(bench, outside, under(before, memo=memo))


HIDDEN = [1]  # a global, which no memo can see (SE-06)


@pytest.mark.parametrize("event", ["pre_committed", "actions_applied"])
def test_a_memo_does_not_hide_what_a_killed_full_reprocess_left_in_doubt(bench: Bench, event: str) -> None:  # APP-12
    content: dict[Any, Any] = {}

    def app() -> Any:
        provider = Journal(content).provider()

        async def below() -> None:
            coco.declare_target_state(provider.target_state("k", HIDDEN[0]))

        @coco.fn(memo=True)
        async def parent() -> None:
            await coco.mount(below)

        async def main() -> None:
            await coco.mount(parent)

        return bench.app(main)

    bench.update(app())
    bench.crash()
    HIDDEN[0] = 2
    try:
        bench.update_until(app(), event, full_reprocess=True)
    finally:
        HIDDEN[0] = 1
    bench.crash()
    bench.update(app())
    assert content == {"k": 1}


def test_a_memo_does_not_hide_a_component_below_it_that_lost_a_state(bench: Bench) -> None:  # SE-12, TGT-28
    outside = Outside()
    program = under({"a": Node({"k": 1}, memo=False)})
    life = Life(bench, outside)
    life.update(program)
    life.plain.fail_after = {"l"}
    life.update(Program(Node({"k": 1, "l": 1})))
    bench.crash()
    check_converges(bench, outside, program)


# -- random programs ---------------------------------------------------------------------------------------------------------

KEYS = ["k", "l", "m"]
TABLES = ["t", "u"]
ROWS = [(table, row) for table in TABLES for row in "xy"]


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """A tree of up to three levels, each state declared by one component of it."""
    nodes = 0

    def shape(depth: int) -> list[Any]:
        nonlocal nodes
        index, nodes = nodes, nodes + 1
        children = {}
        for letter in draw(st.lists(st.sampled_from("abc"), unique=True, max_size=3 if depth else 0)):
            children[draw(st.sampled_from([letter, f"{letter}/x"]))] = shape(depth - 1)
        return [index, draw(st.booleans()), draw(st.booleans()), children]

    tree = shape(2)
    place = st.none() | st.tuples(st.integers(0, nodes - 1), st.integers(1, 3))
    tables = {name: value for name in TABLES if (value := draw(st.none() | st.integers(1, 2))) is not None}
    states = {key: draw(place) for key in KEYS}
    rows = {row: draw(place) for row in ROWS if row[0] in tables}

    def node(spec: list[Any]) -> Node:
        index, memo, calls, children = spec
        return Node(
            {key: where[1] for key, where in states.items() if where and where[0] == index},
            {row: where[1] for row, where in rows.items() if where and where[0] == index},
            {name: node(child) for name, child in children.items()},
            memo,
            calls,
        )

    return Program(node(tree), tables)


class Step(NamedTuple):
    """One run of one of some programs: an update, full reprocess or drop, with failing keys, or killed at an event."""

    program: int
    mode: str
    fail_before: frozenset[Any]
    fail_after: frozenset[Any]
    kill: tuple[str, int] | None


some_keys = st.frozensets(st.sampled_from([*KEYS, *TABLES, *ROWS]), max_size=3)
kills = st.none() | st.tuples(st.sampled_from(EVENT_NAMES), st.integers(1, 6))
steps = st.builds(Step, st.integers(0, 2), st.sampled_from(["update", "update", "update", "full", "drop"]), some_keys,
                  some_keys, kills)  # fmt: skip


def take(bench: Bench, life: Life, step: Step, program: Program, outside: Outside) -> Life:
    """Take one step; the life that goes on."""
    for journal in life.journals:
        journal.fail_before, journal.fail_after = set(step.fail_before), set(step.fail_after)
    life.program = program
    work = life.app.drop() if step.mode == "drop" else life.app.update(full_reprocess=step.mode == "full").result()
    if step.kill is None:
        with contextlib.suppress(OSError):
            bench.run(work)
        return life
    bench.halt_at(work, *step.kill)
    bench.crash()
    return Life(bench, outside)


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)  # fmt: skip
@given(
    st.tuples(programs(), programs(), programs()), st.lists(steps, min_size=2, max_size=6), st.booleans(),
    st.sampled_from([None, "lossy", "destructive"]),
)  # fmt: skip
def test_whatever_happened_a_clean_update_converges(
    pool: tuple[Program, Program, Program], story: list[Step], asks_rows: bool, invalidation: Any
) -> None:
    outside = Outside(asks_rows=asks_rows, invalidation=invalidation)
    bench = Bench()
    try:
        life = Life(bench, outside)
        for step in story:
            life = take(bench, life, step, pool[step.program], outside)
        bench.crash()
        check_converges(bench, outside, pool[0])
        bench.crash()
        bench.run(Life(bench, outside).app.drop())
        assert outside.content == ({}, {})
    finally:
        bench.close()
