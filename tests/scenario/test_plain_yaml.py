# Goal: what the quick reader reads, it reads as the whole parser does, to the column; the rest it leaves to that.

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocoindex_sim.scenario import SUFFIX
from cocoindex_sim.scenario._node import Node
from cocoindex_sim.scenario._plain_yaml import Unusual, read_plainly
from cocoindex_sim.scenario._yaml import read_wholly
from cocoindex_sim.values import ScenarioError

from .test_messages import FILES, ONE_STEP, step
from .test_parse import EVERY_STEP

ROOT = Path(__file__).parents[2]
PATH = Path("x.coco.yaml")
SCENARIOS = [path.read_text("utf-8") for path in sorted((ROOT / "scenarios").rglob("*" + SUFFIX))]


def told(node: Node) -> Any:
    value = node.value
    if node.kind == "mapping":
        value = [(told(key), told(item)) for key, item in value]
    elif node.kind == "list":
        value = [told(item) for item in value]
    return node.kind, value, node.line, node.column


def plainly(text: str) -> Any:
    """What the quick reader makes of a text; None when it leaves it to the whole parser."""
    try:
        return told(read_plainly(text, PATH))
    except Unusual:
        return None


def wholly(text: str) -> Any:
    try:
        return told(read_wholly(text, PATH))
    except ScenarioError as error:
        return str(error)


def check(text: str) -> bool:
    found = plainly(text)
    if found is not None:
        assert found == wholly(text)
    return found is not None


def test_nearly_all_scenarios_are_read_quickly() -> None:
    quick = [check(text) for text in SCENARIOS]
    assert sum(quick) >= 0.9 * len(quick)


def test_the_line_breaks_of_windows_make_no_difference() -> None:
    for text in SCENARIOS:
        assert check(text.replace("\n", "\r\n")) == check(text)


@pytest.mark.parametrize("line", EVERY_STEP.splitlines(), ids=str.strip)
def test_every_step_is_read_as_the_whole_parser_does(line: str) -> None:
    assert check(f"app: main.py\nsteps:\n{line}\n")


@pytest.mark.parametrize(
    "text", [*(text for text, _ in FILES.values()), *(step(case[0]) for case in ONE_STEP.values())]
)
def test_a_wrong_file_is_read_as_the_whole_parser_does_or_left_to_it(text: str) -> None:
    check(text)


PIECES = st.sampled_from(
    [
        *(
            "a",
            "b: ",
            "c:",
            "- ",
            "-",
            "  ",
            "    ",
            "\n",
            "\n\n",
            "\n  ",
            "\n    ",
            "\n- ",
            "\n  - ",
            "\na: ",
            "\n# c\n",
        ),
        *(
            "[",
            "]",
            "{",
            "}",
            ", ",
            ",",
            "'",
            '"',
            "''",
            "\\n",
            "|",
            "|-",
            "|+",
            ">",
            ">-",
            "&a ",
            "*a",
            "&a",
            " #",
            "#",
            "# ",
            ": ",
            ":",
            "::",
        ),
        *(
            "1",
            "-1",
            "1.0",
            "true",
            "yes",
            "null",
            "~",
            "2024-01-01",
            "<<",
            "=",
            "*",
            "&x ",
            "!t ",
            "?",
            "? ",
            "%",
            "@",
        ),
        *("---", "...", "\t", "\r", "é", "\u2028", "\ufeff", "x y", "x: y", "\\", "`"),
    ]
)


@given(st.lists(PIECES, max_size=25).map("".join))
def test_any_text_is_read_as_the_whole_parser_does_or_left_to_it(text: str) -> None:
    check(text)


@given(st.sampled_from(SCENARIOS), st.data())
def test_a_scenario_with_a_slip_is_read_as_the_whole_parser_does_or_left_to_it(text: str, data: st.DataObject) -> None:
    lines = text.split("\n")
    start = data.draw(st.integers(0, len(lines) - 1))
    text = "\n".join(lines[start : start + 12])
    at = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 3))
    check(text[:at] + data.draw(PIECES) + text[at + cut :])
