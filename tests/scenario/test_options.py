# Goal: a scenario says how it is explored, its heading does so for all of them, and slips name their place.

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cocoindex_sim.scenario import (
    forget_source,
    parse_scenarios,
    register_source,
    registered_sources,
    story_from_plain,
    story_text,
    without_places,
)
from cocoindex_sim.values import ScenarioError


def stories(text: str, base: Path) -> list[Any]:
    (base / "main.py").write_text("")
    return parse_scenarios(text, path=Path("x.coco.yaml"), base=base)


def test_options_are_those_of_the_heading_and_of_the_scenario_which_goes_before_it(tmp_path: Path) -> None:
    text = """\
app: main.py
options: {runs: 2, policy: pct, faults: "EIO,ack_lost"}
scenarios:
  - {name: a, steps: [update]}
  - {name: b, options: {runs: 0, shrink: false}, steps: [update]}
"""
    a, b = (dict(story.options) for story in stories(text, tmp_path))
    assert a == {"runs": 2, "policy": "pct", "faults": "EIO,ack_lost"}
    assert b == {"runs": 0, "policy": "pct", "faults": "EIO,ack_lost", "shrink": False}


def test_a_story_with_options_is_the_same_when_it_is_written_and_read_again(tmp_path: Path) -> None:
    (story,) = stories("app: main.py\noptions: {seed: 7, crashes: all, time_max: 60}\nsteps: [update]\n", tmp_path)
    (again,) = parse_scenarios(story_text(story), path=Path("x"), base=tmp_path)
    assert without_places(again) == without_places(story)
    assert story_from_plain({"app": "main.py", "steps": ["update"]}, path=Path("x"), base=tmp_path).options == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("{}", "2:10: there are no options; leave the key out"),
        ("{rns: 1}", "2:11: unknown option 'rns'; did you mean 'runs'? known: seed, runs, policy, "),
        ("{policy: pcr}", "2:19: unknown policy 'pcr'; did you mean 'pct'? known: random, pct, dfs, fifo"),
        ("{crashes: most}", "2:20: unknown number of crashes 'most'; known: none, one, sweep, all"),
        ("{runs: -1}", "2:17: expected a number of runs"),
        ("{pct_depth: 0}", "2:22: expected a count"),
        ("{faults: 'EIO,,x'}", "2:19: 'EIO,,x' is none of `none`, `all` and kinds of faults with commas between"),
        ("{faults: 'EIO,all'}", "2:19: 'EIO,all' is none of `none`, `all` and kinds of faults with commas between"),
        ("{faults: 'EIO,EACESS'}", "2:19: unknown kind of fault 'EACESS'; did you mean 'EACCES'? known: EIO, "),
        ("{shrink: maybe}", "2:19: expected true or false"),
    ],
)
def test_a_slip_in_the_options_names_its_place(options: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        stories(f"app: main.py\noptions: {options}\nsteps: [update]\n", tmp_path)
    assert str(caught.value).startswith(f"x.coco.yaml:{message}")


def test_a_source_that_is_registered_goes_by_its_name_from_any_directory(tmp_path: Path) -> None:
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors/prices.py").write_text("")
    (tmp_path / "stories").mkdir()
    register_source("prices", "connectors/prices.py:prices", tmp_path)
    try:
        (story,) = stories("source: prices\nsteps: [update]\n", tmp_path / "stories")
        assert (story.app, story.is_source) == ("../connectors/prices.py:prices", True)
    finally:
        forget_source("prices")
    assert registered_sources() == ()
    with pytest.raises(ScenarioError):
        stories("source: prices\nsteps: [update]\n", tmp_path / "stories")
