# Goal: every story can be said in plain values, as its file does, and read from them again as the same story.

from pathlib import Path

import pytest

from cocoindex_sim.scenario import (
    SUFFIX,
    parse_scenarios,
    plain_story,
    read_scenarios,
    story_from_plain,
    without_places,
)
from cocoindex_sim.world import Story

from .test_parse import EVERY_STEP

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


@pytest.mark.parametrize("story", STORIES)
def test_a_story_in_plain_values_is_the_same_story(story: Story) -> None:
    again = story_from_plain(plain_story(story), path=story.place.path, base=story.base)
    assert without_places(again) == without_places(story)
