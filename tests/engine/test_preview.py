"""Goal: a preview says exactly what the next update will apply, removals included, and leaves no trace (APP-10, -11)."""

from __future__ import annotations

import logging
from typing import Any

import pytest

import cocoindex_sim as coco

from .bench import Bench, Journal


class Program:
    """A root with one memoized child per item, over a journal."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.journal = Journal()
        self.items = {"a": 1, "b": 1}
        self.ran: list[str] = []
        provider = self.journal.provider()

        @coco.fn(memo=True)
        async def one(value: int, name: str) -> None:
            self.ran.append(name)
            coco.declare_target_state(provider.target_state(name, value))

        @coco.fn
        async def main() -> str:
            coco.use_state("runs", 0).value += 1
            for name, value in self.items.items():
                await coco.mount(coco.component_subpath(name), one, value, name)
            return "value of main"

        self.app = bench.app(main)

    def preview(self, **options: Any) -> list[tuple[str, str, str]]:
        """Its plan, by target."""
        handle = self.app.update(preview=True, **options)
        actions = self.bench.run(handle.result())
        plan = handle.plan()
        assert actions == [change.action for change in plan]
        return sorted((change.kind, str(change.target), str(change.component)) for change in plan)


def target(name: str) -> str:
    return f'/@test/journal/"{name}"'


def test_a_preview_of_a_first_run_plans_everything_and_applies_nothing(bench: Bench) -> None:  # APP-10
    program = Program(bench)
    assert program.preview() == [("add", target("a"), '/"a"'), ("add", target("b"), '/"b"')]
    assert program.journal.calls == []
    assert bench.env.store.spaces() == []
    assert program.preview() == program.preview()


def test_what_was_planned_is_what_the_next_update_applies(bench: Bench) -> None:  # APP-10, SE-13
    program = Program(bench)
    bench.update(program.app)
    program.items = {"b": 2, "c": 1}
    plan = program.preview()
    assert plan == [
        ("add", target("c"), '/"c"'),
        ("change", target("b"), '/"b"'),
        ("remove", target("a"), '/"a"'),
    ]
    handle = program.app.update(preview=True)
    planned = bench.run(handle.result())
    program.journal.calls.clear()
    bench.update(program.app)
    assert sorted(map(str, planned)) == sorted(str(action) for call in program.journal.calls for action in call)
    assert program.preview() == []


def test_memos_state_and_paths_are_as_they_were_before_it(bench: Bench) -> None:  # APP-10, STA-03
    program = Program(bench)
    bench.update(program.app)
    before = {
        kind: bench.env.store.space("app").scan(kind, coco.ROOT_PATH) for kind in ("component", "target", "state")
    }
    program.items["a"] = 5
    program.preview()
    program.preview(full_reprocess=True)
    assert before == {
        kind: bench.env.store.space("app").scan(kind, coco.ROOT_PATH) for kind in ("component", "target", "state")
    }
    program.items["a"] = 1
    program.ran.clear()
    bench.update(program.app)
    assert program.ran == []


def test_a_container_needs_a_child_handler_to_be_previewed(bench: Bench) -> None:  # APP-11, TGT-16
    rows = Journal()
    asked: list[Any] = []

    class Containers(Journal):
        def child(self, context: coco.ContextProvider, action: Any) -> Journal:
            asked.append(action)
            return rows

    with_factory, without = Containers(), Journal()
    with_factory.sink = coco.TargetActionSink.from_fn(with_factory._apply, child_handler=with_factory.child)
    good, bad = with_factory.provider("test/good"), without.provider("test/bad")

    @coco.fn
    async def main(provider: Any) -> None:
        container = await coco.mount_target(provider.target_state("box", "v"))
        coco.declare_target_state(container.target_state("row", 1))

    assert bench.run(bench.app(main, good, name="good").update(preview=True).result()) == [("box", "v"), ("row", 1)]
    assert asked == [("box", "v")]
    assert with_factory.calls == rows.calls == []
    with pytest.raises(ValueError, match="does not support preview of child target states"):
        bench.run(bench.app(main, bad, name="bad").update(preview=True).result())


def test_a_raising_root_raises_and_a_failing_child_is_only_logged(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:  # APP-11
    fail = ["child"]

    @coco.fn
    async def child() -> None:
        raise LookupError("child")

    @coco.fn
    async def main() -> None:
        await coco.mount(coco.component_subpath("c"), child)
        if "root" in fail:
            raise LookupError("root")

    app = bench.app(main)
    assert bench.run(app.update(preview=True).result()) == []
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    fail.append("root")
    with pytest.raises(LookupError, match="root"):
        bench.run(app.update(preview=True).result())
