# Goal: `coco-sim schema` prints the JSON Schema of scenario files, or writes it to a file and says how to use it.

import json

from cocoindex_sim.scenario import scenario_schema

from .conftest import Project


def test_the_schema_is_printed(project: Project) -> None:
    result = project.run("schema")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == scenario_schema()


def test_the_schema_is_written_to_a_file(project: Project) -> None:
    result = project.run("schema", "--output", "scenarios.schema.json")
    assert (result.exit_code, result.stdout) == (
        0,
        "Wrote 'scenarios.schema.json'. Begin each scenario file with a line that leads there, seen from the file:\n\n"
        "  # yaml-language-server: $schema=scenarios.schema.json\n",
    )
    assert json.loads((project.directory / "scenarios.schema.json").read_text()) == scenario_schema()


def test_a_file_that_can_t_be_written_is_named(project: Project) -> None:
    result = project.run("schema", "-o", "no/such.json")
    assert result.exit_code == 1
    assert "can't write 'no/such.json': No such file or directory" in result.stderr
