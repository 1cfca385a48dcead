# Goal: injected faults reach the pipeline, are counted, and one that never happens fails its story.

from pathlib import Path

import pytest

from cocoindex_sim.scenario import parse_scenarios
from cocoindex_sim.values import ComponentFailed
from cocoindex_sim.world import ExpectationFailed, FileFault, World, perform

from .test_world import PIPELINE


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "main.py").write_text(PIPELINE.replace("import naming", "").replace("naming.target_of(", "("))
    return tmp_path


def tell(project: Path, steps: str) -> World:
    text = f"app: main.py\ngiven: {{files: {{in/a: aaaa, in/b: bbbb}}}}\nsteps:\n{steps}"
    (story,) = parse_scenarios(text, path=Path("x.coco.yaml"), base=project)
    with World() as world:
        perform(story, world)
        return world


def test_faults_strike_the_pipeline_across_a_restart_and_are_counted(project: Path) -> None:
    with World() as world:
        world.load("main.py", base=project)
        for name in "ab":
            world.files.write(f"in/{name}", name, parents=True)
        injected = world.inject(FileFault("EIO", "in/*", times=2))
        world.start()
        world.run_until_event("component_mounted", 2)
        world.restart()
        world.update()
        failed = [event for event in world.trace.take_events() if isinstance(event, ComponentFailed)]
        assert [str(event.path) for event in failed] == ['/@shout/"a"', '/@shout/"b"']
        assert all("Input/output error" in event.error for event in failed)
        assert injected.fired == 2
        assert sum("fault: EIO at read" in line for line in world.trace.lines()) == 2
        world.update()
        assert world.target_files() == {"out/a": b"A", "out/b": b"B"}


EVERY_FAULT = """\
  - inject: {fault: EIO, path: in/a}
  - update
  - expect: {targets: {out/b: BBBB}, stats: {shout: {num_errors: 1}}}
  - inject: {fault: ENOSPC, path: out/*}
  - update
  - expect: {targets: {out/b: BBBB}}
  - update
  - expect: {targets: {out/a: AAAA, out/b: BBBB}}
  - fs.write: {in/a: cccc, in/b: dddd}
  - inject: {fault: vanishes, path: in/a}
  - inject: {fault: changes, path: in/b, content: eeee}
  - update
  - update
  - expect: {targets: {out/b: EEEE}}
"""


def test_a_story_with_every_fault_converges(project: Path) -> None:
    world = tell(project, EVERY_FAULT)
    assert [(injected.seen > 0, injected.fired) for injected in world.faults.injected] == [(True, 1)] * 4


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        ("fault: EIO, path: in/c", "EIO at 'read' of 'in/c' never happened: there was no such call after this step"),
        (
            "fault: EIO, path: in/*, nth: 3",
            "EIO at 'read' of 'in/*' number 3 never happened: there were 2 such calls after this step",
        ),
    ],
)
def test_a_fault_that_never_happens_fails_the_story_at_its_line(project: Path, fault: str, verdict: str) -> None:
    with pytest.raises(ExpectationFailed) as caught:
        tell(project, f"  - inject: {{{fault}}}\n  - update\n")
    assert str(caught.value) == f"x.coco.yaml:4: the fault {verdict}."
