# Goal: the text that names an app leads to that app, and to nothing else.

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cocoindex_sim as coco
from cocoindex_sim.engine import Process
from cocoindex_sim.runtime import (
    AppNotFoundError,
    AppTarget,
    ModuleLoadError,
    find_app,
    load_module,
    parse_target,
    real_ports,
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("app.py", ("app.py", None, None)),
        ("app.py:", ("app.py", None, None)),
        ("app.py:Main", ("app.py", "Main", None)),
        ("app.py:Main@prod", ("app.py", "Main", "prod")),
        ("app.py:@prod", ("app.py", None, "prod")),
        ("package.module:Main", ("package.module", "Main", None)),
        (r"C:\apps\app.py", (r"C:\apps\app.py", None, None)),
        (r"C:\apps\app.py:Main", (r"C:\apps\app.py", "Main", None)),
        ("odd:name/app.py:Main", ("odd:name/app.py", "Main", None)),
    ],
)
def test_a_target_is_taken_apart(text: str, parts: tuple[str, str | None, str | None]) -> None:
    # CLI-03
    assert parse_target(text) == parts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Module/path part is missing in specifier: ''"),
        (":Main", "Module/path part is missing in specifier: ':Main'"),
        ("app.py:Main@", "Environment name is missing after '@'"),
        ("app.py:1a", "Invalid app name '1a'"),
        ("app.py:a-b", "App name must be a valid Python identifier"),
        ("a:b:c", "Invalid app name 'b:c'"),
    ],
)
def test_a_target_that_cannot_be_taken_apart_is_quoted(text: str, message: str) -> None:
    # CLI-04
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_target(text)


@pytest.mark.parametrize(
    ("reference", "is_file"), [("app.py", True), ("dir/app", True), ("app", False), ("package.app", False)]
)
def test_a_path_is_told_from_a_module_by_its_separator_or_suffix(reference: str, is_file: bool) -> None:
    # CLI-03
    assert AppTarget(reference, None, None).is_file is is_file


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose modules are forgotten after the test."""
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = dict(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - set(before):
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]
    importlib.invalidate_caches()


def write(folder: Path, name: str, text: str = "") -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def test_a_file_loads_under_its_base_name_with_its_siblings_in_reach(folder: Path) -> None:
    # CLI-07
    write(folder, "far/pipeline_of_test.py", "import sibling_of_test as sibling\n")
    write(folder, "far/sibling_of_test.py", "here = True\n")
    module = load_module(parse_target("far/pipeline_of_test.py"), folder)
    assert module.__name__ == "pipeline_of_test"
    assert sys.modules["pipeline_of_test"] is module
    assert module.sibling.here


def test_a_file_in_a_package_loads_under_its_package_name(folder: Path) -> None:
    # CLI-07
    write(folder, "outer_of_test/__init__.py")
    write(folder, "outer_of_test/inner/__init__.py")
    write(folder, "outer_of_test/value.py", "VALUE = 7\n")
    write(folder, "outer_of_test/inner/app.py", "from ..value import VALUE\n")
    module = load_module(parse_target("outer_of_test/inner/app.py"), folder)
    assert module.__name__ == "outer_of_test.inner.app"
    assert module.VALUE == 7


def test_a_module_is_looked_for_in_the_base_directory(folder: Path) -> None:
    # CLI-03
    write(folder, "module_of_test.py", "VALUE = 7\n")
    assert load_module(parse_target("module_of_test"), folder).VALUE == 7


def test_a_missing_file_is_named_in_full(folder: Path) -> None:
    # CLI-06
    with pytest.raises(ModuleLoadError) as caught:
        load_module(parse_target("missing.py"), folder)
    assert str(caught.value) == f"Failed to load module 'missing.py': there is no file '{folder / 'missing.py'}'"
    assert isinstance(caught.value, RuntimeError)


def test_a_file_that_is_not_python_is_refused(folder: Path) -> None:
    write(folder, "notes.txt")
    with pytest.raises(ModuleLoadError, match="is not a Python file"):
        load_module(parse_target("./notes.txt"), folder)


def test_a_failing_import_is_placed_at_the_line_that_imports(folder: Path) -> None:
    # CLI-06
    write(folder, "importing_of_test.py", "import deeper_of_test\n")
    write(folder, "deeper_of_test.py", "\nimport absent_of_test\n")
    with pytest.raises(ModuleLoadError) as caught:
        load_module(parse_target("importing_of_test.py"), folder)
    assert str(caught.value) == (
        "Failed to load module 'importing_of_test.py': ModuleNotFoundError: No module named 'absent_of_test'"
        f" ({folder / 'deeper_of_test.py'}, line 2)"
    )


def test_a_missing_module_has_no_line(folder: Path) -> None:
    # CLI-06
    with pytest.raises(ModuleLoadError, match=r"^Failed to load module 'absent_of_test': .*'absent_of_test'$"):
        load_module(parse_target("absent_of_test"), folder)


def test_other_exceptions_of_a_file_pass_through_and_leave_no_module(folder: Path) -> None:
    # CLI-06
    write(folder, "broken_of_test.py", "1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        load_module(parse_target("broken_of_test.py"), folder)
    assert "broken_of_test" not in sys.modules


def test_a_failing_file_gives_a_module_of_its_name_back(folder: Path) -> None:
    import colorsys

    write(folder, "colorsys.py", "1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        load_module(parse_target("colorsys.py"), folder)
    assert sys.modules["colorsys"] is colorsys


@pytest.fixture
def process() -> Iterator[Process]:
    """A process of its own, active during the test."""
    process = Process(real_ports())
    with process.active():
        yield process


async def main() -> None: ...


def app_in(environment: coco.Environment | None, name: str = "A") -> coco.App[..., None]:
    return coco.App(name if environment is None else coco.AppConfig(name, environment), main)


def environment(directory: Path, name: str) -> coco.Environment:
    return coco.Environment(coco.Settings(db_path=directory / (name or "unnamed")), name=name)


def test_the_only_app_needs_no_name(process: Process) -> None:
    app = app_in(None, "odd name")
    assert find_app(parse_target("app.py")) is app
    assert find_app(parse_target("app.py:@default"), process) is app


def test_a_named_app_is_found_among_others(process: Process) -> None:
    apps = {name: app_in(None, name) for name in ("A", "B")}
    assert find_app(parse_target("app.py:B")) is apps["B"]


def test_environments_tell_apps_of_one_name_apart(process: Process, tmp_path: Path) -> None:
    environments = [environment(tmp_path, name) for name in ("one", "two")]
    apps = [app_in(each) for each in environments]
    assert find_app(parse_target("app.py:A@two")) is apps[1]
    assert find_app(parse_target("app.py:@one")) is apps[0]
    for each in environments:
        each.close()


def test_without_apps_nothing_is_found(process: Process) -> None:
    # CLI-05
    with pytest.raises(AppNotFoundError, match=r"^No apps found after loading 'app\.py'"):
        find_app(parse_target("app.py"))


def test_an_unknown_or_ambiguous_name_lists_what_there_is(process: Process, tmp_path: Path) -> None:
    # CLI-05
    environments = [environment(tmp_path, name) for name in ("one", "")]
    apps = [app_in(None, "A"), app_in(None, "B")]
    apps += [app_in(each) for each in environments]
    messages = {
        "app.py": r"Multiple apps found in 'app.py': A, B\. Please specify which app .*':app_name'",
        "app.py:X": r"No app named 'X' found after loading 'app.py'\. Available apps: A, B$",
        "app.py:B@one": r"No app named 'B' .*\. Available apps: A$",
        "app.py:A@nine": r"No environment named 'nine' .*\. Available environments: \(unnamed\), default, one$",
        "app.py:A": r"Multiple apps named 'A' found in different environments: \(unnamed\), default, one\."
        r" Please specify environment with ':app_name@env_name' syntax\.$",
    }
    for target, message in messages.items():
        with pytest.raises(AppNotFoundError, match=f"^{message}"):
            find_app(parse_target(target))
    for each in environments:
        each.close()
    assert len(apps) == 4
