"""Goal: a component keeps exactly the values it declares, from one commit to the next (STA)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

import cocoindex_sim as coco
from cocoindex_sim.values import DeserializationError

from .bench import Bench, Journal


def seen_by(bench: Bench, body: Callable[[], Any]) -> Callable[..., Any]:
    """An updater of an app whose root runs `body`."""

    @coco.fn
    async def main() -> Any:
        return body()

    app = bench.app(main)
    return lambda **options: bench.update(app, **options)


def test_the_first_run_sees_the_initial_object_and_later_ones_what_was_saved(bench: Bench) -> None:  # STA-01
    initial = [1]
    objects: list[Any] = []

    def body() -> None:
        handle = coco.use_state("k", initial)
        objects.append(handle.value)
        assert handle.value is handle.value

    update = seen_by(bench, body)
    update()
    update()
    assert objects[0] is initial
    assert objects[1] == [1]
    assert objects[1] is not initial


def test_what_is_saved_is_the_object_as_it_is_at_the_commit(bench: Bench) -> None:  # STA-02
    seen: list[Any] = []

    def body() -> None:
        handle = coco.use_state("k", [0])
        seen.append(list(handle.value))
        if len(seen) == 1:
            handle.value.append("changed in place")
        elif len(seen) == 2:
            handle.value.append("lost: loaded and not assigned")
        elif len(seen) == 3:
            handle.value = [*handle.value, "assigned"]
            handle.value.append("and changed")

    update = seen_by(bench, body)
    for _ in range(4):
        update()
    assert seen == [
        [0],
        [0, "changed in place"],
        [0, "changed in place"],
        [0, "changed in place", "assigned", "and changed"],
    ]


def test_nothing_is_saved_by_a_run_that_fails_in_its_body_or_its_sink(bench: Bench) -> None:  # STA-03
    journal = Journal()
    provider = journal.provider()
    fail_in: list[str] = []
    seen: list[int] = []

    def body() -> None:
        handle = coco.use_state("k", 0)
        seen.append(handle.value)
        handle.value += 1
        coco.declare_target_state(provider.target_state("t", handle.value))
        if "body" in fail_in:
            raise LookupError("body")

    update = seen_by(bench, body)
    update()
    fail_in.append("body")
    with pytest.raises(LookupError):
        update()
    fail_in.clear()
    journal.fail_before.add("t")
    with pytest.raises(OSError, match="failed before"):
        update()
    journal.fail_before.clear()
    update()
    assert seen == [0, 1, 1, 1]


def test_a_key_that_a_successful_run_does_not_declare_is_forgotten(bench: Bench) -> None:  # STA-04
    keys = ["a", "b"]
    seen: list[dict[str, Any]] = []

    def body() -> None:
        handles = {key: coco.use_state(key, "new") for key in keys}
        seen.append({key: handle.value for key, handle in handles.items()})
        for handle in handles.values():
            handle.value = "kept"

    update = seen_by(bench, body)
    update()
    keys.remove("b")
    update()
    keys.append("b")
    update()
    assert seen == [{"a": "new", "b": "new"}, {"a": "kept"}, {"a": "kept", "b": "new"}]


def test_the_values_go_with_the_component(bench: Bench) -> None:  # STA-04
    mounted, seen = [True], []

    @coco.fn
    async def child() -> None:
        handle = coco.use_state("k", 0)
        seen.append(handle.value)
        handle.value += 1

    @coco.fn
    async def main() -> None:
        if mounted[0]:
            await coco.mount(coco.component_subpath("c"), child)

    app = bench.app(main)
    for present in (True, True, False, True):
        mounted[0] = present
        bench.update(app)
    assert seen == [0, 1, 0]


def test_a_full_reprocess_begins_with_the_initial_value(bench: Bench) -> None:  # STA-05
    seen = []

    def body() -> None:
        handle = coco.use_state("k", 0)
        seen.append(handle.value)
        handle.value += 1

    update = seen_by(bench, body)
    update()
    update()
    update(full_reprocess=True)
    update()
    assert seen == [0, 1, 0, 1]


@pytest.mark.parametrize("misuse", ["twice", "subpath", "memo", "late", "bad key"])
def test_misuse_is_refused(bench: Bench, misuse: str) -> None:  # STA-06
    kept: list[Any] = []

    @coco.fn(memo=True)
    def memoized() -> None:
        coco.use_state("k")

    def body() -> None:
        if misuse == "twice":
            coco.use_state("k")
            coco.use_state("k")
        elif misuse == "subpath":
            with coco.component_subpath("s"):
                coco.use_state("k")
        elif misuse == "memo":
            memoized()
        elif misuse == "bad key":
            coco.use_state(1.5)  # type: ignore[arg-type]  # the point
        else:
            kept.append(coco.use_state("k", 0))

    update = seen_by(bench, body)
    if misuse == "late":
        update()
        with pytest.raises(RuntimeError, match="already finished"):
            kept[0].value = 1
        return
    kind, text = {
        "twice": (RuntimeError, 'key "k" is declared more than once in component /'),
        "subpath": (RuntimeError, "component_subpath"),
        "memo": (RuntimeError, "memoized call"),
        "bad key": (TypeError, "Unsupported StableKey"),
    }[misuse]
    with pytest.raises(kind, match=text):
        update()


def test_it_needs_a_component() -> None:  # STA-06
    with pytest.raises(RuntimeError, match="No ComponentContext available"):
        coco.use_state("k")


def test_a_memoized_component_keeps_its_values_while_it_is_reused(bench: Bench) -> None:  # STA-07
    argument, seen = [1], []

    @coco.fn(memo=True)
    async def child(number: int) -> None:
        handle = coco.use_state("k", 0)
        seen.append(handle.value)
        handle.value += 1

    @coco.fn
    async def main() -> None:
        for name in ("a", "b"):  # keys are per path
            await coco.mount(coco.component_subpath(name), child, argument[0])

    app = bench.app(main)
    bench.update(app)
    bench.update(app)
    argument[0] = 2
    bench.update(app)
    assert seen == [0, 0, 1, 1]


@dataclass
class Point:
    x: int


def test_the_type_hint_decides_what_a_value_is_read_as(bench: Bench) -> None:  # STA-08
    hints: list[Any] = [None, None, Point, int]
    seen = []

    def body() -> None:
        seen.append(coco.use_state("k", Point(1), type_hint=hints[len(seen)]).value)

    update = seen_by(bench, body)
    for _ in range(3):
        update()
    with pytest.raises(DeserializationError, match='use_state key "k"'):
        update()
    assert seen == [Point(1), {"x": 1}, Point(1)]


def test_a_value_that_can_not_be_stored_fails_before_any_sink(bench: Bench) -> None:  # STA-08, SE-08
    journal = Journal()
    provider = journal.provider()

    def body() -> None:
        coco.use_state("k", object())
        coco.declare_target_state(provider.target_state("t", 1))

    with pytest.raises(NotImplementedError, match="Cannot serialize") as caught:
        seen_by(bench, body)()
    assert 'use_state key "k" of component /' in caught.value.__notes__[0]
    assert journal.content == {}


def test_the_values_of_a_killed_run_are_those_of_the_last_commit(bench: Bench) -> None:  # DUR-03
    seen: list[int] = []
    content: dict[str, int] = {}

    def make() -> coco.App[..., None]:
        provider = Journal(content).provider()

        @coco.fn
        async def main() -> None:
            handle = coco.use_state("k", 0)
            seen.append(handle.value)
            handle.value += 1
            coco.declare_target_state(provider.target_state("t", handle.value))

        return bench.app(main)

    bench.update(make())
    bench.crash()
    bench.update_until(make(), "actions_applied")
    bench.crash()
    bench.update(make())
    assert seen == [0, 1, 1]
    assert content == {"t": 2}


# --- in other threads and tasks (STA-09) ---


class Threads:
    """A root that passes `work`, which uses states, context and a target, to a way of running it."""

    def __init__(self, bench: Bench, way: Callable[[Callable[[], Any]], Any]) -> None:
        self.bench = bench
        self.journal = Journal()
        self.seen: list[tuple[int, str]] = []
        self.threads: set[int] = set()
        provider = self.journal.provider()
        key = coco.ContextKey[str]("key")
        bench.env.context_provider.provide(key, "context")

        def work() -> None:
            self.threads.add(threading.get_ident())
            handle = coco.use_state("k", 0)
            self.seen.append((handle.value, coco.use_context(key)))
            handle.value += 1
            coco.declare_target_state(provider.target_state("t", handle.value))

        async def main() -> None:
            await way(work)

        self.app = bench.app(main)

    def check(self) -> None:
        for runs in (1, 2):
            self.bench.update(self.app)
            assert self.journal.content == {"t": runs}
        assert self.seen == [(0, "context"), (1, "context")]


def test_an_attached_context_is_that_of_another_thread(bench: Bench) -> None:  # STA-09
    async def attached(work: Callable[[], Any]) -> None:
        context = coco.get_component_context()

        def in_context() -> None:
            with context.attach():
                work()
            with pytest.raises(RuntimeError, match="No ComponentContext available"):
                coco.get_component_context()

        # Its functions run in a context of their own, as in a thread that asyncio knows nothing of.
        await asyncio.get_running_loop().run_in_executor(None, in_context)

    Threads(bench, attached).check()


async def in_to_thread(work: Callable[[], Any]) -> None:
    await asyncio.to_thread(work)


async def in_task(work: Callable[[], Any]) -> None:
    async def run() -> None:
        work()

    await asyncio.create_task(run())


@pytest.mark.parametrize("way", [in_to_thread, in_task])
def test_to_thread_and_tasks_have_the_context_anyway(bench: Bench, way: Callable[..., Any]) -> None:  # STA-09
    Threads(bench, way).check()


def test_a_thread_of_a_bare_pool_has_no_context(bench: Bench) -> None:  # STA-09
    provider = Journal().provider()
    key = coco.ContextKey[int]("key")
    bench.env.context_provider.provide(key, 1)
    uses: list[Callable[[], object]] = [
        lambda: coco.use_state("k", 0),
        lambda: coco.use_context(key),
        lambda: coco.declare_target_state(provider.target_state("t", 1)),
    ]
    refused: list[str] = []

    async def main() -> None:
        for use in uses:
            with pytest.raises(RuntimeError, match="No ComponentContext available"):
                await asyncio.get_running_loop().run_in_executor(None, use)
            refused.append("refused")
        for use in uses:
            use()

    bench.update(bench.app(main))
    assert len(refused) == 3
