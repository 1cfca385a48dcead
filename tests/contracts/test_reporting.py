"""Goal: what a contract class finds is told where authors look: the failure, the table, JUnit files and Markdown."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

# pytester forgets every module that a run imported; what is imported before stays.
import pytest_coco._collect
import pytest_coco.contracts  # noqa: F401

from ..plugin.plugin_project import Project, report_of

TESTS = """
from cocoindex_sim.world import MapView, remote_map
from pytest_coco.contracts import LiveMapViewContract


class OfAMap(LiveMapViewContract):
    def put(self, key, value):
        self.world.map().set(key, value)

    def delete(self, key):
        self.world.map().delete(key)

    def entries(self):
        return self.world.map().entries

    def disturb(self):
        self.world.map().kill()


class TestSound(OfAMap):
    survives_trouble = False
    bypass_reason = {"survives_trouble": "this map is never lost"}

    def make(self):
        return MapView(remote_map())


class Broken(MapView):
    async def __aiter__(self):
        async for key, value in super().__aiter__():
            yield key, f"<{value}>"


class TestBroken(OfAMap):
    def make(self):
        return Broken(remote_map())
"""

SOUND = "tests/test_maps.py::TestSound"
BROKEN = "tests/test_maps.py::TestBroken"
CHECK = f"{BROKEN}::test_iterating_gives_what_is_there_now"


@pytest.fixture
def project(pytester: pytest.Pytester) -> Project:
    """A project with one contract that is kept and one that is not."""
    project = Project(pytester)
    project.write("pytest.ini", "[pytest]\ntestpaths = tests\n")
    project.write("tests/test_maps.py", TESTS)
    return project


def test_a_failure_says_what_is_wrong_what_to_do_and_how_to_repeat_it(project: Project) -> None:
    result = project.run(CHECK)
    lines = report_of(result, "TestBroken.test_iterating_gives_what_is_there_now")
    assert lines == [
        "tests/test_maps.py:34: iterating over the view does not give what the system has.",
        "to do: read the system anew in each __aiter__, and yield every entry under the key that watch()",
        "tells it by.",
        "found by: in order",
        "repeat it (from the rootdir):",
        f"  pytest {CHECK} --coco-seed=0 --coco-runs=0 --coco-policy=random",
        "",
        "  the system (-) and the iteration (+):",
        "  - 'Beta': 'value 2'",
        "  + 'Beta': '<value 2>'",
        "  - 'alpha': 'value 1'",
        "  + 'alpha': '<value 1>'",
        "  - 'gamma delta': 'value 3'",
        "  + 'gamma delta': '<value 3>'",
        "",
        "  what happened, the last 3 of 3 lines:",
        "     0.000 s  source: 'alpha' = 'value 1'",
        "     0.000 s  source: 'Beta' = 'value 2'",
        "     0.000 s  source: 'gamma delta' = 'value 3'",
    ]


def test_the_command_in_a_failure_finds_it_again(project: Project) -> None:
    project.run(CHECK, "--coco-seed=0", "--coco-runs=0", "--coco-policy=random").assert_outcomes(failed=1)


def test_the_table_counts_and_names_what_is_broken_and_what_is_bypassed(project: Project) -> None:
    result = project.run("-k", "iterating or trouble_is", "--coco-runs=1")
    result.assert_outcomes(passed=1, failed=2, skipped=1)
    start = next(at for at, line in enumerate(result.outlines) if "coco: conformance" in line)
    assert result.outlines[start + 1 : start + 6] == [
        f"{BROKEN}, LiveMapViewContract: 2 broken (in 1 order)",
        "  broken    trouble is outlived or let out [LIV-34 FEED-09]",
        "  broken    iterating gives what is there now [FEED-01 FEED-04]",
        f"{SOUND}, LiveMapViewContract: 1 kept, 1 bypassed (in 2 orders)",
        "  bypassed  trouble is outlived or let out [LIV-34 FEED-09]: this map is never lost",
    ]


def test_a_session_without_contracts_has_no_table(project: Project) -> None:
    project.write("tests/test_maps.py", "def test_ordinary(): pass\n")
    project.run().stdout.no_fnmatch_line("*conformance*")


PAGE = f"""\
# Conformance

## `{BROKEN}`

Checked by `LiveMapViewContract`.

| check | rules | result |
|---|---|---|
| iterating gives what is there now | FEED-01, FEED-04 | **broken**, in 1 order |

## `{SOUND}`

Checked by `LiveMapViewContract`.

| check | rules | result |
|---|---|---|
| trouble is outlived or let out | LIV-34, FEED-09 | bypassed: this map is never lost |
| iterating gives what is there now | FEED-01, FEED-04 | kept, in 11 orders |
"""


@pytest.mark.parametrize("workers", ["0", pytest.param("2", marks=pytest.mark.real)])
def test_the_table_is_written_as_markdown(project: Project, workers: str) -> None:
    chosen = (
        CHECK,
        f"{SOUND}::test_trouble_is_outlived_or_let_out",
        f"{SOUND}::test_iterating_gives_what_is_there_now",
    )
    run = project.run_apart if workers == "2" else project.run
    run("-n", workers, "--coco-conformance=out/conformance.md", *chosen)
    written = (project.path / "out/conformance.md").read_text("utf-8")
    assert sorted(written.splitlines()) == sorted(PAGE.splitlines())  # workers end in any order
    if workers == "0":
        assert written == PAGE


def test_the_ini_file_may_name_the_page(project: Project) -> None:
    project.write("pytest.ini", "[pytest]\ncoco_conformance = conformance.md\n")
    project.run(CHECK)
    assert (project.path / "conformance.md").read_text("utf-8").startswith(f"# Conformance\n\n## `{BROKEN}`")


def test_reports_and_junit_files_have_it_too(project: Project) -> None:
    project.run(CHECK, "--coco-report=report.md", "--junitxml=junit.xml")
    assert f"## Conformance\n\n### `{BROKEN}`" in (project.path / "report.md").read_text("utf-8")
    properties = {
        each.get("name"): each.get("value") for each in ElementTree.parse(project.path / "junit.xml").iter("property")
    }
    assert properties["coco_contract"] == "LiveMapViewContract"
    assert properties["coco_rules"] == "FEED-01 FEED-04"
    assert properties["coco_tried"] == "in 1 order"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("deletes = False", "TestSound.deletes is off: say why, in bypass_reason = {'deletes': '...'}"),
        (
            "bypass_reason = {'deletes': 'it keeps all'}",
            "TestSound.bypass_reason says why 'deletes' is off, and it is on",
        ),
        ("deletes = False; bypass_reason = {'deletes': 'no'}", "TestSound.bypass_reason['deletes'] is 'no': write a"),
        (
            "single_watcher = False",
            "TestSound.single_watcher = False is read by nobody; did you mean refuses_second_wa",
        ),
        ("survive_trouble = False", "did you mean survives_trouble? There are: real_io, deletes, distinguishes_empty"),
        ("real_oi = True", "TestSound.real_oi = True is read by nobody; did you mean real_io?"),
        ("bypass_reason = {'flies': 'it can not'}", "TestSound.bypass_reason names 'flies', which is no capability"),
    ],
)
def test_a_capability_is_off_only_with_a_reason(project: Project, given: str, told: str) -> None:
    project.write(
        "tests/test_maps.py",
        TESTS.replace("survives_trouble = False", given).replace(
            'bypass_reason = {"survives_trouble": "this map is never lost"}', ""
        ),
    )
    result = project.run(f"{SOUND}::test_every_change_arrives")
    result.assert_outcomes(failed=1)
    assert any(told in line for line in result.outlines), result.outlines


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("set(key, value)", "put(key, value)", "the hook put('alpha', 'value 1') raised AttributeError"),
        (
            "return MapView(remote_map())",
            "return None",
            "the hook make() gave None, and not an object with __aiter__() and watch().",
        ),
        ("return MapView(remote_map())", "return MapView", "the hook make() gave the class MapView, and not an object"),
        (
            "return MapView(remote_map())",
            "return remote_map()",
            "return the object that is to be tested from make(); it lacks __aiter__()",
        ),
        ("self.world.map().delete(key)", "pass", "the hooks do not agree: entries() does not give what put() and"),
        ("return self.world.map().entries", "return []", "the hook entries() gave []"),
        ("def entries", "def entreis", "TestSound does not write the hook entries()."),
        ("def entries", "def entreis", "what the system has now; or is it entreis(), misspelled."),
    ],
)
def test_a_hook_that_is_wrong_is_named(project: Project, before: str, after: str, told: str) -> None:
    project.write("tests/test_maps.py", TESTS.replace(before, after, 1))
    check = "every_change_arrives" if "make" in told else "iterating_gives_what_is_there_now"
    result = project.run(f"{SOUND}::test_{check}")
    result.assert_outcomes(failed=1)
    assert told in " ".join(result.outlines)


@pytest.mark.parametrize(
    "own",
    [
        "verbose = False",
        "_single_watcher = False",
        "single_watcher = True",
        "survive_trouble = 0",
        "survive_trouble = False; how_often = property(lambda self: 1 if self.survive_trouble else 2)",
        "values = lambda self: []; made = True; close_to = False",
    ],
)
def test_attributes_of_an_authors_own_are_free(project: Project, own: str) -> None:
    project.write(
        "tests/test_maps.py", TESTS.replace("survives_trouble = False", f"survives_trouble = False\n    {own}")
    )
    project.run(f"{SOUND}::test_every_change_arrives", "--coco-runs=1").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("before", "after", "at_length", "briefly"),
    [
        ("def put", "def set", "TestSound does not write the hook put().", "TestSound does not write put()"),
        ("return MapView(", "return print(", "the hook make() gave None", "make() of TestSound gives nothing to test"),
        ("survives_trouble =", "survive_trouble =", "did you mean surv", "the flags of TestSound are not right"),
    ],
)
@pytest.mark.parametrize("on_ci", [False, True])
def test_what_is_the_same_for_all_checks_is_told_once_in_each_class(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    before: str,
    after: str,
    at_length: str,
    briefly: str,
    on_ci: bool,
) -> None:
    monkeypatch.setenv("CI", "true" * on_ci)  # where pytest's summary has whole messages
    project.write("tests/test_maps.py", TESTS.replace(before, after))
    result = project.run("-k", "TestSound and (change_arrives or watched_again or name)")
    result.assert_outcomes(failed=3)
    _, _, summary = "\n".join(result.outlines).partition("short test summary info")
    assert "\n".join(result.outlines).removesuffix(summary).count(at_length) == 1
    assert [line.split()[0] for line in summary.splitlines()[1:-1]] == ["FAILED"] * 3
    for check in ("every_key_keeps_its_name", "it_can_be_watched_again"):
        told = report_of(result, f"TestSound.test_{check}")
        assert told == [f"{briefly}: see {SOUND}::test_every_change_arrives"]


def test_a_hook_that_is_not_written_is_named_also_where_a_connector_calls_it_and_goes_on(project: Project) -> None:
    unwritten = TESTS.replace("    def disturb(self):\n        self.world.map().kill()\n", "")
    project.write("tests/test_maps.py", unwritten)
    check = "TestBroken.test_trouble_while_it_starts_is_outlived_or_let_out"
    told = " ".join(report_of(project.run(f"tests/test_maps.py::{check.replace('.', '::')}"), check))
    assert "TestBroken does not write the hook disturb(). to do: write disturb(), or survives_trouble = False." in told


def test_a_marker_says_how_often_a_contract_is_tried(project: Project) -> None:
    marked = TESTS.replace("class TestSound", "import pytest\n\n\n@pytest.mark.coco(runs=4)\nclass TestSound")
    project.write("tests/test_maps.py", marked)
    result = project.run(f"{SOUND}::test_every_change_arrives")
    assert any("1 kept (in 5 orders)" in line for line in result.outlines)


def test_a_class_that_no_test_inherits_is_not_collected(project: Project) -> None:
    project.write("tests/test_maps.py", "from pytest_coco.contracts import *\n")
    project.run().assert_outcomes()


def test_a_connector_that_leaves_the_simulation_is_told_how_to_be_tried(project: Project) -> None:
    outside = (
        "def make(self):\n        import socket; socket.create_connection(('localhost', 9))\n        return MapView("
    )
    project.write("tests/test_maps.py", TESTS.replace("def make(self):\n        return MapView(", outside, 1))
    result = project.run(f"{SOUND}::test_every_change_arrives")
    result.assert_outcomes(failed=1)
    told = " ".join(result.outlines)
    assert "tests/test_maps.py:20: socket.getaddrinfo() leaves the simulation: a simulated run has no network." in told
    assert "to do: set real_io = True to have the connector tried on the real loop" in told


def test_a_profile_says_how_often_a_contract_is_tried(project: Project) -> None:
    result = project.run(f"{SOUND}::test_every_change_arrives", "--coco-profile=ci")
    assert any("1 kept (in 101 orders)" in line for line in result.outlines)


def test_the_trace_of_each_run_is_written_where_it_is_asked_for(project: Project) -> None:
    project.run(f"{SOUND}::test_every_change_arrives", "--coco-runs=2", "--coco-trace=traces", "--coco-seed=3")
    names = [each.name for each in (project.path / "traces").iterdir()]
    assert len(names) == 3
    assert any(name.endswith(".in-order.trace") for name in names)


def test_a_traceback_has_the_frames_of_authors_alone(project: Project) -> None:
    unwritten = TESTS.replace("    def entries(self):\n        return self.world.map().entries\n", "")
    project.write("tests/test_maps.py", unwritten.replace("return Broken(remote_map())", "return Borken(remote_map())"))
    result = project.run(CHECK, f"{SOUND}::test_iterating_gives_what_is_there_now")
    result.assert_outcomes(failed=2)
    lines = "\n".join(report_of(result, "TestSound.test_iterating_gives_what_is_there_now"))
    assert "TestSound does not write the hook entries()" in lines and "Traceback" not in lines
    lines = "\n".join(report_of(result, "TestBroken.test_iterating_gives_what_is_there_now"))
    assert "NameError: name 'Borken' is not defined" in lines and "return Borken(remote_map())" in lines
    assert "/contracts/_" not in lines
