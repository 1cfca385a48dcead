"""Goal: state functions decide whether a stored result stands, and the states they give are stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import cocoindex_sim as coco
from cocoindex_sim import MemoStateOutcome as Outcome

from .bench import Bench, Journal

Answer = Callable[[Any], Any]


class Source:
    """An argument whose state function notes what it is asked and answers as told."""

    def __init__(self, key: Any, log: list[Any], answer: Answer) -> None:
        self.key, self.log, self.answer = key, log, answer

    def __coco_memo_key__(self) -> object:
        return self.key

    def __coco_memo_state__(self, previous: Any) -> Any:
        self.log.append((self.key, "first" if coco.is_non_existence(previous) else previous))
        return self.answer(previous)


class AsyncSource(Source):
    async def __coco_memo_state__(self, previous: Any) -> Any:
        await asyncio.sleep(0)
        return super().__coco_memo_state__(previous)


class Calls:
    """One memoized call per update, of one kind. `log`: what was asked and run, in order."""

    def __init__(self, bench: Bench, kind: str) -> None:
        self.bench = bench
        self.log: list[Any] = []
        self.arguments: list[Any] = []
        self.journal = Journal()
        provider = self.journal.provider()

        def body(arguments: list[Any]) -> int:
            self.log.append("body")
            coco.declare_target_state(provider.target_state("k", 1))
            return 1

        async def async_body(arguments: list[Any]) -> int:
            return body(arguments)

        self.function: Any = coco.fn(memo=True)(body if kind == "sync" else async_body)
        if kind == "as_async":
            self.function = coco.fn.as_async(memo=True)(body)

        async def main() -> Any:
            if kind == "component":
                return await coco.use_mount(self.function, self.arguments)
            if kind == "sync":
                return self.function(self.arguments)
            return await self.function(self.arguments)

        self.app = bench.app(main)

    def source(self, key: Any, answer: Answer, *, of: type[Source] = Source) -> Source:
        source = of(key, self.log, answer)
        self.arguments.append(source)
        return source

    def update(self) -> list[Any]:
        self.log.clear()
        assert self.bench.update(self.app) == 1
        assert self.journal.content == {"k": 1}
        return list(self.log)


KINDS = ["sync", "async", "as_async", "component"]


@pytest.fixture(params=KINDS)
def calls(bench: Bench, request: pytest.FixtureRequest) -> Calls:
    return Calls(bench, request.param)


def unchanged(state: Any) -> Answer:
    return lambda previous: Outcome(state, memo_valid=previous == state)


def test_a_miss_asks_after_the_body_and_a_valid_state_reuses(calls: Calls) -> None:
    # MEM-21
    calls.source("a", unchanged([1]))
    calls.source("b", unchanged("s"))
    assert calls.update() == ["body", ("a", "first"), ("b", "first")]
    assert calls.update() == [("a", [1]), ("b", "s")]


def test_what_a_first_answer_says_about_validity_is_not_used(calls: Calls) -> None:
    # MEM-21
    calls.source("a", lambda previous: Outcome(1, memo_valid=not coco.is_non_existence(previous)))
    assert calls.update() == ["body", ("a", "first")]
    assert calls.update() == [("a", 1)]


def test_one_invalid_state_runs_the_body_and_the_check_s_states_are_stored(calls: Calls) -> None:
    # MEM-21
    version = [0]
    calls.source("a", lambda previous: Outcome(["a", version[0]], memo_valid=False))
    calls.source("b", lambda previous: Outcome(["b", version[0]], memo_valid=True))
    calls.update()
    for version[0] in (1, 2):
        assert calls.update() == [("a", ["a", version[0] - 1]), ("b", ["b", version[0] - 1]), "body"]


def test_a_valid_but_changed_state_is_stored_and_what_was_declared_stays(calls: Calls) -> None:
    # MEM-21, MEM-24, SE-01
    version = [0]
    calls.source("a", lambda previous: Outcome(version[0], memo_valid=True))
    calls.update()
    asked = []
    for version[0] in (1, 2, 2, 3, 3):
        asked += calls.update()
    assert asked == [("a", 0), ("a", 1), ("a", 2), ("a", 2), ("a", 3)]


def test_nested_entries_survive_a_changed_state(bench: Bench) -> None:
    # MEM-24, SE-01
    journal = Journal()
    provider = journal.provider()
    ran: list[str] = []
    answers = [Outcome(0, memo_valid=True)]
    outer_version = [0]

    @coco.fn(memo=True)
    def inner() -> None:
        ran.append("inner")
        coco.declare_target_state(provider.target_state("k", 1))

    @coco.fn(memo=True)
    def outer(version: int, source: Source) -> None:
        ran.append("outer")
        inner()

    def main() -> None:
        outer(outer_version[0], Source(1, [], lambda previous: answers[-1]))

    app = bench.app(main)
    bench.update(app)
    for state in (1, 2):
        answers.append(Outcome(state, memo_valid=True))
        bench.update(app)
        assert journal.content == {"k": 1}
    outer_version[0] = 1
    bench.update(app)
    assert ran == ["outer", "inner", "outer"]


@pytest.mark.parametrize("kind", ["sync", "async", "as_async"])
def test_recollecting_asks_again_after_the_body_those_that_want_it(bench: Bench, kind: str) -> None:
    # MEM-22
    calls = Calls(bench, kind)
    version = [0]
    calls.source("a", lambda previous: Outcome(["a", version[0]], False, recollect_after_run=True))
    calls.source("b", lambda previous: Outcome(["b", version[0]], True, recollect_after_run=True))
    calls.source("c", lambda previous: Outcome(["c", version[0]], False))
    calls.update()
    version[0] = 1
    asked = [("a", ["a", 0]), ("b", ["b", 0]), ("c", ["c", 0])]
    assert calls.update() == [*asked, "body", ("a", "first")]
    assert calls.update()[:3] == [("a", ["a", 1]), ("b", ["b", 1]), ("c", ["c", 1])]


@pytest.mark.parametrize("recollect", [False, True])
def test_the_state_taken_after_the_body_is_stored_in_place_of_the_check_s(bench: Bench, recollect: bool) -> None:
    # MEM-21, MEM-22
    calls = Calls(bench, "async")
    answers = ["first", "checked", *(["after"] if recollect else []), "last"]
    calls.source("a", lambda previous: Outcome(answers.pop(0), not answers, recollect))
    assert calls.update() == ["body", ("a", "first")]
    assert calls.update() == [("a", "first"), "body", *([("a", "first")] if recollect else [])]
    assert calls.update() == [("a", "after" if recollect else "checked")]


def test_recollecting_in_a_component_is_an_error_unless_valid(bench: Bench) -> None:
    # MEM-22
    calls = Calls(bench, "component")
    valid = [True]
    calls.source("a", lambda previous: Outcome(1, valid[0], recollect_after_run=True))
    calls.update()
    assert calls.update() == [("a", 1)]
    valid[0] = False
    with pytest.raises(ValueError, match="recollect_after_run is for inline calls"):
        bench.update(calls.app)


@pytest.mark.parametrize("again", [False, True])
def test_a_raising_state_function_fails_the_call(calls: Calls, again: bool) -> None:
    # MEM-23
    def answer(previous: Any) -> Outcome:
        if coco.is_non_existence(previous) != again:
            raise KeyError("no state")
        return Outcome(1, memo_valid=True)

    calls.source("a", answer)
    if again:
        calls.update()
    with pytest.raises(KeyError, match="no state"):
        calls.bench.update(calls.app)


def test_an_answer_that_is_no_outcome_is_an_error(calls: Calls) -> None:
    # MEM-20
    calls.source("a", lambda previous: (1, True))
    with pytest.raises(TypeError, match=r"must return a MemoStateOutcome, got \(1, True\)"):
        calls.bench.update(calls.app)


def test_an_unserialisable_state_fails_before_anything_is_applied(calls: Calls) -> None:
    # SE-08
    calls.source("a", lambda previous: Outcome(object()))
    with pytest.raises(NotImplementedError, match="Cannot serialize <object"):
        calls.bench.update(calls.app)
    assert calls.journal.content == {}


@pytest.mark.parametrize("kind", ["async", "as_async", "component"])
def test_async_state_functions_are_awaited(bench: Bench, kind: str) -> None:
    # MEM-23
    calls = Calls(bench, kind)
    calls.source("a", unchanged(1), of=AsyncSource)
    calls.source("b", unchanged(2))
    assert calls.update() == ["body", ("a", "first"), ("b", "first")]
    assert calls.update() == [("a", 1), ("b", 2)]


def test_a_sync_function_on_the_loop_has_no_async_states(bench: Bench) -> None:
    # MEM-23
    calls = Calls(bench, "sync")
    calls.source("a", unchanged(1), of=AsyncSource)
    with pytest.raises(RuntimeError, match=r"Use @coco\.fn\.as_async"):
        bench.update(calls.app)


@pytest.mark.parametrize("in_main", [True, False])
def test_a_sync_function_on_a_thread_awaits_by_itself(tmp_path: Path, in_main: bool) -> None:
    # MEM-23
    log: list[Any] = []
    loops = set()

    class OnLoop(AsyncSource):
        async def __coco_memo_state__(self, previous: Any) -> Any:
            loops.add(asyncio.get_running_loop())
            return await super().__coco_memo_state__(previous)

    source = OnLoop("a", log, unchanged(1))

    @coco.fn(memo=True)
    def f(source: Source) -> None:
        log.append("body")

    async def main() -> None:
        await asyncio.to_thread(f, source)

    environment = coco.Environment(coco.Settings(db_path=tmp_path / "db"))
    app: coco.App[..., None] = coco.App(coco.AppConfig("app", environment), (lambda: f(source)) if in_main else main)
    for _ in range(2):
        app.update_blocking()
    assert log == ["body", ("a", "first"), ("a", 1)]
    assert environment.event_loop not in loops
    environment.close()


def test_a_simulated_thread_awaits_by_itself_too(bench: Bench) -> None:
    # MEM-23
    log: list[Any] = []
    source = AsyncSource("a", log, unchanged(1))

    @coco.fn(memo=True)
    def f(source: Source) -> None:
        log.append("body")

    app = bench.app(lambda: f(source))
    for _ in range(2):
        bench.update(app)
    assert log == ["body", ("a", "first"), ("a", 1)]


def test_state_functions_may_use_the_context(bench: Bench) -> None:
    # MEM-23
    key = coco.ContextKey[int]("number")
    bench.env.context_provider.provide(key, 5)
    for kind in KINDS:
        seen: list[int] = []

        def answer(previous: Any, seen: list[int] = seen) -> Outcome:
            seen.append(coco.use_context(key))
            return Outcome(1, memo_valid=True)

        source = Source(kind, [], answer)

        @coco.fn(memo=True)
        def body(source: Source) -> None:
            pass

        async def main(kind: str = kind, source: Source = source) -> None:
            if kind == "component":
                await coco.use_mount(body, source)
            elif kind == "sync":
                body(source)
            else:
                await body.as_async(source)  # type: ignore[attr-defined]

        app = bench.app(main, name=kind)
        bench.update(app)
        bench.update(app)
        assert seen == [5, 5]


@dataclass
class Stamp:
    at: int


class Typed(Source):
    def __coco_memo_state__(self, previous: Stamp | coco.NonExistenceType) -> Any:
        return super().__coco_memo_state__(previous)


class Untyped(Source):
    def __coco_memo_state__(self, previous: Undefined) -> Any:  # type: ignore[name-defined]  # noqa: F821
        return super().__coco_memo_state__(previous)


class Foreign:
    pass


def state_of_foreign(obj: Foreign, previous: Stamp | coco.NonExistenceType) -> Outcome:
    seen_foreign.append(previous)
    return Outcome(Stamp(3), memo_valid=True)


seen_foreign: list[Any] = []


def test_states_are_read_as_the_parameter_is_annotated(bench: Bench) -> None:
    # MEM-20, MEM-32
    calls = Calls(bench, "sync")
    calls.source("typed", lambda previous: Outcome(Stamp(1), memo_valid=True), of=Typed)
    calls.source("untyped", lambda previous: Outcome(Stamp(2), memo_valid=True), of=Untyped)
    coco.register_memo_key_function(Foreign, lambda obj: 1, state_fn=state_of_foreign)
    calls.arguments.append(Foreign())
    seen_foreign.clear()
    calls.update()
    assert calls.update() == [("typed", Stamp(1)), ("untyped", {"at": 2})]
    assert seen_foreign == [coco.NON_EXISTENCE, Stamp(3)]


def test_states_stay_with_their_objects_when_a_mapping_is_reordered(bench: Bench) -> None:
    # MEM-03, MEM-20
    calls = Calls(bench, "sync")
    items = [(name, Source(name, calls.log, unchanged(name))) for name in "cab"]
    calls.arguments.append(dict(items))
    calls.update()
    calls.arguments[:] = [dict(reversed(items))]
    assert sorted(calls.update()) == [("a", "a"), ("b", "b"), ("c", "c")]


def test_state_functions_without_a_key_are_not_asked(bench: Bench) -> None:
    # MEM-20
    @dataclass
    class Data:
        x: int = 1

        def __coco_memo_state__(self, previous: Any) -> Outcome:
            raise AssertionError

    calls = Calls(bench, "sync")
    calls.arguments.append(Data())
    assert calls.update() == ["body"]
    assert calls.update() == []


def test_equal_concurrent_calls_ask_once(bench: Bench) -> None:
    # FN-09, MEM-21
    log: list[Any] = []

    @coco.fn(memo=True)
    async def f(source: Source) -> None:
        log.append("body")

    async def main() -> None:
        await asyncio.gather(*[f(AsyncSource("a", log, unchanged(1))) for _ in range(3)])

    app = bench.app(main)
    bench.update(app)
    bench.update(app)
    assert log == ["body", ("a", "first"), ("a", 1)]


def test_a_new_life_asks_about_the_state_of_the_former(bench: Bench) -> None:
    # MEM-21, DUR-03
    def make() -> Iterator[Calls]:
        while True:
            calls = Calls(bench, "component")
            calls.source("a", unchanged(1))
            yield calls
            bench.crash()

    lives = make()
    assert next(lives).update() == ["body", ("a", "first")]
    calls = next(lives)
    calls.journal.content["k"] = 1
    assert calls.update() == [("a", 1)]
