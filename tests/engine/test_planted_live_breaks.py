"""Goal: the machine of live components is no bystander: whichever of these breaks is planted in the engine, it finds it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from cocoindex_sim.engine import _build, _collect, _cycle, _live, _live_order, _passage, _run
from cocoindex_sim.values import DeadlockError, StablePath

from . import test_live
from .field import Field
from .test_live_machine import check

Patch: TypeAlias = Callable[[Any, str, Any], None]
"""`monkeypatch.setattr`: owner, name, what to put there."""

FOUND = (AssertionError, DeadlockError, TimeoutError)
"""What the machine fails with: a promise of the model not kept, or an update that does not end."""

PROGRAMS = 400
"""How many programs a break may survive. Most are found by one of the first twenty."""


def waiting(order: Any, path: bytes) -> Any:
    """The operation on a path that waits and may be superseded, if there is one."""
    last = order._last.get(path)
    return None if last is None or last.began or last.is_sealed else last


def the_first_operation_wins(patch: Patch) -> None:
    run = _live_order.Order.run

    def first(self: Any, path: bytes, work: Any, **options: Any) -> Any:
        if waiting(self, path) is None:
            return run(self, path, work, **options)
        outcome = asyncio.get_running_loop().create_future()
        outcome.set_result(_live_order.NOTHING)
        return outcome

    patch(_live_order.Order, "run", first)


def a_superseded_handle_waits_forever(patch: Patch) -> None:
    run = _live_order.Order.run

    def forgetful(self: Any, path: bytes, work: Any, **options: Any) -> Any:
        last = waiting(self, path)
        if last is not None:
            last.outcome = asyncio.get_running_loop().create_future()
        return run(self, path, work, **options)

    patch(_live_order.Order, "run", forgetful)


def what_was_given_up_passes_for_done(patch: Patch) -> None:
    over = _live_order.Order._over

    def ended(self: Any, operation: Any, task: Any) -> None:
        operation.work = operation.work or asyncio.sleep
        over(self, operation, task)

    patch(_live_order.Order, "_over", ended)


def a_cycle_is_not_alone(patch: Patch) -> None:
    ask, end = _live_order._Turns.ask, _live_order._Turns.end
    patch(_live_order._Turns, "ask", lambda self, *, alone: ask(self, alone=False))
    patch(_live_order._Turns, "end", lambda self, turn, *, alone: end(self, turn, alone=False))


def ready_at_once(patch: Patch) -> None:
    start = _live.LiveActivity.start

    def hasty(self: Any) -> None:
        start(self)
        self.run.loop.call_soon(self.become_ready)

    patch(_live.LiveActivity, "start", hasty)


def ready_without_those_below(patch: Patch) -> None:
    async def at_once(self: Any) -> None:
        pass

    patch(_build.Component, "children_done", at_once)


def removed_while_it_runs(patch: Patch) -> None:
    async def none(self: Any, component: Any) -> None:
        pass

    patch(_run.Run, "stop_unmounted", none)


def replaced_while_it_runs(patch: Patch) -> None:
    async def unasked(self: Any) -> None:
        pass

    patch(_live.LiveActivity, "stop", unasked)


def items_of_feeds_are_stale(patch: Patch) -> None:
    stale_below = _passage.stale_below

    def stale(component: Any) -> Any:
        run = component.run
        fed = [child for child in sorted(component.children) if child in run.live]
        items = [one for child in fed for one in list(_collect.stored_components(run, StablePath(child)))[1:]]
        return [*stale_below(component), *items]

    patch(_passage, "stale_below", stale)


def memos_hide_what_operators_changed(patch: Patch) -> None:
    patch(_live.LiveActivity, "_forget_memos", lambda self, subpath: None)


def those_that_begin_late_go_on(patch: Patch) -> None:
    patch(_cycle.Cycle, "owner", property(lambda self: None, lambda self, owner: None))


def a_failed_removal_outlives_what_comes_back(patch: Patch) -> None:
    remove = _live.remove_components

    async def forgetful(cycle: Any, paths: Any, **options: Any) -> Any:
        errors = await remove(cycle, paths, **options)
        cycle.run.marked.difference_update(path.encoded for path in paths)
        return errors

    patch(_live, "remove_components", forgetful)


def a_retried_removal_supersedes_an_update(patch: Patch) -> None:
    patch(_live.LiveActivity, "_decided", lambda self, subpath: None)


QUICK = [
    a_cycle_is_not_alone, a_superseded_handle_waits_forever, items_of_feeds_are_stale, ready_at_once,
    ready_without_those_below, replaced_while_it_runs, the_first_operation_wins, those_that_begin_late_go_on,
]  # fmt: skip
RARE = [memos_hide_what_operators_changed, removed_while_it_runs, what_was_given_up_passes_for_done]
NAMED: list[tuple[Callable[[Patch], None], Callable[[Field], None]]] = [  # too rare for the machine
    (
        a_failed_removal_outlives_what_comes_back,
        test_live.test_a_removal_that_failed_is_forgotten_once_the_item_is_back,
    ),
    (
        a_retried_removal_supersedes_an_update,
        lambda field: test_live.test_an_update_that_waits_is_no_victim_of_an_earlier_removal(field, "a"),
    ),
]


def find(plant: Callable[[Patch], None], patch: Patch) -> None:
    plant(patch)
    with pytest.raises(FOUND) as found:
        check(range(PROGRAMS), shrink=False)
    assert "TypeError" not in str(found.value)  # that of a patch which no longer fits the engine
    assert "AttributeError" not in str(found.value)


@pytest.mark.parametrize("plant", QUICK, ids=lambda plant: plant.__name__)
def test_a_planted_break_is_found(plant: Callable[[Patch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    find(plant, monkeypatch.setattr)


@pytest.mark.real
@pytest.mark.parametrize("plant", RARE, ids=lambda plant: plant.__name__)
def test_a_planted_break_is_found_in_time(plant: Callable[[Patch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    find(plant, monkeypatch.setattr)


@pytest.mark.parametrize(("plant", "test"), NAMED, ids=[plant.__name__ for plant, _ in NAMED])
def test_a_planted_break_is_found_by_a_test_of_its_own(
    plant: Callable[[Patch], None], test: Callable[[Field], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    field = Field()
    try:
        test(field)
    finally:
        field.bench.close()
    plant(monkeypatch.setattr)
    field = Field()
    try:
        with pytest.raises(AssertionError):
            test(field)
    finally:
        field.bench.close()
