"""A story as the text of a scenario file of its own: the inverse of reading one."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from ..world import Story
from ._emit import WIDTH_MAX, yaml_text
from ._plain import plain_story

__all__ = ["story_text"]


def story_text(story: Story, *, comments: Iterable[str] = ()) -> str:
    """The text of a file with this story alone. `comments`: sentences to stand above it.

    Read again from the same directory, it is the same story, written elsewhere.
    """
    lines = [line for sentence in comments for line in textwrap.wrap(sentence, WIDTH_MAX - 2)]
    return "".join(f"# {line}\n" for line in lines) + yaml_text(plain_story(story), blocks=("steps",))
