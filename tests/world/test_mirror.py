# Goal: what a connector brings is mirrored key by key, whichever kind of items it makes and however it is made.

from pathlib import Path
from typing import Any

import pytest

from cocoindex_sim.scenario import parse_scenarios
from cocoindex_sim.world import ExpectationFailed, World, perform


def mirrored(source: str, base: Path, **maps: dict[str, Any]) -> dict[Any, Any]:
    """The rows that one update makes of the connector `make` in this source."""
    (base / "connector.py").write_text(source)
    with World() as world:
        for name, entries in maps.items():
            for key, value in entries.items():
                world.map(name).set(key, value)
        world.load("connector.py:make", base=base, is_source=True)
        world.update()
        return world.target().rows


def test_pairs_are_mirrored(tmp_path: Path) -> None:
    source = "def make():\n    return [('a', 1), ((2, b'c'), [3]), (None, {'d': 4})]\n"
    assert mirrored(source, tmp_path) == {"a": 1, (2, b"c"): [3], None: {"d": 4}}


def test_a_factory_may_be_async_and_what_it_gives_too(tmp_path: Path) -> None:
    source = "async def make(client):\n    return items(client)\nasync def items(client):\n    yield 'a', await client.get('b')\n"
    assert mirrored(source, tmp_path, map={"b": 5}) == {"a": 5}


def test_a_factory_may_be_a_class(tmp_path: Path) -> None:
    source = "from cocoindex_sim.world import MapView\nclass make(MapView):\n    pass\n"
    assert mirrored(source, tmp_path, map={"a": 1}) == {"a": 1}


def test_several_parameters_are_the_maps_of_these_names(tmp_path: Path) -> None:
    source = (
        "async def make(users, orders, *, limit=3):\n"
        "    return [('users', (await users.scan()).entries), ('orders', (await orders.scan()).entries)]\n"
    )
    assert mirrored(source, tmp_path, users={"u": 1}, orders={"o": 2}) == {"users": {"u": 1}, "orders": {"o": 2}}


def test_after_a_restart_the_connector_is_made_afresh_and_its_module_too(tmp_path: Path) -> None:
    (tmp_path / "connector.py").write_text(
        "runs = []\ndef make():\n    runs.append(1)\n    return [('runs', len(runs))]\n"
    )
    with World() as world:
        world.load("connector.py:make", base=tmp_path, is_source=True)
        world.update()
        world.update()
        assert world.target().rows == {"runs": 2}
        world.restart()
        world.update()
        assert world.target().rows == {"runs": 1}


def test_a_client_of_the_process_before_does_nothing_any_more(tmp_path: Path) -> None:
    (tmp_path / "connector.py").write_text("from cocoindex_sim.world import MapView as make\n")
    with World() as world:
        world.map().set("a", 1)
        world.load("connector.py:make", base=tmp_path, is_source=True)
        world.start(live=True)
        world.wait_ready()
        assert len(world.map().subscriptions) == 1
        world.crash()
        assert world.map().subscriptions == []
        world.map().set("a", 2)
        assert world.target().rows == {"a": 1}


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("pricez", "'connector' has no function or class 'pricez'; did you mean 'prices'? it has: prices, Other"),
        ("nothing", "'connector' has no function or class 'nothing'; it has: prices, Other"),
        ("NUMBER", "'connector' has no function or class 'NUMBER'; it has: prices, Other"),
    ],
)
def test_a_factory_that_is_not_there_is_named_with_the_line_of_source(
    factory: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "connector.py").write_text("NUMBER = 1\ndef prices():\n    pass\nclass Other:\n    pass\n")
    text = f"source: connector.py:{factory}\nsteps: [update]\n"
    (story,) = parse_scenarios(text, path=Path("x.coco.yaml"), base=tmp_path)
    with World() as world, pytest.raises(ExpectationFailed) as caught:
        perform(story, world)
    assert caught.value.verdict == f"'connector.py:{factory}' can't be loaded: LookupError: {message}"
    assert caught.value.place.line == 1


STORY = """\
source: connector.py:make
given: {map: {a: apples}}
steps:
  - %s
  - update
"""


@pytest.mark.parametrize(
    ("step", "verdict"),
    [
        (
            "map.inject: {fault: late, nth: 7}",
            "the fault late at 'deliver' of map 'map' number 7 never happened: there was no such call after this step",
        ),
        (
            "target.inject: {fault: slow, nth: 2}",
            "the fault slow at an action of target 'mirror' number 2 never happened: there was 1 such call after this"
            " step",
        ),
    ],
)
def test_what_was_to_go_wrong_and_never_did_fails_the_story(step: str, verdict: str, tmp_path: Path) -> None:
    (tmp_path / "connector.py").write_text("from cocoindex_sim.world import MapView as make\n")
    (story,) = parse_scenarios(STORY % step, path=Path("x.coco.yaml"), base=tmp_path)
    with World() as world, pytest.raises(ExpectationFailed) as caught:
        perform(story, world)
    assert caught.value.verdict == verdict
    assert caught.value.place.line == 4


def test_rows_that_are_not_as_expected_are_told_at_the_line_of_rows(tmp_path: Path) -> None:
    (tmp_path / "connector.py").write_text("from cocoindex_sim.world import MapView as make\n")
    text = STORY % "update" + "  - expect:\n      rows: {a: apricots}\n"
    (story,) = parse_scenarios(text, path=Path("x.coco.yaml"), base=tmp_path)
    with World() as world, pytest.raises(ExpectationFailed) as caught:
        perform(story, world)
    assert str(caught.value) == (
        "x.coco.yaml:7: the rows are not as expected.\n  different  'a' = 'apples', expected 'apricots'"
    )


def test_a_view_is_the_only_watcher_of_itself(tmp_path: Path) -> None:  # FEED-14
    source = (
        "from cocoindex_sim.world import MapView\n"
        "class make(MapView):\n"
        "    async def watch(self, subscriber):\n"
        "        with self._guard:\n"
        "            await super().watch(subscriber)\n"
    )
    with pytest.raises(RuntimeError, match="make supports a single active watch"):
        mirrored(source, tmp_path)
