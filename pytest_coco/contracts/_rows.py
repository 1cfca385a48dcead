"""A target type under test: its handler asked and its sinks called as the engine does it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cocoindex_sim.engine import ContextProvider, TargetReconcileOutput
from cocoindex_sim.values import encode_key, is_non_existence

from ._history import difference
from ._stage import Stage
from ._watch import Counted

if TYPE_CHECKING:
    from ._target import TargetContract

__all__ = ["Rows"]


class Rows:
    """What a check does to a target, and what the target should have."""

    def __init__(self, stage: Stage, subject: TargetContract) -> None:
        self.stage = stage
        self.subject = subject
        self.handler = stage.call("make")
        self._context = ContextProvider()
        stage.call("provide", self._context)
        self.expected: dict[bytes, tuple[Any, Any]] = {}

    # -- asking ----------------------------------------------------------------------------------------------------

    def reconcile(
        self, key: Any, desired: Any, prev: Collection[Any] = (), missing: bool = True
    ) -> TargetReconcileOutput | None:
        """What the handler says is to be done."""
        shown = "GONE" if is_non_existence(desired) else repr(desired)
        asked = f"reconcile({key!r}, {shown}, {list(prev)!r}, {missing})"

        async def ask() -> Any:
            return self.handler.reconcile(key, desired, list(prev), missing)

        try:
            output = self.stage.run(ask())
        except Exception as error:
            self.stage.broken(
                f"{asked} raised {type(error).__name__}: {error}",
                "have reconcile() take any previous records, also none and several, and a row that may be missing",
            )
        self.stage.note(f"{asked}: {'nothing to do' if output is None else 'an action'}")
        if not (output is None or isinstance(output, TargetReconcileOutput)):
            if inspect.iscoroutine(output):
                output.close()
            self.stage.broken(
                f"{asked} gave a {type(output).__name__}",
                "make reconcile() an ordinary function that returns a TargetReconcileOutput or None",
            )
        return output

    def record(self, key: Any, value: Any) -> Any:
        """The tracking record of a value."""
        output = self.reconcile(key, value)
        if output is None:
            self.stage.broken(
                f"reconcile() has nothing to do for {key!r} = {value!r}, of which nothing is known to be there",
                "return an action when prev_may_be_missing is true",
            )
        return output.tracking_record

    # -- doing -----------------------------------------------------------------------------------------------------

    def apply(self, outputs: Sequence[TargetReconcileOutput | None], *, expects: bool = True) -> BaseException | None:
        """Call the sinks as the engine does, those with one callback once; the error of the first that fails."""
        batches: dict[Any, list[Any]] = {}
        for output in outputs:
            if output is not None:
                batches.setdefault(output.sink, []).append(output.action)
        for sink, actions in batches.items():
            try:
                self.stage.run(self._call(sink, actions))
            except Exception as error:
                self.stage.note(f"the sink {sink.name} raised {error!r}")
                if expects:
                    self.stage.broken(
                        f"the sink raised {type(error).__name__}: {error}, though nothing is wrong with the target",
                        "have the sink apply what reconcile() asked for",
                    )
                return error
        return None

    def apply_and_cancel(self, outputs: Sequence[TargetReconcileOutput | None], at: int) -> bool:
        """Call the sinks, and cancel the call at its await number `at`; whether it had that many."""
        stage = self.stage
        actions: dict[Any, list[Any]] = {}
        for output in outputs:
            if output is not None:
                actions.setdefault(output.sink, []).append(output.action)

        async def call_all() -> None:
            for sink, batch in actions.items():
                await self._call(sink, batch)

        cancelled = []

        async def begin() -> asyncio.Task[Any]:
            loop = asyncio.get_running_loop()

            def cancel() -> None:
                cancelled.append(at)
                loop.call_soon(task.cancel)

            task = loop.create_task(Counted(call_all(), at, cancel), name="sink")
            return task

        task: asyncio.Task[Any] = stage.run(begin())
        if not stage.until(task.done):
            stage.broken(
                f"the sink goes on {self.subject.within_s:g} s after it was cancelled",
                "let CancelledError out of the sink: catch Exception, not BaseException",
            )
        if not task.cancelled() and (error := task.exception()) is not None:
            stage.note(f"the sink raised {error!r}")
        return bool(cancelled)

    async def _call(self, sink: Any, actions: list[Any]) -> None:
        self.stage.note(f"the sink {sink.name} is called with {len(actions)} actions")
        if sink.is_async:
            await sink.fn(self._context, actions)
        else:
            await self.stage.loop.run_in_executor(None, sink.fn, self._context, actions)

    def bring(self, key: Any, desired: Any, prev: Collection[Any] = (), missing: bool = True) -> Any:
        """Have a row be so; its tracking record."""
        output = self.reconcile(key, desired, prev, missing)
        self.expect(key, desired)
        if output is None:
            return None
        self.apply([output])
        return output.tracking_record

    def expect(self, key: Any, value: Any) -> None:
        """From now on, the target should have this row."""
        if is_non_existence(value):
            self.expected.pop(encode_key(key), None)
        else:
            self.expected[encode_key(key)] = key, value

    # -- looking ---------------------------------------------------------------------------------------------------

    def contents(self) -> dict[bytes, tuple[Any, Any]]:
        """What the target has."""
        found = self.stage.call("contents")
        if not isinstance(found, Mapping):
            self.stage.broken(f"the hook contents() gave {found!r}", "return a mapping of keys to values")
        return {encode_key(key): (key, value) for key, value in found.items()}

    def check(self, when: str, fix: str) -> None:
        """The target has the rows that it should have, and no others."""
        lines = difference(self.expected, self.contents())
        if lines:
            self.stage.broken(
                f"{when}, the target has other rows than it should", fix, ["wanted (-), found (+):", *lines]
            )

    def is_as_expected(self) -> bool:
        """Whether it has."""
        return not difference(self.expected, self.contents())
