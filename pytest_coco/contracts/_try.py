"""Trying one check: in a simulated world under many schedules, or once on the real loop."""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from cocoindex_sim.values import LimitError
from cocoindex_sim.world import Limits, Outcome, Run, World, explore

from ._broken import ContractBroken, place_of
from ._stage import RealStage, SimulatedStage, Stage

if TYPE_CHECKING:
    from ._contract import Contract

__all__ = ["Check", "Tried", "try_check"]

Check: TypeAlias = Callable[[Any, Stage], None]
"""A check: the author's object, and the stage on which it is tried."""

_STEPS_MAX: Final = 200_000


class Tried(NamedTuple):
    """What came of it: the first break that was found, by which of the `runs` runs."""

    broken: ContractBroken | None
    runs: int
    found_by: str = ""


def try_check(
    subject: Contract,
    check: Check,
    *,
    runs: int,
    seed: int = 0,
    policy: str = "random",
    pct_depth: int = 3,
    crashes: bool = False,
    check_determinism: bool = False,
    limits: Limits | None = None,
    directory: Path | None = None,
    watch_run: Callable[[Run, Outcome], object] = lambda run, outcome: None,
) -> Tried:
    """Try a check in asyncio's own order and in `runs` others, on a copy of the author's object each.

    With `crashes`, the one in order is tried again with its process killed after each of its durable steps, and each
    other after one of them. A class with `real_io` is tried once, with `directory`. What fails other than the contract
    is raised.
    """
    if subject.real_io:
        return _try_real(subject, check, seed, directory)

    def once(world: World) -> None:
        try:
            _perform(check, SimulatedStage(copy.copy(subject), world, in_order=world.seed == seed))
        finally:
            if world.fenced:  # whoever met it may have caught it, and come to something else
                raise ContractBroken(
                    str(world.fenced[0]).partition(";")[0],
                    fix="set real_io = True to have the connector tried on the real loop, or put a fake in the place"
                    " of what it calls",
                    place=place_of(type(subject)),
                )

    limits = limits or Limits()
    exploration = explore(
        once,
        runs=runs,
        seed=seed,
        policy=policy,
        pct_depth=pct_depth,
        crashes="sweep" if crashes else "none",
        check_determinism=check_determinism,
        shrinks=False,
        limits=replace(limits, steps_max=min(limits.steps_max, _STEPS_MAX)),
        watch_run=watch_run,
    )
    for found in exploration.failures:
        error = found.failure
        if isinstance(error, LimitError):
            error = ContractBroken(
                f"it goes round without an end: {str(error).partition(';')[0]}",
                fix="look for a loop that goes on at once when something fails: wait a moment before it tries again",
                place=place_of(type(subject)),
                lines=str(error).splitlines()[1:],
            )
        if not isinstance(error, ContractBroken):
            raise error
        return Tried(error, len(exploration.runs), str(found.run))
    return Tried(None, len(exploration.runs))


def _try_real(subject: Contract, check: Check, seed: int, directory: Path | None) -> Tried:
    with TemporaryDirectory() if directory is None else _Given(directory) as place:
        stage = RealStage(copy.copy(subject), seed, Path(place))
        try:
            _perform(check, stage)
        except ContractBroken as error:
            return Tried(error, 1, "the real loop")
        finally:
            gc.collect()  # what was left suspended goes now, and not in somebody else's test
    return Tried(None, 1)


def _perform(check: Check, stage: Stage) -> None:
    try:
        stage.call("open")
        check(stage.subject, stage)
    except BaseException as error:
        with suppress(Exception):  # the first error is the one to tell of
            stage.close()
        if stage.unusable is not None and isinstance(error, Exception):
            raise stage.unusable from None
        raise
    stage.close()
    if stage.unusable is not None:  # who called the hook caught what it raised
        raise stage.unusable


class _Given:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __enter__(self) -> str:
        return str(self._directory)

    def __exit__(self, *_: object) -> None:
        pass
