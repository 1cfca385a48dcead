"""Goal: authors add checks of their own to a contract, and the page about contracts shows how."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from cocoindex_sim.world import MapView, remote_map
from pytest_coco.contracts import LiveMapViewContract, Stage, claim, claims, rejections

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "contracts.md"


class Hooks:
    """A view that looks at everything again after a while."""

    rescan_s: float
    world: Any

    def make(self) -> MapView:
        outer = self

        class Counted(MapView):
            async def __aiter__(self) -> Any:
                outer.questions += 1
                async for entry in super().__aiter__():
                    yield entry

        return Counted(remote_map(), rescan_s=self.rescan_s)

    def put(self, key: Any, value: Any) -> None:
        self.world.map().set(key, value)

    questions = 0


def test_the_check_of_the_page_rejects_who_asks_too_often_and_nobody_else() -> None:
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    namespace: dict[str, Any] = {"__name__": __name__}
    exec(code[-1], namespace)
    polite = namespace["PoliteViewContract"]
    check = "test_it_asks_once_a_minute"
    assert [*claims(polite)] == [*claims(LiveMapViewContract), check]
    patient = type("Patient", (Hooks, polite), {"rescan_s": 3600.0})
    hasty = type("Hasty", (Hooks, polite), {"rescan_s": 1.0})
    assert rejections(patient, check) == {}
    assert "to do: wait longer before you ask again." in rejections(hasty, check)[check]


class _Careless(LiveMapViewContract):
    @claim()
    def test_it_loses_its_connection(self, stage: Stage) -> None:
        with suppress(Exception):
            stage.call("disturb")


def test_a_check_that_needs_a_hook_is_not_kept_without_it_whoever_caught_what_that_raised() -> None:
    check = "test_it_loses_its_connection"
    assert "_Careless does not write the hook disturb()" in rejections(_Careless, check)[check]
