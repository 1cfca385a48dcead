# Goal: an author's own drivers play the outside: they are called, outlive the process, and oracles know what they hold.

from pathlib import Path

import pytest

from cocoindex_sim.fakes import ProcessCut
from cocoindex_sim.scenario import parse_scenarios
from cocoindex_sim.world import (
    ExpectationFailed,
    OracleViolated,
    Story,
    World,
    driver,
    explore,
    perform,
    register_driver,
    registered_drivers,
)
from cocoindex_sim.world import _drivers as drivers_module

SHOP = '''
import asyncio


class Shop:
    """Prices, and how often they were asked for."""

    def __init__(self):
        self.prices = {}
        self.asked = 0

    def price(self, **prices):
        self.prices |= prices

    async def close_slowly(self):
        await asyncio.sleep(60)
        self.prices.clear()

    def refuse(self):
        raise ValueError("closed on Sundays")

    def all(self):
        self.asked += 1
        return list(self.prices.items())

    def save(self):
        return dict(self.prices)

    def load(self, prices):
        self.prices = dict(prices)


class Writer:
    """Writes files of the world."""

    def __init__(self, world):
        self.world = world

    def write(self, path):
        self.world.files.write(path, "written", parents=True)


def prices(shop):
    return shop.all()
'''

ONCE = """

class Lazy(Shop):
    def once(self):
        if self.asked > 1:
            return []
        return list(self.prices.items())
"""

LIVE = """

class Market(Shop):
    def sell_out(self, name):
        self.prices.pop(name, None)


class Prices:
    def __init__(self, market):
        self.market = market

    async def __aiter__(self):
        for entry in self.market.all():
            yield entry

    async def watch(self, subscriber):
        await asyncio.sleep(0)
        await subscriber.update_all()
        await subscriber.mark_ready()
        while True:
            await asyncio.sleep(1)
            await subscriber.update_all()
"""

HEADING = "source: shop.py:prices\ndrivers: {shop: shop.py:Shop, writer: shop.py:Writer}\n"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(SHOP)
    return tmp_path


def story(base: Path, steps: str, heading: str = HEADING) -> Story:
    (one,) = parse_scenarios(f"{heading}steps:\n{steps}", path=Path("x.coco.yaml"), base=base)
    return one


def verdict(told: Story) -> str:
    with World() as world, pytest.raises(ExpectationFailed) as caught:
        perform(told, world)
    return caught.value.verdict


def test_a_driver_is_called_and_the_connector_gets_it_by_the_name_of_its_parameter(base: Path) -> None:
    steps = """\
  - call: {shop.price: {apple: 3, pear: '2'}}
  - update
  - expect: {rows: {apple: '3', pear: '2'}}
  - call: shop.close_slowly
  - update
  - expect: {rows: {}}
"""
    with World() as world:
        perform(story(base, steps), world)
        assert world.loop.now_ns == 60_000_000_000


def test_a_driver_outlives_the_process(base: Path) -> None:
    steps = """\
  - call: {shop.price: {apple: 3}}
  - update
  - crash
  - call: {shop.price: {pear: 2}}
  - restart
  - update
  - expect: {rows: {apple: '3', pear: '2'}}
"""
    with World() as world:
        perform(story(base, steps), world)
        assert world.call("shop", "all") == [("apple", 3), ("pear", 2)]


def test_a_driver_that_takes_the_world_acts_on_it(base: Path) -> None:
    with World() as world:
        perform(story(base, "  - call: {writer.write: {path: in/a}}\n  - update\n"), world)
        assert world.files.read("in/a") == b"written"


def test_oracles_hold_with_what_a_driver_holds(base: Path) -> None:
    steps = "  - call: {shop.price: {apple: 3}}\n  - update\n  - call: {shop.price: {pear: 2}}\n  - update\n"
    exploration = explore(story(base, steps), runs=5, crashes="all")
    assert [found.verdict for found in exploration.failures] == []


def test_a_call_in_which_the_process_died_is_over_when_the_next_one_begins(base: Path) -> None:
    (base / "shop.py").write_text(SHOP + LIVE)
    heading = "source: shop.py:Prices\ndrivers: {market: shop.py:Market}\n"
    steps = "  - call: {market.price: {a: 1}}\n  - start: {live: true}\n  - call: {market.sell_out: {name: a}}\n"
    exploration = explore(story(base, steps, heading), runs=10, crashes="all")
    assert [found.verdict for found in exploration.failures] == []


def test_an_oracle_sees_what_a_connector_forgets_of_a_driver(base: Path) -> None:
    (base / "shop.py").write_text(SHOP.replace("return list(self.prices.items())", "return self.once()") + ONCE)
    steps = "  - call: {shop.price: {a: 1}}\n  - update\n  - call: {shop.price: {b: 1}}\n  - update\n"
    (found,) = explore(story(base, steps, HEADING.replace("Shop,", "Lazy,")), runs=1).failures
    assert isinstance(found.failure, OracleViolated)


def test_a_method_that_is_not_there_is_named(base: Path) -> None:
    told = story(base, "  - call: {shop.drop: {}}\n")
    assert verdict(told) == (
        "shop.drop failed: LookupError: driver 'shop' has no method 'drop'; it has: all, close_slowly, load, price,"
        " refuse, save"
    )


def test_what_a_driver_raises_fails_the_story_at_its_step(base: Path) -> None:
    assert verdict(story(base, "  - call: shop.refuse\n  - update\n")) == (
        "shop.refuse failed: ValueError: closed on Sundays"
    )


def test_a_driver_that_the_pipeline_asks_must_say_what_it_holds(base: Path) -> None:
    (base / "shop.py").write_text(SHOP.replace("def save", "def keep"))
    assert "give Shop `save()`, which says it as a value, and `load(value)`; it has no save" in verdict(
        story(base, "  - update\n")
    )


def test_a_dead_process_has_no_driver(base: Path) -> None:
    with World() as world:
        told = story(base, "  - update\n")
        perform(told, world)
        clients = world._life.connections
        shop = clients.driver("shop")
        world.crash()
        with pytest.raises(ProcessCut, match=r"shop\.all was used by a process that was killed"):
            shop.all()


def test_a_factory_that_is_not_there_is_named(base: Path) -> None:
    told = story(base, "  - update\n", HEADING.replace("shop.py:Shop", "shop.py:Shopp"))
    assert verdict(told).startswith(
        "driver 'shop' can't be loaded from 'shop.py:Shopp': LookupError: 'shop' has no function or class 'Shopp';"
        " did you mean 'Shop'?"
    )


def test_a_registered_driver_needs_no_heading(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers_module, "_registered", {})
    said: list[str] = []

    class Bell:
        def ring(self, times: int) -> None:
            said.append("ring " * times)

    register_driver("bell", Bell)
    assert registered_drivers() == ("bell",)
    with World() as world:
        perform(story(base, "  - call: {bell.ring: {times: 2}}\n  - update\n"), world)
        assert said == ["ring ring "]
        with pytest.raises(LookupError, match=r"there is no driver 'bel'; did you mean 'bell'\? there are: bell, shop"):
            world.call("bel", "ring")


def test_outside_a_world_there_is_no_driver() -> None:
    with pytest.raises(RuntimeError, match="there are no external systems here"):
        driver("shop")
