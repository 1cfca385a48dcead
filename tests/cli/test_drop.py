# Goal: `coco-sim drop` asks before it deletes, deletes what the app declared, and says what it did.

import pytest

from .conftest import PIPELINE, Project

WRITING = PIPELINE.replace("import pathlib", "import pathlib\n    from cocoindex.connectors import localfs").replace(
    'print("main ran")',
    'out = await localfs.mount_dir_target(pathlib.Path("out"))\n        out.declare_file("a.txt", "A")',
)
QUESTION = "Type 'yes' to drop app 'One' and all its target states: "


def test_a_drop_reverts_the_target_states_and_forgets_the_app(project: Project) -> None:
    # CLI-12
    project.write("writing.py", WRITING)
    project.run("update", "writing.py")
    assert (project.directory / "out" / "a.txt").read_text() == "A"
    result = project.run("drop", "writing.py", answer="Yes\n")
    assert result.exit_code == 0
    preparing, rest = result.stdout.split("\n", 1)
    assert preparing == "Preparing to drop app 'One' from environment 'default' (db path: state)"
    assert rest.startswith(QUESTION)
    assert rest.endswith("Dropped app 'One' from environment 'default' and reverted its target states.\n")
    assert not (project.directory / "out").exists()
    assert "One [+]" in project.run("ls", "writing.py").stdout


@pytest.mark.parametrize("answer", ["no", "", "y"])
def test_anything_but_yes_drops_nothing(project: Project, answer: str) -> None:
    # CLI-12
    project.run("update", "one.py")
    result = project.run("drop", "one.py", answer=f"{answer}\n")
    assert result.exit_code == 0
    assert result.stdout.endswith("Drop operation aborted.\n")
    assert "[+]" not in project.run("ls", "one.py").stdout


def test_end_of_input_drops_nothing_and_fails(project: Project) -> None:
    # CLI-12
    project.run("update", "one.py")
    result = project.run("drop", "one.py", answer="")
    assert result.exit_code == 1
    assert result.stderr.endswith("Aborted!\n")
    assert "[+]" not in project.run("ls", "one.py").stdout


def test_without_state_there_is_nothing_to_drop_and_no_question(project: Project) -> None:
    # CLI-12
    result = project.run("drop", "one.py")
    assert result.exit_code == 0
    assert result.stdout.endswith("\nApp 'One' has no persisted state. Nothing to drop.\n")
    assert QUESTION not in result.stdout


def test_force_does_not_ask(project: Project) -> None:
    # CLI-12
    project.run("update", "one.py")
    result = project.run("drop", "-f", "one.py")
    assert QUESTION not in result.stdout
    assert "Dropped app 'One'" in result.stdout


def test_quiet_prints_the_question_only(project: Project) -> None:
    # CLI-12
    project.run("update", "one.py")
    # The runner echoes the answer.
    assert project.run("drop", "-q", "one.py", answer="no\n").stdout == f"{QUESTION}no\n"
    assert project.run("drop", "-q", "one.py", answer="yes\n").stdout == f"{QUESTION}yes\n"
    assert project.run("drop", "-q", "one.py").output == ""


def test_other_apps_in_the_same_directory_stay(project: Project) -> None:
    project.write("two.py", PIPELINE.replace('"One"', '"Two"'))
    project.run("update", "one.py")
    project.run("update", "two.py")
    project.run("drop", "-f", "one.py")
    assert project.run("ls", "--db", "state").stdout == "./state:\n  Two\n"
