"""Goal: a world runs unmodified pipelines, dies and comes back, and leaves nothing of itself behind."""

from __future__ import annotations

import gc
import re
import sys
import weakref
from datetime import timedelta
from pathlib import Path

import pytest

from cocoindex_sim.engine import current_process
from cocoindex_sim.fakes import Hazard, RecordedHazards
from cocoindex_sim.values import ComponentFailed, LimitError, event_name
from cocoindex_sim.world import SeededRandom, Streams, World

PIPELINE = """
import pathlib
import cocoindex as coco
from cocoindex.connectors import localfs
import naming

@coco.lifespan
def environment(builder):
    builder.settings.db_path = pathlib.Path("state")
    yield

@coco.fn(memo=True)
async def shout(file, output):
    output.declare_file(naming.target_of(file.file_path.name), (await file.read_text()).upper())

@coco.fn
async def main():
    target = await localfs.mount_dir_target(pathlib.Path("out"))
    await coco.mount_each(shout, localfs.walk_dir(pathlib.Path("in")).items(), target)

app = coco.App("Shout", main)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "main.py").write_text(PIPELINE)
    (tmp_path / "naming.py").write_text("def target_of(name):\n    return name + '.txt'\n")
    return tmp_path


def loaded(project: Path, **options: object) -> World:
    world = World(**options)  # type: ignore[arg-type]  # passed through
    world.load("main.py", base=project)
    world.files.write("in/a", b"a", parents=True)
    return world


def test_a_pipeline_runs_on_files_in_memory_only(project: Path) -> None:
    with loaded(project) as world:
        world.update()
        assert world.target_files() == {"out/a.txt": b"A"}
    assert sorted(path.name for path in project.iterdir() if path.suffix == ".py") == ["main.py", "naming.py"]
    assert not (project / "out").exists()
    assert not (project / "state").exists()


def test_a_world_leaves_modules_path_alias_and_process_as_they_were(project: Path) -> None:
    modules, path, finders, process = dict(sys.modules), list(sys.path), list(sys.meta_path), current_process()
    with loaded(project) as world:
        world.update()
        assert "naming" in sys.modules
        assert world.process is not process
    assert {name for name in sys.modules.keys() ^ modules.keys() if not name.startswith("encodings")} == set()
    assert (sys.path, sys.meta_path, current_process()) == (path, finders, process)


def test_a_pipeline_may_have_the_name_of_a_module_that_is_there(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = type(sys)("main")
    there.__file__ = "/usr/lib/site-packages/main.py"
    monkeypatch.setitem(sys.modules, "main", there)
    for _ in range(2):
        with loaded(project) as world, loaded(project) as inner:
            assert sys.modules["main"] is not there
            for each in (world, inner):
                each.update()
                assert each.target_files() == {"out/a.txt": b"A"}
        assert sys.modules["main"] is there


def test_two_worlds_after_each_other_load_the_pipeline_afresh(project: Path) -> None:
    with loaded(project) as world:
        world.update()
    (project / "naming.py").write_text("def target_of(name):\n    return 'new-' + name\n")
    with loaded(project) as world:
        world.update()
        assert world.target_files() == {"out/new-a": b"A"}


def test_a_restart_keeps_files_and_state_and_runs_only_what_changed(project: Path) -> None:
    with loaded(project) as world:
        world.update()
        world.restart()
        world.files.write("in/b", b"b")
        world.update()
        stats = world.stats()
        assert stats is not None
        assert (stats.by_component["shout"].num_unchanged, stats.by_component["shout"].num_adds) == (1, 1)


def test_a_crash_ends_everything_at_that_step(project: Path) -> None:
    with loaded(project) as world:
        world.start()
        world.run_until_event("pre_committed", 2)
        world.crash()
        assert world.target_files() == {}
        assert not [event for event in world.trace.take_events() if isinstance(event, ComponentFailed)]
        assert not world.running
        with pytest.raises(RuntimeError, match="restart"):
            world.start()
        world.restart()
        world.update()
        assert world.target_files() == {"out/a.txt": b"A"}


def test_an_event_that_does_not_come_is_an_error_that_lists_those_that_came(project: Path) -> None:
    with loaded(project) as world:
        world.start()
        with pytest.raises(RuntimeError, match=r"ended before event 'owner_changed' number 1 came;.* 3 committed"):
            world.run_until_event("owner_changed")


def test_time_passes_only_when_told_to_also_while_the_process_is_down(project: Path) -> None:
    with loaded(project) as world:
        began_ns = world.clock.time_ns()
        world.update()
        assert world.clock.time_ns() == began_ns
        world.advance(timedelta(days=1))
        world.crash()
        world.advance(5)
        world.restart()
        assert world.clock.time_ns() - began_ns == (86_400 + 5) * 10**9


def trace_of(project: Path, seed: int) -> list[str]:
    with loaded(project, policy=SeededRandom(Streams(seed).schedule)) as world:
        for name in "bcd":
            world.files.write(f"in/{name}", name.encode())
        world.update()
        return list(world.trace.lines())


def test_the_seed_alone_decides_the_order(project: Path) -> None:
    assert trace_of(project, 1) == trace_of(project, 1)
    assert len({tuple(trace_of(project, seed)) for seed in range(5)}) > 1


def test_a_file_that_goes_between_listing_and_reading_fails_alone_and_keeps_its_target(project: Path) -> None:
    with loaded(project) as world:
        world.files.write("in/b", b"b")
        world.update()
        for name in "ab":
            world.files.write(f"in/{name}", b"new")
        world.start()
        world.run_until_event("component_mounted", 2)  # the target directory, then in/a: listed, not read yet
        world.files.unlink("in/a")
        world.finish()
        assert world.target_files() == {"out/a.txt": b"A", "out/b.txt": b"NEW"}
        failed = [event for event in world.trace.take_events() if isinstance(event, ComponentFailed)]
        assert [(str(event.path), "FileNotFoundError" in event.error) for event in failed] == [('/@shout/"a"', True)]
        world.update()
        assert world.target_files() == {"out/b.txt": b"NEW"}


def test_an_app_made_inside_a_test_runs_like_a_loaded_one() -> None:
    import cocoindex_sim as coco

    def make() -> coco.App[..., int]:
        @coco.fn
        async def main() -> int:
            return 7

        environment = coco.Environment(coco.Settings(db_path="state"))
        return coco.App(coco.AppConfig("Seven", environment), main)

    with World() as world:
        world.use(make)
        assert world.update() == 7
        assert [event_name(event) for event in world.trace.take_events()][-1] == "run_finished"


ENDLESS = """
import asyncio
import cocoindex as coco

@coco.lifespan
def environment(builder):
    builder.settings.db_path = "state"
    yield

@coco.fn(memo=True)
async def work(number):
    pass

@coco.fn
async def main():
    number = 0
    while True:
        number += 1
        await work(number)
        await asyncio.sleep(PAUSE)

app = coco.App("Endless", main)
"""


@pytest.mark.parametrize(
    ("limit", "pause", "named"),
    [
        ({"steps_max": 200}, "0", "the run took steps_max=200 steps and is not done"),
        ({"events_max": 50}, "0", "the trace holds events_max=50 events and the run is not done, at 0 s"),
        ({"time_ns_max": 60 * 10**9}, "7", "the run would go past time_ns_max=60000000000 (60 s of virtual time)"),
    ],
)
@pytest.mark.parametrize("crash", [False, True])
def test_a_run_without_an_end_meets_each_limit_by_name_also_after_a_crash(
    tmp_path: Path, limit: dict[str, int], pause: str, named: str, crash: bool
) -> None:
    (tmp_path / "main.py").write_text(ENDLESS.replace("PAUSE", pause))
    with World(**limit) as world:  # type: ignore[arg-type]  # passed through
        world.load("main.py", base=tmp_path)
        if crash:
            world.start()
            world.run_until_event("function_started", 3)
            world.crash()
            world.restart()
        with pytest.raises(LimitError, match=re.escape(named)):
            world.update()
        assert world.loop.steps <= 200 or "steps_max" not in limit
        assert len(world.trace.entries) <= 50 or "events_max" not in limit
        assert world.loop.now_ns <= 60 * 10**9
        if "time_ns_max" not in limit:  # a limit that was met stays met
            with pytest.raises(LimitError, match=re.escape(named)):
                world.settle()


def test_a_world_that_is_full_of_events_says_which_came_last(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(ENDLESS.replace("PAUSE", "0"))
    with World(events_max=50) as world:
        world.load("main.py", base=tmp_path)
        with pytest.raises(LimitError) as caught:
            world.update()
        assert str(caught.value).splitlines()[1:] == [f"  {line}" for line in list(world.trace.lines())[-10:]]


RESCANS = """
import pathlib

import cocoindex as coco
from cocoindex.connectors import localfs

@coco.lifespan
def environment(builder):
    builder.settings.db_path = "state"
    yield

@coco.fn
async def look(file):
    pass

@coco.fn
async def main():
    await coco.mount_each(look, localfs.walk_dir(pathlib.Path("docs"), live=True).items())

app = coco.App("Rescans", main)
"""


def test_a_live_update_whose_end_is_waited_for_in_vain_is_given_up_after_a_month(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(RESCANS)
    with World(steps_max=100_000) as world:
        world.load("main.py", base=tmp_path)
        world.files.write("docs/a.txt", "a", parents=True)
        world.start(live=True)
        with pytest.raises(LimitError, match="live and goes on after 30 days of virtual time; stop it") as caught:
            world.finish()
        assert "process_live" in str(caught.value).partition("\n")[2]
        assert world.loop.now_ns <= 30 * 86_400 * 10**9
        world.advance(86_400 * 40)  # no limit of the world's


def test_a_limit_of_the_world_that_is_met_while_a_live_update_goes_on_is_named(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(RESCANS)
    for limit, named in ({"steps_max": 300}, "steps_max=300"), ({"time_ns_max": 10**13}, "time_ns_max=10000000000000"):
        with World(**limit) as world:  # type: ignore[arg-type]  # passed through
            world.load("main.py", base=tmp_path)
            world.files.write("docs/a.txt", "a", parents=True)
            world.start(live=True)
            with pytest.raises(LimitError, match=named):
                world.finish()


def test_time_that_passes_while_the_process_is_down_counts() -> None:
    with World(time_ns_max=10 * 10**9) as world:
        world.crash()
        world.advance(9)
        with pytest.raises(LimitError, match=r"time_ns_max=10000000000 .* from 9 s to 11 s"):
            world.advance(2)


def test_a_crash_at_a_durable_step_leaves_what_was_durable_and_nothing_later(project: Path) -> None:
    with loaded(project) as world:
        world.files.write("in/b", b"b")
        world.update()
        steps, expected = world.hazards.durable_steps, world.target_files()
    for crash_at in range(1, steps + 1):
        hazards = RecordedHazards([Hazard("crash", crash_at, "")])
        with loaded(project, hazards=hazards) as world:
            world.files.write("in/b", b"b")
            world.start()
            world.settle()
            assert world.killed
            left, files = world.hazards.durable_steps, world.files.files_written_by("pipeline")
            world.crash()
            assert (left, files) == (crash_at, world.files.files_written_by("pipeline"))
            world.restart()
            world.update()
            assert world.target_files() == expected, f"after a crash at durable step {crash_at} of {steps}"


def test_a_drawn_fault_is_raised_at_its_call_and_noted_in_the_trace(project: Path) -> None:
    hazards = RecordedHazards([Hazard("fs.read", 1, "EIO")])
    with loaded(project, hazards=hazards) as world:
        world.update()
        assert world.target_files() == {}
        assert any(line.endswith("hazard: fs.read:1:EIO") for line in world.trace.lines())
        world.update()
        assert world.target_files() == {"out/a.txt": b"A"}


def test_what_happens_outside_may_happen_at_any_moment_of_a_run(project: Path) -> None:
    def seen(seed: int) -> tuple[int, bytes]:
        with loaded(project, policy=SeededRandom(Streams(seed).schedule)) as world:
            world.start()
            world.linger()
            world.files.write("in/a", b"later")
            steps = world.loop.steps
            world.finish()
            return steps, world.target_files()["out/a.txt"]

    runs = [seen(seed) for seed in range(40)]
    assert {content for _, content in runs} == {b"A", b"LATER"}
    assert len({steps for steps, _ in runs}) > 10
    assert runs == [seen(seed) for seed in range(40)]


def test_in_asyncio_s_own_order_it_happens_at_once(project: Path) -> None:
    with loaded(project) as world:
        world.start()
        world.linger()
        assert (world.loop.steps, world.loop.choices) == (0, [])


def test_a_world_that_is_closed_and_forgotten_leaves_nothing_in_memory(project: Path) -> None:
    def run() -> weakref.ref[World]:
        with loaded(project) as world:
            world.start()
            world.settle()
            world.crash()
            world.restart()
            world.update()
            return weakref.ref(world)

    forgotten = run()
    gc.collect()
    assert forgotten() is None
