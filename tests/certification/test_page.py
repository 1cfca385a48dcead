"""Goal: the page about the comparison says what is recorded and accepted, and everything accepted can be true."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

from .stories import STORIES
from .verdict import ACCEPTED, OBSERVED, stories_for

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_what_the_tool_makes_of_the_record() -> None:
    tool = [sys.executable, str(ROOT / "tools" / "kafka_certification.py"), "--check"]
    done = subprocess.run(tool, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_story_is_recorded_and_none_that_is_gone() -> None:
    chapters = json.loads(OBSERVED.read_text())
    recorded = {name: set(told["needs"]) for chapter in chapters.values() for name, told in chapter.items()}
    assert recorded == {name: story.needs for name, story in STORIES.items()}


def test_no_difference_is_accepted_of_a_story_that_is_not_told() -> None:
    for difference in tomllib.loads(ACCEPTED.read_text())["difference"]:
        assert difference["story"] in stories_for(difference["arm"])
        assert len(difference["reason"]) > 20
