"""The two-phase submit of one component: possible records, then actions, then settled records (DUR-01)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from ..ports import Generation, RecordKey, StoredValue, TargetRecord, Write
from ..values import (
    NON_EXISTENCE,
    DuplicateDeclared,
    InternalError,
    OwnerChanged,
    PreCommitted,
    StablePath,
    UsageError,
)
from ._codec import decode_value, encode_value
from ._component import Declared
from ._reconcile import after_applied, before_applied, look_back
from ._targets import (
    TargetActionSink,
    TargetHandler,
    TargetReconcileOutput,
    TargetStateProvider,
    check_handler,
    record_type,
)

if TYPE_CHECKING:
    from ._run import Run

__all__ = ["Submission", "UnresolvedContainerError"]

logger = logging.getLogger("cocoindex_sim")


class UnresolvedContainerError(Exception):
    """Rows can't be reconciled: nobody declared their container in this run."""


class _Planned(NamedTuple):
    """One target state this submit changes."""

    path: StablePath
    owner: bytes
    provider_generation: Generation
    record: TargetRecord | None
    output: TargetReconcileOutput
    new: StoredValue | None
    generation: Generation | None  # a declared container's, once settled
    child: TargetStateProvider[Any, Any] | None


class Submission:
    """Everything one component, or the deletion of one, does to target states.

    In order: `plan_declared` / `plan_removed`, then `pre_commit`, `apply`, and the writes of `settled`.
    """

    __slots__ = ("_claimed", "_owner", "_run", "dropped", "kept", "path", "planned", "taken")

    def __init__(self, run: Run, path: StablePath) -> None:
        self._run = run
        self._owner = path.encoded
        self._claimed: asyncio.Future[None] | None = None
        self.path = path
        self.planned: list[_Planned] = []
        self.kept: list[bytes] = []  # states that stay tracked by this component, declared or not
        self.taken: list[Write] = []  # states that only change their owner
        self.dropped: list[bytes] = []  # states whose records go without an action

    async def wait_for_claims(self, keys: Iterable[bytes]) -> None:
        """Wait while another component has a sink call in flight for one of these states (TGT-29)."""
        submitting = self._run.submitting
        while busy := next((submitting[key] for key in keys if key in submitting), None):
            await asyncio.shield(busy)

    def plan_declared(self, declared: dict[bytes, Declared]) -> None:
        """Reconcile each declared state, the later of two declaring components winning (TGT-26, TGT-30)."""
        run = self._run
        for encoded, (state, value, child) in declared.items():
            provider = state.provider
            if provider.handler is None:
                raise RuntimeError(f"the provider of {state.path} is not ready: its container has not committed")
            record = run.target(state.path)
            if record is not None and record.owner != self._owner:
                self._take_over(state.path, record)
            past = look_back(record, provider.generation, reprocess=run.full_reprocess)
            output = self._ask(provider.handler, state.key, value, past)
            if output is None:
                if record is not None:
                    self.kept.append(encoded)
                    if record.owner != self._owner:
                        mine = TargetRecord(self._owner, record.possible, record.provider_generation, record.generation)
                        self.taken.append((RecordKey("target", state.path), mine))
                continue
            generation = None
            if child is not None:
                generation = _next_generation(record, output.child_invalidation, forgotten=past.is_forgotten)
            new = None if output.tracking_record is NON_EXISTENCE else encode_value(output.tracking_record)
            if new is not None:
                self.kept.append(encoded)
            self.planned.append(
                _Planned(state.path, self._owner, provider.generation, record, output, new, generation, child)
            )

    def plan_removed(self, keys: Iterable[bytes], *, reprocess: bool = False, keep_unresolved: bool = False) -> None:
        """Reconcile states this component owns and no longer declares, to nothing.

        Rows of a container that nobody declared in this run can't be reconciled: `keep_unresolved` keeps them on record,
        as the container is about to be removed with them, or failed; else UnresolvedContainerError.
        """
        for encoded in keys:
            path = StablePath(encoded)
            record = self._run.target(path)
            if record is None or record.owner != self._owner:
                continue  # it went with its container, or has another owner now
            container, key = _split(path)
            provider = self._run.provider_of(container)
            if provider is None or provider.handler is None:
                if len(container.parts()) == 1:
                    raise LookupError(
                        f"{path} can't be deleted: no target states provider {container} is registered in this process;"
                        " import the module that registers it"
                    )
                if self._run.is_drop:
                    continue  # its container is dropped as well, and takes it along (APP-15)
                if keep_unresolved:
                    self.kept.append(encoded)
                    continue
                raise UnresolvedContainerError(f"{path}: its container {container} was not declared in this run")
            if record.provider_generation.destructive != provider.generation.destructive:
                self.dropped.append(encoded)  # row 13
                continue
            self._plan_removal(path, key, record, provider.handler, provider.generation, reprocess)

    def _plan_removal(
        self, path: StablePath, key: Any, record: TargetRecord, handler: TargetHandler[Any, Any, Any],
        container: Generation, reprocess: bool,
    ) -> None:  # fmt: skip
        past = look_back(record, container, reprocess=reprocess)
        output = self._ask(handler, key, NON_EXISTENCE, past)
        if output is None:
            self.kept.append(path.encoded)  # asked again next run (TGT-06)
            return
        new = None if output.tracking_record is NON_EXISTENCE else encode_value(output.tracking_record)
        if new is not None:
            self.kept.append(path.encoded)
        elif record.generation is not None:
            self._plan_rows(path, key, record, handler, past)
        self.planned.append(_Planned(path, record.owner, container, record, output, new, record.generation, None))

    def _plan_rows(
        self, path: StablePath, key: Any, record: TargetRecord, handler: TargetHandler[Any, Any, Any], past: Any
    ) -> None:
        """The rows of a container that goes: asked first if its handler wants that, else forgotten with it."""
        for_deletion = getattr(handler, "child_handler_for_deletion", None)
        rows = self._run.target_rows(path)
        child = None if for_deletion is None else for_deletion(key, self._decoded(handler, past.records))
        if child is None:
            self.dropped.extend(row_path.encoded for row_path, _ in self._run.targets_below(path))
            return
        for row_path, row in rows:
            self._plan_removal(row_path, _split(row_path)[1], row, child, record.generation or Generation(), False)

    def _ask(
        self, handler: TargetHandler[Any, Any, Any], key: Any, value: Any, past: Any
    ) -> TargetReconcileOutput | None:
        output = handler.reconcile(key, value, self._decoded(handler, past.records), past.may_be_missing)
        if output is not None and not isinstance(output, TargetReconcileOutput):
            raise TypeError(f"{type(handler).__qualname__}.reconcile must return a TargetReconcileOutput or None,"
                            f" got {output!r}")  # fmt: skip
        if output is not None and output.child_invalidation not in (None, "destructive", "lossy"):
            raise ValueError(f"child_invalidation must be 'destructive', 'lossy' or None, got"
                             f" {output.child_invalidation!r}")  # fmt: skip
        return output

    @staticmethod
    def _decoded(handler: TargetHandler[Any, Any, Any], records: Iterable[StoredValue]) -> list[Any]:
        hint = record_type(handler)
        return [decode_value(record, hint) for record in records]

    def _take_over(self, path: StablePath, record: TargetRecord) -> None:
        run, old = self._run, StablePath(record.owner)
        if record.owner in run.finished:
            logger.warning(
                "target state %s is declared by two components in one run: %s and %s; the last one to submit wins."
                " Declare it in one place.",
                path, old, self.path,
            )  # fmt: skip
            if run.observed:
                run.emit(DuplicateDeclared(path, old, self.path))
        elif run.observed:
            run.emit(OwnerChanged(path, old, self.path))

    # -- phases ----------------------------------------------------------------------------------------------------

    @property
    def has_actions(self) -> bool:
        """Whether a sink has to be called."""
        return bool(self.planned)

    def possible(self) -> list[Write]:
        """The target records to store before any sink is called; none where nothing new is possible."""
        writes = list(self.taken)
        for planned in self.planned:
            record = self._before(planned)
            if record != planned.record:
                writes.append((RecordKey("target", planned.path), record))
        return writes

    @staticmethod
    def _before(planned: _Planned) -> TargetRecord:
        return before_applied(planned.record, planned.owner, planned.provider_generation, planned.new)

    async def pre_commit(self, writes: list[Write]) -> None:
        """Make the possible records durable, and hold off others that want these states."""
        self._claimed = self._run.loop.create_future()
        for planned in self.planned:
            self._run.submitting[planned.path.encoded] = self._claimed
        if writes:
            await self._run.committer.commit(writes)
        if self._run.observed:
            self._run.emit(PreCommitted(self.path, tuple(planned.path for planned in self.planned)))

    async def apply(self) -> dict[bytes, TargetHandler[Any, Any, Any]]:
        """Call the sinks, one after the other (TGT-15). Gives the handlers of the containers' rows, by path."""
        by_sink: dict[TargetActionSink[Any], list[_Planned]] = {}
        for planned in self.planned:
            by_sink.setdefault(planned.output.sink, []).append(planned)
        handlers: dict[bytes, TargetHandler[Any, Any, Any]] = {}
        for sink, of_sink in by_sink.items():
            childless: list[_Planned] = []
            for planned in of_sink:
                if planned.child is None:
                    continue
                if sink.child_handler is None:
                    childless.append(planned)
                    continue
                handler = sink.child_handler(self._run.context_provider, planned.output.action)
                check_handler(handler)
                handlers[planned.path.encoded] = handler
            await self._run.sink_queue(sink).apply(self.path, [planned.output.action for planned in of_sink])
            if childless:
                raise UsageError(
                    f"sink {sink.name} got actions of states declared with a child ({childless[0].path}):"
                    " pass it a child_handler= factory"
                )
        return handlers

    def settled(self) -> list[Write]:
        """The target records to store once the sinks have returned."""
        writes: list[Write] = [] if self.planned else list(self.taken)
        for planned in self.planned:
            record = after_applied(planned.owner, planned.provider_generation, planned.new, planned.generation)
            if record != self._before(planned):
                writes.append((RecordKey("target", planned.path), record))
        writes.extend((RecordKey("target", StablePath(encoded)), None) for encoded in self.dropped)
        return writes

    def resolve_children(self, handlers: dict[bytes, TargetHandler[Any, Any, Any]]) -> None:
        """Make the containers' providers usable: their component has committed (TGT-18)."""
        for planned in self.planned:
            if planned.child is not None and planned.new is not None:
                handler = handlers.get(planned.path.encoded)
                if handler is None or planned.generation is None:
                    raise InternalError(f"container {planned.path} was applied without a handler for its rows")
                planned.child.resolve(handler, planned.generation)
                self._run.resolved[planned.path.encoded] = planned.child

    def release(self) -> None:
        """Let others have these states, whatever came of it."""
        if self._claimed is None:
            return
        for planned in self.planned:
            self._run.submitting.pop(planned.path.encoded, None)
        self._claimed.set_result(None)


def _next_generation(record: TargetRecord | None, invalidation: str | None, *, forgotten: bool) -> Generation:
    """A container's generation after its action: rows of an invalidated one are doubted or gone (TGT-22)."""
    if record is None or record.generation is None:
        return Generation()
    old = record.generation
    if invalidation == "destructive" or forgotten:
        return Generation(old.destructive + 1, old.lossy)
    if invalidation == "lossy":
        return Generation(old.destructive, old.lossy + 1)
    return old


def _split(path: StablePath) -> tuple[StablePath, Any]:
    """A target path as its container (or root provider) and its key."""
    parts = path.parts()
    return StablePath.of(*parts[:-1]), parts[-1]
