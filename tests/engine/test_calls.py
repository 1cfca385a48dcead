"""Goal: which calls run, which are reused, and what a reused one keeps alive (FN), with context and threads around them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import cocoindex_sim as coco
from cocoindex_sim.values import DeserializationError

from .bench import Bench, Journal

sub = coco.component_subpath


class Ran(list[Any]):
    """What ran since the last look."""

    def take(self) -> list[Any]:
        taken = sorted(self)
        self.clear()
        return taken


class Source:
    """An argument that gives, each time it is asked about its state, the next of `answers`; the last one for good."""

    def __init__(self, *answers: coco.MemoStateOutcome) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []

    def __coco_memo_key__(self) -> str:
        return "source"

    def __coco_memo_state__(self, previous: Any) -> coco.MemoStateOutcome:
        self.asked.append("nothing" if coco.is_non_existence(previous) else previous)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def take_asked(self) -> list[Any]:
        taken, self.asked = self.asked, []
        return taken


# -- options ---------------------------------------------------------------------------------------------------------------


def test_deps_need_logic_tracking() -> None:  # FN-04
    def body() -> None: ...

    with pytest.raises(ValueError, match="deps need logic tracking"):
        coco.fn(logic_tracking=None, deps=1)(body)
    coco.fn(logic_tracking="self", deps=1)(body)
    coco.fn(logic_tracking=None)(body)


@pytest.mark.parametrize("deps", [threading.Lock(), lambda: 0, [coco.Symbol("s")]])
def test_deps_without_a_fingerprint_are_refused_when_decorating(deps: Any) -> None:  # FN-04
    with pytest.raises(TypeError, match="Unsupported type for memoization key"):

        @coco.fn(deps=deps)
        def body() -> None: ...


@pytest.mark.parametrize("options", [{"logic_tracking": "other"}, {"version": "two"}, {"version": 1.5}])
def test_other_values_of_logic_tracking_and_version_work(bench: Bench, options: Any) -> None:  # FN-04
    ran = Ran()

    @coco.fn(memo=True, **options)
    def call(x: int) -> int:
        ran.append(x)
        return x

    async def main() -> int:
        return call(1)

    app = bench.app(main)
    assert [bench.update(app), bench.update(app)] == [1, 1]
    assert ran == [1]


# -- outside components ----------------------------------------------------------------------------------------------------


def test_outside_a_component_a_call_is_its_body(bench: Bench) -> None:  # FN-05
    ran = Ran()

    @coco.fn(memo=True)
    def call(argument: Any) -> Any:
        ran.append("sync")
        return argument

    @coco.fn(memo=True)
    async def async_call(argument: Any) -> Any:
        ran.append("async")
        return argument

    lock = threading.Lock()  # has no fingerprint
    for _ in range(2):
        assert call(lock) is lock
        assert bench.run(async_call(lock)) is lock
        assert ran.take() == ["async", "sync"]
    assert bench.events() == []

    async def main() -> None:
        call(lock)

    with pytest.raises(TypeError, match="Unsupported type for memoization key"):
        bench.update(bench.app(main))
    assert ran == []


# -- inline calls ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_async", [False, True])
def test_a_call_that_raises_stores_nothing(bench: Bench, is_async: bool) -> None:  # FN-10
    ran = Ran()
    failing = [True]

    def body(x: int) -> int:
        ran.append(x)
        if failing:
            raise LookupError(x)
        return x

    @coco.fn(memo=True)
    def call(x: int) -> int:
        return body(x)

    @coco.fn(memo=True)
    async def async_call(x: int) -> int:
        return body(x)

    async def main() -> None:
        for _ in range(2):
            try:
                assert (await async_call(1) if is_async else call(1)) == 1
            except LookupError:
                assert failing

    app = bench.app(main)
    bench.update(app)
    assert ran.take() == [1, 1]
    failing.clear()
    bench.update(app)
    assert ran.take() == [1]
    bench.update(app)
    assert ran.take() == []


def test_what_a_call_declared_before_it_raised_stays_declared(bench: Bench) -> None:  # FN-10
    journal = Journal()
    provider = journal.provider()
    swallow = [True]

    @coco.fn(memo=True)
    def call() -> None:
        coco.declare_target_state(provider.target_state("before", 1))
        raise LookupError

    async def main() -> None:
        try:
            call()
        except LookupError:
            if not swallow:
                raise

    app = bench.app(main)
    for _ in range(2):
        bench.update(app)
        assert journal.content == {"before": 1}
    assert len(journal.calls) == 1
    swallow.clear()
    with pytest.raises(LookupError):
        bench.update(app)
    assert journal.content == {"before": 1}


def test_what_a_call_reused_before_it_raised_stays_declared(bench: Bench) -> None:  # FN-08, FN-10
    journal = Journal()
    provider = journal.provider()
    ran = Ran()

    @coco.fn(memo=True)
    def inner() -> None:
        ran.append("inner")
        coco.declare_target_state(provider.target_state("inner", 1))

    @coco.fn(memo=True)
    def outer() -> None:
        ran.append("outer")
        inner()
        raise LookupError

    async def main() -> None:
        with pytest.raises(LookupError):
            outer()

    app = bench.app(main)
    bench.update(app)
    assert ran.take() == ["inner", "outer"]
    for _ in range(2):
        bench.update(app)
        assert ran.take() == ["outer"]
        assert journal.content == {"inner": 1}


class Calls:
    """A root that makes a memoized call for each of `items`."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.items: list[int] = []
        self.fails = False
        self.ran = Ran()

        @coco.fn(memo=True)
        def call(x: int) -> None:
            self.ran.append(x)

        async def main() -> None:
            for item in self.items:
                call(item)
            if self.fails:
                raise LookupError

        self.app = bench.app(main)

    def update(self, *items: int) -> list[Any]:
        """The items whose body ran."""
        self.items = list(items)
        self.bench.update(self.app)
        return self.ran.take()


def test_an_entry_that_a_successful_run_did_not_use_is_gone(bench: Bench) -> None:  # FN-11
    calls = Calls(bench)
    assert calls.update(1, 2) == [1, 2]
    assert calls.update(1) == []
    assert calls.update(1, 2) == [2]
    assert calls.update() == []
    assert calls.update(1, 2) == [1, 2]


def test_a_failed_run_neither_adds_nor_removes_entries(bench: Bench) -> None:  # FN-11
    calls = Calls(bench)
    assert calls.update(1, 2) == [1, 2]
    calls.fails = True
    with pytest.raises(LookupError):
        calls.update(1, 3)
    assert calls.ran.take() == [3]
    calls.fails = False
    assert calls.update(1, 2, 3) == [3]


class Nested:
    """A root that calls `outer`, which calls `inner`, which declares "inner". Both are memoized."""

    def __init__(self, bench: Bench, source: object = None) -> None:
        self.bench = bench
        self.journal = Journal()
        self.argument: int | None = 1
        self.ran = Ran()
        provider = self.journal.provider()

        @coco.fn(memo=True)
        def inner() -> int:
            self.ran.append("inner")
            coco.declare_target_state(provider.target_state("inner", 1))
            return 10

        @coco.fn(memo=True)
        def outer(x: int, source: object) -> int:
            self.ran.append("outer")
            coco.declare_target_state(provider.target_state("outer", 1))
            return inner() + x

        async def main() -> int:
            return 0 if self.argument is None else outer(self.argument, source)

        self.app = bench.app(main)

    def update(self, argument: int | None = 1) -> tuple[int, list[Any]]:
        """What it gave, and what ran."""
        self.argument = argument
        return self.bench.update(self.app), self.ran.take()


def test_a_nested_entry_lives_while_the_one_around_it_is_reused(bench: Bench) -> None:  # FN-12
    nested = Nested(bench)
    assert nested.update(1) == (11, ["inner", "outer"])
    assert nested.update(1) == (11, [])
    assert nested.update(1) == (11, [])
    assert nested.update(2) == (12, ["outer"])
    assert nested.update(None) == (0, [])
    assert nested.update(2) == (12, ["inner", "outer"])


@pytest.mark.parametrize("mounts", ["mount", "use_mount"])
@pytest.mark.parametrize("directly", [True, False])
def test_an_inline_memoized_call_may_not_mount(bench: Bench, mounts: str, directly: bool) -> None:  # FN-13
    journal = Journal()
    provider = journal.provider()
    ran: list[str] = []
    inline = [True]

    async def child() -> None:
        ran.append("child")
        coco.declare_target_state(provider.target_state("child", 1))

    @coco.fn
    async def callee() -> None:
        await (coco.mount if mounts == "mount" else coco.use_mount)(sub("c"), child)

    @coco.fn(memo=True)
    async def call() -> str:
        if directly:
            await (coco.mount if mounts == "mount" else coco.use_mount)(sub("c"), child)
        else:
            await callee()
        ran.append("body ended")
        return "value"

    async def main() -> Any:
        if not inline:
            return await coco.use_mount(sub("component"), call)
        with pytest.raises(ValueError, match="memo=True mounted child components") as caught:
            await call()
        return str(caught.value)

    app = bench.app(main)
    assert "call" in bench.update(app)
    assert sorted(ran) == ["body ended", "child"]
    assert journal.content == {"child": 1}
    ran.clear()
    inline.clear()
    assert bench.update(app) == "value"
    assert sorted(ran) == ["body ended", "child"]


# -- component memos -------------------------------------------------------------------------------------------------------


def test_a_reused_component_skips_everything_below_it(bench: Bench) -> None:  # FN-14
    journal = Journal()
    provider = journal.provider()
    ran = Ran()
    place, argument = ["a"], [1]

    async def grandchild(x: int) -> None:
        ran.append("grandchild")
        coco.declare_target_state(provider.target_state("grandchild", x))

    @coco.fn(memo=True)
    async def child(x: int) -> int:
        ran.append("child")
        coco.declare_target_state(provider.target_state("child", x))
        await coco.mount(sub("g"), grandchild, x)
        return x * 10

    async def main() -> Any:
        return await coco.use_mount(sub(place[0]), child, argument[0])

    app = bench.app(main)
    everything = ["child", "grandchild"]
    assert [bench.update(app), ran.take()] == [10, everything]
    journal.take_asked()
    journal.take_calls()
    assert [bench.update(app), ran.take()] == [10, []]
    assert [journal.take_asked(), journal.take_calls()] == [[], []]
    assert journal.content == {"child": 1, "grandchild": 1}
    argument[0] = 2
    assert [bench.update(app), ran.take()] == [20, everything]
    place[0] = "b"
    assert [bench.update(app), ran.take()] == [20, everything]
    assert journal.content == {"child": 2, "grandchild": 2}


def test_a_memoized_root_is_reused(bench: Bench) -> None:  # FN-14
    ran: list[str] = []

    @coco.fn(memo=True)
    async def main(x: int) -> int:
        ran.append("main")
        return x

    app = bench.app(main, 7)
    assert [bench.update(app), bench.update(app), ran] == [7, 7, ["main"]]


@pytest.mark.parametrize("other_argument_fails", [True, False])
def test_other_arguments_end_the_entry_of_the_component(bench: Bench, other_argument_fails: bool) -> None:  # FN-15
    ran = Ran()
    argument = [1]

    @coco.fn(memo=True)
    async def child(x: int) -> int:
        ran.append(x)
        if x == 2 and other_argument_fails:
            raise LookupError
        return x

    async def main() -> Any:
        return await coco.use_mount(sub("c"), child, argument[0])

    app = bench.app(main)
    bench.update(app)
    bench.update(app)
    assert ran.take() == [1]
    argument[0] = 2
    if other_argument_fails:
        with pytest.raises(LookupError):
            bench.update(app)
    else:
        assert bench.update(app) == 2
    assert ran.take() == [2]
    argument[0] = 1
    assert [bench.update(app), ran.take()] == [1, [1]]


def test_a_reused_component_keeps_its_inline_entries_and_values(bench: Bench) -> None:  # FN-17
    ran = Ran()
    argument = [1]
    seen: list[int] = []

    @coco.fn(memo=True)
    def inline() -> int:
        ran.append("inline")
        return 10

    @coco.fn(memo=True)
    async def child(x: int) -> int:
        ran.append("child")
        handle = coco.use_state("k", 0)
        seen.append(handle.value)
        handle.value += 1
        return inline() + x

    async def main() -> Any:
        return await coco.use_mount(sub("c"), child, argument[0])

    app = bench.app(main)
    assert [bench.update(app), ran.take()] == [11, ["child", "inline"]]
    for _ in range(2):
        assert [bench.update(app), ran.take()] == [11, []]
    argument[0] = 2
    assert [bench.update(app), ran.take()] == [12, ["child"]]
    assert seen == [0, 1]


def test_without_memo_the_entry_of_a_component_is_discarded(bench: Bench) -> None:  # FN-17
    ran = Ran()

    def update(memo: bool) -> list[Any]:
        bench.crash()

        @coco.fn(memo=memo)
        async def child() -> None:
            ran.append("child")

        async def main() -> None:
            await coco.use_mount(sub("c"), child)

        bench.update(bench.app(main))
        return ran.take()

    assert [update(True), update(True)] == [["child"], []]
    assert update(False) == ["child"]
    assert [update(True), update(True)] == [["child"], []]


@pytest.mark.parametrize("mounted", [False, True])
def test_a_stored_value_of_another_type_fails_each_hit_until_it_is_made_anew(
    bench: Bench, mounted: bool
) -> None:  # FN-20
    ran = Ran()
    values: list[Any] = ["text"]

    @coco.fn(memo=True)
    async def call() -> int:
        ran.append("call")
        value: int = values[0]
        return value

    async def main() -> int:
        return await (coco.use_mount(sub("c"), call) if mounted else call())

    app = bench.app(main)
    assert bench.update(app) == "text"
    for _ in range(2):
        with pytest.raises(DeserializationError):
            bench.update(app)
    assert ran.take() == ["call"]
    values[0] = 1
    with pytest.raises(DeserializationError):
        bench.update(app)
    assert [bench.update(app, full_reprocess=True), ran.take()] == [1, ["call"]]
    assert [bench.update(app), ran.take()] == [1, []]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("root_in_thread", [False, True])
@pytest.mark.parametrize("by_way_of", ["itself", "another"])
def test_a_memoized_call_that_needs_its_own_result_is_refused(
    bench: Bench, is_async: bool, root_in_thread: bool, by_way_of: str
) -> None:  # FN-09, SE-16
    @coco.fn(memo=True)
    def first(n: int) -> int:
        return first(n) if by_way_of == "itself" else second(n)

    @coco.fn(memo=True)
    def second(n: int) -> int:
        return first(n)

    @coco.fn(memo=True)
    async def async_first(n: int) -> int:
        return await (async_first(n) if by_way_of == "itself" else async_second(n))

    @coco.fn(memo=True)
    async def async_second(n: int) -> int:
        return await async_first(n)

    async def main() -> int:
        return await async_first(1) if is_async else first(1)

    def main_in_thread() -> Any:
        return async_first(1) if is_async else first(1)

    with pytest.raises(RuntimeError, match="needs its own result"):
        bench.update(bench.app(main_in_thread if root_in_thread else main))


def test_calls_that_wait_for_each_other_are_refused(bench: Bench) -> None:  # FN-09, SE-16
    @coco.fn(memo=True)
    async def left() -> None:
        await asyncio.sleep(1)
        await right()

    @coco.fn(memo=True)
    async def right() -> None:
        await asyncio.sleep(1)
        await left()

    async def main() -> None:
        await asyncio.gather(left(), right())

    with pytest.raises(RuntimeError, match="needs its own result"):
        bench.update(bench.app(main))


def test_recursion_with_other_arguments_is_fine(bench: Bench) -> None:  # FN-09
    ran = Ran()

    @coco.fn(memo=True)
    def factorial(n: int) -> int:
        ran.append(n)
        return n * factorial(n - 1) if n else 1

    wanted = [3]

    async def main() -> int:
        return factorial(wanted[0])

    app = bench.app(main)
    assert [bench.update(app), ran.take()] == [6, [0, 1, 2, 3]]
    wanted[0] = 4
    assert [bench.update(app), ran.take()] == [24, [4]]


# -- context ---------------------------------------------------------------------------------------------------------------


def test_a_process_makes_a_key_of_one_name_once(bench: Bench) -> None:  # CTX-01
    key = coco.ContextKey[int]("name")
    for detect_change in (False, True):
        with pytest.raises(ValueError, match="'name' is already used"):
            coco.ContextKey[int]("name", detect_change=detect_change)
    assert coco.ContextKey[int]("other").key != key.key
    bench.crash()
    coco.ContextKey[int]("name")


def test_context_needs_a_component_and_a_value(bench: Bench) -> None:  # CTX-02
    key, missing = coco.ContextKey[int]("key"), coco.ContextKey[int]("missing")
    bench.env.context_provider.provide(key, 1)
    with pytest.raises(RuntimeError, match="No ComponentContext available"):
        coco.use_context(key)
    asked = [key]

    async def main() -> int:
        return coco.use_context(asked[0])

    app = bench.app(main)
    assert bench.update(app) == 1
    asked[0] = missing
    with pytest.raises(KeyError, match="missing"):
        bench.update(app)


@pytest.mark.parametrize("mounted", [False, True])
def test_a_key_as_argument_counts_as_its_name(bench: Bench, mounted: bool) -> None:  # CTX-07
    ran = Ran()

    def update(*names: str, value: int = 1, detect_change: bool = False) -> list[Any]:
        """In a new process, so that keys and functions are new objects."""
        bench.crash()
        keys = [coco.ContextKey[int](name, detect_change=detect_change) for name in names]
        for key in keys:
            bench.env.context_provider.provide(key, value)

        @coco.fn(memo=True)
        async def call(key: coco.ContextKey[int]) -> None:
            ran.append(key.key)

        async def main() -> None:
            for key in keys:
                await (coco.use_mount(sub(key.key), call, key) if mounted else call(key))

        bench.update(bench.app(main))
        return ran.take()

    assert update("a", "b") == ["a", "b"]
    assert update("a", "b") == []
    assert update("a", "b", value=2, detect_change=True) == []  # not what it stands for
    assert update("a", "c") == ["c"]


def test_keys_of_two_names_are_two_arguments(bench: Bench) -> None:  # CTX-07
    keys = [coco.ContextKey[int](name) for name in "ab"]
    ran: list[str] = []

    @coco.fn(memo=True)
    def call(key: coco.ContextKey[int]) -> str:
        ran.append(key.key)
        return key.key

    async def main() -> list[str]:
        return [call(key) for key in keys]

    assert bench.update(bench.app(main)) == ["a", "b"]
    assert ran == ["a", "b"]


# -- states of arguments ---------------------------------------------------------------------------------------------------


def answer(state: str, *, valid: bool = False, recollect: bool = False) -> coco.MemoStateOutcome:
    return coco.MemoStateOutcome(state, memo_valid=valid, recollect_after_run=recollect)


def on(bench: Bench, source: Source, *, mounted: bool = False) -> Callable[[], tuple[list[Any], list[Any]]]:
    """An update of an app with one memoized call on a source: what ran, and what states were asked about."""
    ran = Ran()

    @coco.fn(memo=True)
    async def call(source: Source) -> None:
        ran.append("body")
        source.asked.append("body")

    async def main() -> None:
        await (coco.use_mount(sub("c"), call, source) if mounted else call(source))

    app = bench.app(main)

    def update() -> tuple[list[Any], list[Any]]:
        bench.update(app)
        return ran.take(), source.take_asked()

    return update


def test_a_state_is_taken_again_after_the_body_if_it_says_so(bench: Bench) -> None:  # MEM-22
    source = Source(answer("first"), answer("checked", recollect=True), answer("after"), answer("last", valid=True))
    update = on(bench, source)
    assert update() == (["body"], ["body", "nothing"])
    assert update() == (["body"], ["first", "body", "nothing"])
    assert update() == ([], ["after"])


def test_a_state_that_does_not_ask_for_it_is_not_taken_again(bench: Bench) -> None:  # MEM-21, MEM-22
    source = Source(answer("first"), answer("checked"), answer("last", valid=True))
    update = on(bench, source)
    assert update() == (["body"], ["body", "nothing"])
    assert update() == (["body"], ["first", "body"])
    assert update() == ([], ["checked"])


@pytest.mark.parametrize("mounted", [False, True])
def test_taking_a_valid_state_again_means_nothing(bench: Bench, mounted: bool) -> None:  # MEM-22
    source = Source(answer("first"), answer("checked", valid=True, recollect=True), answer("last", valid=True))
    update = on(bench, source, mounted=mounted)
    assert update() == (["body"], ["body", "nothing"])
    assert update() == ([], ["first"])
    assert update() == ([], ["checked"])


def test_a_component_can_not_have_its_states_taken_again(bench: Bench) -> None:  # MEM-22
    source = Source(answer("first"), answer("checked", recollect=True))
    update = on(bench, source, mounted=True)
    update()
    with pytest.raises(ValueError, match="recollect_after_run is for inline calls"):
        update()
    assert source.take_asked() == ["first"]


def test_a_changed_state_that_still_stands_keeps_states_and_nested_entries(bench: Bench) -> None:  # MEM-24, SE-01
    source = Source(*(answer(state, valid=True) for state in ("1", "2", "3", "3", "3", "4")))
    nested = Nested(bench, source)
    assert nested.update() == (11, ["inner", "outer"])
    nested.journal.take_asked()
    for previous in ("1", "2", "3"):
        source.take_asked()
        assert nested.update() == (11, [])
        assert source.asked == [previous]
        assert nested.journal.content == {"inner": 1, "outer": 1}
    assert nested.journal.take_asked() == []
    assert nested.update(2) == (12, ["outer"])
    assert nested.update(2) == (12, [])
    assert nested.update(None) == (0, [])
    assert nested.journal.content == {}


# -- threads ---------------------------------------------------------------------------------------------------------------


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

        with ThreadPoolExecutor(1) as pool:
            pool.submit(in_context).result()

    threads = Threads(bench, attached)
    threads.check()
    assert threading.get_ident() not in threads.threads


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
        with ThreadPoolExecutor(1) as pool:
            for use in uses:
                with pytest.raises(RuntimeError, match="No ComponentContext available"):
                    pool.submit(use).result()
                refused.append("refused")
        for use in uses:
            use()

    bench.update(bench.app(main))
    assert len(refused) == 3
