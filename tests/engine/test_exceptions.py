"""Goal: a background failure reaches exactly the handlers that cover its mount, and is never lost (ERR, SE-10)."""

from __future__ import annotations

import logging
from typing import Any

import pytest

import cocoindex_sim as coco

from .bench import Bench, Journal


class Boom(Exception):
    """What the tests' components raise."""


@coco.fn
async def bad(text: str = "bad") -> None:
    raise Boom(text)


class Handler:
    """Writes down what it is told; raises `raising` if there is one."""

    def __init__(self, raising: BaseException | None = None) -> None:
        self.told: list[tuple[BaseException, coco.ExceptionContext]] = []
        self._raising = raising

    async def __call__(self, error: BaseException, context: coco.ExceptionContext) -> None:
        self.told.append((error, context))
        if self._raising is not None:
            raise self._raising

    @property
    def paths(self) -> list[str]:
        return [context.stable_path for _, context in self.told]


def test_without_a_handler_a_background_failure_is_logged_and_the_update_succeeds(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:  # ERR-01, ERR-02
    @coco.fn
    async def main() -> str:
        handle = await coco.mount(coco.component_subpath("a"), bad)
        await handle.ready()
        return "done"

    app = bench.app(main)
    handle = app.update()
    assert bench.run(handle.result()) == "done"
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "'bad'" in record.getMessage() or "bad" in record.getMessage()
    assert record.exc_info is not None and isinstance(record.exc_info[1], Boom)
    assert [(str(f.path), f.processor, str(f.error)) for f in handle.failures()] == [('/"a"', "bad", "bad")]


def test_a_handler_gets_the_original_exception_and_the_facts(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    # ERR-03, ERR-10
    handler = Handler()

    @coco.fn
    async def main() -> None:
        async with coco.exception_handler(handler):
            await coco.mount(coco.component_subpath("a"), bad)
            await coco.mount_each(coco.component_subpath("each"), bad, [("k", "item")])

    app = bench.app(main)
    handle = app.update()
    bench.run(handle.result())
    (first, context), (second, each) = handler.told
    assert isinstance(first, Boom) and first.__traceback__ is not None
    assert context == coco.ExceptionContext("", '/"a"', "bad", "mount", "/", True, "component", None)
    assert (str(second), each.stable_path, each.mount_kind) == ("item", '/"each"/"k"', "mount_each")
    assert handle.failures() == []
    assert not caplog.records


def test_a_sync_handler_and_system_exit_count_too(bench: Bench) -> None:  # ERR-03
    told: list[str] = []

    @coco.fn
    async def exits() -> None:
        raise SystemExit(3)

    @coco.fn
    async def main() -> None:
        async with coco.exception_handler(lambda error, context: told.append(repr(error))):
            await coco.mount(coco.component_subpath("a"), exits)

    bench.update(bench.app(main))
    assert told == ["SystemExit(3)"]


def test_a_scoped_handler_covers_functions_called_in_the_block_but_not_later_mounts_nor_grandchildren(
    bench: Bench,
) -> None:  # ERR-04
    inner, outer = Handler(), Handler()

    async def helper(name: str) -> None:
        await coco.mount(coco.component_subpath(name), bad)

    @coco.fn
    async def parent() -> None:
        await helper("grandchild")

    @coco.fn
    async def main() -> None:
        async with coco.exception_handler(outer):
            async with coco.exception_handler(inner):
                await helper("inside")
                await coco.mount(coco.component_subpath("parent"), parent)
            await helper("between")
        await helper("after")

    handle = bench.app(main).update()
    bench.run(handle.result())
    assert inner.paths == ['/"inside"']
    assert outer.paths == ['/"between"']
    assert sorted(str(failure.path) for failure in handle.failures()) == ['/"after"', '/"parent"/"grandchild"']


def test_a_handler_that_raises_passes_its_own_exception_on(bench: Bench) -> None:  # ERR-05
    raised = LookupError("from the inner handler")
    inner, outer = Handler(raised), Handler()

    @coco.fn
    async def main() -> None:
        async with coco.exception_handler(outer), coco.exception_handler(inner):
            await coco.mount(coco.component_subpath("a"), bad)

    bench.update(bench.app(main))
    ((error, context),) = outer.told
    assert error is raised
    assert (context.source, context.original_exception) == ("handler", inner.told[0][0])


def test_when_every_handler_raises_ready_raises_the_last(bench: Bench) -> None:  # ERR-06
    last = LookupError("last")
    seen: list[BaseException] = []

    @coco.fn
    async def main(wait: bool) -> None:
        async with coco.exception_handler(Handler(last)), coco.exception_handler(Handler(KeyError("first"))):
            handle = await coco.mount(coco.component_subpath("a"), bad)
        for _ in range(2 if wait else 0):
            with pytest.raises(LookupError) as caught:
                await handle.ready()
            seen.append(caught.value)

    handle = bench.app(main, True).update()
    bench.run(handle.result())
    assert seen == [last, last]
    assert [failure.error for failure in handle.failures()] == [last]
    bench.update(bench.app(main, False, name="nobody waits"))


def test_the_environment_s_handler_comes_last_and_knows_the_environment(bench: Bench) -> None:  # ERR-03, ERR-05
    everywhere = Handler()
    bench.env._exception_handler = everywhere
    bench.env._name = "E"
    scoped = Handler(LookupError("passed on"))

    @coco.fn
    async def main() -> None:
        async with coco.exception_handler(scoped):
            await coco.mount(coco.component_subpath("a"), bad)
        await coco.mount(coco.component_subpath("b"), bad)

    bench.update(bench.app(main))
    assert sorted(everywhere.paths) == ['/"a"', '/"b"']
    assert {context.env_name for _, context in everywhere.told} == {"E"}


def test_foreground_and_root_failures_never_reach_handlers(bench: Bench) -> None:  # ERR-07
    everywhere = Handler()
    bench.env._exception_handler = everywhere

    @coco.fn
    async def background() -> None:
        await coco.use_mount(coco.component_subpath("foreground"), bad)

    @coco.fn
    async def main() -> None:
        await coco.mount(coco.component_subpath("background"), background)
        raise LookupError("root")

    with pytest.raises(LookupError, match="root"):
        bench.update(bench.app(main))
    assert everywhere.paths == ['/"background"']  # once, for the background child


def test_a_failed_removal_tells_the_handlers_of_the_component_that_removes(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:  # ERR-08
    handler, journal = Handler(), Journal()
    provider = journal.provider()
    present = [True]

    @coco.fn
    async def leaf(key: str) -> None:
        coco.declare_target_state(provider.target_state(key, 1))

    @coco.fn
    async def parent() -> None:
        if present[0]:
            await coco.mount(coco.component_subpath("leaf"), leaf, "below")

    @coco.fn
    async def main() -> None:
        async with coco.exception_handler(handler):
            await coco.mount(coco.component_subpath("parent"), parent)
        if present[0]:
            await coco.mount(coco.component_subpath("leaf"), leaf, "root")

    app = bench.app(main)
    bench.update(app)
    present[0] = False
    journal.fail_before |= {"below", "root"}
    bench.update(app)
    ((error, context),) = handler.told
    assert (str(error), context.stable_path, context.mount_kind) == ("below failed before", '/"parent"', "mount")
    assert '/"parent"/"leaf" was removed' in error.__notes__[0]
    assert ["root failed before" in record.getMessage() for record in caplog.records] == [True]


def test_a_strict_update_raises_what_nobody_took_once_everything_is_done(bench: Bench) -> None:  # SE-10
    journal = Journal()
    provider = journal.provider()

    @coco.fn
    async def good() -> None:
        coco.declare_target_state(provider.target_state("good", 1))

    @coco.fn
    async def main() -> str:
        await coco.mount(coco.component_subpath("a"), bad, "one")
        await coco.mount(coco.component_subpath("b"), bad, "two")
        await coco.mount(coco.component_subpath("c"), good)
        async with coco.exception_handler(Handler()):
            await coco.mount(coco.component_subpath("d"), bad, "taken")
        return "value"

    app = bench.app(main)
    with pytest.raises(ExceptionGroup, match="2 background failures in app 'app'") as caught:
        bench.update(app, strict=True)
    assert sorted(map(str, caught.value.exceptions)) == ["one", "two"]
    assert journal.content == {"good": 1}
    assert bench.update(app) == "value"


def test_cancelled_children_reach_no_handler(bench: Bench) -> None:  # CMP-23
    import asyncio

    handler = Handler()

    @coco.fn
    async def cancelled() -> None:
        raise asyncio.CancelledError

    @coco.fn
    async def main() -> None:
        async with coco.exception_handler(handler):
            await (await coco.mount(coco.component_subpath("a"), cancelled)).ready()

    handle = bench.app(main).update()
    bench.run(handle.result())
    assert handler.told == []
    assert handle.failures() == []


def test_a_scoped_handler_needs_a_component(bench: Bench) -> None:
    async def outside() -> Any:
        async with coco.exception_handler(Handler()):
            pass

    with pytest.raises(RuntimeError, match="No ComponentContext available"):
        bench.run(outside())
