# Goal: every story can be said in plain values, as its file does, and read from them again as the same story.

from pathlib import Path

import pytest

from cocoindex_sim.scenario import SUFFIX, plain_story, read_scenarios, story_from_plain, without_places
from cocoindex_sim.world import Story

ROOT = Path(__file__).parents[2]
STORIES = [
    pytest.param(story, id=f"{path.relative_to(ROOT)}::{story.name}")
    for path in sorted((ROOT / "scenarios").rglob("*" + SUFFIX))
    for story in read_scenarios(path)
]


@pytest.mark.parametrize("story", STORIES)
def test_a_story_in_plain_values_is_the_same_story(story: Story) -> None:
    again = story_from_plain(plain_story(story), path=story.place.path, base=story.base)
    assert without_places(again) == without_places(story)
