"""Goal: a propagated callback's logic is in every stored result between its call and its owner, and nowhere else."""

import asyncio
import functools
import gc
from typing import Any

import pytest

import cocoindex_sim as coco

from .bench import Bench

propagated = coco.logic_propagated_to_callers


class Library:
    """Functions that hand a callback down through layers that track only their own logic, and what ran of them.

    main calls walk, which owns the callback; walk calls middle, middle calls inner, inner calls the callback.
    """

    def __init__(
        self, bench: Bench, *, owner: coco.LogicTracking = "full", top_memo: bool = True, as_children: bool = False
    ) -> None:
        self.bench = bench
        self.ran: list[str] = []
        self.wraps = True
        self.extra = 0  # argument of walk and middle

        async def go(name: str, fn: Any, *args: Any) -> Any:
            if as_children:
                return await coco.use_mount(coco.component_subpath(name), fn, *args)
            return await fn(*args)

        @coco.fn(memo=True, logic_tracking="self")
        async def inner(x: int, callback: Any) -> Any:
            self.ran.append("inner")
            return callback(x)

        @coco.fn(memo=True, logic_tracking=None)
        async def middle(x: int, extra: int, callback: Any) -> Any:
            self.ran.append("middle")
            return await go("inner", inner, x, callback)

        @coco.fn(memo=True, logic_tracking=owner)
        async def walk(x: int, extra: int) -> Any:
            self.ran.append("walk")
            callback = propagated(self.callback) if self.wraps else self.callback
            return await go("middle", middle, x, extra, callback)

        @coco.fn(memo=top_memo)
        async def main() -> Any:
            self.ran.append("main")
            return await go("walk", walk, 1, self.extra)

        self.app = bench.app(main)
        self.edit(1)

    def edit(self, version: int) -> None:
        """Give the callback another logic, as an edited file and a new process would."""

        @coco.fn(version=version)
        def callback(x: int) -> int:
            return x * 10 + version

        self.callback: Any = callback
        gc.collect()  # the former one is registered as long as it exists

    def update(self) -> tuple[int, list[str]]:
        self.ran.clear()
        return self.bench.update(self.app), list(self.ran)


ALL = ["main", "walk", "middle", "inner"]


@pytest.mark.parametrize("as_children", [False, True])
def test_an_edited_callback_invalidates_every_layer_down_to_its_call(bench: Bench, as_children: bool) -> None:
    # LGC-10
    library = Library(bench, as_children=as_children)
    assert library.update() == (11, ALL)
    assert library.update() == (11, [])
    library.edit(2)
    assert library.update() == (12, ALL)


@pytest.mark.parametrize("as_children", [False, True])
def test_without_propagation_layers_that_track_themselves_keep_their_results(bench: Bench, as_children: bool) -> None:
    # LGC-05: what LGC-10 is for
    library = Library(bench, as_children=as_children)
    library.wraps = False
    assert library.update() == (11, ALL)
    library.edit(2)
    assert library.update() == (11, [])


@pytest.mark.parametrize("as_children", [False, True])
@pytest.mark.parametrize("mode", ["self", None])
def test_the_result_of_the_owner_is_told_and_its_mode_says_whether_callers_are(
    bench: Bench, mode: coco.LogicTracking, as_children: bool
) -> None:
    # LGC-10
    library = Library(bench, owner=mode, as_children=as_children)
    assert library.update() == (11, ALL)
    library.edit(2)
    assert library.update() == (11, [])


@pytest.mark.parametrize("as_children", [False, True])
@pytest.mark.parametrize("mode", ["full", "self", None])
def test_the_owner_runs_again_when_its_callback_was_edited(
    bench: Bench, mode: coco.LogicTracking, as_children: bool
) -> None:
    # LGC-10
    library = Library(bench, owner=mode, top_memo=False, as_children=as_children)
    assert library.update() == (11, ALL)
    assert library.update() == (11, ["main"])
    library.edit(2)
    assert library.update() == (12, ALL)


@pytest.mark.parametrize("as_children", [False, True])
def test_a_reused_result_brings_the_callback_along(bench: Bench, as_children: bool) -> None:
    # LGC-10, SE-02: middle and walk run again while inner is reused, and still depend on the callback
    library = Library(bench, top_memo=False, as_children=as_children)
    assert library.update() == (11, ALL)
    library.extra = 1
    assert library.update() == (11, ["main", "walk", "middle"])
    library.edit(2)
    assert library.update() == (12, ALL)


def test_a_call_repeated_in_one_run_brings_the_callback_along(bench: Bench) -> None:
    # LGC-10: two layers share one stored call
    ran: list[str] = []
    callbacks: list[Any] = []

    @coco.fn(memo=True, logic_tracking="self")
    def inner(callback: Any) -> int:
        ran.append("inner")
        return callback()  # type: ignore[no-any-return]

    @coco.fn(memo=True, logic_tracking="self")
    def layer(name: str, callback: Any) -> int:
        ran.append(name)
        return inner(callback)

    def main() -> list[int]:
        callback = propagated(callbacks[-1])
        return [layer("first", callback), layer("second", callback)]

    def edit(version: int) -> None:
        callbacks[:] = [coco.fn(version=version)(lambda: version)]
        gc.collect()

    app = bench.app(main)
    edit(1)
    assert bench.update(app) == [1, 1]
    edit(1)
    ran.clear()
    assert bench.update(app) == [1, 1]
    assert ran == []


def test_what_an_undecorated_callback_calls_is_propagated(bench: Bench) -> None:
    # LGC-10
    ran: list[str] = []
    helpers: list[Any] = []

    def callback() -> int:
        return helpers[-1]()  # type: ignore[no-any-return]

    @coco.fn(memo=True, logic_tracking="self", memo_key={"callback": None})
    def layer(callback: Any) -> int:
        ran.append("layer")
        return callback()  # type: ignore[no-any-return]

    def main() -> int:
        return layer(propagated(callback))

    def edit(version: int) -> None:
        helpers[:] = [coco.fn(version=version)(lambda: version)]
        gc.collect()

    app = bench.app(main)
    edit(1)
    assert bench.update(app) == 1
    edit(2)
    assert bench.update(app) == 2


def outcome_of(bench: Bench, body: Any) -> Any:
    async def main() -> Any:
        result = body()
        return await result if asyncio.iscoroutine(result) else result

    return bench.update(bench.app(main))


@coco.fn
def increased(x: int) -> int:
    return x + 1


@coco.fn
async def increased_later(x: int) -> int:
    await asyncio.sleep(1)
    return x + 1


class CallableLater:
    async def __call__(self, x: int) -> int:
        return x + 1


def test_a_callback_is_called_like_its_function(bench: Bench) -> None:
    # LGC-10
    async def body() -> list[int]:
        return [
            propagated(increased)(1),
            await propagated(increased_later)(2),
            await propagated(CallableLater())(3),
            await propagated(functools.partial(increased_later, 4))(),
            await asyncio.to_thread(propagated(increased), 5),
            propagated(propagated(increased))(6),
            await coco.use_mount(coco.component_subpath("child"), propagated(increased), 7),
        ]

    assert outcome_of(bench, body) == [2, 3, 4, 5, 6, 7, 8]


def test_a_plain_function_that_returns_an_awaitable_is_refused(bench: Bench) -> None:
    # LGC-10
    with pytest.raises(TypeError, match="wraps a plain callable that returned an awaitable"):
        outcome_of(bench, lambda: propagated(lambda x: increased_later(x + 1))(1))


def test_callbacks_are_made_and_called_inside_components(bench: Bench) -> None:
    # LGC-10
    with pytest.raises(RuntimeError, match="No ComponentContext available"):
        propagated(increased)
    kept: list[Any] = []
    outcome_of(bench, lambda: kept.append(propagated(increased)))
    with pytest.raises(RuntimeError, match="was called with no active component context"):
        kept[0](1)
    with pytest.raises(TypeError, match="takes a function, got 3"):
        bench.update(bench.app(lambda: propagated(3), name="other"))  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{}, {"logic_tracking": "self"}, {"memo": True}])
def test_a_callback_ends_with_the_function_that_made_it(bench: Bench, options: Any) -> None:
    # LGC-10
    kept: list[Any] = []

    @coco.fn(**options)
    def owner() -> int:
        kept.append(propagated(increased))
        return kept[0](1)  # type: ignore[no-any-return]

    @coco.fn(**options)
    async def owner_later() -> int:
        kept.append(propagated(increased))
        await asyncio.sleep(1)
        return kept[1](1)  # type: ignore[no-any-return]

    async def main() -> list[int]:
        results = [owner(), await owner_later()]
        for callback in kept:
            with pytest.raises(RuntimeError, match="was called after the function that wrapped it returned"):
                callback(1)
        return results

    assert bench.update(bench.app(main)) == [2, 2]


def test_a_callback_ends_with_the_component_that_made_it(bench: Bench) -> None:
    # LGC-10: a child that nobody waits for is too late
    async def child(callback: Any) -> int:
        await asyncio.sleep(1)
        return callback(1)  # type: ignore[no-any-return]

    async def main() -> None:
        handle = await coco.mount(coco.component_subpath("in time"), child, propagated(increased))
        await handle.ready()
        await coco.mount(coco.component_subpath("late"), child, propagated(increased))

    handle = bench.app(main).update()
    bench.run(handle.result())
    failures = handle.failures()
    assert len(failures) == 1
    assert "was called after the function that wrapped it returned" in str(failures[0])


def test_callbacks_are_keyed_like_their_functions(bench: Bench) -> None:
    # LGC-10
    def body() -> list[bool]:
        mine, again, other = propagated(increased), propagated(increased), propagated(increased_later)
        fingerprint = coco.memo_fingerprint(mine)
        return [fingerprint == coco.memo_fingerprint(one) for one in (again, other)]

    assert outcome_of(bench, body) == [True, False]


def test_the_former_name_warns(bench: Bench) -> None:
    # LGC-10
    def body() -> int:
        with pytest.warns(DeprecationWarning, match="use coco.logic_propagated_to_callers"):
            return coco.logic_tracked(increased)(1)  # type: ignore[no-any-return]

    assert outcome_of(bench, body) == 2
