"""A pipeline over a target type that is killed after any of its durable steps, and started again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cocoindex_sim.engine import component_subpath, declare_target_state, mount
from cocoindex_sim.values import encode_key

from ._broken import traceback_lines
from ._pipeline import Pipeline
from ._rows import Rows
from ._stage import Stage

if TYPE_CHECKING:
    from ._target import TargetContract

__all__ = ["check_killed"]

_STORY: Final = ({1: 1, 2: 2}, {1: 3, 2: 2, 3: 4}, {1: 3, 3: 5})
"""What a pipeline wants to be there, update by update: values by row. Without the last one, nothing is deleted."""


def check_killed(stage: Stage, subject: TargetContract, *, takes_back: bool) -> None:
    """Update a pipeline that may be killed meanwhile, and see that the target gets what is wanted."""
    wanted: dict[int, int] = {}

    async def main(provider: Any) -> None:
        async def row(number: int, value: int) -> None:
            declare_target_state(provider.target_state(subject.key(number), subject.value(value)))

        for number, value in wanted.items():
            await mount(component_subpath(number), row, number, value)

    async def handler() -> Any:
        return await stage.call_inside("make")

    rows = Rows(stage, subject)
    stage.kills_after_actions()
    pipeline = Pipeline(stage, main, handler, "provide")

    def check() -> None:
        for error in pipeline.errors:
            stage.broken(
                f"in a pipeline, a row failed with {type(error).__name__}: {error}",
                "have reconcile() say, as in Collection[str], what its records come back as from the state store, and"
                " mend what raises this",
                traceback_lines(error),
            )
        rows.expected = {
            encode_key(subject.key(number)): (subject.key(number), subject.value(value))
            for number, value in wanted.items()
        }
        rows.check(
            "after it was killed and started again" if stage.lives > 1 else "after an update",
            "mend what the checks about possible pasts and repeated actions say; if they say nothing, what the target"
            " has may depend on how its handler was used before",
        )

    before: dict[int, int] = {} if subject.deletes else _STORY[0]
    for then in _STORY if subject.deletes else _STORY[:2]:
        wanted = then
        stage.note(f"wanted: {wanted}")
        if not stage.survives(pipeline.update):
            pipeline.errors.clear()
            for wanted in (before, then) if takes_back else (then,):
                stage.note(f"wanted: {wanted}")
                pipeline.update()
                check()
        check()
        before = then
    pipeline.close()
