# Goal: the reference page, the schema beside it and the lines that lead to it are what the vocabulary says.

import subprocess
import sys
from pathlib import Path

import pytest

from cocoindex_sim.scenario import SUFFIX, parse_scenarios, reference_page
from cocoindex_sim.scenario._vocabulary import FORMS
from cocoindex_sim.values import ScenarioError

ROOT = Path(__file__).parents[2]


def test_what_is_generated_is_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "tools" / "scenario_reference.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_the_page_tells_of_every_step() -> None:
    page = reference_page()
    assert [name for name in FORMS if f"#### `{name}`\n" not in page] == []


@pytest.mark.parametrize("name", FORMS)
def test_the_example_of_a_step_can_be_read(name: str, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("")
    text = f"app: main.py\ndrivers: {{shop: main.py:Shop}}\nsteps:\n- {FORMS[name].example}\n"
    try:
        parse_scenarios(text, path=Path("x" + SUFFIX), base=tmp_path)
    except ScenarioError as error:  # one that can't come first is refused for that alone
        assert "; put " in str(error)
