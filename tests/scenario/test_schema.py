# Goal: schema and parser agree: what one of them takes the other takes, and what the schema can express both refuse.

import json
from pathlib import Path
from typing import Any

import pytest

from cocoindex_sim.scenario import SUFFIX, scenario_schema
from cocoindex_sim.scenario._vocabulary import FORMS
from cocoindex_sim.scenario._yaml import read_yaml
from cocoindex_sim.values import ScenarioError

from . import test_kafka, test_maps
from .test_messages import FILES, ONE_STEP, ORDER, step
from .test_parse import EVERY_STEP

jsonschema = pytest.importorskip("jsonschema", reason="one of the packages for development")

ROOT = Path(__file__).parents[2]
VALIDATOR = jsonschema.Draft7Validator(scenario_schema())

# What no JSON Schema says: which values go together, what a text means, which step may follow which, and that a name is
# there once.
BEYOND = {
    "app not there",
    "driver that is not there",
    "call of another driver",
    "name that is no part of an id",
    "one name twice",
    "no app",
    "call: unknown driver",
    "content that is not base64",
    "inject: call it can't happen at",
    "inject: change without content",
    "inject: content of an error",
    "targets: bad pattern",
    "advance: empty",
    "advance: too fine",
    "advance: too long",
    "map.inject: {fault: fails}",
    "expect: {rows: {other: {a: {matches: '['}}}}",
    "kafka.member: {join: g}",
    "kafka.member: {leave: g, topics: a}",
}


def as_editors_read(text: str) -> Any:
    """What an editor's YAML parser makes of a file; None when it can't be read, or says a name twice."""
    try:
        return read_yaml(text, Path("x")).python_value()
    except ScenarioError:
        return None


def problems(text: str) -> list[str]:
    value = as_editors_read(text)
    return (
        []
        if value is None
        else [error.message for error in VALIDATOR.iter_errors(json.loads(json.dumps(value, default=str)))]
    )


def test_the_schema_is_one() -> None:
    jsonschema.Draft7Validator.check_schema(scenario_schema())


@pytest.mark.parametrize(
    "path", sorted((ROOT / "scenarios").rglob("*" + SUFFIX)), ids=lambda path: str(path.relative_to(ROOT))
)
def test_every_scenario_file_is_valid(path: Path) -> None:
    assert problems(path.read_text("utf-8")) == []


@pytest.mark.parametrize("text", EVERY_STEP.splitlines(), ids=str.strip)
def test_every_spelling_of_a_step_is_valid(text: str) -> None:
    assert problems(f"app: main.py\nsteps:\n{text}\n") == []


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_example_is_valid(form: Any) -> None:
    assert problems(f"app: main.py\nsteps:\n- {form.example}\n") == []


@pytest.mark.parametrize("steps", ORDER)
def test_the_order_of_steps_is_not_its_business(steps: str) -> None:
    lines = "".join(f"  - {text}\n" for text in steps.split(", ")).replace(";", ",")
    assert problems(f"app: main.py\nsteps:\n{lines}") == []


WRONG = {
    **{name: text for name, (text, _) in FILES.items()},
    **{name: step(case[0]) for name, case in ONE_STEP.items()},
    **{text: step(text) for text in (*test_kafka.STEPS, *test_maps.STEPS)},
}


@pytest.mark.parametrize("name", [name for name, text in WRONG.items() if as_editors_read(text) is not None])
def test_what_the_parser_refuses_the_schema_refuses_too(name: str) -> None:
    assert bool(problems(WRONG[name])) is (name not in BEYOND)
