# Goal: `coco-sim init` writes a project that runs, under a name that is fit for one, and overwrites nothing unasked.

import tomllib

import pytest

from .conftest import Project

FILES = ["README.md", "main.py", "pyproject.toml"]


def files(project: Project, directory: str) -> list[str]:
    return sorted(path.name for path in (project.directory / directory).iterdir())


def test_a_name_makes_a_directory_with_a_project_in_it(project: Project) -> None:
    # CLI-20
    result = project.run("init", "my-proj_1")
    assert result.exit_code == 0
    assert result.stdout == (
        "Created project 'my-proj_1' in 'my-proj_1'\n\nNext steps:\n  1. cd my-proj_1\n  2. coco-sim update main.py\n"
    )
    assert files(project, "my-proj_1") == FILES
    written = tomllib.loads((project.directory / "my-proj_1/pyproject.toml").read_text())["project"]
    assert written["name"] == "my-proj_1"
    assert written["dependencies"][0].startswith("cocoindex-sim>=")
    assert (project.directory / "my-proj_1/README.md").read_text().startswith("# my-proj_1\n")


def test_the_project_runs(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    # CLI-20
    project.run("init", "fresh")
    monkeypatch.chdir(project.directory / "fresh")
    result = project.run("update", "main.py")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "Running app 'fresh' from environment 'default' (db path: state)" in result.stdout
    assert "✅ main: 1 total | 1 added" in result.stdout


def test_without_a_name_it_is_the_directory_s(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    # CLI-20
    (project.directory / "here").mkdir()
    monkeypatch.chdir(project.directory / "here")
    assert project.run("init").stdout == (
        "Created project 'here' in '.'\n\nNext steps:\n  1. coco-sim update main.py\n"
    )
    assert files(project, "here") == FILES
    assert project.run("init", "--dir", "sub/there").stdout.startswith("Created project 'there' in 'sub/there'\n")
    assert files(project, "here/sub/there") == FILES
    assert project.run("init", "named", "--dir", "elsewhere").stdout.startswith(
        "Created project 'named' in 'elsewhere'"
    )


@pytest.mark.parametrize("name", ["bad name", ".", "a/b", "dot.ted"])
def test_a_name_of_other_characters_is_refused(project: Project, name: str) -> None:
    # CLI-20
    result = project.run("init", name)
    assert result.exit_code == 2
    assert f"Invalid project name {name!r}. A project name must contain only alphanumeric characters" in result.stderr
    assert files(project, ".") == ["one.py"]


def test_the_name_of_the_directory_has_to_be_fit_too(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    # CLI-20
    (project.directory / "we ird").mkdir()
    monkeypatch.chdir(project.directory / "we ird")
    result = project.run("init")
    assert result.exit_code == 2
    assert "Invalid project name 'we ird'" in result.stderr


@pytest.mark.parametrize(
    ("answer", "exit_code", "last"),
    [("n\n", 0, "Init cancelled.\n"), ("\n", 0, "Init cancelled.\n"), ("", 1, "Aborted!\n")],
)
def test_a_directory_with_something_in_it_is_overwritten_only_after_a_yes(
    project: Project, answer: str, exit_code: int, last: str
) -> None:
    # CLI-20
    written = project.write("full/main.py", "mine")
    result = project.run("init", "full", answer=answer)
    assert result.exit_code == exit_code
    question = "Directory 'full' already exists and is not empty. Continue and overwrite existing files? [y/N]: "
    assert result.stdout.startswith(question)
    assert (result.stderr or result.stdout).endswith(last)
    assert written.read_text() == "mine"
    assert files(project, "full") == ["main.py"]
    assert project.run("init", "full", answer="y\n").exit_code == 0
    assert written.read_text() != "mine"


def test_a_file_in_the_place_of_the_directory_is_an_error(project: Project) -> None:
    # CLI-20
    result = project.run("init", "q", "--dir", "one.py")
    assert result.exit_code == 2
    assert "Directory 'one.py' is a file." in result.stderr
    project.write("taken", "")
    result = project.run("init", "taken")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: can't write the project: ")
