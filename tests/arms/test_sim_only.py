# Goal: what can't happen or can't be judged outside the simulation is said in words, and nothing else is left out.

from __future__ import annotations

from pathlib import Path

import pytest

from cocoindex_sim.arms import COCOINDEX, Arm, left_out, real_arm, sim_only
from cocoindex_sim.scenario import parse_scenarios
from cocoindex_sim.world import Story

THEIRS = Arm(COCOINDEX, "python", "1.0")


def story(tmp_path: Path, steps: str, given: str = "{}", pipeline: str = "") -> Story:
    (tmp_path / "main.py").write_text(pipeline)
    text = f"app: main.py\ngiven: {given}\nsteps:\n" + "".join(f"  - {step}\n" for step in steps.split("; "))
    return parse_scenarios(text, path=Path("a.coco.yaml"), base=tmp_path)[0]


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ("start; hold: committed; release; expect: {targets: {}}", "no schedule can be stopped outside the simulation"),
        ("fs.append: {a: b}; update; expect: {targets: {}}", None),
        ("update; expect: {targets: {}}", None),
        ("start; crash: {at: committed}; restart; update; expect: {targets: {}}", None),
        ("update; advance: 400d; expect: {targets: {}}", None),
        ("start: {live: true}; advance: 3s; expect: {targets: {}}", None),
        ("start: {live: true}; stop; advance: 1h; expect: {targets: {}}", None),
        ("start: {live: true}; advance: 4s; expect: {targets: {}}", "time has to pass while it runs, more than 3 s"),
        ("fs.chmod: {a: 000}; update; expect: {targets: {}}", "permissions don't hold for every user"),
        ("fs.watch: hold; update; expect: {targets: {}}", "what happens to a watch can't be had from an operating system"),
        ("inject: {fault: EIO, path: a}; update; expect: {targets: {}}", "a fault of the kernel can't be had from an operating system"),
        ("map.set: {a: b}; update; expect: {targets: {}}", "the external maps are simulated"),
        ("update", "all it expects is about the schedule"),
    ],
)  # fmt: skip
def test_a_story_that_only_the_simulation_can_have_says_why(tmp_path: Path, steps: str, reason: str | None) -> None:
    assert sim_only(story(tmp_path, steps), real_arm()) == reason
    assert sim_only(story(tmp_path, steps), THEIRS) == reason


def test_the_profile_by_which_changes_are_told_is_that_of_the_system(tmp_path: Path) -> None:
    told = story(tmp_path, "update; expect: {targets: {}}", given="{watch: windows}")
    assert sim_only(told, real_arm()) == "changes are told as windows does"


def test_a_pipeline_that_looks_where_its_file_is_stays_in_the_simulation(tmp_path: Path) -> None:
    its = story(tmp_path, "update; expect: {targets: {}}", pipeline="ROOT = __file__\n")
    assert sim_only(its, real_arm()) == "the pipeline goes by __file__, so it would use its real directory"


def test_a_story_of_live_counters_alone_has_nothing_to_compare(tmp_path: Path) -> None:
    counted = story(tmp_path, "start: {live: true}; ready; expect: {stats: {main: {num_adds: 1}}}")
    assert sim_only(counted, real_arm()) == "all it expects is about the schedule"
    assert sim_only(story(tmp_path, "update; expect: {stats: {main: {num_adds: 1}}}"), real_arm()) is None


def test_what_is_not_judged_is_listed_by_arm(tmp_path: Path) -> None:
    steps = (
        "start; crash: {at: committed}; restart; start: {live: true}; ready;"
        " expect: {targets: {}, stats: {main: {num_adds: 1}}}; stop; update; expect: {raises: {type: OSError}}"
    )
    counters = "the counters of live updates, which go by how changes are told"
    assert left_out(story(tmp_path, steps), real_arm()) == [counters]
    assert left_out(story(tmp_path, steps), THEIRS) == [
        "killed at a moment of its own, not at 'committed'",
        counters,
        "killed at rest where it is stopped: no call stops a live update",
        "the kind and the words of errors",
    ]
