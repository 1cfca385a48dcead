"""Goal: attachments have keys of their own, live and go with what they are attached to, and are asked like rows (TGT-24)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

import cocoindex_sim as coco

from .bench import Bench, Journal


class Rows(Journal):
    """Rows with an attachment type `index`."""

    def __init__(self, index: Journal) -> None:
        super().__init__()
        self.index = index
        self.asked_for_attachments = 0

    def attachments(self) -> dict[str, Any]:
        self.asked_for_attachments += 1
        return {"index": self.index}


class Boxes(Journal):
    """Containers of `rows`; `invalidation` is what the next actions do to them."""

    def __init__(self, rows: Journal) -> None:
        super().__init__()
        self.rows = rows
        self.invalidation: Any = None
        self.sink = coco.TargetActionSink.from_fn(self._apply, child_handler=lambda context, action: rows)

    def reconcile(self, key: Any, desired: Any, prev: Any, missing: bool, /) -> coco.TargetReconcileOutput:
        self.asked.append((key, desired, list(prev), missing))
        if coco.is_non_existence(desired):
            return coco.TargetReconcileOutput((key, None), self.sink, coco.NON_EXISTENCE)
        return coco.TargetReconcileOutput((key, desired), self.sink, desired, self.invalidation)


class Program:
    """One box with a row `k` and an index state of the same key, as `wanted` says."""

    def __init__(self, bench: Bench) -> None:
        self.index = Journal()
        self.rows = Rows(self.index)
        self.boxes = Boxes(self.rows)
        self.wanted = {"box", "row", "index"}
        self.ran: list[str] = []
        self._bench = bench
        provider = self.boxes.provider("test/boxes")

        @coco.fn(memo=True)
        async def indexed(box: Any) -> None:
            self.ran.append("indexed")
            coco.declare_target_state(box.attachment("index").target_state("k", "i"))

        @coco.fn
        async def main() -> None:
            if "box" not in self.wanted:
                return
            box = await coco.mount_target(provider.target_state("b", "v"))
            if "row" in self.wanted:
                coco.declare_target_state(box.target_state("k", "r"))
            if "index" in self.wanted:
                assert box.attachment("index") is box.attachment("index")
                await coco.mount(coco.component_subpath("indexed"), indexed, box)

        self._app = bench.app(main)

    def update(self, *wanted: str) -> None:
        self.wanted = set(wanted)
        self.index.asked.clear()
        self._bench.update(self._app)


def test_a_row_and_an_attachment_of_one_key_are_two_states(bench: Bench) -> None:  # TGT-24
    program = Program(bench)
    program.update("box", "row", "index")
    assert program.rows.content == {"k": "r"}
    assert program.index.content == {"k": "i"}
    assert program.rows.asked_for_attachments == 1


def test_undeclared_attachments_go_also_when_nobody_asks_for_their_provider(bench: Bench) -> None:  # TGT-25
    program = Program(bench)
    program.update("box", "row", "index")
    program.update("box", "row")
    assert program.index.asked == [("k", coco.NON_EXISTENCE, ["i"], False)]
    assert program.index.content == {}
    assert program.rows.content == {"k": "r"}


def test_attachments_of_a_container_that_goes_are_not_asked(bench: Bench) -> None:  # TGT-20 row 14
    program = Program(bench)
    program.update("box", "row", "index")
    program.update()
    assert program.index.asked == []
    assert program.boxes.content == {}
    program.update("box", "row", "index")
    assert program.index.asked == [("k", "i", [], True)]


@pytest.mark.parametrize(("invalidation", "past"), [("destructive", []), ("lossy", ["i"])])
def test_attachments_follow_the_generations_of_their_container(
    bench: Bench, invalidation: str, past: list[str]
) -> None:
    # TGT-22, TGT-24
    program = Program(bench)
    program.update("box", "row", "index")
    program.update("box", "row", "index")
    assert program.ran == ["indexed"]
    program.boxes.invalidation = invalidation
    program.update("box", "row", "index")
    assert program.ran == ["indexed", "indexed"]  # the memo declared through the provider
    assert program.index.asked == [("k", "i", past, True)]


def test_an_unknown_type_and_a_pending_provider_are_refused(bench: Bench) -> None:  # TGT-24
    program = Program(bench)
    provider = program.boxes.provider("test/refused")

    @coco.fn
    async def main() -> None:
        with pytest.raises(ValueError, match="is pending"):
            coco.declare_target_state_with_child(provider.target_state("p", 1)).attachment("index")
        box = await coco.mount_target(provider.target_state("b", 1))
        with pytest.raises(ValueError, match="does not support attachment type 'nope'; it has 'index'"):
            box.attachment("nope")
        with pytest.raises(ValueError, match="it has none"):
            provider.attachment("index")

    bench.update(bench.app(main, name="refused"))


# -- the deprecated ways to hand over the handler of rows ----------------------------------------------------------

Callback = Callable[..., Any]


def update_with(bench: Bench, make_sink: Callable[[Journal], coco.TargetActionSink[Any]], boxes: int = 1) -> Journal:
    """Update an app with some boxes of one row each, whose sink is made by `make_sink`; the rows' journal."""
    rows, containers = Journal(), Boxes(Journal())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        containers.sink = make_sink(rows)
        provider = containers.provider("test/deprecated")

        @coco.fn
        async def one(key: str) -> None:
            box = await coco.mount_target(provider.target_state(key, "v"))
            coco.declare_target_state(box.target_state("row of " + key, 1))

        @coco.fn
        async def main() -> None:
            await coco.mount_each(one, [(str(n), str(n)) for n in range(boxes)])

        bench.update(bench.app(main), strict=True)
    return rows


def returning(rows: Journal) -> coco.TargetActionSink[Any]:
    def callback(context: coco.ContextProvider, actions: Any) -> Any:
        return [None if value is None else coco.ChildTargetDef(rows) for _, value in actions]

    return coco.TargetActionSink.from_fn(callback)


def returning_async(rows: Journal) -> coco.TargetActionSink[Any]:
    async def callback(context: coco.ContextProvider, actions: Any) -> Any:
        return [coco.ChildTargetDef(rows) for _ in actions]

    return coco.TargetActionSink.from_async_fn(callback)


def with_slots(rows: Journal) -> coco.TargetActionSink[Any]:
    def callback(context: coco.ContextProvider, actions: Any, slots: dict[int, coco.ChildSlot[Any]]) -> None:
        assert sorted(slots) == [index for index, (_, value) in enumerate(actions) if value is not None]
        for slot in slots.values():
            slot.fulfill(rows)

    return coco.TargetActionSink.from_fn_with_children(callback)


def with_slots_async(rows: Journal) -> coco.TargetActionSink[Any]:
    async def callback(context: coco.ContextProvider, actions: Any, slots: dict[int, coco.ChildSlot[Any]]) -> None:
        for slot in slots.values():
            slot.fulfill(rows)

    return coco.TargetActionSink.from_async_fn_with_children(callback)


@pytest.mark.parametrize("make_sink", [returning, returning_async, with_slots, with_slots_async])
def test_each_deprecated_form_still_works_also_in_merged_calls(bench: Bench, make_sink: Any) -> None:  # TGT-17, TGT-13
    rows = update_with(bench, make_sink, boxes=5)
    assert rows.content == {f"row of {n}": 1 for n in range(5)}


@pytest.mark.parametrize("make_sink", [with_slots, with_slots_async])
def test_a_sink_made_with_children_warns_at_once(make_sink: Any) -> None:  # TGT-17
    with pytest.warns(DeprecationWarning, match="with_children are deprecated"):
        make_sink(Journal())


def short_list(rows: Journal) -> coco.TargetActionSink[Any]:
    return coco.TargetActionSink.from_fn(lambda context, actions: [])  # type: ignore[arg-type]  # the point


def no_list(rows: Journal) -> coco.TargetActionSink[Any]:
    return coco.TargetActionSink.from_fn(lambda context, actions: None)


def unfulfilled(rows: Journal) -> coco.TargetActionSink[Any]:
    return coco.TargetActionSink.from_fn_with_children(lambda context, actions, slots: None)


@pytest.mark.parametrize("make_sink", [short_list, no_list, unfulfilled])
def test_a_handler_that_is_not_handed_over_fails_the_component(bench: Bench, make_sink: Any) -> None:  # TGT-17
    with pytest.raises(ExceptionGroup) as caught:
        update_with(bench, make_sink)
    assert "pass it a child_handler= factory" in str(caught.value.exceptions[0])


def test_a_slot_is_fulfilled_once(bench: Bench) -> None:
    slot: coco.ChildSlot[Any] = coco.ChildSlot()
    slot.fulfill(Journal())
    with pytest.raises(ValueError, match="once"):
        slot.fulfill(Journal())
    with pytest.raises(TypeError, match="not a target handler"):
        coco.ChildSlot[Any]().fulfill(object())


# -- providers that can't be used ----------------------------------------------------------------------------------


def test_rows_of_a_container_without_an_output_are_refused_with_the_reason(bench: Bench) -> None:  # TGT-19, SE-17
    class Quiet(Boxes):
        def reconcile(self, key: Any, desired: Any, prev: Any, missing: bool, /) -> Any:
            return None

    provider = Quiet(Journal()).provider("test/quiet")

    @coco.fn
    async def main() -> None:
        box = await coco.mount_target(provider.target_state("b", "v"))
        coco.declare_target_state(box.target_state("k", 1))

    with pytest.raises(RuntimeError, match=r"provider not ready: .*Quiet\.reconcile returned None for its container"):
        bench.update(bench.app(main))


def test_a_provider_kept_from_an_earlier_run_takes_no_rows(bench: Bench) -> None:  # SE-17
    rows = Journal()
    provider = Boxes(rows).provider("test/kept")
    kept: list[Any] = []

    @coco.fn
    async def main() -> None:
        if not kept:
            kept.append(await coco.mount_target(provider.target_state("b", "v")))
        coco.declare_target_state(kept[0].target_state("k", 1))

    app = bench.app(main)
    bench.update(app)
    with pytest.raises(RuntimeError, match="belongs to an earlier run"):
        bench.update(app)
    assert rows.content == {"k": 1}
