# Goal: `coco-sim ls` shows which apps a module defines and which have state, and changes nothing.

import pytest

from .conftest import PIPELINE, Project, held

NOTES = "\nNotes:\n  [+]: Apps present in module, but not yet run (no persisted state).\n"
ENVIRONMENTS = """
    import pathlib

    import cocoindex as coco


    def opened(path, name=None):
        return coco.Environment(coco.Settings(db_path=pathlib.Path(path)), name=name)


    @coco.lifespan
    def environment(builder):
        builder.settings.db_path = pathlib.Path("state")
        yield


    async def main(): ...


    apps = [
        coco.App("A", main),
        coco.App(coco.AppConfig("B", environment=opened("state z", "z")), main),
        coco.App(coco.AppConfig("C", environment=opened("unnamed")), main),
    ]
"""


def test_an_app_that_never_ran_is_marked_and_the_mark_explained(project: Project) -> None:
    # CLI-14
    result = project.run("ls", "one.py")
    assert result.exit_code == 0
    assert result.stdout == f"default (./state):\n  One [+]\n{NOTES}"


def test_an_app_that_ran_is_listed_without_a_mark(project: Project) -> None:
    # CLI-14
    project.run("update", "one.py")
    assert project.run("ls", "one.py").stdout == "default (./state):\n  One\n"


def test_the_apps_of_each_environment_stand_together_the_default_one_last(project: Project) -> None:
    # CLI-14
    project.write("environments.py", ENVIRONMENTS)
    assert project.run("ls", "environments.py").stdout == (
        f"./unnamed:\n  C [+]\n\nz (./state z):\n  B [+]\n\ndefault (./state):\n  A [+]\n{NOTES}"
    )


def test_a_directory_elsewhere_is_shown_as_it_was_given(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # CLI-14
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    project.write("away.py", PIPELINE.replace('"state"', repr(str(elsewhere))))
    assert project.run("ls", "away.py").stdout.startswith(f"default ({elsewhere}):\n")


def test_listing_a_module_creates_no_state(project: Project) -> None:
    project.write("environments.py", ENVIRONMENTS)
    before = sorted(project.directory.iterdir())
    project.run("ls", "one.py")
    project.run("ls", "environments.py")
    assert sorted(project.directory.iterdir()) == before


def test_an_app_that_no_variable_names_is_found(project: Project) -> None:
    # CLI-07
    kept = "def keep(kept=[]):\n        kept.append(coco.App('Kept', main))\n\n    keep()"
    project.write("kept.py", PIPELINE.replace('app = coco.App("One", main)', kept))
    assert project.run("ls", "kept.py").stdout.startswith("default (./state):\n  Kept [+]\n")
    assert "Running app 'Kept'" in project.run("update", "kept.py").stdout


def test_a_module_without_apps_is_no_error(project: Project) -> None:
    # CLI-14
    project.write("none.py", "import cocoindex\n")
    result = project.run("ls", "none.py")
    assert (result.exit_code, result.output) == (0, "No apps are defined in 'none.py'.\n")


def test_the_names_in_a_state_directory_are_listed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    # CLI-15
    project.run("update", "one.py")
    expected = (0, "./state:\n  One\n")
    result = project.run("ls", "--db", "state")
    assert (result.exit_code, result.output) == expected
    monkeypatch.setenv("COCOINDEX_DB", str(project.directory / "state"))
    result = project.run("ls")
    assert (result.exit_code, result.output) == expected


@pytest.mark.parametrize("arguments", [["--db", "state"], ["one.py"]])
def test_listing_works_while_another_process_holds_the_directory(project: Project, arguments: list[str]) -> None:
    # CLI-15, SE-18
    project.run("update", "one.py")
    with held(project.directory / "state"):
        result = project.run("ls", *arguments)
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith(" One\n")


def test_updating_while_another_process_holds_the_directory_fails_in_a_sentence(project: Project) -> None:
    project.run("update", "one.py")
    with held(project.directory / "state"):
        result = project.run("update", "one.py")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: the state directory ")
    assert "is held by another process" in result.stderr


def test_a_directory_without_state_holds_no_apps(project: Project) -> None:
    (project.directory / "empty").mkdir()
    result = project.run("ls", "--db", "empty")
    assert (result.exit_code, result.output) == (0, "No persisted apps found in the database.\n")
    assert list((project.directory / "empty").iterdir()) == []


def test_a_directory_that_does_not_exist_is_an_error(project: Project) -> None:
    # CLI-15
    result = project.run("ls", "--db", "nowhere")
    assert (result.exit_code, result.output) == (1, "Error: Database path does not exist: nowhere\n")


def test_what_is_no_state_directory_is_an_error(project: Project) -> None:
    result = project.run("ls", "--db", "one.py")
    assert result.exit_code == 1
    assert "is not a directory" in result.stderr
    (project.directory / "theirs" / "mdb").mkdir(parents=True)
    result = project.run("ls", "--db", "theirs")
    assert result.exit_code == 1
    assert "holds CocoIndex's own state" in result.stderr


def test_with_neither_module_nor_directory_it_says_what_to_give(project: Project) -> None:
    # CLI-15
    result = project.run("ls")
    assert result.exit_code == 1
    assert result.stderr.startswith(
        "Error: Please specify either APP_TARGET or --db option (or set COCOINDEX_DB environment variable).\n"
    )


def test_a_directory_beside_a_module_is_ignored_with_a_warning(project: Project) -> None:
    # CLI-15
    result = project.run("ls", "--db", "nowhere", "one.py")
    assert result.exit_code == 0
    assert result.stderr == "Warning: --db is ignored when APP_TARGET is specified.\n"
    assert result.stdout.startswith("default (./state):\n")


def test_without_a_state_directory_the_listing_says_how_to_name_one(project: Project) -> None:
    # CLI-21
    project.write("nowhere.py", PIPELINE.replace('builder.settings.db_path = pathlib.Path("state")', "pass"))
    result = project.run("ls", "nowhere.py")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: the default environment has no state directory")
