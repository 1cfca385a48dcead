"""Goal: the state functions of context values decide, with those of the arguments, whether a stored result stands."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import cocoindex_sim as coco

from .bench import Bench


class Source:
    """A context value that is at a revision and says whether a result stored at another one still stands."""

    def __init__(self, name: str = "source", *, always_valid: bool = False, recollect: bool = False) -> None:
        self.name = name
        self.revision = 1
        self.always_valid = always_valid
        self.recollect = recollect
        self.asked: list[Any] = []

    def __coco_memo_key__(self) -> str:
        return self.name

    def answer(self, previous: Any) -> coco.MemoStateOutcome:
        self.asked.append(None if coco.is_non_existence(previous) else previous)
        return coco.MemoStateOutcome(self.revision, self.always_valid or previous == self.revision, self.recollect)

    def __coco_memo_state__(self, previous: Any) -> Any:
        return self.answer(previous)

    def take_asked(self) -> list[Any]:
        taken, self.asked = self.asked, []
        return taken


class AsyncSource(Source):
    async def __coco_memo_state__(self, previous: Any) -> coco.MemoStateOutcome:
        await asyncio.sleep(0)
        return self.answer(previous)


class Pipeline:
    """A component, and in the root an inline call, that read one context key through a plain helper."""

    def __init__(self, bench: Bench, source: Source, *, detect_change: bool = True) -> None:
        self.bench = bench
        self.source = source
        self.ran: list[str] = []
        self.key = coco.ContextKey[Source]("source", detect_change=detect_change)
        self.provide(source)

        def read() -> int:
            return coco.use_context(self.key).revision

        @coco.fn(memo=True)
        async def child() -> int:
            self.ran.append("child")
            return read()

        @coco.fn(memo=True)
        async def call(x: int) -> int:
            self.ran.append("call")
            return read()

        async def main() -> list[int]:
            return [await coco.use_mount(child), await call(1)]

        self.app = bench.app(main)

    def provide(self, source: Source) -> None:
        self.source = self.bench.env.context_provider.provide(self.key, source)

    def update(self) -> tuple[list[int], list[str], list[Any]]:
        """What it gave, what ran, and the states that were asked about."""
        self.ran.clear()
        return self.bench.update(self.app), list(self.ran), self.source.take_asked()


BOTH = ["child", "call"]


@pytest.mark.parametrize("make", [Source, AsyncSource])
def test_the_first_state_is_taken_when_the_value_is_provided(bench: Bench, make: Callable[[], Source]) -> None:
    # CTX-06
    pipeline = Pipeline(bench, make())
    assert pipeline.source.take_asked() == [None]
    assert pipeline.update() == ([1, 1], BOTH, [])


def test_a_stored_result_asks_again_and_stands_while_the_state_does(bench: Bench) -> None:
    # CTX-06
    pipeline = Pipeline(bench, Source())
    pipeline.update()
    assert pipeline.update() == ([1, 1], [], [1, 1])
    pipeline.provide(Source())
    assert pipeline.source.take_asked() == [None]
    assert pipeline.update() == ([1, 1], [], [1, 1])


def test_another_state_is_a_miss_once(bench: Bench) -> None:
    # CTX-06: the value need not be provided again
    pipeline = Pipeline(bench, Source())
    pipeline.update()
    pipeline.source.revision = 2
    pipeline.source.take_asked()
    assert pipeline.update() == ([2, 2], BOTH, [1, 1])
    assert pipeline.update() == ([2, 2], [], [2, 2])


def test_a_value_provided_at_another_state_is_a_miss(bench: Bench) -> None:
    # CTX-06
    pipeline = Pipeline(bench, Source())
    pipeline.update()
    later = Source()
    later.revision = 2
    pipeline.provide(later)
    assert pipeline.update() == ([2, 2], BOTH, [None, 1, 1])
    assert pipeline.update() == ([2, 2], [], [2, 2])


def test_a_state_that_changed_and_still_stands_is_stored(bench: Bench) -> None:
    # CTX-06, MEM-21
    pipeline = Pipeline(bench, Source(always_valid=True))
    pipeline.update()
    pipeline.source.revision = 2
    pipeline.source.take_asked()
    assert pipeline.update() == ([1, 1], [], [1, 1])
    assert pipeline.update() == ([1, 1], [], [2, 2])


def test_a_value_with_another_key_is_a_miss_without_asking(bench: Bench) -> None:
    # CTX-05, CTX-06
    pipeline = Pipeline(bench, Source())
    pipeline.update()
    pipeline.provide(Source("other"))
    assert pipeline.update() == ([1, 1], BOTH, [None])


def test_a_key_that_does_not_detect_changes_never_asks(bench: Bench) -> None:
    # CTX-04, CTX-06
    pipeline = Pipeline(bench, Source(), detect_change=False)
    pipeline.update()
    pipeline.source.revision = 2
    assert pipeline.update() == ([1, 1], [], [])


def test_a_caller_of_a_reused_call_asks_too(bench: Bench) -> None:
    # CTX-05, CTX-06, SE-02: outer runs again while inner is reused
    source = Source()
    key = coco.ContextKey[Source]("source", detect_change=True)
    bench.env.context_provider.provide(key, source)
    ran: list[str] = []
    argument = [1]

    @coco.fn(memo=True)
    async def inner() -> int:
        ran.append("inner")
        return coco.use_context(key).revision

    @coco.fn(memo=True)
    async def outer(x: int) -> int:
        ran.append("outer")
        return await inner()

    async def main() -> int:
        return await outer(argument[0])

    app = bench.app(main)
    assert [bench.update(app), ran] == [1, ["outer", "inner"]]
    argument[0] = 2
    assert [bench.update(app), ran] == [1, ["outer", "inner", "outer"]]
    source.revision = 2
    assert bench.update(app) == 2


def test_states_of_arguments_and_of_the_context_are_told_apart(bench: Bench) -> None:
    # CTX-06, MEM-20
    sources = [Source("a"), Source("b")]
    sources[1].revision = 10
    key = coco.ContextKey[list[Source]]("sources", detect_change=True)
    bench.env.context_provider.provide(key, sources)
    argument = Source("argument")
    argument.revision = 100

    @coco.fn(memo=True)
    async def call(source: Source) -> int:
        return source.revision + sum(one.revision for one in coco.use_context(key))

    async def main() -> int:
        return await call(argument)

    app = bench.app(main)
    assert bench.update(app) == 111
    for source in (argument, *sources):
        source.revision += 1
        assert bench.update(app) == sum(one.revision for one in (argument, *sources))
    for source in (argument, *sources):
        source.take_asked()
    bench.update(app)
    assert [source.take_asked() for source in (argument, *sources)] == [[101], [2], [11]]


def test_a_context_value_s_state_is_not_taken_again_after_the_body(bench: Bench) -> None:
    # CTX-06, MEM-22: neither is it an error in a component
    pipeline = Pipeline(bench, Source(recollect=True))
    pipeline.update()
    pipeline.source.revision = 2
    pipeline.source.take_asked()
    assert pipeline.update() == ([2, 2], BOTH, [1, 1])
    assert pipeline.update() == ([2, 2], [], [2, 2])


def test_only_the_argument_s_state_is_taken_again_where_both_ask_for_it(bench: Bench) -> None:
    # CTX-06, MEM-22
    key = coco.ContextKey[Source]("source", detect_change=True)
    provided = bench.env.context_provider.provide(key, Source(recollect=True))
    argument = Source("argument", recollect=True)

    @coco.fn(memo=True)
    async def call(source: Source) -> int:
        return source.revision + coco.use_context(key).revision

    async def main() -> int:
        return await call(argument)

    app = bench.app(main)
    bench.update(app)
    for source in (argument, provided):
        source.revision = 2
        source.take_asked()
    assert bench.update(app) == 4
    assert (argument.take_asked(), provided.take_asked()) == ([1, None], [1])
    assert bench.update(app) == 4
    assert (argument.take_asked(), provided.take_asked()) == ([2], [2])


def test_what_was_read_before_a_change_is_stored_with_the_state_of_then(bench: Bench) -> None:
    # CTX-06: another component sees the new state while this one still works with the old value
    source = Source()
    key = coco.ContextKey[Source]("source", detect_change=True)
    bench.env.context_provider.provide(key, source)
    ran: list[str] = []
    slow_runs = [False]

    @coco.fn(memo=True)
    async def quick() -> int:
        ran.append("quick")
        return coco.use_context(key).revision

    @coco.fn(memo=True)
    async def slow() -> int:
        ran.append("slow")
        read = coco.use_context(key).revision
        await asyncio.sleep(10)
        return read

    async def main() -> None:
        if slow_runs[0]:
            handle = await coco.mount(slow)
            await asyncio.sleep(1)
            source.revision = 2
            await coco.mount(quick)
            await handle.ready()
        else:
            await coco.mount(quick)

    app = bench.app(main)
    bench.update(app)
    slow_runs[0] = True
    bench.update(app)
    assert ran == ["quick", "slow", "quick"]
    bench.update(app)
    assert ran == ["quick", "slow", "quick", "slow"]


def test_the_state_of_a_synchronous_function_is_asked_without_waiting(bench: Bench) -> None:
    # CTX-06, MEM-23
    source = Source()
    key = coco.ContextKey[Source]("source", detect_change=True)
    bench.env.context_provider.provide(key, source)

    @coco.fn(memo=True)
    def call() -> int:
        return coco.use_context(key).revision

    def main() -> int:
        return call()

    app = bench.app(main)
    assert bench.update(app) == 1
    source.revision = 2
    assert bench.update(app) == 2


def test_an_async_state_function_can_not_be_asked_while_a_loop_runs(bench: Bench) -> None:
    # CTX-06
    key = coco.ContextKey[Source]("source", detect_change=True)
    provider = coco.ContextProvider()

    async def provide(key: coco.ContextKey[Source]) -> None:
        provider.provide(key, AsyncSource())

    with pytest.raises(RuntimeError, match="context key 'source': the state function of its value is async"):
        bench.run(provide(key))
    with pytest.raises(KeyError):
        provider.get(key)
    bench.run(provide(coco.ContextKey[Source]("not detecting")))


def test_a_state_function_must_give_an_outcome() -> None:
    # MEM-20
    class Wrong:
        def __coco_memo_key__(self) -> int:
            return 1

        def __coco_memo_state__(self, previous: Any) -> int:
            return 3

    with pytest.raises(TypeError, match="must return a MemoStateOutcome, got 3"):
        coco.ContextProvider().provide(coco.ContextKey[Wrong]("wrong", detect_change=True), Wrong())


def test_states_survive_the_process(bench: Bench) -> None:
    # CTX-06, DUR-01
    pipeline = Pipeline(bench, Source())
    pipeline.update()
    bench.crash()
    pipeline = Pipeline(bench, Source())
    assert pipeline.source.take_asked() == [None]
    assert pipeline.update() == ([1, 1], [], [1, 1])
    bench.crash()
    later = Source()
    later.revision = 2
    assert Pipeline(bench, later).update()[0] == [2, 2]
