# Goal: what was seen of a run becomes the story that tells it: given things, changes at their times, and the targets.

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cocoindex_sim.cli._recorded_story import Seen, recorded_story
from cocoindex_sim.cli._witness_files import FileSeen
from cocoindex_sim.cli._witness_kafka import KafkaWitness, MessageSeen
from cocoindex_sim.scenario import parse_scenarios, plain_story, story_text
from cocoindex_sim.world import Story, TopicMessage

NOTHING = Seen({}, [], {}, {}, [], {}, None, 0.0, True)


def story_of(seen: Seen) -> Story:
    return recorded_story("recorded", "main.py", Path("/project/app"), seen, "/project/app")


def plain(seen: Seen) -> Any:
    return plain_story(story_of(seen))


def test_files_and_their_changes_are_told_at_their_times() -> None:
    seen = NOTHING._replace(
        given={"/project/app/in/a": b"a"},
        changes=[
            FileSeen(0.1, "/project/app/in/b", b"b"),
            FileSeen(0.115, "/project/app/in/c", b"c"),
            FileSeen(0.117, "/project/app/in/b", b"bb"),
            FileSeen(2.5, "/project/app/in/a", None),
            FileSeen(2.5, "/project/app/in/c", None),
        ],
        targets={"/project/app/out/b": b"BB"},
        ready_s=0.3,
        end_s=3.0,
    )
    assert plain(seen) == {
        "name": "recorded",
        "app": "main.py",
        "given": {"files": {"in/a": "a"}},
        "steps": [
            {"start": {"live": True}},
            {"advance": "100ms"},
            {"fs.write": {"in/b": "b", "in/c": "c"}},
            {"advance": "17ms"},
            {"fs.write": {"in/b": "bb"}},
            {"advance": "183ms"},
            "ready",
            {"advance": "2s200ms"},
            {"fs.remove": ["in/a", "in/c"]},
            {"advance": "500ms"},
            "settle",
            {"expect": {"targets": {"out/b": "BB"}, "terminates": False}},
        ],
    }


def test_a_run_that_ended_by_itself_is_an_update() -> None:
    seen = NOTHING._replace(targets={"/project/app/out/b": b"B"}, ready_s=0.2, end_s=0.3, is_live=False)
    assert plain(seen)["steps"] == ["update", {"expect": {"targets": {"out/b": "B"}}}]


def test_messages_are_given_or_come_later() -> None:
    early, late = TopicMessage("t", b"k", b"1", 1), TopicMessage("t", b"k", None, 1, (("h", b"v"),))
    seen = NOTHING._replace(
        partitions={"t": 2, "u": 1},
        messages=[MessageSeen(0.1, early, True), MessageSeen(1.0, late, False)],
        sent={"u": {b"x": b"y"}},
        end_s=1.0,
    )
    found = plain(seen)
    assert found["given"]["kafka"] == {
        "t": {"partitions": 2, "messages": [{"key": "k", "value": "1", "partition": 1}]},
        "u": None,
    }
    assert {"kafka.produce": {"t": [{"key": "k", "partition": 1, "headers": {"h": "v"}}]}} in found["steps"]
    assert found["steps"][-1] == {"expect": {"targets": {}, "terminates": False, "kafka": {"u": {"x": "y"}}}}


def test_the_story_can_be_written_and_read(tmp_path: Path) -> None:
    (tmp_path / "main.py").touch()
    seen = NOTHING._replace(given={str(tmp_path / "in/a"): b"\xff"}, end_s=0.0004)
    story = recorded_story("recorded", "main.py", tmp_path, seen, str(tmp_path))
    (again,) = parse_scenarios(story_text(story), path=tmp_path / "x.coco.yaml", base=tmp_path)
    assert plain_story(again) == plain_story(story)
    assert not [step for step in again.steps if getattr(step, "duration", timedelta(1)) == timedelta(0)]


@pytest.mark.parametrize(
    ("seen", "message"),
    [
        (NOTHING._replace(given={"/etc/hosts": b""}), "the pipeline uses '/etc/hosts', which is not below the working"),
        (
            NOTHING._replace(given={"/project/app/a": b"x" * 1_000_001}),
            "have 1,000,001 bytes, and a scenario is no place",
        ),
    ],
)
def test_what_no_scenario_can_hold_is_refused(seen: Seen, message: str) -> None:
    with pytest.raises(ValueError, match="scenario") as caught:
        story_of(seen)
    assert message in str(caught.value)


class Delivered:
    def __init__(self, offset: int, key: bytes, value: bytes | None, at_ms: int, error: object = None) -> None:
        self._values = {"offset": offset, "key": key, "value": value, "timestamp": (1, at_ms), "error": error}

    def __getattr__(self, name: str) -> Any:
        return lambda: {"topic": "t", "partition": 0, "headers": None, **self._values}[name]


def test_a_message_counts_once_and_what_the_pipeline_sends_is_no_change() -> None:
    witness = KafkaWitness()
    early, late = Delivered(0, b"a", b"1", 0), Delivered(1, b"b", None, 2**50)
    for message in (None, early, late, early, Delivered(2, b"x", b"mine", 2**50), Delivered(3, b"", b"", 0, "broken")):
        witness.saw(message)
    witness.sent("t", "x", b"mine")
    witness.sent("u", "k", "v")
    witness.sent("u", b"l", b"w")
    witness.sent("u", b"l", None)
    witness.sent("u", None, b"no key")
    assert [(seen.message[:3], seen.was_there) for seen in witness.messages()] == [
        (("t", b"a", b"1"), True),
        (("t", b"b", None), False),
    ]
    # A topic that others write to as well ends otherwise without them.
    assert witness.targets() == {"u": {b"k": b"v"}}
    assert witness.partitions == {"t": 1, "u": 1}
