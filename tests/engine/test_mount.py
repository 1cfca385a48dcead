"""The ways to mount: items, maps, containers, handles (CMP-08..16)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import cocoindex_sim as coco
from cocoindex_sim.engine._handle import MOUNTED_KEPT

from .bench import Bench, Journal, Tables

sub = coco.component_subpath


async def nothing(*args: object) -> None:
    pass


@pytest.mark.parametrize(
    "mount",
    [
        lambda: coco.mount(nothing),
        lambda: coco.use_mount(nothing),
        lambda: coco.mount_each(nothing, []),
    ],
)
def test_mounting_outside_a_component_is_refused(bench: Bench, mount: Any) -> None:  # CMP-08
    with pytest.raises(RuntimeError, match="No ComponentContext available"):
        bench.run(mount())


def test_map_needs_no_component(bench: Bench) -> None:  # CMP-08
    async def double(n: int, plus: int = 0) -> int:
        return 2 * n + plus

    assert bench.run(coco.map(double, [1, 2], plus=1)) == [3, 5]


# -- mount_each ------------------------------------------------------------------------------------------------------------


async def async_pairs() -> AsyncIterator[tuple[str, int]]:
    for pair in (("a", 1), ("b", 2)):
        await asyncio.sleep(1)
        yield pair


class OneUse:
    """An async iterable whose iterator has no `aclose`."""

    def __init__(self) -> None:
        self._left = [("b", 2), ("a", 1)]

    def __aiter__(self) -> OneUse:
        return self

    async def __anext__(self) -> tuple[str, int]:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop()


@pytest.mark.parametrize(
    "items",
    [
        lambda: [("a", 1), ["b", 2]],
        {"a": 1, "b": 2}.items,
        lambda: (pair for pair in (("a", 1), ("b", 2))),
        async_pairs,
        OneUse,
    ],
)
@pytest.mark.parametrize("base", [(), (sub("base", 1),)])
def test_each_item_is_a_child_at_its_key_with_the_value_first(bench: Bench, items: Any, base: Any) -> None:  # CMP-14
    got: list[Any] = []

    async def child(value: int, extra: str, *, named: str) -> None:
        got.append((value, extra, named))

    async def main() -> None:
        await (await coco.mount_each(*base, child, items(), "extra", named="named")).ready()
        got.append("ready")

    bench.update(bench.app(main))
    assert got == [(1, "extra", "named"), (2, "extra", "named"), "ready"]
    prefix = '/"base"/1' if base else "/@child"
    assert bench.events("component_mounted") == [f'component_mounted {prefix}/"{key}"' for key in "ab"]


def test_a_handle_of_many_children_forgets_those_that_are_ready(bench: Bench) -> None:  # CMP-11
    many = 2 * MOUNTED_KEPT + 100
    done: list[int] = []

    async def child(n: int) -> None:
        done.append(n)

    async def main() -> int:
        handle = await coco.mount_each(child, ((n, n) for n in range(many)))
        await handle.ready()
        assert len(done) == many
        return len(handle._tasks)

    assert bench.update(bench.app(main)) <= MOUNTED_KEPT


def test_a_handle_of_many_children_raises_for_one_that_failed_long_ago(bench: Bench) -> None:  # CMP-11
    async def child(n: int) -> None:
        if n in (1, 3 * MOUNTED_KEPT):
            raise ArithmeticError(n)

    def pass_on(error: BaseException, context: object) -> None:
        raise error

    async def main() -> str:
        async with coco.exception_handler(pass_on):
            handle = await coco.mount_each(child, ((n, n) for n in range(3 * MOUNTED_KEPT + 1)))
        try:
            await handle.ready()
        except ArithmeticError as error:
            return str(error)
        return "nothing"

    assert bench.update(bench.app(main)) == "1"


def test_no_items_give_a_ready_handle(bench: Bench) -> None:  # CMP-14
    async def main() -> str:
        await (await coco.mount_each(nothing, [])).ready()
        return "ready"

    assert bench.update(bench.app(main)) == "ready"


@pytest.mark.parametrize(
    ("items", "error", "message"),
    [
        ([("a", 1), ("a", 2)], ValueError, 'Path /@child/"a" already exists'),
        ([("a", 1), 7], TypeError, "pairs, got 7"),
        ([("a", 1), ("b", 2, 3)], TypeError, "pairs, got"),
        ([("a", 1), (1.5, 2)], TypeError, "Unsupported StableKey"),
    ],
)
def test_a_bad_item_raises_from_the_call_and_the_children_before_it_finish(
    bench: Bench, items: Any, error: type[Exception], message: str
) -> None:  # CMP-13, CMP-14
    journal = Journal()
    provider = journal.provider()

    async def child(value: int) -> None:
        coco.declare_target_state(provider.target_state("k", value))

    async def main() -> None:
        await coco.mount_each(child, items)

    with pytest.raises(error, match=message):
        bench.update(bench.app(main))
    assert journal.content == {"k": 1}


def test_an_iterable_that_fails_midway_raises_and_collects_nothing(bench: Bench) -> None:  # CMP-13
    journal = Journal()
    provider = journal.provider()
    broken = [False]

    async def child(value: int) -> None:
        coco.declare_target_state(provider.target_state(value, value))

    def items() -> Iterator[tuple[int, int]]:
        yield 1, 1
        if broken[0]:
            raise OSError("listing failed")
        yield 2, 2

    async def main() -> None:
        await coco.mount_each(child, items())

    app = bench.app(main)
    bench.update(app)
    broken[0] = True
    with pytest.raises(OSError, match="listing failed"):
        bench.update(app)
    assert journal.content == {1: 1, 2: 2}


# -- map -------------------------------------------------------------------------------------------------------------------


def test_map_runs_all_at_once_and_keeps_the_order(bench: Bench) -> None:  # CMP-15
    async def wait(seconds: int) -> int:
        await asyncio.sleep(seconds)
        return seconds

    assert bench.run(coco.map(wait, [3, 1, 2])) == [3, 1, 2]
    assert bench.loop.now_ns == 3 * 10**9

    async def items() -> AsyncIterator[int]:
        yield 2
        yield 1

    assert bench.run(coco.map(wait, items())) == [2, 1]
    assert bench.run(coco.map(wait, [])) == []


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, asyncio.CancelledError])
def test_map_waits_for_all_and_raises_the_first_failure_in_input_order(
    bench: Bench, kind: type[BaseException]
) -> None:  # CMP-15
    ended = []

    async def work(n: int) -> int:
        await asyncio.sleep(5 - n)
        ended.append(n)
        if n in (1, 3):
            raise kind(n)
        return n

    with pytest.raises(kind) as caught:
        bench.run(coco.map(work, [0, 1, 2, 3]))
    assert caught.value.args == (1,)
    assert ended == [3, 2, 1, 0]


def test_map_may_return_exceptions_as_values(bench: Bench) -> None:  # CMP-15
    async def work(n: int) -> BaseException:
        return ValueError(n)

    [value] = bench.run(coco.map(work, [1]))
    assert isinstance(value, ValueError)


def test_map_needs_awaitables_and_waits_for_what_it_started(bench: Bench) -> None:  # CMP-15
    ended = []

    async def one() -> None:
        await asyncio.sleep(1)
        ended.append(1)

    with pytest.raises(TypeError, match="returned 'no awaitable'"):
        bench.run(coco.map(lambda n: one() if n else "no awaitable", [1, 0]))  # type: ignore[arg-type,return-value]  # wrong on purpose
    assert ended == [1]


def test_calls_made_by_map_belong_to_the_component(bench: Bench) -> None:  # CMP-15
    journal = Journal()
    provider = journal.provider()

    async def declare(n: int) -> None:
        coco.declare_target_state(provider.target_state(n, n))

    async def main() -> None:
        await coco.map(declare, range(3))

    bench.update(bench.app(main))
    assert journal.calls == [[(0, 0), (1, 1), (2, 2)]]


# -- mount_target ----------------------------------------------------------------------------------------------------------


def test_mount_target_gives_a_provider_that_can_be_used_at_once(bench: Bench) -> None:  # CMP-16, TGT-31
    tables = Tables()
    provider = tables.provider()

    async def main() -> None:
        rows = await coco.mount_target(provider.target_state("t", 1))
        coco.declare_target_state(rows.target_state("x", 2))

    bench.update(bench.app(main))
    assert tables.content == {"t": {"x": 2}}
    events = bench.events("component_mounted", "actions_applied", "committed")
    target = '/@cocoindex/mount_target/[@test/journal,"t"]'
    assert events == [f"component_mounted {target}", f"actions_applied {target}", f"committed {target}",
                      "actions_applied /", "committed /"]  # fmt: skip


def test_a_container_can_be_mounted_once_per_component(bench: Bench) -> None:  # CMP-16
    tables = Tables()
    provider = tables.provider()

    async def child() -> None:
        await coco.mount_target(provider.target_state("u", 1))

    async def main() -> None:
        await coco.mount_target(provider.target_state("t", 1))
        with sub("elsewhere"):
            await coco.mount_target(provider.target_state("s", 1))
        await coco.use_mount(child)
        with pytest.raises(ValueError, match="already exists"):
            await coco.mount_target(provider.target_state("t", 1))

    bench.update(bench.app(main))
    assert tables.content == {"t": {}, "s": {}, "u": {}}


def test_a_failing_container_fails_mount_target_with_its_own_error(bench: Bench) -> None:  # CMP-10
    tables = Tables()
    provider = tables.provider()
    tables.fail_before = {"t"}

    async def main() -> None:
        with pytest.raises(OSError, match="t failed before"):
            await coco.mount_target(provider.target_state("t", 1))

    bench.update(bench.app(main))


# -- what can be mounted ---------------------------------------------------------------------------------------------------


class Machine:
    """Has methods to mount."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def plain(self, n: int) -> tuple[str, int]:
        return self.name, n

    @coco.fn
    async def tracked(self, n: int) -> tuple[str, int]:
        return self.name, n

    def sync(self, n: int) -> tuple[str, int]:
        return self.name, n


@pytest.mark.parametrize("method", ["plain", "tracked", "sync"])
def test_methods_can_be_mounted(bench: Bench, method: str) -> None:  # FN-02, FN-06
    async def main() -> Any:
        return await coco.use_mount(getattr(Machine("m"), method), 7)

    assert bench.update(bench.app(main)) == ("m", 7)
    assert bench.events("component_mounted") == [f"component_mounted /@{method}"]


def test_a_sync_body_that_returns_a_coroutine_is_awaited(bench: Bench) -> None:  # FN-06
    async def main() -> Any:
        return await coco.use_mount(sub("x"), lambda: asyncio.sleep(1, "slept"))

    assert bench.update(bench.app(main)) == "slept"


@pytest.mark.parametrize("wrong", [(), (7,), ("path", nothing)])
def test_mounting_what_is_no_function_says_what_it_takes(bench: Bench, wrong: tuple[Any, ...]) -> None:
    async def main() -> None:
        await coco.mount(*wrong)

    with pytest.raises(TypeError, match="takes an optional ComponentSubpath and then a function"):
        bench.update(bench.app(main))
