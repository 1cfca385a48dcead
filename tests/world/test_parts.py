# Goal: a story can do without any of its parts, by their numbers; what is left is a story, and its steps keep their numbers.

from __future__ import annotations

from pathlib import Path

import pytest

from cocoindex_sim.world import (
    CreateTopics,
    DeleteKeys,
    ProduceMessages,
    Recording,
    SetKeys,
    Story,
    TopicMessage,
    Update,
    WriteFiles,
    check_kept,
)
from cocoindex_sim.world._parts import Part, emptied, parts_of, without_parts

from .planted import at

STORY = Story(
    "parts",
    at(1),
    "main.py",
    at(1),
    Path(),
    (
        WriteFiles(at(2), (("a", b"1"), ("b", b"2"), ("c", b"3"))),
        Update(at(3)),
        SetKeys(at(4), (("map", "k", "v"),)),
        DeleteKeys(at(5), (("map", "k"), ("map", "l"))),
    ),
    files=(("x", b"x"), ("y", b"y")),
    entries=(("map", "k", "0"),),
    kafka=(
        CreateTopics(at(1), (("t", 2),)),
        ProduceMessages(at(1), (TopicMessage("t", b"a", b"1"), TopicMessage("t", b"b", b"2"))),
    ),
)


def test_parts_are_what_is_given_and_what_steps_do_several_of() -> None:
    assert parts_of(STORY) == (
        Part(None, "files", 0),
        Part(None, "files", 1),
        Part(None, "entries", 0),
        Part(None, "kafka", 0, 1),
        Part(None, "kafka", 1, 1),
        *(Part(0, "files", number) for number in range(3)),
        Part(3, "keys", 0),
        Part(3, "keys", 1),
    )


def test_without_parts_the_rest_is_as_it_was() -> None:
    assert without_parts(STORY, ()) is STORY
    story = without_parts(STORY, (0, 2, 4, 5, 7, 9))
    assert story.files == (("y", b"y"),)
    assert story.entries == ()
    assert story.kafka == (STORY.kafka[0], ProduceMessages(at(1), (TopicMessage("t", b"a", b"1"),)))
    assert story.steps == (
        WriteFiles(at(2), (("b", b"2"),)),
        *STORY.steps[1:3],
        DeleteKeys(at(5), (("map", "k"),)),
    )


def test_a_topic_stays_when_its_messages_go() -> None:
    assert without_parts(STORY, (3, 4)).kafka == STORY.kafka[:1]


def test_a_step_of_which_nothing_is_left_is_told() -> None:
    assert emptied(STORY, (0, 1, 2, 3, 4)) is None  # a story may begin with nothing
    assert emptied(STORY, (5, 7)) is None
    assert emptied(STORY, (5, 6, 7)) is STORY.steps[0]


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        ((10,), "the recording leaves out part 10, counted from 0, and the story has 10 parts"),
        ((8, 9), "leaves out all parts of a step, and not the step: x.coco.yaml:5"),
    ],
)
def test_a_recording_that_leaves_out_what_a_story_has_not_is_refused(left_out: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match="recording") as caught:
        check_kept(STORY, Recording(0, (), left_out=left_out))
    assert message in str(caught.value)
