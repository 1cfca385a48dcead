# Goal: what hooks bring along for scenarios is known in them, by name, for one session; and a scenario says its own options.

from __future__ import annotations

import pytest

from cocoindex_sim.scenario import registered_sources
from cocoindex_sim.scenario._tried import OPTIONS
from cocoindex_sim.world import registered_drivers
from pytest_coco._options import TABLE

from .plugin_project import PASSING, Project

CONFTEST = """
class Till:
    def __init__(self, world):
        self.world = world

    def sell(self, item, price):
        self.world.map().set(item, price)


async def refund(world, item):
    world.map().delete(item)


def pytest_coco_sources():
    return {"prices": "app/view.py:MapView"}


def pytest_coco_drivers():
    return {"till": Till}


def pytest_coco_actions():
    return {"refund": refund}
"""

STORY = """\
source: prices
steps:
  - start: {live: true}
  - call: {till.sell: {item: apple, price: "1.20"}}
  - call: {till.sell: {item: pear, price: "2.00"}}
  - call: {actions.refund: {item: pear}}
  - ready
  - expect: {rows: {apple: "1.20"}}
"""


@pytest.fixture
def shop(project: Project) -> Project:
    project.write("app/view.py", "from cocoindex_sim.world import MapView as MapView\n")
    project.write("scenarios/shop.coco.yaml", STORY)
    project.write("conftest.py", CONFTEST)
    (project.path / "scenarios/shout.coco.yaml").unlink()
    return project


def test_sources_drivers_and_actions_are_known_to_scenarios_for_one_session(shop: Project) -> None:
    shop.run("--coco-scenarios").assert_outcomes(passed=1)
    assert "till" not in registered_drivers()
    assert "prices" not in registered_sources()


def test_a_name_that_nobody_has_registered_is_refused_with_those_that_are(shop: Project) -> None:
    shop.write("scenarios/shop.coco.yaml", STORY.replace("source: prices", "source: price"))
    assert any(
        line.endswith(
            "'price' is not a connector; write a Python file and what makes it, as in 'path/prices.py:prices', or a name"
            " that is registered: prices"
        )
        for line in shop.run("--coco-scenarios").outlines
    )


@pytest.mark.parametrize(
    ("hooks", "message"),
    [
        (
            "def pytest_coco_sources(): return {'prices': 'app/gone.py:MapView'}\n",
            "pytest_coco_sources: source 'prices' is 'app/gone.py:MapView', and there is no file ",
        ),
        (
            "def pytest_coco_sources(): return {'prices': 'app/view.py'}\n",
            "pytest_coco_sources: source 'prices' is 'app/view.py'; write a Python file and what makes it, as in",
        ),
        (
            "def pytest_coco_sources(): return {'all prices': 'app/view.py:MapView'}\n",
            "pytest_coco_sources: 'all prices' can't be the name of a source; write a word, as in 'prices'",
        ),
        (
            "def pytest_coco_drivers(): return {'actions': object}\ndef pytest_coco_actions(): return {'a': print}\n",
            "a driver is called 'actions', as the one that pytest_coco_actions makes",
        ),
    ],
)
def test_what_can_not_be_registered_is_an_error_of_the_files_that_may_need_it(
    hooks: str, message: str, shop: Project
) -> None:
    shop.write("conftest.py", hooks)
    result = shop.run("--coco-scenarios")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert any(line.startswith(message) for line in result.outlines)


def test_a_name_that_is_given_twice_is_an_error(shop: Project) -> None:
    shop.write("scenarios/conftest.py", "def pytest_coco_drivers(): return {'till': object}\n")
    result = shop.run("--coco-scenarios", "scenarios")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert "two implementations of pytest_coco_drivers have a driver 'till'" in result.outlines


def test_a_scenario_says_how_it_is_explored_after_the_command_line_and_before_the_ini_file(project: Project) -> None:
    project.write("pytest.ini", "[pytest]\ncoco_runs = 9\n")
    stories = PASSING.replace("scenarios:\n", "options: {runs: 2, crashes: none}\nscenarios:\n").replace(
        "    steps:\n", "    options: {runs: 1}\n    steps:\n", 1
    )
    project.write("scenarios/shout.coco.yaml", stories)
    assert any(
        "coco: 2 scenarios in 5 runs, 0 of them killed" in line for line in project.run("--coco-scenarios").outlines
    )
    result = project.run("--coco-scenarios", "--coco-runs=4")
    assert any("coco: 2 scenarios in 10 runs, 0 of them killed" in line for line in result.outlines)
    project.write(
        "scenarios/conftest.py",
        "import pytest\ndef pytest_collection_modifyitems(items):\n"
        "    for item in items: item.add_marker(pytest.mark.coco(runs=0))\n",
    )
    result = project.run("--coco-scenarios")
    assert any("coco: 2 scenarios in 2 runs, 0 of them killed" in line for line in result.outlines)


def test_a_scenario_may_say_what_may_be_said_of_one_test_but_for_the_profile() -> None:
    assert {*OPTIONS.names} == {each.name for each in TABLE if each.is_per_test} - {"profile"}
