# Goal: what the documents say is so: commands, snippets, links, tables.

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from cocoindex_sim.engine._component import FOLLOWS
from cocoindex_sim.values import EVENT_NAMES
from cocoindex_sim.world import ORACLES

from .walkthrough import blocks, walk

ROOT = Path(__file__).resolve().parent.parent
REFERENCE_VERSION = "1.0.26"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DOCUMENTS = sorted(
    path for pattern in ("*.md", "docs/**/*.md", "changes/*.md", "examples/*/README.md") for path in ROOT.glob(pattern)
)

WITH_SNIPPETS = [
    ROOT / "README.md",
    *(ROOT / "docs" / name for name in ("exploring.md", "kafka.md", "live.md", "maps.md")),
]
# By tests/contracts/test_own_checks.py.
RUN_ELSEWHERE = [ROOT / "docs" / "reference" / "contracts.md"]
# Followed from top to bottom, with the commands they show.
WALKED = sorted(path for pattern in ("tutorial.md", "how-to/*.md") for path in (ROOT / "docs").glob(pattern))


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def rows(path: Path, heading: str) -> list[list[str]]:
    """The cells of each row of the tables that begin with this cell."""
    found: list[list[str]] = []
    inside = False
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == heading:
            inside = True
        elif inside and not set(line) <= set("|-"):
            found.append(cells)
    assert found, f"{shown(path)} has no table that begins with {heading!r}"
    return found


def child(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COCOINDEX_", "PYTEST_"))}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**environment, "COCOINDEX_DISABLE_USAGE_TRACKING": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_continuous_check_runs_the_two_commands_of_the_readme() -> None:
    shell = "".join(block.text for block in blocks(ROOT / "README.md") if block.language == "sh")
    commands = [line for line in shell.splitlines() if line.startswith("pip install -e ")]
    assert commands == ["pip install -e . && pytest --coco-scenarios", 'pip install -e ".[dev]" && pytest']
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    # It reads them from the README, by the same pattern, and has no copy that could fall behind.
    assert "HEAD:README.md | grep -E '^pip install -e '" in script
    assert [line for line in commands if line in script] == []
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("pip install -e ")] == commands


@pytest.mark.parametrize("path", WITH_SNIPPETS, ids=shown)
def test_the_scenario_of_a_document_passes_and_its_other_files_can_be_imported(path: Path, tmp_path: Path) -> None:
    written = [block for block in blocks(path) if block.file is not None]
    assert {block.language for block in written} == {"python", "yaml"}
    for block in written:
        assert block.file is not None
        (tmp_path / block.file).write_text(block.text, encoding="utf-8")
        if block.language == "python":
            run = child(
                "-c", f"from cocoindex_sim import alias; alias.install(); import {block.file[:-3]}", cwd=tmp_path
            )
            assert run.returncode == 0, run.stderr
    run = child("-m", "pytest", "-p", "no:cacheprovider", "--coco-scenarios", str(tmp_path), cwd=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"\b1 passed\b", run.stdout)


def test_the_property_test_of_a_document_passes(tmp_path: Path) -> None:
    for block in blocks(ROOT / "docs" / "exploring.md"):
        if block.file is not None:
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
    run = child("-m", "pytest", "-p", "no:cacheprovider", "test_map_view.py", cwd=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"\b1 passed\b", run.stdout)


@pytest.mark.parametrize("page", WALKED, ids=shown)
def test_what_a_page_tells_its_reader_to_do_works(page: Path, tmp_path: Path) -> None:
    assert walk(page, tmp_path) > 0


def test_every_snippet_is_one_that_is_run() -> None:
    languages = {"python", "yaml"}
    unnamed = [
        shown(path)
        for path in DOCUMENTS
        for block in blocks(path)
        if block.language in languages and (block.file is None or path not in WITH_SNIPPETS + WALKED + RUN_ELSEWHERE)
    ]
    assert unnamed == []
    # A block without a language would slip through all of this.
    assert [shown(path) for path in DOCUMENTS if re.search(r"\n\n```\n", path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=shown)
def test_every_link_and_path_leads_somewhere(path: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if not link.startswith("https://")]
    assert [link for link in links if not (path.parent / link).exists()] == []
    paths = re.findall(r"`((?:cocoindex_sim|pytest_coco|docs|tools|tests|examples)/[\w./-]*)`", text)
    assert [name for name in paths if not (ROOT / name).exists()] == []


def test_the_page_of_the_oracles_has_all_of_them() -> None:
    assert tuple(cells[0] for cells in rows(ROOT / "docs" / "oracles.md", "oracle")) == ORACLES


def test_the_dependency_tables_are_those_of_the_package() -> None:
    page = ROOT / "docs" / "dependencies.md"
    required = [re.match(r"[\w.-]+", line)[0] for line in PROJECT["project"]["dependencies"]]  # type: ignore[index]  # each has a name
    assert [cells[0] for cells in rows(page, "package")] == required
    assert [cells[0] for cells in rows(page, "extra")] == list(PROJECT["project"]["optional-dependencies"])


def test_the_rooms_of_the_architecture_are_those_that_are_checked_and_those_there_are() -> None:
    layers = PROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
    table = rows(ROOT / "docs" / "architecture.md", "line")
    assert [cells[1].replace("`", "").replace(", ", " | ") for cells in table] == layers
    rooms = {room for layer in layers for room in layer.split(" | ") if room.startswith("cocoindex_sim.")}
    there = {path.parent.name for path in (ROOT / "cocoindex_sim").glob("*/__init__.py")}
    assert {room.removeprefix("cocoindex_sim.") for room in rooms} == there


def test_the_life_of_a_component_is_as_the_engine_has_it() -> None:
    listed = dict(rows(ROOT / "docs" / "architecture.md", "phase"))
    assert listed == {phase.value: ", ".join(one.value for one in after) for phase, after in FOLLOWS.items()}


def test_the_glossary_has_every_event() -> None:
    listed = [cells[0].strip("`") for cells in rows(ROOT / "docs" / "glossary.md", "event")]
    assert listed == list(EVENT_NAMES)


def test_a_word_of_the_glossary_has_one_meaning() -> None:
    words = [cells[0] for cells in rows(ROOT / "docs" / "glossary.md", "word")]
    assert sorted(words) == sorted(set(words))


@pytest.mark.parametrize("tool", ["contract_reference", "fences", "growth_plot", "plugin_reference"])
def test_a_page_that_is_made_is_up_to_date(tool: str) -> None:
    run = child(str(ROOT / "tools" / f"{tool}.py"), "--check", cwd=ROOT)
    assert run.returncode == 0, run.stderr


def test_every_page_is_on_the_site() -> None:
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    pages = sorted(path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md"))
    assert sorted(re.findall(r"- (\S+\.md)$", nav, re.MULTILINE)) == pages


def test_change_notes_are_named_for_what_they_change() -> None:
    notes = [path.name for path in (ROOT / "changes").iterdir() if path.name != "README.md"]
    assert [name for name in notes if not re.fullmatch(r"[a-z0-9-]+\.(added|changed|fixed|removed)\.md", name)] == []


def differences() -> Iterator[tuple[str, str, str]]:
    """Script, what the reference prints, what we print."""
    for script, reference, here, why in rows(ROOT / "docs" / "differences.md", "script"):
        link = re.fullmatch(r"\[\w+\]\(differences/(\w+\.py)\)", script)
        assert link is not None, script
        assert why
        yield link[1], reference.strip("`"), here.strip("`")


def test_every_difference_script_has_its_row() -> None:
    scripts = sorted(path.name for path in (ROOT / "docs" / "differences").glob("*.py"))
    assert sorted(name for name, _, _ in differences()) == scripts


@pytest.mark.parametrize(
    ("script", "reference", "here"), [pytest.param(*row, id=row[0].removesuffix(".py")) for row in differences()]
)
@pytest.mark.parametrize("package", ["cocoindex_sim", "cocoindex"])
def test_a_difference_is_as_the_table_has_it(
    package: str, script: str, reference: str, here: str, tmp_path: Path
) -> None:
    if package == "cocoindex":
        try:
            version = metadata.version("cocoindex")
        except metadata.PackageNotFoundError:
            pytest.skip("CocoIndex is not installed (extra `peer`)")
        if version != REFERENCE_VERSION:
            pytest.skip(f"the table is about CocoIndex {REFERENCE_VERSION}; installed is {version}")
    run = child(str(ROOT / "docs" / "differences" / script), package, cwd=tmp_path)
    assert run.stdout.strip() == (reference if package == "cocoindex" else here), run.stderr
