# Goal: a scenario switches oracles off by name with a reason, its heading does so for all, and slips name their place.

from pathlib import Path

import pytest

from cocoindex_sim.scenario import parse_scenarios
from cocoindex_sim.values import ScenarioError
from cocoindex_sim.world import ORACLES

KNOWN = f"known: {', '.join(ORACLES)}"


def off(text: str, base: Path) -> list[dict[str, str]]:
    (base / "main.py").write_text("")
    stories = parse_scenarios(f"app: main.py\n{text}", path=Path("x.coco.yaml"), base=base)
    return [dict(story.oracles_off) for story in stories]


def test_by_default_every_oracle_judges(tmp_path: Path) -> None:
    assert off("steps: [update]", tmp_path) == [{}]


def test_an_oracle_is_off_with_its_reason(tmp_path: Path) -> None:
    text = "oracles_off: {stale: it counts down, ready: never}\nsteps: [update]"
    assert off(text, tmp_path) == [{"stale": "it counts down", "ready": "never"}]


def test_the_heading_is_inherited_and_added_to(tmp_path: Path) -> None:
    text = """oracles_off: {stale: it counts down}
scenarios:
  - {name: a, steps: [update]}
  - {name: b, oracles_off: {ready: never, stale: another reason}, steps: [update]}
"""
    assert off(text, tmp_path) == [{"stale": "it counts down"}, {"stale": "another reason", "ready": "never"}]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{stail: because}", f"15: unknown oracle 'stail'; did you mean 'stale'? {KNOWN}"),
        ("{everything: because}", f"15: unknown oracle 'everything'; {KNOWN}"),
        ("{stale: ''}", "22: the oracle 'stale' is off without a reason; say why it can't hold here"),
        ("{stale: '  '}", "22: the oracle 'stale' is off without a reason; say why it can't hold here"),
        ("{stale: }", "15: expected the reason why 'stale' can't hold here, found nothing; write \"\" for empty text"),
        ("{stale: [a]}", "22: expected the reason why 'stale' can't hold here, found a list"),
        ("[stale]", "14: expected a mapping from oracles to reasons, found a list"),
        ("stale", "14: expected a mapping from oracles to reasons, found 'stale' (text)"),
    ],
)
def test_a_slip_names_its_place(written: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        off(f"oracles_off: {written}\nsteps: [update]", tmp_path)
    assert str(caught.value) == f"x.coco.yaml:2:{message}"
