# Goal: a story written in Python is the story that a scenario file would be, with its errors at the lines of Python.

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cocoindex_sim.scenario import (
    STEP_NAMES,
    SUFFIX,
    StoryBuilder,
    parse_scenarios,
    plain_step,
    plain_story,
    read_scenarios,
    without_places,
)
from cocoindex_sim.scenario._expectations import LOOKS
from cocoindex_sim.scenario._vocabulary import GIVEN, HEADING
from cocoindex_sim.values import ScenarioError
from cocoindex_sim.world import Story, World, explore, perform

from .test_parse import EVERY_STEP

ROOT = Path(__file__).parents[2]
STORIES = [
    pytest.param(story, id=f"{path.relative_to(ROOT)}::{story.name}")
    for path in sorted((ROOT / "scenarios").rglob("*" + SUFFIX))
    for story in read_scenarios(path)
]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "main.py").write_text("")
    return tmp_path


def written_in_python(story: Story) -> Story:
    """The story, built by a call for each step."""
    plain: Any = plain_story(story)
    about = {key: plain[key] for key in ("name", "description", "app", "source", "drivers") if key in plain}
    builder = StoryBuilder(**about, base=story.base)
    if "given" in plain:
        builder.given(**plain["given"])
    if "oracles_off" in plain:
        builder.oracles_off(**plain["oracles_off"])
    if "options" in plain:
        builder.options(**plain["options"])
    if "recording" in plain:
        builder.recording(plain["recording"])
    for step in plain["steps"]:
        name, value = (step, None) if isinstance(step, str) else next(iter(step.items()))
        add(builder, name, value)
    return builder.build()


def add(builder: StoryBuilder, name: str, value: Any) -> None:
    """Call the method of a step with what stands in a scenario file."""
    method: Callable[..., object] = getattr(builder, name.replace(".", "_"))
    parameters = list(inspect.signature(method).parameters.values())
    options = {each.name for each in parameters if each.kind is each.KEYWORD_ONLY}
    if value is None:
        method()
    elif name == "expect" or (isinstance(value, dict) and options and set(value) <= {p.name for p in parameters}):
        method(**value)
    elif name in ("fs.remove", "kafka.compact", "fs.touch") and not isinstance(value, dict):
        method(*([value] if isinstance(value, str) else value))
    elif name == "fs.touch":
        method(like=value)
    elif name == "map.delete":
        for owner, keys in value.items() if isinstance(value, dict) else [(None, value)]:
            method(*([keys] if isinstance(keys, str) else keys), map=owner)
    elif name in ("map.watch", "map.hold", "map.release") and isinstance(value, dict):
        ((owner, what),) = value.items()
        method(what, map=owner)
    elif name in ("fs.move", "fs.link"):
        method(*value.values())
    elif name == "kafka.compact":
        method(*([value["topic"]] if isinstance(value["topic"], str) else value["topic"]), tombstones=True)
    elif name == "kafka.broker" and isinstance(value, dict):
        method(*next(iter(value.items())))
    elif name == "call" and isinstance(value, dict):
        ((called, arguments),) = value.items()
        method(called, **arguments)
    else:
        method(value)


@pytest.mark.parametrize("story", STORIES)
def test_a_story_in_python_is_the_story_of_the_file(story: Story) -> None:
    assert without_places(written_in_python(story)) == without_places(story)


def test_every_step_has_a_method_with_what_it_can_be_told(base: Path) -> None:
    text = f"app: main.py\ndrivers: {{shop: main.py:Shop}}\nsteps:\n{EVERY_STEP}"
    (story,) = parse_scenarios(text, path=Path("x.coco.yaml"), base=base)
    assert [plain_step(step) for step in written_in_python(story).steps] == [plain_step(step) for step in story.steps]
    methods = {name for name in dir(StoryBuilder) if not name.startswith("_")}
    assert {name.replace(".", "_") for name in STEP_NAMES} <= methods


def test_everything_in_a_heading_can_be_said() -> None:
    said = {*inspect.signature(StoryBuilder).parameters, *dir(StoryBuilder)}
    assert set(HEADING.names) - {"steps", "scenarios"} <= said
    assert set(inspect.signature(StoryBuilder.given).parameters) - {"self"} == set(GIVEN.names)


def test_options_are_those_of_the_story(base: Path) -> None:
    story = StoryBuilder("main.py", base=base).options(runs=7, policy="pct", shrink=False).update().build()
    assert story.options == (("runs", 7), ("policy", "pct"), ("shrink", False))


def test_an_expectation_takes_every_look() -> None:
    assert set(inspect.signature(StoryBuilder.expect).parameters) - {"self"} == set(LOOKS.names)


def test_an_error_names_the_line_of_python(base: Path) -> None:
    builder = StoryBuilder("main.py", base=base)
    builder.crash(at="comitted")
    line = inspect.currentframe().f_lineno - 1  # type: ignore[union-attr]  # there is one
    with pytest.raises(ScenarioError) as caught:
        builder.build()
    assert (caught.value.line, caught.value.path.name) == (line, "test_builder.py")
    assert caught.value.fact.startswith("unknown event 'comitted'; did you mean 'committed'?")


def test_what_no_file_can_hold_is_refused_at_once(base: Path) -> None:
    with pytest.raises(ScenarioError, match="can't be part of a scenario: it is a object"):
        StoryBuilder("main.py", base=base).fs_write({"a": object()})  # type: ignore[dict-item]  # the point of it


def test_a_step_that_cannot_follow_is_refused(base: Path) -> None:
    with pytest.raises(ScenarioError, match="there was no crash; put `crash` before `restart`"):
        StoryBuilder("main.py", base=base).update().restart().build()


def test_the_base_is_the_directory_of_the_calling_file() -> None:
    with pytest.raises(ScenarioError, match=r"there is no file 'no\.py'"):
        StoryBuilder("no.py").update().build()
    story = StoryBuilder("test_builder.py").update().build()
    assert story.base == Path(__file__).parent


def test_a_built_story_is_performed_and_explored() -> None:
    story = StoryBuilder("markdown_to_html/main.py", base=ROOT / "examples")
    story.given(files={"docs/a.md": "# One"}).update().expect(diff={"added": ["html/a.html"]})
    with World() as world:
        perform(story.build(), world)
    assert explore(story.build(), runs=2).failures == []
