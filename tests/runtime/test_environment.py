"""Goal: a state directory is open once, and the default environment is set up and cleaned up in order, once."""

from __future__ import annotations

import asyncio
import functools
import gc
import threading
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

import cocoindex_sim as coco
from cocoindex_sim.engine import Process
from cocoindex_sim.runtime import apps_of

from .conftest import Threads


def make_app(environment: coco.Environment) -> coco.App[..., int]:
    return coco.App(coco.AppConfig("app", environment), lambda: 3)


# --- explicit environments ---


@pytest.mark.parametrize("path", [None, ""])
def test_an_environment_needs_a_path(process: Process, path: str | None) -> None:
    # APP-18
    with pytest.raises(ValueError, match=r"db_path must be provided"):
        coco.Environment(coco.Settings(db_path=path))


def test_the_variable_is_for_the_default_environment_only(
    process: Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # APP-18
    monkeypatch.setenv("COCOINDEX_DB", str(tmp_path / "db"))
    assert coco.Settings.from_env().db_path is None
    with pytest.raises(ValueError, match="db_path must be provided"):
        coco.Environment(coco.Settings.from_env())


@pytest.mark.parametrize("kind", [str, Path])
def test_a_directory_is_made_with_its_parents(process: Process, tmp_path: Path, kind: Callable[[Path], Any]) -> None:
    # APP-19
    path = tmp_path / "a" / "b" / "db"
    environment = coco.Environment(coco.Settings(db_path=kind(path)))
    assert path.is_dir()
    assert environment.settings.db_path == kind(path)
    environment.close()


def test_a_directory_is_open_once_until_closed_or_collected(process: Process, tmp_path: Path) -> None:
    # APP-20
    settings = coco.Settings(db_path=tmp_path / "db")
    first = coco.Environment(settings)
    with pytest.raises(RuntimeError, match="environment already open in this program"):
        coco.Environment(coco.Settings(db_path=tmp_path / "." / "db"))
    first.close()
    first.close()
    second = coco.Environment(settings)
    del second
    third = coco.Environment(settings)
    assert make_app(third).update_blocking() == 3
    third.close()


def test_an_environment_with_used_apps_is_collected_with_them(process: Process, tmp_path: Path) -> None:
    # APP-20
    def use() -> None:
        environment = coco.Environment(coco.Settings(db_path=tmp_path / "db"))
        app = make_app(environment)
        app.update_blocking()

        async def failing() -> None:  # async: a worker thread lets go of what was raised in it a moment late
            raise ValueError("no")

        broken: coco.App[..., None] = coco.App(coco.AppConfig("broken", environment), failing)
        with pytest.raises(ValueError, match="no"):
            broken.update_blocking()

    gc.disable()
    try:
        use()
        use()
    finally:
        gc.enable()


def test_a_closed_environment_is_refused(environment: coco.Environment) -> None:
    # APP-20
    app = make_app(environment)
    environment.close()
    for call in (app.update_blocking, app.drop_blocking):
        with pytest.raises(ValueError, match="environment is closed"):
            call()


@pytest.mark.parametrize("sizes", [{"lmdb_max_dbs": 0}, {"lmdb_map_size": 0}, {"lmdb_map_size": -1}])
def test_impossible_sizes_are_refused(process: Process, tmp_path: Path, sizes: dict[str, int]) -> None:
    # APP-21
    with pytest.raises(ValueError, match="must be at least 1"):
        coco.Environment(coco.Settings(db_path=tmp_path / "db", **sizes))  # type: ignore[arg-type]
    assert not (tmp_path / "db").exists()


def test_an_environment_shows_what_it_was_made_of(process: Process, tmp_path: Path) -> None:
    # APP-26
    provider = coco.ContextProvider()
    loop = asyncio.new_event_loop()
    named = coco.Environment(
        coco.Settings(db_path=tmp_path / "db"), name="prod", context_provider=provider, event_loop=loop
    )
    assert (named.name, named.context_provider, named.event_loop) == ("prod", provider, loop)
    assert named.exception_handler is None
    named.close()
    loop.close()
    unnamed = coco.Environment(coco.Settings(db_path=tmp_path / "db"))
    assert unnamed.name == ""
    unnamed.close()


def test_environments_that_are_gone_leave_no_trace(process: Process, tmp_path: Path) -> None:
    for number in range(3):
        environment = coco.Environment(coco.Settings(db_path=tmp_path / str(number)))
        app = make_app(environment)
        del environment, app
    assert len(process.environments) == 1
    assert apps_of(process) == []


# --- the default environment ---


class Life:
    """A lifespan, and what it and its managers did. `fails`: in which phase it raises."""

    def __init__(self, path: Path | None, *, is_async: bool = True, fails: str = "") -> None:
        self.log: list[str] = []
        self.path, self.fails = path, fails
        self.key = coco.ContextKey[str]("resource")
        self.later_key = coco.ContextKey[str]("later resource")
        coco.lifespan(self.later if is_async else self.now)

    def begin(self, builder: coco.EnvironmentBuilder) -> None:
        self.log.append("set-up")
        if self.path is not None:
            builder.settings.db_path = self.path
        builder.provide_with(self.key, self.manager("a"))

    def ready(self) -> None:
        if self.fails == "set-up":
            raise ValueError("set-up")

    def end(self) -> None:
        self.log.append("clean-up")
        if self.fails == "clean-up":
            raise ValueError("clean-up")

    def now(self, builder: coco.EnvironmentBuilder) -> Iterator[None]:
        self.begin(builder)
        self.ready()
        yield
        self.end()

    async def later(self, builder: coco.EnvironmentBuilder) -> AsyncIterator[None]:
        self.begin(builder)
        await builder.provide_async_with(self.later_key, self.later_manager("b"))
        self.ready()
        yield
        self.end()

    @contextmanager
    def manager(self, name: str) -> Iterator[str]:
        self.log.append(f"enter {name}")
        yield name
        self.log.append(f"exit {name}")

    @asynccontextmanager
    async def later_manager(self, name: str) -> AsyncIterator[str]:
        with self.manager(name):
            yield name

    def take(self) -> list[str]:
        taken, self.log = self.log, []
        return taken

    async def read(self) -> str:
        return coco.use_context(self.key)


UP = ["set-up", "enter a", "enter b"]
DOWN = ["exit b", "exit a", "clean-up"]


@pytest.fixture
def life(process: Process, tmp_path: Path) -> Life:
    return Life(tmp_path / "db")


@pytest.mark.parametrize("is_async", [False, True])
def test_set_up_and_clean_up_run_once_and_in_order(process: Process, tmp_path: Path, is_async: bool) -> None:
    # APP-22, APP-23
    life = Life(tmp_path / "db", is_async=is_async)
    up, down = (UP, DOWN) if is_async else (["set-up", "enter a"], ["exit a", "clean-up"])
    app: coco.App[..., str] = coco.App("app", life.read)
    assert [app.update_blocking(), app.update_blocking()] == ["a", "a"]
    assert life.take() == up
    coco.stop_blocking()
    coco.stop_blocking()
    assert life.take() == down
    assert app.update_blocking() == "a"
    coco.start_blocking()
    coco.stop_blocking()
    assert life.take() == up + down


def test_starting_is_done_once_whoever_asks(life: Life) -> None:
    # APP-22
    async def main() -> None:
        one, _, other = await asyncio.gather(coco.default_env(), coco.start(), coco.default_env())
        assert one is other is await coco.default_env()
        assert (one.name, one.event_loop) == ("default", asyncio.get_running_loop())
        await coco.stop()

    asyncio.run(main())
    assert life.take() == UP + DOWN


@pytest.mark.parametrize("on_loops", [False, True])
def test_starting_from_several_threads_is_done_once(life: Life, threads: Threads, on_loops: bool) -> None:
    # APP-22
    together = threading.Barrier(4)

    def start() -> None:
        together.wait(10)
        asyncio.run(coco.start()) if on_loops else coco.start_blocking()

    for _ in range(4):
        threads.start(start)
    assert threads.join() == [None] * 4
    assert life.take() == UP


def test_what_a_stop_waits_for_is_over_before_the_next_start(life: Life) -> None:
    # APP-22
    async def main() -> None:
        await coco.start()
        await asyncio.gather(coco.stop(), coco.start(), coco.stop())

    asyncio.run(main())
    log = life.take()
    assert log[: len(UP + DOWN)] == UP + DOWN
    assert log[len(UP + DOWN) :] in ([], UP, UP + DOWN)


def test_a_cancelled_start_is_finished_for_the_others(life: Life) -> None:
    # APP-22
    async def main() -> None:
        impatient = asyncio.create_task(coco.start())
        patient = asyncio.create_task(coco.start())
        await asyncio.sleep(0)
        impatient.cancel()
        await patient
        with pytest.raises(asyncio.CancelledError):
            await impatient
        await coco.stop()

    asyncio.run(main())
    assert life.take() == UP + DOWN


@pytest.mark.parametrize("fails", ["set-up", "clean-up"])
def test_errors_reach_whoever_starts_or_stops(process: Process, tmp_path: Path, fails: str) -> None:
    # APP-23
    life = Life(tmp_path / "db", fails=fails)
    app: coco.App[..., str] = coco.App("app", life.read)
    if fails == "set-up":
        for start in (coco.start_blocking, app.update_blocking):
            with pytest.raises(ValueError, match="set-up"):
                start()
            assert life.take() == [*UP, "exit b", "exit a"]  # nothing stays entered
        coco.stop_blocking()
        assert life.take() == []
    else:
        assert app.update_blocking() == "a"
        with pytest.raises(ValueError, match="clean-up"):
            coco.stop_blocking()
        assert life.take() == UP + DOWN
        coco.stop_blocking()  # it is stopped
        life.fails = ""
        assert app.update_blocking() == "a"  # and its directory is free


def test_without_a_path_the_start_names_both_ways_after_cleaning_up(process: Process) -> None:
    # APP-19
    with pytest.raises(ValueError, match=r"Settings\.db_path .*COCOINDEX_DB"):
        coco.start_blocking()
    life = Life(None)
    with pytest.raises(ValueError, match=r"Settings\.db_path .*COCOINDEX_DB"):
        coco.start_blocking()
    assert life.take() == UP + DOWN


def test_a_path_set_in_the_lifespan_beats_the_variable(
    process: Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # APP-19
    monkeypatch.setenv("COCOINDEX_DB", str(tmp_path / "variable"))
    app: coco.App[..., Any] = coco.App("app", lambda: 3)
    assert app.update_blocking() == 3
    assert (tmp_path / "variable").is_dir()
    assert process.default_environment.environment.settings.db_path == tmp_path / "variable"
    coco.stop_blocking()
    Life(tmp_path / "lifespan")
    app.update_blocking()
    assert (tmp_path / "lifespan").is_dir()


def test_a_second_lifespan_replaces_the_first_with_a_warning(life: Life, tmp_path: Path) -> None:
    # APP-23
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        log = []

        @coco.lifespan()  # type: ignore[untyped-decorator]
        def second(builder: coco.EnvironmentBuilder) -> Iterator[None]:
            builder.settings = coco.Settings(db_path=tmp_path / "second")
            log.append("second")
            yield

    (warning,) = caught
    assert warning.category is UserWarning
    assert "replaces" in str(warning.message)
    coco.start_blocking()
    assert (life.take(), log) == ([], ["second"])


async def no_generator(builder: coco.EnvironmentBuilder) -> None:
    raise AssertionError


@pytest.mark.parametrize("lifespan", [no_generator, lambda builder: 5, lambda builder: None])
def test_a_lifespan_that_does_not_yield_is_an_error(process: Process, lifespan: Any) -> None:
    # APP-23
    coco.lifespan(lifespan)
    with pytest.raises(TypeError, match="must be a generator function"):
        coco.start_blocking()


def test_a_lifespan_is_a_function(process: Process) -> None:
    # APP-23
    with pytest.raises(TypeError, match="must be a generator function"):
        coco.lifespan(5)  # type: ignore[arg-type]


@pytest.mark.parametrize("is_async", [False, True])
def test_a_wrapped_generator_function_is_a_lifespan(life: Life, is_async: bool) -> None:
    # APP-23
    with pytest.warns(UserWarning, match="replaces"):
        coco.lifespan(functools.partial(life.later if is_async else life.now))
    coco.start_blocking()
    coco.stop_blocking()
    assert life.take() == (UP + DOWN if is_async else ["set-up", "enter a", "exit a", "clean-up"])


def test_runtime_starts_and_stops_around_a_block(life: Life) -> None:
    # APP-22, APP-24
    app: coco.App[..., str] = coco.App("app", life.read)
    with coco.runtime() as nothing:
        assert nothing is None
        assert app.update_blocking() == "a"
    assert life.take() == UP + DOWN
    with pytest.raises(KeyError), coco.runtime():
        raise KeyError
    assert life.take() == UP + DOWN

    async def main() -> str:
        async with coco.runtime():
            return await app.update()

    assert [asyncio.run(main()), asyncio.run(main())] == ["a", "a"]
    assert life.take() == (UP + DOWN) * 2


def test_a_sync_runtime_inside_a_loop_is_an_error(life: Life) -> None:
    # APP-24
    async def main() -> None:
        with pytest.raises(RuntimeError, match="use `async with"), coco.runtime():
            raise AssertionError

    asyncio.run(main())
    assert life.take() == []


def test_the_default_environment_belongs_to_the_loop_it_was_started_on(life: Life) -> None:
    # APP-25
    app: coco.App[..., str] = coco.App("app", life.read)

    async def update() -> str:
        return await app.update()

    assert asyncio.run(update()) == "a"
    with pytest.raises(RuntimeError, match=r"Event loop is closed.*async with"):
        asyncio.run(update())
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        app.update_blocking()
    coco.stop_blocking()  # on another loop: its own is gone, and has closed the generator of the lifespan
    assert life.take() == [*UP, "exit a"]
    assert app.update_blocking() == "a"
    assert [asyncio.run(update()), app.update_blocking()] == ["a", "a"]


def test_a_stop_from_another_loop_cleans_up_where_it_was_set_up(process: Process, tmp_path: Path) -> None:
    # APP-23, APP-25
    loops = []

    @coco.lifespan
    async def lifespan(builder: coco.EnvironmentBuilder) -> AsyncIterator[None]:
        builder.settings.db_path = tmp_path / "db"
        loops.append(asyncio.get_running_loop())
        yield
        loops.append(asyncio.get_running_loop())

    coco.start_blocking()
    asyncio.run(coco.stop())
    assert loops[0] is loops[1] is process.ports.event_loop()


def test_blocking_starts_and_stops_inside_another_loop(life: Life) -> None:
    # APP-24, APP-25
    async def main() -> None:
        coco.start_blocking()
        coco.stop_blocking()

    asyncio.run(main())
    assert life.take() == UP + DOWN


def test_apps_of_the_default_environment_keep_their_names_over_a_restart(life: Life) -> None:
    # APP-02, APP-22
    app: coco.App[..., str] = coco.App("app", life.read)
    app.update_blocking()
    coco.stop_blocking()
    with pytest.raises(ValueError, match="already registered"):
        coco.App("app", life.read)
    assert app.update_blocking() == "a"
    assert app.environment_name == "default"


def test_a_configured_app_gets_the_default_environment(life: Life) -> None:
    # APP-26
    app: coco.App[..., str] = coco.App(coco.AppConfig("app"), life.read)
    assert app.update_blocking() == "a"
    assert repr(coco.AppConfig("app").environment) == "<the default environment>"
    assert coco.AppConfig("app") == coco.AppConfig("app")
    with pytest.raises(AttributeError):
        coco.AppConfig("app").name = "other"  # type: ignore[misc]
