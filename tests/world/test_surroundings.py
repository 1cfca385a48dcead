# Goal: dates, clocks and chance of pipelines are those of their world, and nobody else's are; test_disk is about files.

# ruff: noqa: PLW0108  the names are to be looked up late

import builtins
import copy
import datetime
import io
import os
import pickle
import random
import secrets
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import date as early_date
from datetime import datetime as early_datetime
from functools import singledispatch
from pathlib import Path
from random import shuffle as early_shuffle
from time import time as early_time
from typing import Any

import msgspec
import pydantic
import pytest
from freezegun import freeze_time

from cocoindex_sim.engine import fingerprint_object
from cocoindex_sim.fakes import EPOCH_NS
from cocoindex_sim.world import VirtualLoop, World, virtual_surroundings

PIPELINE = """
import asyncio
import pathlib
import random
import secrets
import time
import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
import cocoindex as coco

@coco.lifespan
def environment(builder):
    builder.settings.db_path = pathlib.Path("state")
    yield

@dataclass
class Stamp:
    naive: datetime
    aware: datetime
    day: date
    history: list[datetime]
    never: datetime | None

loaded_at = datetime.now()
log = []

@coco.fn(memo=True)
async def stamp(key: int) -> Stamp:
    log.append("stamp")
    now = datetime.now()
    return Stamp(now, datetime.now(timezone.utc), date.today(), [now, now + timedelta(hours=1)], None)

@coco.fn(memo=True)
async def one(key: int) -> datetime:
    log.append("one")
    return datetime.now()

@coco.fn(memo=True)
async def keyed(day: date, when: datetime) -> str:
    log.append("keyed")
    return f"{day} {when:%H:%M}"

@coco.fn
async def main():
    begun = time.time(), time.monotonic(), time.time_ns(), datetime.now(), asyncio.get_running_loop().time()
    await asyncio.sleep(90)
    passed = time.time() - begun[0], time.monotonic() - begun[1], datetime.now() - begun[3]
    hour = datetime.now().replace(minute=0, second=0)
    return begun, passed, await stamp(1), await one(1), await keyed(hour.date(), hour)

app = coco.App("Readings", main)
"""

START = datetime.datetime(2026, 1, 1)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("readings")
    (path / "main.py").write_text(PIPELINE)
    return path


def read(function: Callable[[], Any], *, seed: int = 0, seconds: float = 0) -> Any:
    """What a function returns at a step of a new world, so long after its beginning."""

    async def main() -> Any:
        return function()

    with World(seed) as world:
        world.advance(seconds)
        return world.run(main())


# --- dates and clocks ---


@pytest.fixture
def held() -> Iterator[None]:
    with virtual_surroundings():
        yield


def test_readings_of_a_pipeline_follow_the_clock_of_its_world(project: Path) -> None:
    with World() as world:
        world.load("main.py", base=project)
        assert sys.modules["main"].loaded_at == START
        world.advance(60)
        begun, passed, *_ = world.update()
        minute = EPOCH_NS // 10**9 + 60
        assert begun == (minute, 60, minute * 10**9, START + datetime.timedelta(minutes=1), 60)
        assert passed == (90, 90, datetime.timedelta(seconds=90))
        world.restart()
        assert sys.modules["main"].loaded_at == START + datetime.timedelta(seconds=150)


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        (lambda: datetime.datetime.now(), "2026-01-01 00:00:01.500000"),
        (lambda: datetime.datetime.today(), "2026-01-01 00:00:01.500000"),
        (lambda: early_datetime.now(datetime.UTC), "2026-01-01 00:00:01.500000+00:00"),
        (lambda: early_datetime.now(datetime.timezone(datetime.timedelta(hours=-5))), "2025-12-31 19:00:01.500000-05:00"),
        (lambda: early_datetime.now().astimezone(), "2026-01-01 00:00:01.500000+00:00"),
        (lambda: early_datetime.now().timestamp() - time.time(), "0.0"),
        (lambda: early_date.today(), "2026-01-01"),
        (lambda: time.ctime(), "Thu Jan  1 00:00:01 2026"),
        (lambda: time.asctime(), "Thu Jan  1 00:00:01 2026"),
        (lambda: time.strftime("%H:%M:%S %Z"), "00:00:01 UTC"),
        (lambda: time.localtime()[:6], "(2026, 1, 1, 0, 0, 1)"),
        (lambda: time.gmtime()[:6], "(2026, 1, 1, 0, 0, 1)"),
        (lambda: time.mktime(time.localtime()) - int(early_time()), "0.0"),
        (lambda: (time.perf_counter(), time.monotonic_ns()), "(1.5, 1500000000)"),
        (lambda: time.clock_gettime(time.CLOCK_REALTIME) - time.time(), "0.0"),
        (lambda: time.clock_gettime_ns(time.CLOCK_MONOTONIC), "1500000000"),
    ],
)  # fmt: skip
def test_local_time_of_a_world_is_utc_wherever_it_runs(
    reading: Callable[[], object], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        with virtual_surroundings():
            assert str(read(reading, seconds=1.5)) == expected
            assert early_datetime.now().astimezone().utcoffset() == datetime.timedelta(hours=5, minutes=30)
            assert time.strftime("%Z") == "IST"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.usefixtures("held")
def test_the_clock_of_a_loop_without_a_world_is_the_real_one() -> None:
    async def main() -> float:
        return time.time() - early_time()

    assert abs(VirtualLoop().run_until_complete(main())) < 5


def test_dates_are_memo_values_and_memo_keys(project: Path) -> None:
    # MEM-02, MEM-30, MEM-31
    with World() as world:
        world.load("main.py", base=project)
        *_, stamp, one, keyed = world.update()
        now = START + datetime.timedelta(seconds=90)
        assert (stamp.naive, stamp.day, stamp.history) == (now, START.date(), [now, now + datetime.timedelta(hours=1)])
        assert stamp.aware == now.replace(tzinfo=datetime.UTC)
        assert (one, keyed) == (now, "2026-01-01 00:00")
        world.restart()
        *_, again, one_again, keyed_again = world.update()
        assert vars(again) == vars(stamp)
        assert (one_again, keyed_again) == (one, keyed)
        assert sys.modules["main"].log == []
        world.advance(3600)
        *_, stamp_later, one_later, keyed_later = world.update()
        assert (vars(stamp_later), one_later, keyed_later) == (vars(stamp), one, "2026-01-01 01:00")


@pytest.mark.usefixtures("held")
def test_dates_of_a_world_are_real_dates_to_whoever_looks() -> None:
    real = type(early_datetime.now())
    assert real.__flags__ & (1 << 8)  # Py_TPFLAGS_IMMUTABLETYPE: nothing in Python made it
    dates = [
        early_datetime.now(),
        datetime.datetime.now(datetime.UTC),
        datetime.datetime(2020, 2, 29, 12, 30, fold=1),
        datetime.datetime.fromisoformat("2020-02-29T12:30:00+01:00"),
        datetime.datetime.strptime("2020", "%Y"),
        datetime.datetime.fromtimestamp(0),
        datetime.datetime.combine(datetime.date(2020, 1, 1), datetime.time(3)),
        early_datetime.now() + datetime.timedelta(days=1),
        datetime.datetime.min,
        datetime.datetime.max,
    ]

    def look() -> None:
        for date in [*dates, early_datetime.now()]:
            assert type(date) is real
            assert isinstance(date, datetime.datetime)
            assert isinstance(date, early_datetime)
            assert pickle.loads(pickle.dumps(date)) == date
            assert copy.deepcopy(date) == copy.copy(date) == date
            assert msgspec.json.decode(msgspec.json.encode(date), type=real) == date.replace(fold=0)
            assert described(date) == "a time"
            assert {datetime.datetime: 1}[type(date)] == 1
            assert repr(date).startswith("datetime.datetime(")
        days = [early_date.today(), datetime.date(2020, 2, 29), datetime.date.fromtimestamp(0), datetime.date.max]
        for day in days:
            assert isinstance(day, datetime.date)
            assert not isinstance(day, datetime.datetime)
            assert pickle.loads(pickle.dumps(day)) == day
            assert msgspec.json.decode(msgspec.json.encode(day), type=type(day)) == day
            assert described(day) == "a day"
        assert fingerprint_object(early_datetime.now()) == expected

    expected = fingerprint_object(real(2026, 1, 1))
    described = singledispatch(lambda value: "neither")
    described.register(datetime.datetime, lambda value: "a time")
    described.register(datetime.date, lambda value: "a day")
    read(look)


def test_pickles_of_dates_are_those_of_real_ones() -> None:
    date = datetime.datetime(2026, 1, 1, 2, 3, tzinfo=datetime.UTC)
    real = [pickle.dumps(date, protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    with virtual_surroundings():
        assert [pickle.dumps(date, protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)] == real
        assert all(pickle.loads(data) == date for data in real)
    assert all(pickle.loads(data) == date for data in real)


@pytest.mark.usefixtures("held")
def test_a_model_annotated_in_a_pipeline_takes_dates() -> None:
    class Model(pydantic.BaseModel):
        at: datetime.datetime
        day: datetime.date | None

    def make() -> Model:
        return Model(at=datetime.datetime.now(), day=datetime.date.today())

    made = read(make)
    assert Model.model_validate_json(made.model_dump_json()) == made == Model(at=START, day=START.date())


@pytest.mark.usefixtures("held")
def test_a_class_of_the_pipeline_may_derive_from_datetime() -> None:
    class Mine(datetime.datetime):
        pass

    mine = read(Mine.now)
    assert type(mine) is Mine
    assert mine == START == Mine(2026, 1, 1)


# --- chance ---


@pytest.mark.usefixtures("held")
def test_a_generator_made_outside_goes_on_from_where_it_was() -> None:
    generator = random.Random(3)
    assert [read(generator.random), read(generator.random)] == [(same := random.Random(3)).random(), same.random()]


def shuffled(shuffle: Callable[[list[int]], None]) -> list[int]:
    cards = list(range(52))
    shuffle(cards)
    return cards


CHANCE: dict[str, Callable[[], object]] = {
    "random": lambda: random.random(),
    "getrandbits": lambda: random.getrandbits(64),
    "choices": lambda: random.choices(range(1000), k=5),
    "gauss": lambda: random.gauss(0, 1),
    "randbytes": lambda: random.randbytes(8),
    "state": lambda: hash(random.getstate()),
    "shuffle, taken before": lambda: shuffled(early_shuffle),
    "a generator without a seed": lambda: random.Random().random(),
    "a generator seeded again": lambda: [generator := random.Random(3), generator.seed(), generator.random()][2],
    "the system's generator": lambda: random.SystemRandom().random(),
    "urandom": lambda: os.urandom(8),
    "secrets": lambda: secrets.token_hex(8),
    "uuid4": lambda: uuid.uuid4(),
    "uuid1": lambda: uuid.uuid1(),
}


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("draw", CHANCE.values(), ids=CHANCE)
def test_chance_in_a_world_comes_from_its_seed(draw: Callable[[], object]) -> None:
    def twice() -> list[object]:
        return [draw(), draw()] if draw is not CHANCE["state"] else [draw(), random.random()]

    first, outside, again = read(twice, seed=1), twice(), read(twice, seed=1)
    assert first == again
    assert first[0] != first[1]
    assert first != outside != twice()
    assert first != read(twice, seed=2)


@pytest.mark.usefixtures("held")
def test_chance_outside_goes_on_as_if_there_had_been_no_world() -> None:
    random.seed(5)
    expected = [random.random(), random.gauss(0, 1), random.gauss(0, 1), random.random()]
    random.seed(5)
    drawn = [random.random(), random.gauss(0, 1)]
    read(lambda: (random.seed(7), random.gauss(0, 1), random.setstate(random.getstate())))
    assert [*drawn, random.gauss(0, 1), random.random()] == expected


@pytest.mark.usefixtures("held")
def test_a_seed_that_user_code_sets_holds_in_its_world() -> None:
    def draw() -> float:
        random.seed(5)
        return random.random()

    assert read(draw, seed=1) == read(draw, seed=2) == random.Random(5).random()


@pytest.mark.usefixtures("held")
def test_user_code_that_draws_does_not_move_the_schedule() -> None:
    def draw() -> list[float]:
        return [world.streams.schedule.random() for world in worlds]

    worlds = [World(3), World(3)]

    async def drawing() -> None:
        random.random()

    worlds[0].run(drawing())
    first, second = draw()
    assert first == second
    for world in worlds:
        world.close()


@pytest.mark.usefixtures("held")
def test_a_uuid1_tells_the_virtual_time() -> None:
    made = read(uuid.uuid1, seconds=2)
    assert (made.version, made.variant) == (1, uuid.RFC_4122)
    assert (made.time - 0x01B21DD213814000) * 100 == EPOCH_NS + 2 * 10**9
    assert read(lambda: uuid.uuid1(5, 6)).fields[3:] == (0x80, 6, 5)
    assert read(uuid.getnode) == read(uuid.getnode, seed=1)


# --- where it ends ---


def is_real() -> bool:
    real = early_time()
    return (
        abs(time.time() - real) < 5
        and abs(datetime.datetime.now().timestamp() - real) < 5
        and abs(early_datetime.now(datetime.UTC).timestamp() - real) < 5
        and early_datetime.fromtimestamp(real) == datetime.datetime.fromtimestamp(real)
        and datetime.date.today() == early_date.today() == datetime.datetime.fromtimestamp(real).date()
        and random.random() != random.Random("0:user").random()
    )


@pytest.mark.usefixtures("held")
def test_between_steps_and_in_other_threads_readings_are_real() -> None:
    seen: list[bool] = []
    turn, done = threading.Lock(), threading.Lock()
    turn.acquire()
    done.acquire()

    def outside() -> None:
        with turn:
            try:
                seen.append(is_real())
            finally:
                done.release()

    async def at_a_step() -> bool:
        turn.release()
        done.acquire()
        return is_real()

    monotonic = time.monotonic()
    thread = threading.Thread(target=outside)
    thread.start()
    with World() as world:
        assert is_real()
        assert 0 <= time.monotonic() - monotonic < 60
        assert world.run(at_a_step()) is False
        assert is_real()
    thread.join()
    assert seen == [True]


def replaced() -> list[Any]:
    return [
        datetime.datetime, datetime.date, early_datetime, time.time, early_time, time.monotonic, time.ctime,
        builtins.open, io.open, os.stat, os.getcwd, tempfile._get_candidate_names,  # type: ignore[attr-defined]
        random.random, random.choice, random.Random.seed, type(random._inst), os.urandom, uuid.uuid1,
    ]  # fmt: skip


def test_nothing_is_replaced_after_the_last_world_of_a_block(project: Path) -> None:
    before = replaced()
    with virtual_surroundings():
        during = replaced()
        assert all(one is not other for one, other in zip(before, during, strict=True))
        for _ in range(2):
            with World() as world:
                world.load("main.py", base=project)
                world.close()
                world.close()
            assert all(one is other for one, other in zip(during, replaced(), strict=True))
    assert replaced() == before
    with World() as world:
        world.load("main.py", base=project)
        assert replaced() != before
    assert replaced() == before
    from freezegun import api

    assert (repr(api.FakeDatetime), api.FakeDatetime == datetime.datetime) == (
        "<class 'freezegun.api.FakeDatetime'>",
        False,
    )
    assert type(api.FakeDatetime(2020, 1, 1)) is api.FakeDatetime


def test_what_cannot_be_put_in_place_is_taken_away_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(undo: object) -> None:
        raise OSError("no entropy")

    before = replaced()
    monkeypatch.setattr("cocoindex_sim.world._chance.replace_chance", fail)
    with pytest.raises(OSError, match="no entropy"), virtual_surroundings():
        pass
    assert replaced() == before
    monkeypatch.undo()
    with virtual_surroundings():
        assert read(datetime.datetime.now) == START
    assert replaced() == before


def test_a_world_without_a_pipeline_puts_nothing_in_place() -> None:
    before = replaced()
    with World() as world:

        async def main() -> None:
            assert replaced() == before

        world.run(main())


def test_a_time_that_a_test_froze_itself_holds_outside_the_world(project: Path) -> None:
    frozen = datetime.datetime(2030, 5, 5)
    for order in ("the test's first", "the world's first"):
        if order == "the test's first":
            with freeze_time(frozen), World() as world:
                world.load("main.py", base=project)
                assert world.update()[0][3] == START
                assert datetime.datetime.now() == early_datetime.now() == frozen
                assert time.time() == frozen.replace(tzinfo=datetime.UTC).timestamp()
        else:
            with World() as world:
                world.load("main.py", base=project)
                with freeze_time(frozen):
                    assert world.update()[0][3] == START
                    assert datetime.datetime.now() == early_datetime.now() == frozen
                    assert time.time() == frozen.replace(tzinfo=datetime.UTC).timestamp()
                assert is_real()
        assert is_real()


@pytest.mark.usefixtures("held")
def test_modules_loaded_before_and_after_follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loaded_late.py").write_text("from datetime import datetime\nfrom random import random\n")
    monkeypatch.syspath_prepend(tmp_path)
    import loaded_late  # type: ignore[import-not-found]

    try:
        assert read(loaded_late.datetime.now) == read(early_datetime.now) == START
        assert read(loaded_late.random) == random.Random("0:user").random()
    finally:
        del sys.modules["loaded_late"]
