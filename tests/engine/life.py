"""The pipeline that the state machine runs: what it is made of is in a `Plan`, what fails in it in `Faults`."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import cocoindex_sim as coco

from .bench import Bench, Journal, Rows, Tables
from .model import Declared, Model, Where

Place: TypeAlias = tuple[Any, ...]
"""A stable path, in parts."""

sub = coco.component_subpath


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

    Tables are states of the table "/". `nth before` and `nth after`: the state that is the nth to be acted on.
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
        life = self  # all that the functions capture, but for what is the same in every life
        setting = coco.ContextKey[int]("test/setting", detect_change=True)
        self.bench.env.context_provider.provide(setting, self.versions["setting"])

        @coco.fn(version=self.versions["derive"])
        def derive(value: int) -> str:
            return f"{value}.{life.versions['derive']}.{coco.use_context(setting)}"

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
        acted = itertools.count(1)
        for journal, table in self.journals:
            journal.calls.clear()
            journal.asked.clear()
            for how in ("before", "after", "asked"):
                setattr(journal, f"fail_{how}", faults.keys(how, table))
            journal.before_action = partial(self._fail_nth, journal, acted)

    def _fail_nth(self, journal: Journal, acted: Iterator[int], key: Any) -> None:
        """Have an action fail if its turn has come."""
        nth = next(acted)
        if ("nth before", nth) in self.faults.of:
            journal.fail_before.add(key)
        if ("nth after", nth) in self.faults.of:
            journal.fail_after.add(key)

    def applied(self) -> set[Where]:
        """The leaf states that a sink was asked to change since `begin`."""
        keys = [("", key) for call in self.plain.calls for key, _ in call]
        return {*keys, *(key for call in self.tables.rows.calls for key, _ in call)}
