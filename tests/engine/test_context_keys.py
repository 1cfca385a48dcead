"""Goal: context is provided once, read inside components, and invalidates what read it only when asked to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

import cocoindex_sim as coco

from .bench import Bench


def test_a_name_is_used_once_per_process(bench: Bench) -> None:
    # CTX-01
    key = coco.ContextKey[int]("database")
    with pytest.raises(ValueError, match="'database' is already used"):
        coco.ContextKey("database")
    with pytest.raises(ValueError, match="already used"):
        coco.ContextKey("database", detect_change=True)
    bench.crash()
    again = coco.ContextKey[int]("database", detect_change=True)
    assert (key.key, key.detect_change, again.detect_change) == ("database", False, True)
    assert key != again
    with pytest.raises(AttributeError):
        key.key = "other"  # type: ignore[misc]


@pytest.mark.parametrize("subscripted", [False, True])
def test_the_module_that_makes_a_key_belongs_to_the_process(bench: Bench, subscripted: bool) -> None:
    (coco.ContextKey[int] if subscripted else coco.ContextKey)("key")
    assert bench.process.modules == {__name__}


def test_values_are_read_inside_components_only(bench: Bench) -> None:
    # CTX-02
    provided, absent = coco.ContextKey[int]("provided"), coco.ContextKey[int]("absent")
    bench.env.context_provider.provide(provided, 5)
    with pytest.raises(RuntimeError, match="No ComponentContext available"):
        coco.use_context(provided)

    async def main() -> Any:
        with pytest.raises(KeyError, match="absent"):
            coco.use_context(absent)
        return coco.use_context(provided), await asyncio.to_thread(coco.use_context, provided)

    assert bench.update(bench.app(main)) == (5, 5)
    assert bench.env.get_context(provided) == 5
    with pytest.raises(KeyError, match="no value is provided for context key 'absent'"):
        bench.env.get_context(absent)


def test_a_provider_gives_values_by_key_or_checked_by_name(bench: Bench) -> None:
    # CTX-03
    key = coco.ContextKey[int]("number")
    provider = coco.ContextProvider()
    assert provider.provide(key, 5) == 5
    assert (provider.get(key), provider.get("number"), provider.get("number", int)) == (5, 5, 5)
    with pytest.raises(TypeError, match="'number': expected str, got int"):
        provider.get("number", str)
    assert provider.get(key, str) == 5  # a key knows its type
    for unknown in ("nothing", coco.ContextKey[Any]("nothing")):
        with pytest.raises(KeyError, match="nothing"):
            provider.get(unknown)
    provider.provide(key, 6)
    assert provider.get(key) == 6


def test_managers_are_left_in_reverse_order(bench: Bench) -> None:
    # APP-23
    log: list[str] = []

    @contextmanager
    def entered(name: str) -> Iterator[str]:
        log.append(f"enter {name}")
        yield name
        log.append(f"exit {name}")

    @asynccontextmanager
    async def entered_later(name: str) -> AsyncIterator[str]:
        with entered(name):
            yield name

    async def main() -> None:
        provider = coco.ContextProvider()
        key, later = coco.ContextKey[str]("a"), coco.ContextKey[str]("b")
        assert provider.provide_with(key, entered("a")) == "a"
        assert await provider.provide_async_with(later, entered_later("b")) == "b"
        assert (provider.get(key), provider.get(later)) == ("a", "b")
        await provider.aclose()
        await provider.aclose()

    bench.run(main())
    assert log == ["enter a", "enter b", "exit b", "exit a"]


class Reads:
    """A root that reads a detecting key in every way there is, and what ran of it."""

    def __init__(self, bench: Bench, *, detect_change: bool = True) -> None:
        self.bench = bench
        self.ran: list[str] = []
        self.key: coco.ContextKey[Any] = coco.ContextKey("key", detect_change=detect_change)

        def helper() -> Any:
            return coco.use_context(self.key)

        @coco.fn(memo=True)
        def directly() -> Any:
            self.ran.append("directly")
            return coco.use_context(self.key)

        @coco.fn(memo=True, logic_tracking=None)
        def untracked() -> Any:
            self.ran.append("untracked")
            return helper()

        @coco.fn(logic_tracking="self")
        def tracked_helper() -> Any:
            return directly()

        @coco.fn(memo=True)
        async def by_way_of_others() -> Any:
            self.ran.append("by way of others")
            return tracked_helper(), await asyncio.to_thread(helper)

        @coco.fn(memo=True)
        async def child() -> None:
            self.ran.append("child")
            helper()

        @coco.fn(memo=True)
        async def parent() -> None:
            self.ran.append("parent")
            await coco.mount(child)

        @coco.fn(memo=True)
        def not_at_all() -> None:
            self.ran.append("not at all")

        async def main() -> None:
            directly()
            untracked()
            not_at_all()
            await by_way_of_others()
            await coco.mount(parent)

        self.app = bench.app(main)

    def update(self, value: Any) -> list[str]:
        self.ran.clear()
        self.bench.env.context_provider.provide(self.key, value)
        self.bench.update(self.app)
        return sorted(self.ran)


READERS = ["by way of others", "child", "directly", "parent", "untracked"]


def test_a_changed_value_invalidates_whatever_read_it(bench: Bench) -> None:
    # CTX-04, CTX-05
    reads = Reads(bench)
    assert reads.update([1]) == sorted([*READERS, "not at all"])
    assert reads.update([1]) == []  # an equal value
    assert reads.update([2]) == READERS
    assert reads.update([1]) == READERS


def test_values_of_other_keys_never_invalidate(bench: Bench) -> None:
    # CTX-04
    reads = Reads(bench, detect_change=False)
    reads.update([1])
    assert reads.update([2]) == []
    assert reads.update(threading.Lock()) == []


def test_a_new_life_compares_with_what_was_provided_in_the_former(bench: Bench) -> None:
    # CTX-05
    assert Reads(bench).update("a")
    bench.crash()
    assert Reads(bench).update("a") == []
    bench.crash()
    assert Reads(bench).update("b") == READERS


def test_a_value_that_can_not_be_compared_is_not_provided(bench: Bench) -> None:
    # CTX-04
    key = coco.ContextKey[Any]("key", detect_change=True)
    provider = coco.ContextProvider()
    with pytest.raises(TypeError, match="Unsupported type for memoization key"):
        provider.provide(key, threading.Lock())
    with pytest.raises(KeyError):
        provider.get(key)


@pytest.mark.parametrize("mounted", [False, True])
def test_a_key_as_argument_counts_as_its_name(bench: Bench, mounted: bool) -> None:  # CTX-07
    ran: list[str] = []

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
                await (coco.use_mount(coco.component_subpath(key.key), call, key) if mounted else call(key))

        ran.clear()
        bench.update(bench.app(main))
        return sorted(ran)

    assert update("a", "b") == ["a", "b"]
    assert update("a", "b") == []
    assert update("a", "b", value=2, detect_change=True) == []  # not what it stands for
    assert update("a", "c") == ["c"]
