# Goal: the fixtures drive and judge one world between them, and what they refuse reads well.

from __future__ import annotations

import pytest

from .plugin_project import Project, report_of

# A live pipeline: each document is shouted; one that begins with "slow" takes ten virtual seconds.
LIVE = '''
"""Shouts docs/*.txt, and goes on to."""
import asyncio
import pathlib

import cocoindex as coco
from cocoindex.connectors import localfs
from cocoindex.resources.file import FileLike


@coco.lifespan
def environment(builder):
    builder.settings.db_path = pathlib.Path("state")
    yield


@coco.fn(memo=True)
async def shout(file: FileLike, output: localfs.DirTarget) -> None:
    text = await file.read_text()
    if text.startswith("slow"):
        await asyncio.sleep(10)
    if text.startswith("bad"):
        raise ValueError("a bad document")
    output.declare_file(file.file_path.path.name, text.upper())


@coco.fn
async def main() -> None:
    output = await localfs.mount_dir_target(pathlib.Path("out"))
    view = localfs.walk_dir(pathlib.Path("docs"), live=True).items()
    await coco.mount_each(coco.component_subpath("docs"), shout, view, output)


app = coco.App("Live", main)
'''

TESTS = """
import datetime

import pytest
from cocoindex_sim.world import Contains


def test_live(coco_app, coco_fs, coco_target, coco_timeline, coco_clock):
    coco_app.load("../app/live.py")
    coco_fs.write({"docs/a.txt": "slow a", "docs/b.txt": "b"})
    coco_app.start()
    coco_app.expect_ready()
    coco_timeline.expect_ready_order("/docs/b.txt", "/docs/a.txt", "/")
    assert coco_clock.seconds == pytest.approx(10, abs=1)
    coco_target.expect_files({"out/a.txt": Contains("SLOW"), "out/b.txt": "B"})
    coco_timeline.forget()
    coco_fs.write("docs/c.txt", "c")
    coco_fs.remove("docs/b.txt")
    coco_fs.append("docs/a.txt", "!")
    coco_app.expect_goes_on(60)
    coco_target.expect_diff(added={"out/c.txt"}, changed={"out/a.txt"}, removed={"out/b.txt"})
    coco_timeline.expect_order("component_ready /docs/c.txt", "component_ready /docs/a.txt")
    coco_timeline.expect_never("component_failed")
    coco_target.expect_unchanged()
    coco_app.stop()
    assert coco_clock.now > datetime.datetime(2026, 1, 1, 0, 1, tzinfo=datetime.timezone.utc)


def test_catch_up(coco_app, coco_fs, coco_target, coco_clock):
    coco_app.load("../app/main.py:Shout")
    coco_fs.write("docs/a.txt", "a")
    coco_app.start(live=False)
    coco_app.expect_ends()
    coco_app.expect_stats("shout", num_adds=1)
    coco_fs.move("docs/a.txt", "docs/b.txt")
    coco_app.crash()
    coco_app.restart()
    coco_app.update()
    coco_target.expect_files({"out/b.txt": "A"})
    coco_fs.write("docs/bad.txt", "BAD")
    coco_app.start(live=False)
    coco_app.expect_raises("ValueError", "bad document")
    assert coco_fs.paths() == ["docs/b.txt", "docs/bad.txt", "out/b.txt"]
    coco_app.drop()
    assert coco_target.files == {}


def test_rows(coco_app, coco_world, coco_target, coco_timeline):
    coco_app.load_source("../app/view.py:MapView")
    coco_world.map().set("a", "1")
    coco_app.start()
    coco_app.expect_ready()
    coco_target.expect_rows({"a": "1"})
    coco_timeline.expect("target mirror: 'a' = '1'", times=1)
    coco_world.map().set("b", "2")
    coco_app.expect_goes_on()
    coco_target.expect_diff(added={"mirror/b"})
    coco_app.stop()


def test_seed(coco_seed, coco_world, coco_kafka):
    assert coco_world.seed == coco_seed
    coco_kafka.create_topic("t", 1)
    assert coco_world.kafka is coco_kafka


def test_files(coco_fs):
    coco_fs.write("a/b", b"1")
    coco_fs.link("a/c", "b")
    coco_fs.chmod("a/b", 0o600)
    coco_fs.touch("a/b")
    assert (coco_fs.read("a/c"), coco_fs.text("a/b")) == (b"1", "1")
    coco_fs.watch = "fsevents"
    assert coco_fs.watch == "fsevents"
    for tell in (coco_fs.hold, coco_fs.release, coco_fs.overflow, coco_fs.silence, coco_fs.kill):
        tell()
    coco_fs.remove("a")
    with pytest.raises(FileNotFoundError):
        coco_fs.touch("a/b")
    assert coco_fs.inject("EIO", "docs/*").fired == 0
"""

VIEW = "from cocoindex_sim.world import MapView as MapView\n"


@pytest.fixture
def driven(project: Project) -> Project:
    project.write("app/live.py", LIVE)
    project.write("app/view.py", VIEW)
    return project


def test_the_fixtures_tell_a_story_between_them(driven: Project) -> None:
    driven.write("tests/test_ordinary.py", TESTS)
    driven.run().assert_outcomes(passed=5)


START = """
def test_it(coco_app, coco_fs, coco_target, coco_timeline):
    coco_app.load("../app/{app}")
    coco_fs.write({{"docs/a.txt": "slow a", "docs/b.txt": "b"}})
    {expectation}
"""


@pytest.mark.parametrize(
    ("app", "expectation", "lines"),
    [
        (
            "live.py",
            "coco_app.start(); coco_app.expect_ready(); coco_timeline.expect_ready_order('/docs/a.txt', '/docs/b.txt')",
            [
                "'*_ready /docs/b.txt' came before '*_ready /docs/a.txt'.",
                "  expected   *_ready /docs/a.txt, then *_ready /docs/b.txt",
                "  happened   0.000000 s, step N: component_ready /docs/b.txt",
                "  happened   10.000000 s, step N: component_ready /docs/a.txt",
            ],
        ),
        (
            "live.py",
            "coco_app.start(); coco_app.expect_ready(); coco_app.expect_ends()",
            ["the live update has not ended, by 70.000000 s of virtual time.", "  who waits where:"],
        ),
        (
            "main.py:Shout",
            "coco_app.start(live=False); coco_app.expect_goes_on()",
            [
                "the update ended by itself, by 0.000000 s of virtual time; it was expected to go on.",
                "  the end of the timeline:",
                "    0.000000 s, step N: *",
            ],
        ),
        (
            "live.py",
            "coco_app.start(); coco_app.expect_ready(); coco_app.expect_not_ready()",
            [
                "the update is ready; it was expected not to be yet.",
                "  10.000000 s, step N: component_ready /",
            ],
        ),
        (
            "main.py:Shout",
            "coco_app.update(); coco_timeline.expect('component_redy /docs/a.txt')",
            [
                "'component_redy /docs/a.txt' never happened.",
                "  no event is called 'component_redy'; did you mean 'component_ready'?",
                "  the end of the timeline:",
            ],
        ),
        (
            "main.py:Shout",
            "coco_app.update(); coco_timeline.expect('component_ready /docs/a.txt')",
            [
                "'component_ready /docs/a.txt' never happened.",
                "  others of that name:",
                "    0.000000 s, step N: component_ready /@cocoindex/*",
            ],
        ),
        (
            "main.py:Shout",
            "coco_app.update(); coco_timeline.expect('run_started', times=2)",
            [
                "'run_started' happened 1 times, not 2.",
                "  0.000000 s, step N: run_started app=Shout mode=update",
            ],
        ),
        (
            "main.py:Shout",
            "coco_app.update(); coco_timeline.expect_never('run_finished')",
            [
                "'run_finished' happened, and should never have.",
                "  0.000000 s, step N: run_finished app=Shout",
            ],
        ),
        (
            "main.py:Shout",
            "coco_app.update(); coco_target.expect_files({'out/a.txt': 'SLOW', 'out/c.txt': 'C'})",
            [
                "the target files are not as expected: 1 missing, 1 extra, 1 different.",
                "  missing    out/c.txt",
                "  extra      out/b.txt",
                "  different  out/a.txt   (- expected, + actual)",
                "      -SLOW",
            ],
        ),
        (
            "main.py:Shout",
            "coco_app.update(); coco_target.expect_diff(added={'out/a.txt'}, removed={'out/x'})",
            [
                "the targets did not change as expected since the last look.",
                "  added    out/b.txt   not expected",
                "  removed  out/x   expected, but it was not",
            ],
        ),
        (
            "main.py:Shout",
            "coco_app.update(); coco_app.expect_stats('shout', num_adds=1)",
            ["the counters are not as expected.", "  shout.num_adds: expected 1, was 2"],
        ),
        (
            "main.py:Shout",
            "coco_app.start(live=False); coco_app.expect_raises('ValueError')",
            ["nothing was raised; expected an error of type ValueError."],
        ),
        (
            "main.py:Shout",
            "coco_target['mirror'].put('a', 1); coco_target.expect_rows({'a': '2', 'b': '3'})",
            [
                "the rows are not as expected.",
                "  missing    'b'",
                "  different  'a' = '1', expected '2'",
            ],
        ),
    ],
)
def test_an_expectation_that_is_not_met_says_what_was_instead(
    app: str, expectation: str, lines: list[str], driven: Project
) -> None:
    driven.write("tests/test_ordinary.py", START.format(app=app, expectation=expectation))
    result = driven.run()
    result.assert_outcomes(failed=1)
    shown = [line.removeprefix("E").strip(" ") for line in report_of(result, "test_it") if line.startswith("E ")]
    first = shown[0].partition("Unmet: ")[2]
    for line, wanted in zip([first, *shown[1:]], lines, strict=False):
        assert _fits(line, wanted.strip()), (line, wanted)


def _fits(line: str, wanted: str) -> bool:
    """Equal but for the number after `step`, which `N` stands for, and what `*` at the end stands for."""
    words, wanted_words = line.split(), wanted.rstrip("*").split()
    pairs = zip(words, wanted_words, strict=False)
    prefix = all(word == other or (other == "N:" and word[:-1].isdigit()) for word, other in pairs)
    if wanted.endswith("*"):
        last = wanted_words[-1]
        return len(words) >= len(wanted_words) and (prefix or words[len(wanted_words) - 1].startswith(last))
    return prefix and len(words) == len(wanted_words)


@pytest.mark.parametrize(
    ("expectation", "said"),
    [
        (
            "coco_app.update(); coco_app.expect_stats('shout', num_addz=1)",
            "TypeError: unknown counter 'num_addz'; did you mean 'num_adds'? known: num_execution_starts, ",
        ),
        (
            "coco_timeline.expect_never('component_faild /docs/a.txt')",
            "ValueError: no event is called 'component_faild'; did you mean 'component_failed'? known: run_started, ",
        ),
        ("coco_fs.write('a', 3)", "TypeError: the content of a file is text or bytes; for 'a' it is 3"),
        ("coco_world.run(print)", "TypeError: "),
        (
            "coco_fs.remove('docs'); coco_app.update()",
            "ValueError: Path is not a directory: ",
        ),
    ],
)
def test_what_a_test_gets_wrong_is_said_at_its_line_without_frames_of_these_packages(
    expectation: str, said: str, driven: Project
) -> None:
    driven.write(
        "tests/test_ordinary.py",
        START.format(app="main.py:Shout", expectation=expectation).replace("coco_app,", "coco_world, coco_app,"),
    )
    result = driven.run()
    result.assert_outcomes(failed=1)
    lines = report_of(result, "test_it")
    assert any(line.startswith("E  ") and said in line for line in lines)
    assert not any("/pytest_coco/" in line or "/cocoindex_sim/" in line for line in lines if ".py:" in line)
    assert any("/pytest_coco/" in line or "/cocoindex_sim/" in line for line in driven.run("--full-trace").outlines)


def test_a_note_that_is_no_event_may_be_expected_never(driven: Project) -> None:
    expectation = "coco_timeline.expect_never('crash'); coco_timeline.expect_never('target *')"
    driven.write("tests/test_ordinary.py", START.format(app="main.py:Shout", expectation=expectation))
    driven.run().assert_outcomes(passed=1)


def test_the_failure_points_at_the_line_of_the_test(driven: Project) -> None:
    driven.write("tests/test_ordinary.py", START.format(app="main.py:Shout", expectation="coco_app.expect_stats()"))
    result = driven.run()
    assert "tests/test_ordinary.py:5: Unmet" in [line.strip() for line in report_of(result, "test_it")]


def test_a_failure_of_a_test_with_a_world_says_how_to_repeat_it_and_what_happened(driven: Project) -> None:
    driven.write(
        "tests/test_ordinary.py",
        START.format(app="main.py:Shout", expectation="coco_app.update(); assert False"),
    )
    lines = driven.run("--coco-seed=7", "--coco-policy=pct").outlines
    start = next(number for number, line in enumerate(lines) if line.startswith("--") and line.strip("- ") == "coco")
    assert lines[start + 1 : start + 3] == [
        "replay (from the rootdir):",
        "  pytest tests/test_ordinary.py::test_it --coco-seed=7 --coco-policy=pct",
    ]
    assert lines[start + 4].startswith("trace, the last 20 of ")
    assert lines[start + 24].endswith("run_finished app=Shout")
    assert max(map(len, lines[start : start + 25])) <= 100


def test_every_async_test_is_refused_whichever_fixture_it_takes(driven: Project) -> None:
    driven.write(
        "tests/test_ordinary.py", "async def test_it(coco_clock): pass\nasync def test_seed(coco_seed): pass\n"
    )
    result = driven.run()
    result.assert_outcomes(errors=2)
    assert sum("make it a plain `def`" in line for line in result.outlines if line.startswith("'test_")) == 2
