# Goal: in the text of a file, only the expectations that are to be others change, also where they are shared.

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cocoindex_sim.scenario import ExpectationUpdate, expectation_updates, parse_scenarios, updated_text
from cocoindex_sim.values import ScenarioError
from cocoindex_sim.world import Exactly, Expect, StatsExpectation

TEXT = """\
app: main.py
scenarios:
  - name: one
    steps:
      - update
      - expect:
          targets: &both   # what both make
            out/a: a
            out/b: b
  - name: two
    steps:
      - update
      - expect: {targets: *both, stats: {total: {num_adds: 1}}}
      - expect:
          rows:
            mirror: {a: x}
            other: {b: {contains: y}}
"""


@pytest.fixture(autouse=True)
def pipeline(tmp_path: Path) -> None:
    (tmp_path / "main.py").touch()


def updated(base: Path, *updates: ExpectationUpdate, text: str = TEXT) -> str:
    return updated_text(text, updates, path=Path("x.coco.yaml"), base=base)


def test_what_two_scenarios_share_changes_for_both(tmp_path: Path) -> None:
    targets = {"out/a": "a", "out/c": "c"}
    updates = (ExpectationUpdate(name, 1, "targets", targets) for name in ("one", "two"))
    assert updated(tmp_path, *updates) == TEXT.replace("out/b: b", "out/c: c")


def test_what_changes_for_one_is_shared_no_longer(tmp_path: Path) -> None:
    text = updated(tmp_path, ExpectationUpdate("one", 1, "targets", {"out/a": "a"}))
    assert text == TEXT.replace("            out/b: b\n", "").replace("*both", "{out/a: a, out/b: b}")
    text = updated(tmp_path, ExpectationUpdate("two", 1, "targets", {"out/a": "a"}))
    assert text == TEXT.replace("*both", "{out/a: a}")


def test_headings_that_may_be_left_out_stay(tmp_path: Path) -> None:
    text = updated(
        tmp_path,
        ExpectationUpdate("two", 1, "stats", {"num_adds": 2}),
        ExpectationUpdate("two", 2, "rows", {"a": "z", "c": "w", "other": {"b": {"contains": "y"}}}),
    )
    assert text == TEXT.replace("num_adds: 1", "num_adds: 2").replace("{a: x}", "{a: z, c: w}")


@pytest.mark.parametrize(
    "update",
    [
        ExpectationUpdate("three", 1, "targets", {}),
        ExpectationUpdate("one", 0, "targets", {}),
        ExpectationUpdate("one", 1, "diff", {}),
        ExpectationUpdate("one", 7, "targets", {}),
    ],
)
def test_a_file_that_has_changed_is_not_touched(tmp_path: Path, update: ExpectationUpdate) -> None:
    with pytest.raises(ScenarioError, match="the file has changed since"):
        updated(tmp_path, update)


def test_what_would_mean_something_else_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="leads out of"):
        updated(tmp_path, ExpectationUpdate("one", 1, "targets", {"../x": "y"}))


def test_the_differences_of_two_stories_are_what_is_to_be_rewritten(tmp_path: Path) -> None:
    _, story = parse_scenarios(TEXT, path=Path("x.coco.yaml"), base=tmp_path)
    assert expectation_updates(story, story) == []
    expect: Any = story.steps[1]
    assert isinstance(expect, Expect)
    other = replace(
        expect,
        targets=(("out/x", Exactly(b"\xff")),),
        stats=(StatsExpectation(None, (("num_adds", 3),)),),
    )
    after = replace(story, steps=(story.steps[0], other, story.steps[2]))
    assert expectation_updates(story, after) == [
        ExpectationUpdate("two", 1, "targets", {"out/x": b"\xff"}),
        ExpectationUpdate("two", 1, "stats", {"num_adds": 3}),
    ]
