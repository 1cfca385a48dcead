# Goal: what holds for every command: version, help, environment files, import path, log level, and a wrong APP_TARGET.

import logging
from importlib.metadata import version

import pytest

from .conftest import PIPELINE, Project

NOWHERE = PIPELINE.replace('builder.settings.db_path = pathlib.Path("state")', "pass")


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version_is_this_package(project: Project, option: str) -> None:
    # CLI-01
    result = project.run(option)
    assert (result.exit_code, result.output) == (0, f"cocoindex-sim version {version('cocoindex-sim')}\n")


def test_the_help_lists_the_commands(project: Project) -> None:
    # CLI-01
    result = project.run("--help")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.output.partition("Commands:\n")[2].splitlines()] == [
        "drop",
        "init",
        "ls",
        "record",
        "schema",
        "show",
        "update",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bogus"], "No such command 'bogus'"),
        (["update"], "Missing argument 'APP_TARGET'"),
        (["update", "--nope", "one.py"], "No such option"),
        (["update", ""], "Module/path part is missing"),
        (["update", ":One"], "Module/path part is missing"),
        (["drop", "one.py:1a"], "App name must be a valid Python identifier"),
        (["ls", "one.py:a:b"], "App name must be a valid Python identifier"),
        (["update", "one.py:One@"], "Environment name is missing after '@'"),
        (["-e", "missing.env", "ls"], "File 'missing.env' does not exist"),
    ],
)
def test_a_command_line_that_cannot_be_read_ends_with_its_usage_and_exit_code_2(
    project: Project, arguments: list[str], message: str
) -> None:
    # CLI-01, CLI-04
    result = project.run(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: coco-sim ")
    assert message in result.stderr


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("none.py", "No apps found after loading 'none.py'. Make sure the module creates a coco.App(...) instance"),
        ("two.py", "Multiple apps found in 'two.py': A, B. Please specify which app to use with ':app_name' syntax."),
        ("two.py:X", "No app named 'X' found after loading 'two.py'. Available apps: A, B"),
        ("two.py:A@E", "No environment named 'E' found after loading 'two.py'."),
        ("missing.py", "Failed to load module 'missing.py': there is no file "),
        ("missing_module", "Failed to load module 'missing_module': ModuleNotFoundError: No module named"),
        ("importing.py", "Failed to load module 'importing.py': ModuleNotFoundError: No module named 'absent'"),
        ("postgres.py", "Failed to load module 'postgres.py': ImportError: "),
    ],
)
def test_an_app_that_cannot_be_found_is_an_error_in_one_sentence(project: Project, target: str, message: str) -> None:
    # CLI-05, CLI-06
    project.write("none.py", "import cocoindex\n")
    project.write("two.py", "import cocoindex as coco\n\na, b = coco.App('A', print), coco.App('B', print)\n")
    project.write("importing.py", "import absent\n")
    project.write("postgres.py", "from cocoindex.connectors import postgres\n")
    result = project.run("update", target)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {message}")
    assert result.stderr.count("\n") == 1


def test_what_an_app_file_raises_is_shown_as_python_shows_it(project: Project) -> None:
    # CLI-06
    path = project.write("broken.py", "1 / 0\n")
    result = project.run("ls", "broken.py")
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert lines[:2] == ["Traceback (most recent call last):", f'  File "{path}", line 1, in <module>']
    assert lines[-1] == "ZeroDivisionError: division by zero"


def test_a_file_with_a_syntax_error_is_shown_without_a_traceback(project: Project) -> None:
    # CLI-06
    path = project.write("wrong.py", "def (\n")
    result = project.run("ls", "wrong.py")
    assert result.exit_code == 1
    assert result.stderr.startswith(f'  File "{path}", line 1\n')
    assert result.stderr.splitlines()[-1].startswith("SyntaxError: ")


def test_the_nearest_env_file_upward_is_loaded_and_said(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    # CLI-02
    file = project.write(".env", "COCOINDEX_DB=from_file\n")
    project.write("deep/er/nowhere.py", NOWHERE)
    monkeypatch.chdir(project.directory / "deep" / "er")
    result = project.run("ls", "nowhere.py")
    assert result.stderr == f"Loaded environment variables from: {file}\n\n"
    assert result.stdout.startswith("default (./from_file):\n")


def test_variables_that_are_set_win_over_the_file(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    # CLI-02
    project.write(".env", "COCOINDEX_DB=from_file\n")
    project.write("nowhere.py", NOWHERE)
    monkeypatch.setenv("COCOINDEX_DB", "from_shell")
    assert project.run("ls", "nowhere.py").stdout.startswith("default (./from_shell):\n")


def test_a_given_env_file_is_loaded_instead_of_the_nearest(project: Project) -> None:
    # CLI-01, CLI-02
    project.write(".env", "COCOINDEX_DB=nearest\n")
    given = project.write("given.env", "COCOINDEX_DB=given\n")
    project.write("nowhere.py", NOWHERE)
    result = project.run("-e", "given.env", "ls", "nowhere.py")
    assert result.stderr == f"Loaded environment variables from: {given}\n\n"
    assert result.stdout.startswith("default (./given):\n")


def test_an_env_file_that_is_not_text_is_an_error_in_one_sentence(project: Project) -> None:
    (project.directory / ".env").write_bytes(b"A=\xff\n")
    result = project.run("ls", "one.py")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: can't load environment variables from ")


def test_modules_are_found_in_the_current_directory(project: Project) -> None:
    # CLI-03
    assert project.run("ls", "one").stdout.startswith("default (./state):\n  One")


def test_modules_are_found_in_the_app_directory(project: Project) -> None:
    # CLI-01
    project.write("elsewhere/far.py", PIPELINE)
    assert project.run("ls", "far").exit_code == 1
    assert project.run("-d", "elsewhere", "ls", "far").stdout.startswith("default (./state):\n  One")


@pytest.mark.parametrize(("level", "shown"), [(None, ["W", "E"]), ("info", ["I", "W", "E"]), ("ERROR", ["E"])])
def test_the_log_level_comes_from_its_variable(
    project: Project, monkeypatch: pytest.MonkeyPatch, level: str | None, shown: list[str]
) -> None:
    # CLI-21
    if level is not None:
        monkeypatch.setenv("COCOINDEX_LOG_LEVEL", level)
    body = 'log = __import__("logging").getLogger("mine"); log.info("I"); log.warning("W"); log.error("E")'
    project.write("logging_app.py", PIPELINE.replace('print("main ran")', body))
    result = project.run("update", "logging_app.py")
    assert [line.rpartition(" mine: ")[2] for line in result.stderr.splitlines()] == shown


def test_an_unknown_log_level_is_an_error_that_lists_the_known_ones(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COCOINDEX_LOG_LEVEL", "loud")
    result = project.run("ls", "one.py")
    assert result.exit_code == 1
    assert "must be DEBUG, INFO, WARNING, ERROR or CRITICAL, got 'loud'" in result.stderr


def test_a_command_leaves_logging_as_it_found_it(project: Project) -> None:
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    project.run("ls", "one.py")
    assert (root.level, root.handlers) == before
