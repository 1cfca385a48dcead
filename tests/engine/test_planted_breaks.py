"""Goal: the state machine is no bystander: whichever of these breaks is planted in the engine, it finds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from msgspec.structs import replace

from cocoindex_sim.engine import (
    _build,
    _call_memo,
    _committer,
    _component,
    _cycle,
    _dependencies,
    _passage,
    _run,
    _submit,
)
from cocoindex_sim.engine._collect import UnresolvedContainerError
from cocoindex_sim.ports import Dependencies, Generation, TargetRecord

from .test_state_machine import check

Patch: TypeAlias = Callable[[Any, str, Any], None]
"""`monkeypatch.setattr`: owner, name, what to put there."""

FOUND = (AssertionError, UnresolvedContainerError)
"""What the machine fails with: a promise of the model not kept, or a clean update or drop that fails."""

EXAMPLES = 1000
"""How many examples a break may survive. Most are found by one of the first twenty."""


def commit_before_apply(patch: Patch) -> None:
    apply, pre_committed = _submit.Submission.apply, _passage.Passage._pre_committed

    async def early(self: Any) -> Any:
        await self._run.committer.commit(self.settled())
        return await apply(self)

    def early_on_the_way(self: Any, error: Any) -> None:
        def go_on(error: Any) -> None:
            pre_committed(self, error)

        self._run.committer.commit_then(self.submission.settled(), go_on)

    patch(_submit.Submission, "apply", early)
    patch(_passage.Passage, "_pre_committed", early_on_the_way)


def no_pre_commit(patch: Patch) -> None:
    pre_commit, possible = _submit.Submission.pre_commit, _passage.Passage.possible
    patch(_submit.Submission, "pre_commit", lambda self, writes: pre_commit(self, []))
    patch(_passage.Passage, "possible", lambda self: possible(self) and [])


def failed_attempt_forgotten(patch: Patch) -> None:
    def before(record: Any, owner: bytes, container: Generation, new: Any) -> TargetRecord:
        return TargetRecord(owner, (new,), container, None if record is None else record.generation)

    patch(_submit, "before_applied", before)


def earlier_records_kept(patch: Patch) -> None:
    before = _submit.before_applied

    def after(owner: bytes, container: Generation, new: Any, generation: Any) -> TargetRecord | None:
        return replace(before(None, owner, container, new), generation=generation)

    patch(_submit, "after_applied", after)


def lost_tombstone(patch: Patch) -> None:
    patch(_passage, "tombstones_for", lambda paths: [])


def tombstone_not_retried(patch: Patch) -> None:
    patch(_run.Run, "_stored_tombstones", lambda self: [])


def nothing_stale(patch: Patch) -> None:
    patch(_passage, "stale_below", lambda component: [])


def removal_forgets_what_failed(patch: Patch) -> None:
    async def apply(self: Any) -> dict[bytes, Any]:
        try:
            return await applied(self)
        except OSError:
            if any(planned.new is not None for planned in self.planned):
                raise
            return {}

    applied, on_the_way = _submit.Submission.apply, _passage.Passage._applied
    patch(_submit.Submission, "apply", apply)

    def go_on(self: Any, outcome: Any) -> None:
        removes_only = all(planned.new is None for planned in self.submission.planned)
        on_the_way(self, {} if isinstance(outcome, OSError) and removes_only else outcome)

    patch(_passage.Passage, "_applied", go_on)


def commit_before_children_are_ready(patch: Patch) -> None:
    async def at_once(self: Any) -> None:
        pass

    patch(_component.Component, "children_done", at_once)


def memo_although_a_child_failed(patch: Patch) -> None:
    ended = _component.Component.child_ended

    def child_ended(self: Any, child: Any, *, background: bool) -> None:
        ended(self, child, background=background)
        self.any_descendant_failed = False

    patch(_component.Component, "child_ended", child_ended)


def _without(patch: Patch, **absent: Any) -> None:
    def hold(dependencies: Dependencies, run: Any) -> bool:
        return _dependencies.hold(replace(dependencies, **absent), run)

    patch(_build, "hold", hold)
    patch(_call_memo, "hold", hold)


def memo_ignores_logic(patch: Patch) -> None:
    _without(patch, logic=())


def memo_ignores_context(patch: Patch) -> None:
    _without(patch, context=())


def memo_ignores_doubt(patch: Patch) -> None:
    patch(_run.Run, "is_settled", lambda self, top: True)


def call_memo_ignores_doubt(patch: Patch) -> None:
    patch(_run.Run, "all_settled", lambda self, targets, owner: True)


def robbed_owner_not_told(patch: Patch) -> None:
    patch(_submit.Submission, "doubt", lambda self, owner: [])


def leftovers_not_removed(patch: Patch) -> None:
    async def none(cycle: Any, paths: Any) -> list[Any]:
        return []

    patch(_cycle, "remove_leftovers", none)


def reused_calls_own_nothing(patch: Patch) -> None:
    patch(_passage, "_carried", lambda component: set())


def unused_calls_stay(patch: Patch) -> None:
    writes = _passage._call_writes
    patch(_passage, "_call_writes", lambda component: [one for one in writes(component) if one[1] is not None])


def state_not_stored(patch: Patch) -> None:
    patch(_passage, "state_to_store", lambda component: None)


def lossy_is_nothing(patch: Patch) -> None:
    def look_back(record: Any, container: Generation, *, reprocess: bool) -> Any:
        lossy = container.lossy if record is None else record.provider_generation.lossy
        return looked(record, replace(container, lossy=lossy), reprocess=reprocess)

    looked = _submit.look_back
    patch(_submit, "look_back", look_back)


def destructive_is_nothing(patch: Patch) -> None:
    patch(_submit, "_next_generation", lambda record, container, invalidation: Generation())


def rows_outlive_their_container(patch: Patch) -> None:
    patch(_submit.Submission, "_drop_rows", lambda self, container: None)


def commit_not_durable(patch: Patch) -> None:
    async def commit(self: Any, writes: Any) -> None:
        self.enqueue(writes)

    patch(_committer.Committer, "commit", commit)


def preview_stores(patch: Patch) -> None:
    patch(_committer.PreviewCommitter, "flush", _committer.Committer.flush)


QUICK = [
    commit_before_apply, commit_before_children_are_ready, commit_not_durable, earlier_records_kept,
    failed_attempt_forgotten, memo_ignores_logic, no_pre_commit, nothing_stale, preview_stores,
    reused_calls_own_nothing, rows_outlive_their_container, state_not_stored, unused_calls_stay,
]  # fmt: skip
RARE = [
    call_memo_ignores_doubt, destructive_is_nothing, leftovers_not_removed, lossy_is_nothing, lost_tombstone,
    memo_although_a_child_failed, memo_ignores_context, memo_ignores_doubt, removal_forgets_what_failed,
    robbed_owner_not_told, tombstone_not_retried,
]  # fmt: skip


def find(plant: Callable[[Patch], None], patch: Patch) -> None:
    plant(patch)
    with pytest.raises(FOUND) as found:
        check(1, EXAMPLES, shrink=False)
    assert "TypeError" not in str(found.value)  # that of a patch which no longer fits the engine


@pytest.mark.parametrize("plant", QUICK, ids=lambda plant: plant.__name__)
def test_a_planted_break_is_found(plant: Callable[[Patch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    find(plant, monkeypatch.setattr)


@pytest.mark.real
@pytest.mark.parametrize("plant", RARE, ids=lambda plant: plant.__name__)
def test_a_planted_break_is_found_in_time(plant: Callable[[Patch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    find(plant, monkeypatch.setattr)
