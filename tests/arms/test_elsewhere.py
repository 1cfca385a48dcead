# Goal: on real files a story goes as it says or fails at the step that does not, in both engines; a crash is a SIGKILL.

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cocoindex_sim.arms import Arm, ArmError, Elsewhere, Limits, Nursery, find_cocoindex, real_arm, sim_only
from cocoindex_sim.scenario import parse_scenarios
from cocoindex_sim.world import ExpectationFailed

pytestmark = pytest.mark.real

PIPELINE = """\
import asyncio
import pathlib
from collections.abc import Iterator

import cocoindex as coco
from cocoindex.connectors import localfs


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


@coco.fn(memo=True)
async def shout(file: localfs.File, target: localfs.DirTarget) -> None:
    text = await file.read_text()
    if text == "endless":
        await asyncio.sleep(10_000)
    target.declare_file(file.file_path.path.name, text.upper())


@coco.fn
async def main() -> None:
    target = await localfs.mount_dir_target("out")
    await coco.mount_each(shout, localfs.walk_dir("in", live=True).items(), target)


app = coco.App("Shout", main)
"""

Perform = Callable[..., Elsewhere]


@pytest.fixture
def perform(tmp_path: Path, nursery: Nursery) -> Iterator[Perform]:
    (tmp_path / "main.py").write_text(PIPELINE)
    with ExitStack() as open_ones:

        def perform(arm: Arm, steps: str, within_s: float = 60.0) -> Elsewhere:
            text = "app: main.py\ngiven: {files: {in/a: apple, in/b: banana}}\nsteps:\n" + steps
            (story,) = parse_scenarios(text, path=Path("a.coco.yaml"), base=tmp_path)
            assert sim_only(story, arm) is None
            limits = Limits(within_s=within_s)
            elsewhere = open_ones.enter_context(
                Elsewhere(story, arm, tmp_path / "site", nursery=nursery, limits=limits)
            )
            elsewhere.run()
            return elsewhere

        yield perform


def test_catch_up_updates_are_judged_by_files_and_counters(arm: Arm, perform: Perform) -> None:
    perform(
        arm,
        """
  - update
  - expect: {targets: {out/a: APPLE, out/b: BANANA}, stats: {shout: {num_adds: 2}}}
  - fs.write: {in/a: apricot}
  - fs.move: {from: in/b, to: in/c}
  - update
  - expect:
      diff: {added: out/c, changed: out/a, removed: out/b}
      stats: {shout: {num_reprocesses: 1, num_adds: 1, num_deletes: 1}}
  - update
  - expect: {diff: {}, stats: {shout: {num_unchanged: 2}}}
  - drop
  - expect: {targets: {}}
""",
    )


def test_a_live_update_follows_and_is_stopped(arm: Arm, perform: Perform) -> None:
    perform(
        arm,
        """
  - start: {live: true}
  - ready
  - expect: {terminates: false, targets: {out/a: APPLE, out/b: BANANA}}
  - fs.write: {in/a: apricot}
  - fs.remove: in/b
  - settle
  - expect: {terminates: false, diff: {changed: out/a, removed: out/b}}
  - stop
  - fs.write: {in/c: cherry}
  - update
  - expect: {diff: {added: out/c}}
""",
    )


def test_a_killed_process_is_made_up_for(arm: Arm, perform: Perform) -> None:
    perform(
        arm,
        """
  - start
  - crash: {at: actions_applied}
  - fs.write: {in/c: cherry}
  - restart
  - update
  - expect: {targets: {out/a: APPLE, out/b: BANANA, out/c: CHERRY}}
  - start: {live: true}
  - ready
  - crash
  - fs.remove: in/a
  - restart
  - update
  - expect: {diff: {removed: out/a}}
""",
    )


def test_our_process_dies_at_the_very_event(perform: Perform) -> None:
    # Nothing is applied before that, so nothing is there.
    perform(
        real_arm(),
        """
  - start
  - crash: {at: component_started, nth: 2}
  - expect: {targets: {}}
  - restart
  - update
  - expect: {targets: {out/a: APPLE, out/b: BANANA}}
""",
    )


@pytest.mark.parametrize(
    ("steps", "line", "verdict"),
    [
        ("  - update\n  - expect: {targets: {out/a: APPLE}}\n", 5, "the target files are not as expected: 1 extra"),
        ("  - update\n  - expect: {diff: {added: [out/a]}}\n", 5, "the target files did not change as expected"),
        (
            "  - update\n  - expect: {stats: {shout: {num_adds: 3}}}\n",
            5,
            "the counters are not as expected",
        ),
        ("  - update\n  - expect: {raises: {type: OSError}}\n", 5, "nothing was raised; expected an error of type OSError"),
        ("  - fs.remove: none\n  - update\n  - expect: {targets: {}}\n", 4, "this step can't be taken"),
        ("  - fs.remove: in\n  - update\n  - expect: {targets: {}}\n", 5, "the update raised RuntimeError:"),
        (
            "  - start: {live: true}\n  - expect: {terminates: true, targets: {}}\n",
            5,
            "the update started on line 4 does not end within 2 s",
        ),
    ],
)  # fmt: skip
def test_what_is_not_as_the_story_says_fails_at_its_line(
    arm: Arm, perform: Perform, steps: str, line: int, verdict: str
) -> None:
    within_s = 2.0 if "within 2 s" in verdict else 60.0
    with pytest.raises(ExpectationFailed) as raised:
        perform(arm, steps, within_s=within_s)
    assert raised.value.verdict.startswith(verdict)
    assert raised.value.place.line == line


def test_a_live_update_that_never_gets_there_is_given_up(arm: Arm, perform: Perform) -> None:
    with pytest.raises(ExpectationFailed, match=r"becomes? ready within 2 s"):
        perform(
            arm,
            "  - fs.write: {in/z: endless}\n  - start: {live: true}\n  - ready\n  - expect: {targets: {}}\n",
            within_s=2.0,
        )


def test_a_pipeline_that_can_not_be_loaded_says_so(arm: Arm, perform: Perform, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("raise OSError('no licence')\n")
    with pytest.raises(ExpectationFailed, match="can't be loaded") as raised:
        perform(arm, "  - update\n  - expect: {targets: {}}\n")
    assert raised.value.lines == ["OSError: no licence"]


def test_an_interpreter_without_cocoindex_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        ArmError, match=r"there is no interpreter .*; name an interpreter that has it with --coco-engine-python"
    ):
        find_cocoindex(str(tmp_path / "python"))
