# Goal: in a real directory, files that the story wrote and files that the pipeline wrote are told apart, whatever moves.

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cocoindex_sim.arms._site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


def by_pipeline(site: Site, path: str, content: bytes) -> None:
    at = site.directory / path
    at.parent.mkdir(parents=True, exist_ok=True)
    at.write_bytes(content)


def test_what_the_story_wrote_is_no_target_and_everything_else_is(site: Site) -> None:
    site.write([("docs/a.md", b"a"), ("docs/deep/b.md", b"b")])
    by_pipeline(site, "html/a.html", b"A")
    assert site.target_files() == {"html/a.html": b"A"}


def test_a_file_belongs_to_whoever_wrote_it_last(site: Site) -> None:
    site.write([("a", b"by hand"), ("b", b"by hand")])
    (site.directory / "a").unlink()
    by_pipeline(site, "a", b"made")
    assert site.target_files() == {"a": b"made"}
    site.write([("a", b"by hand again")])
    assert site.target_files() == {}


def test_what_the_story_adds_to_is_its_own(site: Site) -> None:
    site.write([("log", b"one\n")])
    by_pipeline(site, "out", b"made")
    site.append([("log", b"two\n"), ("new/log", b"three\n"), ("out", b" and more")])
    assert site.target_files() == {}
    assert site.sources() == {"log": b"one\ntwo\n", "new/log": b"three\n", "out": b"made and more"}


def test_files_that_move_stay_whose_they_are(site: Site) -> None:
    site.write([("in/a", b"a")])
    by_pipeline(site, "out/b", b"b")
    site.move("in", "new/in")
    site.move("out", "made")
    assert site.target_files() == {"made/b": b"b"}


def test_a_touched_file_stays_whose_it_is(site: Site) -> None:
    site.write([("a", b"a"), ("old", b"")])
    by_pipeline(site, "b", b"b")
    os.utime(site.directory / "old", ns=(1, 1))
    site.touch("a", "old")
    site.touch("b", None)
    assert (site.directory / "a").stat().st_mtime_ns == 1
    assert site.target_files() == {"b": b"b", "old": b""}  # whose time was changed by somebody else


def test_the_state_of_the_engine_is_no_target(site: Site) -> None:
    by_pipeline(site, "state/sim/data.mdb", b"")
    by_pipeline(site, "state/sim/lock", b"")
    assert site.target_files() == {}


def test_two_writes_of_one_file_differ_in_their_time(site: Site) -> None:
    times = set()
    for _ in range(20):
        site.write([("a", b"same")])
        times.add((site.directory / "a").stat().st_mtime_ns)
    assert len(times) == 20


def test_directories_go_with_all_they_hold_and_links_alone(site: Site) -> None:
    site.write([("docs/a", b"a"), ("kept/b", b"b")])
    site.link("docs/link", "../kept")
    site.remove(["docs/link"])
    site.remove(["docs"])
    assert sorted(os.listdir(site.directory)) == ["kept"]
    assert (site.directory / "kept/b").read_bytes() == b"b"
    with pytest.raises(FileNotFoundError):
        site.remove(["docs"])
