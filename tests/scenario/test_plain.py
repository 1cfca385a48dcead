# Goal: every story can be said in plain values, as its file does, and read from them again as the same story.

from pathlib import Path

import pytest

from cocoindex_sim.scenario import (
    SUFFIX,
    parse_scenarios,
    plain_step,
    plain_story,
    read_scenarios,
    story_from_plain,
    without_places,
)
from cocoindex_sim.world import DeleteKeys, Place, ProduceMessages, SetKeys, Step, Story, TopicMessage, WriteFiles

from .test_parse import EVERY_STEP

AT = Place(Path("x.coco.yaml"), 1, 1)
ROOT = Path(__file__).parents[2]
STORIES = [
    pytest.param(story, id=f"{path.relative_to(ROOT)}::{story.name}")
    for path in sorted((ROOT / "scenarios").rglob("*" + SUFFIX))
    for story in read_scenarios(path)
]


def test_every_spelling_of_a_step_is_said_again(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("")
    text = "app: main.py\ndrivers: {shop: main.py:Shop}\nsteps:\n" + EVERY_STEP
    (story,) = parse_scenarios(text, path=Path("x" + SUFFIX), base=tmp_path)
    again = story_from_plain(plain_story(story), path=story.place.path, base=story.base)
    assert without_places(again).steps == without_places(story).steps


@pytest.mark.parametrize(
    "step",
    [
        ProduceMessages(
            AT, (TopicMessage("a", b"k", b"1"), TopicMessage("b", b"k", b"2"), TopicMessage("a", b"k", b"3"))
        ),
        DeleteKeys(AT, (("map", "a"), ("users", "b"), ("map", "c"))),
        SetKeys(AT, (("map", "a", "1"), ("map", "a", "2"))),
        WriteFiles(AT, (("a", b"1"), ("a", b"2"))),
    ],
)
def test_what_no_mapping_can_say_is_not_said_wrongly(step: Step) -> None:
    with pytest.raises(ValueError, match="can't be written as a step"):
        plain_step(step)


@pytest.mark.parametrize("story", STORIES)
def test_a_story_in_plain_values_is_the_same_story(story: Story) -> None:
    again = story_from_plain(plain_story(story), path=story.place.path, base=story.base)
    assert without_places(again) == without_places(story)
