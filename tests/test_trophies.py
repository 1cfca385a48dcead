# Goal: the page of trophies is what its table says, and the table names what is there; the real lane tells every story.

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cocoindex_sim.arms import JUDGED

ROOT = Path(__file__).resolve().parent.parent
TROPHIES: list[dict[str, Any]] = tomllib.loads((ROOT / "tools" / "trophies.toml").read_text())["trophy"]


def tool(*arguments: str) -> subprocess.CompletedProcess[str]:
    script = str(ROOT / "tools" / "trophies.py")
    return subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=False)


def test_the_page_is_what_the_tool_makes_of_the_table() -> None:
    done = tool("--check")
    assert done.returncode == 0, done.stderr


def test_every_story_of_the_room_is_a_trophy() -> None:
    files = {path.name.removesuffix(".coco.yaml") for path in (ROOT / "scenarios" / "trophies").glob("*.coco.yaml")}
    assert {trophy["story"] for trophy in TROPHIES} == files


def test_every_rule_is_in_the_contract() -> None:
    contract = (ROOT / "docs" / "contract.md").read_text()
    rules = {rule for trophy in TROPHIES for rule in trophy["rules"]}
    assert [rule for rule in sorted(rules) if not re.search(rf"^\| {rule} \|", contract, re.MULTILINE)] == []


def test_every_reproduction_is_one_of_the_differences() -> None:
    missing = [
        trophy["reproduction"]
        for trophy in TROPHIES
        if not (ROOT / "docs" / "differences" / f"{trophy['reproduction']}.py").exists()
    ]
    assert missing == []


def test_no_kind_of_oracle_is_without_a_trophy() -> None:
    assert {name for trophy in TROPHIES for name in trophy["falls"]} == set(JUDGED)


def test_at_least_eight_sharp_edges_of_the_contract_fall_to_an_oracle() -> None:
    sharp = {
        rule for trophy in TROPHIES if trophy["falls"] for rule in trophy["rules"] if rule.startswith(("SE-", "EDGE-"))
    }
    assert len(sharp) >= 8


@pytest.mark.real
def test_every_story_passes_here_and_finds_its_defect_there() -> None:
    python = os.environ.get("COCO_ENGINE_PYTHON")
    done = tool("--check", "--judge", *(["--engine-python", python] if python else []))
    assert done.returncode == 0, done.stderr
