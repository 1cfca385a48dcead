# Goal: the looks back (`actions`, `ready`, `order`, `logs`) judge what came since the last look, and say what was.

from pathlib import Path

import pytest

from cocoindex_sim.scenario import parse_scenarios
from cocoindex_sim.world import ExpectationFailed, World, explore, perform

PIPELINE = """
import logging
import pathlib
import cocoindex as coco
from cocoindex.connectors import localfs



@coco.lifespan
def environment(builder):
    builder.settings.db_path = pathlib.Path("state")
    yield


@coco.fn(memo=True)
async def shout(file, target):
    text = await file.read_text()
    if "loud" in text:
        logging.getLogger("shop.voice").warning("loud: %s", text)
    if "broken" in text:
        raise ValueError(text)
    target.declare_file(file.file_path.path.name, text.upper())


@coco.fn
async def main():
    target = await localfs.mount_dir_target(pathlib.Path("out"))
    await coco.mount_each(shout, localfs.walk_dir(pathlib.Path("in"), live=True).items(), target)


app = coco.App("Shout", main)
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "main.py").write_text(PIPELINE)
    return tmp_path


def tell(base: Path, steps: str) -> None:
    text = f"app: main.py\ngiven: {{files: {{in/a: loud, in/b: quiet}}}}\nsteps:\n{steps}"
    (story,) = parse_scenarios(text, path=Path("x.coco.yaml"), base=base)
    with World() as world:
        perform(story, world)


def refusal(base: Path, steps: str) -> str:
    with pytest.raises(ExpectationFailed) as caught:
        tell(base, steps)
    return str(caught.value)


def test_a_look_back_is_met_by_what_happened(base: Path) -> None:
    tell(
        base,
        """\
  - update
  - expect:
      actions: 2
      ready: true
      order: [run_started, {component_started: '/@shout/"a"'}, committed, {component_ready: /}, run_finished]
      logs: ["loud: loud", {matches: l+oud, level: warning, logger: shop}]
  - update
  - expect: {actions: {}, order: [run_started, run_finished], logs: []}
  - fs.append: {in/b: er than ever, in/c: and new}
  - update
  - expect:
      targets: {out/a: LOUD, out/b: QUIETER THAN EVER, out/c: AND NEW}
      actions: {'/@shout/"b"': 1, '/@shout/"c"': 1}
      ready: ['/@shout/"c"', /]
""",
    )


EVERY_LOOK = {
    "actions: 4": [
        "x.coco.yaml:5: the targets got 2 actions; expected 4.",
        '  /@shout/"a": 1',
        '  /@shout/"b": 1',
    ],
    "actions: {}": [
        "x.coco.yaml:5: the targets did not get the actions that were expected.",
        '  /@shout/"a": expected 0, was 1',
        '  /@shout/"b": expected 0, was 1',
    ],
    "ready: false": ["x.coco.yaml:5: the update is ready; it was expected to be otherwise."],
    "ready: [/a]": ["x.coco.yaml:5: not all of the components became ready.", "  missing    /a"],
    "order: [run_finished, run_started]": [
        "x.coco.yaml:5: number 2 of the expected events, run_started, did not come after those before it.",
        "  run_started app=Shout mode=update",
        "  run_finished app=Shout",
    ],
    "order: [{actions_failed: /a}]": [
        "x.coco.yaml:5: number 1 of the expected events, actions_failed of /a, did not come after those before it.",
        "  there were no such events",
    ],
    "logs: []": ["x.coco.yaml:5: 1 warning or error was logged; expected none.", "  warning shop.voice: loud: loud"],
    "logs: [{contains: loud, level: error}]": [
        "x.coco.yaml:5: 1 of the expected messages was not logged.",
        "  missing    error contain 'loud'",
        "  what was logged:",
    ],
    "logs: [{contains: loud, level: error}, {matches: ^quiet}]": [
        "x.coco.yaml:5: 2 of the expected messages were not logged.",
        "  missing    error contain 'loud'",
        "  missing    match '^quiet'",
        "  what was logged:",
        "  warning shop.voice: loud: loud",
    ],
}


@pytest.mark.parametrize("look", EVERY_LOOK)
def test_a_look_back_that_is_not_met_says_what_was(look: str, base: Path) -> None:
    lines = refusal(base, f"  - update\n  - expect: {{{look}}}\n").splitlines()
    assert lines[: len(EVERY_LOOK[look])] == EVERY_LOOK[look]


def test_what_silenced_loggers_say_is_judged_too(base: Path) -> None:
    text = """\
app: main.py
given: {files: {in/a: broken}}
steps:
  - update
  - expect: {logs: [{contains: broken, logger: cocoindex_sim, level: error}]}
"""
    (story,) = parse_scenarios(text, path=Path("x.coco.yaml"), base=base)
    assert [found.verdict for found in explore(story, runs=3).failures] == []


HELD = """\
  - start: {live: true}
  - hold: MOMENT
  - fs.write: {in/b: changed, in/c: came}
  - fs.remove: in/a
  - release
  - ready
  - settle
  - expect: {targets: {out/b: CHANGED, out/c: CAME}}
  - stop
"""


@pytest.mark.parametrize(
    "moment", ["fs.watch", "fs.scandir", "{at: fs.read, nth: 2}", "component_started", "committed"]
)
def test_the_outside_can_change_at_a_named_moment(moment: str, base: Path) -> None:
    tell(base, HELD.replace("MOMENT", moment))


def test_a_held_update_takes_no_step_whatever_the_policy(base: Path) -> None:
    text = "app: main.py\ngiven: {files: {in/a: a, in/b: b}}\nsteps:\n" + HELD.replace("MOMENT", "component_started")
    (story,) = parse_scenarios(text, path=Path("x.coco.yaml"), base=base)
    exploration = explore(story, runs=10, crashes="one", check_determinism=True)
    assert [found.verdict for found in exploration.failures] == []


@pytest.mark.parametrize(
    ("moment", "verdict"),
    [
        ("removal_failed", "event 'removal_failed' number 1 came"),
        ("{at: kafka.poll, nth: 2}", "call 'kafka.poll' number 2 came; there were 0"),
    ],
)
def test_a_moment_that_does_not_come_fails_the_story(moment: str, verdict: str, base: Path) -> None:
    told = refusal(base, f"  - start\n  - hold: {moment}\n  - release\n")
    assert told.startswith(
        "x.coco.yaml:5: the update does not come to where it is to be held: RuntimeError: the update ended before"
    )
    assert verdict in told
