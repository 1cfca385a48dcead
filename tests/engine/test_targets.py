"""What authors of targets write: providers, handlers, outputs, containers (TGT)."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Collection
from typing import Any, get_args

import pytest

import cocoindex_sim as coco
from cocoindex_sim.connectorkits.fingerprint import fingerprint_object

from .bench import Bench, Journal, Tables

sub = coco.component_subpath
NE = coco.NON_EXISTENCE


def declaring(provider: Any, states: dict[Any, Any]) -> Any:
    """A main function that declares these."""

    async def main() -> None:
        for key, value in states.items():
            coco.declare_target_state(provider.target_state(key, value))

    return main


# -- providers -------------------------------------------------------------------------------------------------------------


def test_a_provider_name_is_taken_once(bench: Bench) -> None:  # TGT-01
    Journal().provider("test/once")
    with pytest.raises(ValueError, match="'test/once' is already registered"):
        Journal().provider("test/once")
    with pytest.raises(TypeError, match="is not a target handler"):
        coco.register_root_target_states_provider("test/other", object())  # type: ignore[arg-type]  # wrong on purpose


def test_a_provider_can_be_registered_in_a_component(bench: Bench) -> None:  # TGT-01
    journal = Journal()

    async def main() -> None:
        coco.declare_target_state(journal.provider("test/inside").target_state("k", 1))

    bench.update(bench.app(main))
    assert journal.content == {"k": 1}


def test_a_forgotten_provider_is_asked_for_by_name(bench: Bench) -> None:
    async def nothing() -> None:
        pass

    bench.update(bench.app(declaring(Journal().provider("test/gone"), {"k": 1})))
    bench.crash()
    with pytest.raises(LookupError, match="no target states provider /@test/gone is registered"):
        bench.update(bench.app(nothing))


# -- declaring -------------------------------------------------------------------------------------------------------------


def test_declaring_only_records(bench: Bench) -> None:  # TGT-02, TGT-05
    journal = Journal()
    provider = journal.provider()

    async def main() -> None:
        coco.declare_target_state(provider.target_state("k", 1))
        await asyncio.sleep(1)
        assert journal.asked == []

    bench.update(bench.app(main))
    assert journal.content == {"k": 1}


def test_a_key_is_declared_once_per_component(bench: Bench) -> None:  # TGT-02
    provider = Journal().provider()

    async def main() -> None:
        coco.declare_target_state(provider.target_state("k", 1))
        for declare in (coco.declare_target_state, coco.declare_target_state_with_child):
            with pytest.raises(ValueError, match="already declared"):
                declare(provider.target_state("k", 1))

    bench.update(bench.app(main))


def test_declaring_needs_a_component(bench: Bench) -> None:  # TGT-02
    with pytest.raises(RuntimeError, match="No ComponentContext available"):
        coco.declare_target_state(Journal().provider().target_state("k", 1))


@pytest.mark.parametrize("value", [[1], {1: 1}, {1}, bytearray(b"1")])
def test_built_in_containers_are_copied_when_declared(bench: Bench, value: Any) -> None:  # TGT-03
    journal = Journal()
    provider = journal.provider()
    before = value.copy()

    async def main() -> None:
        coco.declare_target_state(provider.target_state("k", value))
        value.clear()

    bench.update(bench.app(main))
    assert journal.content == {"k": before}


@dataclasses.dataclass
class Mutable:
    """Goes by reference."""

    n: int


def test_other_values_go_by_reference_whatever_they_are(bench: Bench) -> None:  # TGT-03
    seen = []

    class Handler(Journal):
        def reconcile(
            self, key: Any, desired: Any, prev: Collection[Any], missing: bool, /
        ) -> coco.TargetReconcileOutput | None:
            seen.append(desired)
            return None

    provider = Handler().provider()
    mutable, unpicklable = Mutable(1), (lambda: None)

    async def main() -> None:
        coco.declare_target_state(provider.target_state("m", mutable))
        coco.declare_target_state(provider.target_state("u", unpicklable))
        mutable.n = 2

    bench.update(bench.app(main))
    assert seen == [Mutable(2), unpicklable]
    assert seen[0] is mutable


def test_declaring_non_existence_asks_for_a_deletion(bench: Bench) -> None:  # TGT-03
    journal = Journal()
    provider = journal.provider()
    states: dict[str, Any] = {"k": 1}
    app = bench.app(declaring(provider, states))
    bench.update(app)
    states["k"] = NE
    journal.take_asked()
    bench.update(app)
    bench.update(app)
    assert journal.take_asked() == [("k", NE, [1], False), ("k", NE, [], True)]
    assert journal.content == {}


def test_keys_reach_the_handler_as_python_values(bench: Bench) -> None:  # TGT-04
    journal = Journal()
    keys = [None, False, 1, "1", b"1", coco.Symbol("1"), (1, ("a",))]
    states = dict.fromkeys(keys, 1)
    app = bench.app(declaring(journal.provider(), states))
    bench.update(app)
    assert [asked[0] for asked in journal.asked] == keys
    states.clear()
    journal.asked.clear()
    bench.update(app)
    assert sorted(map(repr, (asked[0] for asked in journal.asked))) == sorted(map(repr, keys))
    assert journal.content == {}


def test_declared_states_are_asked_first_and_in_one_sink_call(bench: Bench) -> None:  # TGT-04, TGT-13
    journal = Journal()
    states = {"a": 1, "m": 1, "z": 1}
    app = bench.app(declaring(journal.provider(), states))
    bench.update(app)
    del states["a"], states["z"]
    states["n"] = states["m"] = 2
    journal.calls.clear()
    journal.asked.clear()
    bench.update(app)
    assert journal.calls == [[("m", 2), ("n", 2), ("a", None), ("z", None)]]
    assert [asked[:2] for asked in journal.asked] == [("m", 2), ("n", 2), ("a", NE), ("z", NE)]


# -- outputs ---------------------------------------------------------------------------------------------------------------


class Scripted(Journal):
    """Answers what `answer` says, once it is set."""

    def __init__(self) -> None:
        super().__init__()
        self.answer: Any = ...

    def reconcile(
        self, key: Any, desired: Any, prev: Collection[Any], missing: bool, /
    ) -> coco.TargetReconcileOutput | None:
        usual = super().reconcile(key, desired, prev, missing)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return usual if self.answer is ... else self.answer


def scripted(bench: Bench) -> tuple[Scripted, dict[str, Any], coco.App[..., Any]]:
    handler = Scripted()
    states: dict[str, Any] = {"k": 1}
    return handler, states, bench.app(declaring(handler.provider(), states))


def test_no_output_for_a_declared_state_keeps_what_is_on_record(bench: Bench) -> None:  # TGT-06
    handler, states, app = scripted(bench)
    handler.answer = None
    bench.update(app)
    bench.update(app)
    assert handler.take_asked() == [("k", 1, [], True)] * 2  # a new state gets no record
    handler.answer = ...
    bench.update(app)
    handler.answer = None
    states["k"] = 2
    handler.take_asked()
    bench.update(app)
    bench.update(app)
    assert handler.take_asked() == [("k", 2, [1], False)] * 2
    assert handler.calls == [[("k", 1)]]


def test_no_output_for_an_undeclared_state_is_asked_again(bench: Bench) -> None:  # TGT-06
    handler, states, app = scripted(bench)
    bench.update(app)
    states.clear()
    handler.answer = None
    handler.take_asked()
    bench.update(app)
    bench.update(app)
    handler.answer = ...
    bench.update(app)
    bench.update(app)
    assert handler.take_asked() == [("k", NE, [1], False)] * 3
    assert handler.content == {}


@pytest.mark.parametrize("answer", [None, "record"])
def test_a_removed_component_s_states_are_not_asked_again(bench: Bench, answer: str | None) -> None:  # CMP-18
    handler = Scripted()
    provider = handler.provider()
    mounted = [True]

    async def main() -> None:
        if mounted:
            await coco.mount(sub("a"), declaring(provider, {"k": 1}))

    app = bench.app(main)
    bench.update(app)
    mounted.clear()
    handler.answer = answer and coco.TargetReconcileOutput(("k", None), handler.sink, answer)
    handler.take_asked()
    bench.update(app)
    bench.update(app)
    assert handler.take_asked() == [("k", NE, [1], False)]
    assert bench.events("removal_failed") == []
    mounted.append(True)
    handler.answer = ...
    bench.update(app)
    assert handler.take_asked() == [("k", 1, [], True)]


def test_a_record_of_non_existence_forgets_a_declared_state(bench: Bench) -> None:  # TGT-07
    handler, states, app = scripted(bench)
    bench.update(app)
    handler.answer = coco.TargetReconcileOutput(("k", 1), handler.sink, NE)
    handler.take_asked()
    bench.update(app, full_reprocess=True)
    bench.update(app)
    states.clear()
    bench.update(app)
    assert handler.take_asked() == [("k", 1, [1], True), ("k", 1, [], True)]


def test_a_state_without_record_is_asked_about_after_its_sink_failed(bench: Bench) -> None:  # TGT-07, TGT-20 row 9
    handler, states, app = scripted(bench)
    handler.answer = coco.TargetReconcileOutput(("k", 1), handler.sink, NE)
    handler.fail_after = {"k"}
    with pytest.raises(OSError, match="k failed after"):
        bench.update(app)
    states.clear()
    handler.answer = ...
    handler.fail_after = set()
    handler.take_asked()
    bench.update(app)
    assert handler.take_asked() == [("k", NE, [], True)]
    assert handler.content == {}


def test_a_record_for_an_undeclared_state_is_kept_and_asked_again(bench: Bench) -> None:  # TGT-07
    handler, states, app = scripted(bench)
    bench.update(app)
    states.clear()
    handler.answer = coco.TargetReconcileOutput(("k", "left"), handler.sink, "left")
    handler.take_asked()
    bench.update(app)
    bench.update(app)
    assert handler.take_asked() == [("k", NE, [1], False), ("k", NE, ["left"], False)]
    assert handler.content == {"k": "left"}


def test_none_is_an_ordinary_record(bench: Bench) -> None:  # TGT-07
    handler, _, app = scripted(bench)
    handler.answer = coco.TargetReconcileOutput(("k", 1), handler.sink, None)
    bench.update(app)
    handler.take_asked()
    bench.update(app)
    assert handler.take_asked() == [("k", 1, [None], False)]


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (LookupError("reconcile failed"), LookupError, "reconcile failed"),
        (KeyboardInterrupt(), KeyboardInterrupt, ""),
        ("no output", TypeError, "must return a TargetReconcileOutput or None, got 'no output'"),
        (("action", None, 1), TypeError, "must return a TargetReconcileOutput"),
        (coco.TargetReconcileOutput(1, Journal().sink, object()), NotImplementedError, "Cannot serialize"),
        (coco.TargetReconcileOutput(1, Journal().sink, 1, "rough"), ValueError, "child_invalidation"),  # type: ignore[arg-type]  # wrong on purpose
    ],
)
def test_a_wrong_answer_fails_the_component_before_any_sink(
    bench: Bench, answer: Any, error: type[BaseException], message: str
) -> None:  # TGT-08
    good, bad = Journal(), Scripted()
    providers = good.provider("test/good"), bad.provider("test/bad")
    bad.answer = answer
    caught: list[BaseException] = []

    async def child() -> None:
        for provider in providers:
            coco.declare_target_state(provider.target_state("k", 1))

    async def main() -> None:
        try:
            await coco.use_mount(child)
        except BaseException as raised:
            caught.append(raised)

    bench.update(bench.app(main))
    assert type(caught[0]) is error
    assert message in str(caught[0])
    assert good.calls == bad.calls == []
    assert bench.events("pre_committed", "component_failed") == ["component_failed /@child"]


@dataclasses.dataclass
class Spec:
    """A record with a type."""

    name: str
    sizes: tuple[int, ...]


class Typed(Journal):
    def reconcile(
        self, key: Any, desired: Any, prev: Collection[Spec], missing: bool, /
    ) -> coco.TargetReconcileOutput | None:
        return super().reconcile(key, desired, prev, missing)


@pytest.mark.parametrize(("handler", "record"), [(Typed, Spec("s", (1,))), (Journal, {"name": "s", "sizes": [1]})])
def test_records_come_back_as_the_handler_annotates_them(
    bench: Bench, handler: type[Journal], record: object
) -> None:  # TGT-09
    journal = handler()
    app = bench.app(declaring(journal.provider(), {"k": Spec("s", (1,))}))
    bench.update(app)
    journal.take_asked()
    bench.update(app)
    assert journal.take_asked() == [("k", Spec("s", (1,)), [record], False)]


class Fingerprinting(Journal):
    """Promises that its record is the fingerprint of the value."""

    tracks_value_fingerprint = True

    def reconcile(
        self, key: Any, desired: Any, prev: Collection[Any], missing: bool, /
    ) -> coco.TargetReconcileOutput | None:
        output = super().reconcile(key, desired, prev, missing)
        if output is None or coco.is_non_existence(desired):
            return output
        return output._replace(tracking_record=fingerprint_object(desired))


def test_a_handler_that_tracks_fingerprints_is_asked_about_changes_only(bench: Bench) -> None:  # TGT-10
    journal = Fingerprinting()
    states = {"k": [1], "l": [1]}
    app = bench.app(declaring(journal.provider(), states))
    bench.update(app)
    journal.take_asked()
    states["k"] = [2]
    bench.update(app)
    assert journal.take_asked() == [("k", [2], [fingerprint_object([1])], False)]
    bench.update(app)
    assert journal.take_asked() == []
    bench.update(app, full_reprocess=True)
    assert [asked[0] for asked in journal.take_asked()] == ["k", "l"]
    journal.fail_after = {"k"}
    states["k"] = [3]
    with pytest.raises(OSError, match="k failed after"):
        bench.update(app)
    states["k"] = [2]
    journal.fail_after = set()
    journal.take_asked()
    bench.update(app)
    assert [asked[0] for asked in journal.take_asked()] == ["k"]
    states.clear()
    bench.update(app)
    assert journal.content == {}


def test_a_handler_that_promises_no_fingerprint_is_asked_whatever_its_record(bench: Bench) -> None:  # TGT-10
    journal = Journal()
    value = [1]
    app = bench.app(declaring(journal.provider(), {"k": value}))
    journal.reconcile = lambda key, desired, prev, missing, /: (  # type: ignore[method-assign]  # a record that happens to be one
        journal.asked.append((key, desired, list(prev), missing))
        or coco.TargetReconcileOutput((key, desired), journal.sink, fingerprint_object(value))
    )
    bench.update(app)
    journal.take_asked()
    bench.update(app)
    assert journal.take_asked() == [("k", value, [fingerprint_object(value)], False)]


# -- containers ------------------------------------------------------------------------------------------------------------


def test_a_pending_provider_can_not_be_used(bench: Bench) -> None:  # TGT-18
    tables = Tables()
    provider = tables.provider()
    refused = []

    async def child(table: Any) -> None:
        try:
            coco.declare_target_state(table.target_state("x", 1))
        except RuntimeError as error:
            refused.append(str(error))

    async def main() -> None:
        table = coco.declare_target_state_with_child(provider.target_state("t", 1))
        await child(table)
        await coco.use_mount(child, table)

    bench.update(bench.app(main))
    assert len(refused) == 2
    assert "provider not ready" in refused[0]
    assert tables.content == {"t": {}}


def test_a_provider_is_resolved_wherever_use_mount_returns_it(bench: Bench) -> None:  # TGT-18
    tables = Tables()
    provider = tables.provider()

    @dataclasses.dataclass
    class Target:
        tables: dict[str, list[Any]]

    async def child() -> Target:
        return Target({"all": [coco.declare_target_state_with_child(provider.target_state("t", 1))]})

    async def main() -> None:
        target = await coco.use_mount(child)
        coco.declare_target_state(target.tables["all"][0].target_state("x", 1))

    bench.update(bench.app(main))
    assert tables.content == {"t": {"x": 1}}


def test_the_child_handler_is_asked_for_each_declared_container_before_the_sink(bench: Bench) -> None:  # TGT-16
    tables = Tables()
    provider = tables.provider()
    order: list[Any] = []
    tables.before_action = order.append
    make = tables.sink.child_handler
    assert make is not None

    def child_handler(context: coco.ContextProvider, action: Any) -> Any:
        order.append(("handler of", action))
        return make(context, action)

    tables.sink = coco.TargetActionSink.from_fn(tables._apply, child_handler=child_handler)
    names = ["t", "u"]

    async def child() -> None:
        for name in names:
            coco.declare_target_state_with_child(provider.target_state(name, 1))
        coco.declare_target_state(provider.target_state("plain", 1))

    async def main() -> None:
        await coco.use_mount(child)

    app = bench.app(main)
    bench.update(app)
    assert order == [("handler of", ("t", (1, None))), ("handler of", ("u", (1, None))), "t", "u", "plain"]
    names.clear()
    order.clear()
    bench.update(app)
    assert order == ["plain", "t", "u"]


def test_a_child_handler_that_is_none_fails_before_the_sink(bench: Bench) -> None:  # TGT-16
    tables = Tables()
    tables.sink = coco.TargetActionSink.from_fn(tables._apply, child_handler=lambda context, action: object())  # type: ignore[arg-type,return-value]  # wrong on purpose
    provider = tables.provider()

    async def main() -> None:
        await coco.mount_target(provider.target_state("t", 1))

    with pytest.raises(TypeError, match="is not a target handler"):
        bench.update(bench.app(main))
    assert tables.calls == []


def test_a_sink_without_child_handler_is_told_after_it_ran(bench: Bench) -> None:  # TGT-17
    journal = Journal()
    provider = journal.provider()

    async def main() -> None:
        await coco.mount_target(provider.target_state("t", 1))

    with pytest.raises(ValueError, match="pass it a child_handler= factory"):
        bench.update(bench.app(main))
    assert journal.content == {"t": 1}


def test_a_container_without_output_leaves_its_provider_pending(bench: Bench) -> None:  # TGT-19
    handler = Scripted()
    handler.answer = None
    provider = handler.provider()

    async def main() -> None:
        table = await coco.mount_target(provider.target_state("t", 1))
        coco.declare_target_state(table.target_state("x", 1))

    with pytest.raises(RuntimeError, match="provider not ready"):
        bench.update(bench.app(main))


class Forgetful(Tables):
    """Remembers no table."""

    def reconcile(
        self, key: Any, desired: Any, prev: Collection[Any], missing: bool, /
    ) -> coco.TargetReconcileOutput | None:
        output = super().reconcile(key, desired, prev, missing)
        return output and output._replace(tracking_record=NE)


@pytest.mark.parametrize("memo", [False, True])
def test_a_container_that_is_forgotten_forgets_its_rows(bench: Bench, memo: bool) -> None:  # TGT-07
    tables = Forgetful()
    provider = tables.provider()

    @coco.fn(memo=memo)
    async def child(table: Any) -> None:
        coco.declare_target_state(table.target_state("x", 1))

    async def main() -> None:
        await coco.mount(child, await coco.mount_target(provider.target_state("t", 1)))

    app = bench.app(main)
    for _ in range(2):
        tables.content.clear()
        bench.update(app)
        assert tables.take_asked() == [("t", 1, [], True)]
        assert tables.rows.take_asked() == [(("t", "x"), 1, [], True)]
        assert tables.content == {"t": {"x": 1}}


# -- memos and generations -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["destructive", "lossy"])
@pytest.mark.parametrize("captured", [False, True])
@pytest.mark.parametrize("inline", [False, True])
def test_an_invalidated_container_runs_what_declared_through_it(
    bench: Bench, kind: Any, captured: bool, inline: bool
) -> None:  # TGT-22, TGT-23
    tables = Tables()
    tables.invalidation = kind
    provider = tables.provider()
    schema = [1]
    runs: list[Any] = []
    held: list[Any] = []

    @coco.fn(memo=True)
    async def row(table: Any) -> None:
        runs.append(1)
        coco.declare_target_state((table or held[0]).target_state("x", 1))

    @coco.fn(memo=True)
    async def through(table: Any) -> None:
        await row(table)

    @coco.fn(memo=True)
    async def unrelated() -> None:
        runs.append("unrelated")

    async def main() -> None:
        held[:] = [await coco.mount_target(provider.target_state("t", schema[0]))]
        await coco.mount(unrelated)
        await coco.mount(through if inline else row, None if captured else held[0])

    app = bench.app(main)
    bench.update(app)
    assert sorted(map(str, runs)) == ["1", "unrelated"]
    runs.clear()
    bench.update(app)
    assert runs == []
    schema[0] = 2
    bench.update(app)
    bench.update(app)
    assert runs == [1]
    assert tables.content == {"t": {"x": 1}}


def test_the_memo_key_of_a_provider_is_its_path_and_generation(bench: Bench) -> None:  # TGT-23
    tables = Tables()
    tables.invalidation = "lossy"
    provider = tables.provider()
    keys = []

    async def main(schema: list[int]) -> None:
        for name in "tu":
            keys.append((await coco.mount_target(provider.target_state(name, schema[0]))).memo_key)

    schema = [1]
    app = bench.app(main, schema)
    bench.update(app)
    bench.update(app)
    assert keys[0] != keys[1]
    assert keys[:2] == keys[2:]
    schema[0] = 2
    bench.update(app)
    assert keys[4] not in keys[:4]


# -- nested containers -----------------------------------------------------------------------------------------------------


class Nested(Journal):
    """Containers in containers: `content` holds full paths; deleting one deletes all below it."""

    def __init__(self, content: dict[Any, Any] | None = None, *, asks_rows: bool = False) -> None:
        super().__init__(content)
        self.invalidation: Any = None
        self.asks_rows = asks_rows
        self.sink = coco.TargetActionSink.from_fn(self._apply, child_handler=lambda _, action: Level(self, action[0]))

    def _put(self, key: Any, value: Any) -> None:
        gone = value is None or value[1] == "destructive"
        if gone:
            for below in [path for path in self.content if path[: len(key)] == key]:
                del self.content[below]
        if value is not None:
            self.content[key] = value[0]

    def root(self) -> Any:
        return coco.register_root_target_states_provider("test/nested", Level(self, ()))


class Level:
    """The handler of what is directly in one container."""

    def __init__(self, nested: Nested, path: tuple[str, ...]) -> None:
        self._nested, self._path = nested, path
        if nested.asks_rows:
            self.child_handler_for_deletion = lambda key, prev: Level(nested, (*path, key))

    def reconcile(
        self, key: Any, desired: Any, prev: Collection[Any], missing: bool, /
    ) -> coco.TargetReconcileOutput | None:
        nested, path = self._nested, (*self._path, key)
        output = nested.reconcile(path, desired, prev, missing)
        if coco.is_non_existence(desired):
            return output
        invalidation = nested.invalidation if any(record != desired for record in prev) else None
        return coco.TargetReconcileOutput((path, (desired, invalidation)), nested.sink, desired, invalidation)


@pytest.mark.parametrize(("kind", "past"), [("lossy", [1]), ("destructive", [])])
def test_an_invalidated_container_invalidates_those_in_it(
    bench: Bench, kind: Any, past: list[int]
) -> None:  # rows 11, 12
    nested = Nested()
    root = nested.root()
    value = [1]

    async def main() -> None:
        outer = await coco.mount_target(root.target_state("a", value[0]))
        inner = await coco.mount_target(outer.target_state("b", 1))
        coco.declare_target_state(inner.target_state("x", 1))

    app = bench.app(main)
    bench.update(app)
    nested.invalidation = kind
    value[0] = 2
    nested.take_asked()
    bench.update(app)
    assert nested.take_asked() == [
        (("a", "b"), 1, past, True),
        (("a", "b", "x"), 1, past, True),
        (("a",), 2, [1], False),
    ]


@pytest.mark.parametrize("asks_rows", [False, True])
@pytest.mark.parametrize("kind", [None, "lossy", "destructive"])
def test_what_happens_to_a_container_reaches_all_levels_below(bench: Bench, asks_rows: bool, kind: Any) -> None:
    nested = Nested(asks_rows=asks_rows)
    nested.invalidation = kind
    root = nested.root()
    tree: list[dict[str, Any]] = [{}]

    @coco.fn(memo=True)
    async def rows(provider: Any, rows: list[str]) -> None:
        for row in rows:
            coco.declare_target_state(provider.target_state(row, 1))

    @coco.fn
    async def main() -> None:
        for name, (value, inner) in tree[0].items():
            outer = await coco.mount_target(root.target_state(name, value))
            for inner_name, (inner_value, leaves) in inner.items():
                provider = await coco.mount_target(outer.target_state(inner_name, inner_value))
                await coco.mount(sub(name, inner_name), rows, provider, leaves)

    app = bench.app(main)
    for tree[0] in (
        {"a": (1, {"b": (1, ["x", "y"]), "c": (1, ["x"])})},
        {"a": (2, {"b": (1, ["x", "y"]), "c": (1, ["x"])})},
        {"a": (3, {"b": (1, ["x"])})},
        {"a": (3, {"b": (2, ["x", "y"]), "c": (1, ["x"])})},
        {},
        {"a": (3, {"b": (2, ["x", "y"])}), "d": (1, {"b": (1, ["x"])})},
        {"d": (2, {"b": (1, ["x"])})},
    ):
        bench.events()
        bench.update(app)
        assert bench.events("removal_failed", "component_failed") == []
        want: dict[tuple[str, ...], int] = {}
        for name, (value, inner) in tree[0].items():
            want[name,] = value
            for inner_name, (inner_value, leaves) in inner.items():
                want[name, inner_name] = inner_value
                want |= {(name, inner_name, leaf): 1 for leaf in leaves}
        assert nested.content == want
        bench.events()
        bench.update(app)
        assert nested.content == want
        events = bench.events("component_started", "removal_failed")
        assert [event for event in events if "mount_target" not in event] == ["component_started /"]


@pytest.mark.parametrize("cls", [coco.TargetHandler, coco.TargetStateProvider, coco.TargetReconcileOutput])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_annotations_may_leave_out_type_arguments(cls: Any, count: int) -> None:  # API parity
    assert get_args(cls[(int,) * count])[:count] == (int,) * count


@pytest.mark.parametrize("count", [1, 2])
def test_a_sink_s_second_type_argument_is_ignored(count: int) -> None:  # API parity
    alias: Any = coco.TargetActionSink
    assert get_args(alias[(int,) * count])[0] is int
