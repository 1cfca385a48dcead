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
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, get_state_machine_test, initialize, rule

import cocoindex_sim as coco
from cocoindex_sim.engine._collect import UnresolvedContainerError
from cocoindex_sim.values import Committed, ComponentRemoved, Event
from cocoindex_sim.world import SeededRandom

from .bench import Bench
from .life import Faults, Life, Outside, Place, plan_of
from .model import HOWS, KINDS, VIAS, Model, Where

FIRST_SEED = int(os.environ.get("STATE_MACHINE_SEED", "0"))
STATES: list[Where] = [("", "k"), ("", "l"), ("", "m"), ("t", "x"), ("t", "y"), ("t", "note:n"), ("u", "x")]
TABLES = ["t", "u"]
numbers = st.integers(0, 12)
values, vias = st.integers(0, 2), st.sampled_from(VIAS)
shifts = st.tuples(st.just("table"), numbers, st.sampled_from(TABLES), values)
edits = st.one_of(
    st.tuples(st.just("add"), numbers, st.sampled_from("ab"), st.sampled_from(HOWS), st.sampled_from(["memo", *KINDS])),
    st.tuples(st.just("state"), numbers, st.sampled_from(STATES), values, vias),
    st.tuples(st.just("state"), numbers, st.sampled_from(STATES), values, vias),
    st.tuples(st.just("contest"), numbers, numbers, values, vias),
    st.tuples(st.sampled_from(["leave", "leave", "count"]), numbers),
    st.tuples(st.just("remove"), numbers),
    shifts,
    st.tuples(st.just("version"), st.just(0), st.sampled_from(list(Model().versions)), values),
)  # fmt: skip
faults = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["before", "after", "asked"]), st.sampled_from([*STATES, *(("/", table) for table in TABLES)])),
        st.tuples(st.sampled_from(["nth before", "nth after"]), st.integers(1, 4)),
        st.tuples(st.sampled_from(["early", "late"]), numbers),
        st.tuples(st.just("called"), st.sampled_from([key.removeprefix("note:") for _, key in STATES])),
    ),
    min_size=1, max_size=4,
)  # fmt: skip
changes = st.lists(edits, max_size=5)
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

    @rule(changes=changes, of=faults, mode=modes, mended=st.booleans())
    def fail(self, changes: list[Any], of: list[Any], mode: str, mended: bool) -> None:
        """A run in which some things fail."""
        with self.step(changes, mended=mended):
            self.begin(of)
            self.run(mode)

    @rule(changes=changes, of=st.just([]) | faults, mode=modes, at=moments, mended=st.booleans())
    def kill(self, changes: list[Any], of: list[Any], mode: str, at: tuple[str, int], mended: bool) -> None:
        """A run that is killed right after its nth event, or within the nth action."""
        with self.step(changes, mended=mended):
            self.begin(of)
            self.run(mode, at)
            self.restart()

    @rule(changes=st.lists(shifts, min_size=1, max_size=2), of=faults, at=st.none() | moments,
          mended=st.booleans())  # fmt: skip
    def shift(self, changes: list[Any], of: list[Any], at: tuple[str, int] | None, mended: bool) -> None:
        """A run that fails or is killed while containers come, go and move: the rows of one are not where it is declared."""
        with self.step(changes, mended=mended):
            self.begin(of)
            self.run("update", at)
            if at is not None:
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
    def step(self, changes: list[Any], *, mended: bool = False) -> Iterator[None]:
        """Change the sources first; other versions of the code come with another process.

        `mended`: a clean update of the same sources comes right after it.
        """
        self.sound = False
        for change in changes:
            self.model.edit(change)
        if any(change[0] == "version" for change in changes):
            self.restart()
        yield
        if mended:
            self.clean()
        self.sound = True

    def begin(self, of: list[Any] = []) -> None:  # noqa: B006  never changed
        """Prepare a run of the present sources, with these faults."""
        live = self.model.live()
        known = {(how, live[which % len(live)] if how in ("early", "late") else which) for how, which in of}
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

        def strike_before(then: Callable[[Any], object], key: Any) -> None:
            strike()
            then(key)

        class Watcher:
            def on_event(self, event: Event) -> None:
                strike()

        watcher = Watcher()
        if at is not None and at[0] == "event":
            bench.process.observers.append(watcher)
        elif at is not None:
            for journal, _ in life.journals:
                journal.before_action = partial(strike_before, journal.before_action)
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


def check(first_seed: int, examples: int, *, shrink: bool = True) -> None:
    """Run the machine on examples that depend on the seed alone."""
    test = get_state_machine_test(
        Machine,
        settings=settings(
            max_examples=examples, stateful_step_count=STEPS, deadline=None, database=None, print_blob=False,
            suppress_health_check=list(HealthCheck), phases=[Phase.generate, *[Phase.shrink] * shrink],
            report_multiple_bugs=False,
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
