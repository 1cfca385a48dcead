"""The two-phase submit of one component: possible records, then actions, then settled records (DUR-01)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

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
from ._fingerprint import fingerprint_object
from ._reconcile import Past, after_applied, before_applied, look_back
from ._targets import (
    TargetActionSink,
    TargetHandler,
    TargetReconcileOutput,
    TargetStateProvider,
    check_handler,
    record_type,
)

if TYPE_CHECKING:
    from ._cycle import Cycle

__all__ = ["PlannedChange", "Submission"]

logger = logging.getLogger("cocoindex_sim")


class _Planned(Struct, frozen=True):
    """One target state this submit changes."""

    path: StablePath
    owner: bytes
    provider_generation: Generation
    record: TargetRecord | None
    output: TargetReconcileOutput
    new: StoredValue | None
    generation: Generation | None  # a container's, once settled
    child: TargetStateProvider[Any, Any] | None
    before: TargetRecord  # what may be there from the moment the sink is called


class PlannedChange(NamedTuple):
    """One action that a preview planned: for which target state, by which component.

    "assert": what is on record already holds, and the handler wants it applied again, as for directories.
    """

    kind: Literal["add", "change", "remove", "assert"]
    target: StablePath
    component: StablePath
    action: Any


class Submission:
    """Everything one component, or the deletion of one, does to target states.

    In order: `plan_declared` / `plan_removed`, then `pre_commit`, `apply`, and the writes of `settled`.
    """

    __slots__ = (
        "_cycle",
        "_is_claiming",
        "_owner",
        "_released",
        "_rows",
        "_run",
        "dropped",
        "kept",
        "left",
        "path",
        "planned",
        "taken",
    )

    def __init__(self, cycle: Cycle, path: StablePath) -> None:
        self._cycle = cycle
        self._run = cycle.run
        self._owner = path.encoded
        self._is_claiming = False
        self._released: asyncio.Future[None] | None = None  # made when somebody waits
        self.path = path
        self.planned: list[_Planned] = []
        self.kept: list[bytes] = []  # states that stay tracked by this component, declared or not
        self.left: list[bytes] = []  # those it no longer declares and whose handler is not known
        self.taken: list[Write] = []  # what changes its owner
        self.dropped: list[bytes] = []  # states whose records go without an action
        self._rows: dict[bytes, bytes] = {}  # rows that go with their containers, and their owners

    def meets_claims(self, declared: Iterable[bytes], gone: Collection[bytes]) -> bool:
        """Whether another component has a sink call in flight for one of these states."""
        claimed = self._run.submitting.keys()
        return not claimed.isdisjoint(declared) or (bool(gone) and not claimed.isdisjoint(gone))

    async def wait_for_claims(self, keys: Iterable[bytes]) -> None:
        """Wait while another component has a sink call in flight for one of these states (TGT-29)."""
        submitting = self._run.submitting
        while busy := next((submitting[key] for key in keys if key in submitting), None):
            if busy._released is None:
                busy._released = self._run.loop.create_future()
            await asyncio.shield(busy._released)

    def plan_declared(self, declared: dict[bytes, Declared]) -> None:
        """Reconcile each declared state, the later of two declaring components winning (TGT-26, TGT-30)."""
        run = self._run
        for encoded, one in declared.items():
            state, value, child = one.state, one.value, one.child
            provider = state.provider
            if provider.handler is None:
                raise RuntimeError(f"the provider of {state.path} is not ready: its container has not committed")
            record = None if run.is_first_declared(encoded) else run.target(state.path)
            if record is not None and record.owner != self._owner:
                self._take_over(state.path, record)
            if child is not None and record is not None:
                self._keep_running(record)
            past = look_back(record, provider.generation, reprocess=run.full_reprocess)
            if child is None and not past.may_be_missing and _is_fingerprint(provider.handler, value, past):
                output = None
            else:
                output = self._ask(provider.handler, state.key, value, past)
            if output is None:
                if child is not None:  # TGT-19, SE-17
                    child.why_pending = (
                        f"{type(provider.handler).__qualname__}.reconcile returned None for its container;"
                        " it must return an output, a no-op if need be, in every run in which rows are declared"
                    )
                if record is not None:
                    self.kept.append(encoded)
                    if record.owner != self._owner:
                        mine = TargetRecord(self._owner, record.possible, record.provider_generation, record.generation)
                        self.taken.append((RecordKey("target", state.path), mine))
                continue
            generation = None
            if child is not None:
                generation = _next_generation(record, provider.generation, output.child_invalidation)
            new = None if output.tracking_record is NON_EXISTENCE else encode_value(output.tracking_record)
            if new is not None:
                self.kept.append(encoded)
            elif child is not None:
                self._drop_rows(state.path)  # with the container, what is known of its rows is forgotten (TGT-07)
            self._plan(state.path, self._owner, provider.generation, record, output, new, generation, child)

    def _plan(
        self, path: StablePath, owner: bytes, container: Generation, record: TargetRecord | None,
        output: TargetReconcileOutput, new: StoredValue | None, generation: Generation | None,
        child: TargetStateProvider[Any, Any] | None,
    ) -> None:  # fmt: skip
        before = before_applied(record, owner, container, new)
        self.planned.append(_Planned(path, owner, container, record, output, new, generation, child, before))

    def plan_removed(self, keys: Iterable[bytes], *, reprocess: bool = False, forget: bool = False) -> None:
        """Reconcile states this component owns and no longer declares, to nothing.

        `keys`: in the order of paths, containers before their rows. `forget`: the component goes, so nobody would ask
        again. LookupError when no such target type is registered.
        """
        for encoded in keys:
            path = StablePath(encoded)
            record = self._run.target(path)
            if record is None or record.owner != self._owner or encoded in self._rows:
                continue  # it goes or went with its container, or has another owner now
            container, key = _split(path)
            provider = self._run.provider_of(container)
            if provider is None or provider.handler is None:
                if len(container.parts()) == 1:
                    raise LookupError(
                        f"{path} can't be deleted: no target states provider {container} is registered in this process;"
                        " import the module that registers it"
                    )
                self.left.append(encoded)  # a row whose container is not declared in this run, or failed
            elif record.provider_generation.destructive != provider.generation.destructive:
                self.dropped.append(encoded)  # row 13
                self._drop_rows(path)
            else:
                past = look_back(record, provider.generation, reprocess=reprocess)
                self._plan_removal(path, key, record, provider.handler, provider.generation, past, forget)

    def _plan_removal(
        self, path: StablePath, key: Any, record: TargetRecord, handler: TargetHandler[Any, Any, Any],
        container: Generation, past: Past, forget: bool,
    ) -> None:  # fmt: skip
        output = self._ask(handler, key, NON_EXISTENCE, past)
        new = None
        if not forget:
            if output is None or output.tracking_record is not NON_EXISTENCE:
                self.kept.append(path.encoded)  # asked again next run (TGT-06, TGT-07)
            if output is None:
                return
            if output.tracking_record is not NON_EXISTENCE:
                new = encode_value(output.tracking_record)
        if new is None and record.generation is not None:
            self._plan_rows(path, key, record.generation, handler, past)
        if output is None:
            self.dropped.append(path.encoded)
        else:
            self._plan(path, record.owner, container, record, output, new, record.generation, None)

    def _plan_rows(
        self, path: StablePath, key: Any, generation: Generation, handler: TargetHandler[Any, Any, Any], past: Past
    ) -> None:
        """The rows of a container that goes: asked first if its handler wants that, else forgotten with it (row 14)."""
        for_deletion = getattr(handler, "child_handler_for_deletion", None)
        child = None if for_deletion is None else for_deletion(key, self._decoded(handler, past.records))
        if child is None:
            self._drop_rows(path)
            return
        check_handler(child)
        for row_path, row in self._run.target_rows(path):
            if _split(row_path)[0] != path:  # of an attachment, which goes with what it is attached to
                self.dropped.append(row_path.encoded)
                self._rows[row_path.encoded] = row.owner
                continue
            if row.provider_generation.destructive != generation.destructive:
                self.dropped.append(row_path.encoded)
                self._rows[row_path.encoded] = row.owner
                self._drop_rows(row_path)
                continue
            self._rows[row_path.encoded] = row.owner
            row_past = look_back(row, generation, reprocess=False)
            self._plan_removal(row_path, _split(row_path)[1], row, child, generation, row_past, True)

    def _drop_rows(self, container: StablePath) -> None:
        for path, row in self._run.targets_below(container):
            self.dropped.append(path.encoded)
            self._rows[path.encoded] = row.owner

    def _ask(
        self, handler: TargetHandler[Any, Any, Any], key: Any, value: Any, past: Any
    ) -> TargetReconcileOutput | None:
        records = self._decoded(handler, past.records) if past.records else []
        output = handler.reconcile(key, value, records, past.may_be_missing)
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
        if record.owner in self._cycle.finished:
            logger.warning(
                "target state %s is declared by two components in one run: %s and %s; the last one to submit wins."
                " Declare it in one place.",
                path, old, self.path,
            )  # fmt: skip
            if run.observers:
                run.emit(DuplicateDeclared(path, old, self.path))
        elif run.observers:
            run.emit(OwnerChanged(path, old, self.path))
        self.taken.extend(self.doubt(old))

    def _keep_running(self, container: TargetRecord) -> None:
        """Have a container declared in every run until no row can be left of when another component declared it."""
        run, path = self._run, self.path
        own = run.component(path)
        if container.owner != self._owner or (own is not None and own.in_doubt):
            self._cycle.moved.add(self._owner)
            self._cycle.late.update(above.encoded for above in (path, *path.ancestors()))

    def doubt(self, owner: StablePath) -> list[Write]:
        """Have a component, and those above it, look whether things are as it left them before they reuse a memo."""
        run = self._run
        writes: list[Write] = []
        for path in (owner, *owner.ancestors()):
            run.doubted.add(path.encoded)
            record = run.component(path)
            if record is not None and not record.in_doubt:
                writes.append((RecordKey("component", path), replace(record, in_doubt=True)))
        return writes

    # -- phases ----------------------------------------------------------------------------------------------------

    @property
    def is_preview(self) -> bool:
        """Whether nothing is to be applied."""
        return self._run.is_preview

    @property
    def has_actions(self) -> bool:
        """Whether a sink has to be called."""
        return bool(self.planned)

    def possible(self) -> list[Write]:
        """The target records to store before any sink is called; none where nothing new is possible."""
        writes = list(self.taken)
        for planned in self.planned:
            if planned.before != planned.record:
                writes.append((RecordKey("target", planned.path), planned.before))
        return writes

    async def pre_commit(self, writes: list[Write]) -> None:
        """Make the possible records durable, and hold off others that want these states."""
        self.claim()
        if writes:
            await self._run.committer.commit(writes)
        self.tell_pre_committed()

    def claim(self) -> None:
        """Hold off others that want these states."""
        self._is_claiming = True
        submitting = self._run.submitting
        for planned in self.planned:
            submitting[planned.path.encoded] = self

    def tell_pre_committed(self) -> None:
        """Tell the observers."""
        if self._run.observers:
            self._run.emit(PreCommitted(self.path, tuple(planned.path for planned in self.planned)))

    async def apply(self) -> dict[bytes, TargetHandler[Any, Any, Any]]:
        """Call the sinks, one after the other (TGT-15). Gives the handlers of the containers' rows, by path."""
        handlers: dict[bytes, TargetHandler[Any, Any, Any]] = {}
        for sink, of_sink in self._calls():
            childless: dict[int, _Planned] = {}
            for index, planned in enumerate(of_sink):
                if planned.child is None:
                    continue
                if sink.child_handler is None:
                    childless[index] = planned
                    continue
                handler = sink.child_handler(self._run.context_provider, planned.output.action)
                check_handler(handler)
                handlers[planned.path.encoded] = handler
            if self._run.is_preview and not sink.in_memory:
                for planned in childless.values():
                    raise UsageError(
                        f"sink {sink.name} does not support preview of child target states ({planned.path}):"
                        " pass it a child_handler= factory"
                    )
                self._run.plan.extend(map(self._change, of_sink))
                continue
            actions = [planned.output.action for planned in of_sink]
            handed_over = await self._run.sink_queue(sink).apply(self.path, actions, childless.keys())
            for index, planned in childless.items():
                if index not in handed_over:
                    raise UsageError(
                        f"sink {sink.name} got an action of a state declared with a child ({planned.path}):"
                        " pass it a child_handler= factory"
                    )
                handlers[planned.path.encoded] = handed_over[index]
        return handlers

    def _change(self, planned: _Planned) -> PlannedChange:
        kind: Literal["add", "change", "remove", "assert"]
        if planned.new is None:
            kind = "remove"
        elif planned.record is None or not any(planned.record.possible):
            kind = "add"
        else:
            kind = "assert" if planned.before == planned.record else "change"
        return PlannedChange(kind, planned.path, self.path, planned.output.action)

    def _calls(self) -> Iterable[tuple[TargetActionSink[Any], list[_Planned]]]:
        """The sink calls to make: one for each sink, unless a container would go before its rows."""
        if len(self.planned) == 1:
            return [(self.planned[0].output.sink, self.planned)]
        if not self._rows:
            by_sink: dict[TargetActionSink[Any], list[_Planned]] = {}
            for planned in self.planned:
                by_sink.setdefault(planned.output.sink, []).append(planned)
            return by_sink.items()
        rows_first = sorted(enumerate(self.planned), key=lambda one: one[1].path.encoded not in self._rows)
        calls: list[tuple[TargetActionSink[Any], list[int]]] = []
        last_of_rows: dict[StablePath, int] = {}  # by container, the call with the last of its rows
        for index, planned in rows_first:
            sink = planned.output.sink
            earliest = last_of_rows.get(planned.path, 0)
            call = next((n for n in range(earliest, len(calls)) if calls[n][0] == sink), len(calls))
            if call == len(calls):
                calls.append((sink, []))
            calls[call][1].append(index)
            if planned.path.encoded in self._rows:
                container = _split(planned.path)[0]
                last_of_rows[container] = max(call, last_of_rows.get(container, 0))
        return [(sink, [self.planned[index] for index in sorted(indices)]) for sink, indices in calls]

    def settled(self) -> list[Write]:
        """The target records to store once the sinks have returned."""
        writes: list[Write] = [] if self.planned else list(self.taken)
        for planned in self.planned:
            record = after_applied(planned.owner, planned.provider_generation, planned.new, planned.generation)
            if record != planned.before:
                writes.append((RecordKey("target", planned.path), record))
        if self.dropped:
            writes.extend((RecordKey("target", StablePath(encoded)), None) for encoded in self.dropped)
        for owner in sorted({owner for owner in self._rows.values() if owner != self._owner}) if self._rows else ():
            writes.extend(self.doubt(StablePath(owner)))  # what it declared is lost
        return writes

    def resolve_children(self, handlers: dict[bytes, TargetHandler[Any, Any, Any]]) -> None:
        """Make the containers' providers usable: their component has committed (TGT-18)."""
        for planned in self.planned:
            if planned.child is not None:
                handler = handlers.get(planned.path.encoded)
                if handler is None or planned.generation is None:
                    raise InternalError(f"container {planned.path} was applied without a handler for its rows")
                planned.child.resolve(handler, planned.generation)
                self._run.resolved[planned.path.encoded] = planned.child

    def release(self) -> None:
        """Let others have these states, whatever came of it."""
        if not self._is_claiming:
            return
        for planned in self.planned:
            self._run.submitting.pop(planned.path.encoded, None)
        if self._released is not None:
            self._released.set_result(None)


def _next_generation(record: TargetRecord | None, container: Generation, invalidation: str | None) -> Generation:
    """A container's generation after its action: rows of an invalidated one are doubted or gone (TGT-22).

    They are doubted, too, when the container itself may have been missing: an attempt to delete it may have succeeded.
    """
    if record is None or record.generation is None:
        return Generation()
    old, past = record.generation, look_back(record, container, reprocess=False)
    if invalidation == "destructive" or not past.records:
        return Generation(old.destructive + 1, old.lossy)
    if invalidation == "lossy" or past.may_be_missing:
        return Generation(old.destructive, old.lossy + 1)
    return old


def _is_fingerprint(handler: TargetHandler[Any, Any, Any], value: Any, past: Past) -> bool:
    """Whether the only past of a state is its value's fingerprint, so that the handler need not be asked (TGT-10)."""
    if past.may_be_missing or not getattr(handler, "tracks_value_fingerprint", False):
        return False
    return past.records == (encode_value(fingerprint_object(value)),)


def _split(path: StablePath) -> tuple[StablePath, Any]:
    """A target path as its container (or root provider) and its key."""
    parts = path.parts()
    return StablePath.of(*parts[:-1]), parts[-1]
