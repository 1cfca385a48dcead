"""One cycle: a complete build of one component and of all that is mounted below it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

from msgspec.structs import replace

from ..ports import ComponentMemo, RecordKey
from ..values import StablePath
from ._collect import keepers_of_rows, remove_components, remove_leftovers

if TYPE_CHECKING:
    from ._live import LiveActivity
    from ._run import Run
    from ._stats import StatsCounter

__all__ = ["Cycle"]

ReportFailure: TypeAlias = Callable[[BaseException], Awaitable[object]]


class Cycle:
    """What the components of one build share. A catch-up update is one cycle; in live mode cycles go on and overlap.

    `top`: the component that is built. `stats`: where its deletions count, by default those of the run. `owner`: the
    live component that asked for it.
    """

    __slots__ = (
        "counted_in",
        "deferred",
        "finished",
        "late",
        "leftovers",
        "moved",
        "owner",
        "removing",
        "run",
        "stats",
        "top",
        "went_wrong",
        "withheld",
    )

    def __init__(
        self, run: Run, top: StablePath, stats: StatsCounter | None = None, owner: LiveActivity | None = None
    ) -> None:
        self.run = run
        self.top = top
        self.owner = owner
        self.stats = run.stats if stats is None else stats
        self.finished: set[bytes] = set()  # encoded paths of components that committed or were reused
        self.removing: set[bytes] = set()  # components whose deletion began
        self.counted_in: dict[bytes, StatsCounter] = {}  # deletions that count elsewhere: in a group
        self.deferred: list[StablePath] = []  # those that wait for a container to be resolved or go
        self.leftovers: set[bytes] = set()  # mounted components with rows of containers not known when they committed
        self.late: set[bytes] = set()  # components whose memos are stored last: see `_store_late`
        self.withheld: dict[bytes, ComponentMemo] = {}  # these memos
        self.moved: set[bytes] = set()  # components that declare a container which was declared elsewhere
        self.went_wrong = False  # whether a component or a removal failed
        if run.tombstones:
            self.late.update(keepers_of_rows(run, map(StablePath, self._tombstones())))

    def _tombstones(self) -> list[bytes]:
        """Deletions left over from earlier runs, of what this cycle would mount."""
        run, top = self.run, self.top.encoded
        return [path for path in run.tombstones if path.startswith(top) and not run.is_below_live(path, top)]

    async def finish(self, report: ReportFailure) -> None:
        """Try again what earlier runs could not delete, and what waited for its container."""
        run = self.run
        left = [path for path in self._tombstones() if path not in run.remounted] if run.tombstones else []
        errors = await remove_components(self, map(StablePath, left)) if left else []
        errors += await remove_components(self, self.deferred, last_try=True)
        errors += await remove_leftovers(self, map(StablePath, self.leftovers))
        for error in errors:
            await report(error)
        if not self.went_wrong:
            self._store_late()
        self.finished.clear()  # contexts of tasks keep this for a while

    def _store_late(self) -> None:
        """Store the memos of components that had to run for rows to be removed, now that they are gone.

        A row can only be removed while its container is declared. So, whatever fails or is killed, what declares it has
        no memo as long as there may be such rows: as long as there is a tombstone of a component with rows, or a
        component `in_doubt` that declares a container, which had rows where it was declared before.
        """
        run = self.run
        for encoded in sorted({*self.withheld, *self.moved}):
            path = StablePath(encoded)
            record = run.component(path)
            if record is not None:
                in_doubt = record.in_doubt and (encoded in run.doubted or encoded not in self.moved)
                memo = self.withheld.get(encoded, record.memo)
                run.committer.enqueue([(RecordKey("component", path), replace(record, memo=memo, in_doubt=in_doubt))])
