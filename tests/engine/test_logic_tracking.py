"""Goal: a stored result stands exactly as long as the code it was made with, as that code is edited (LGC)."""

from __future__ import annotations

import importlib.util
import linecache
import sys
from pathlib import Path
from types import ModuleType

import pytest

from .bench import Bench

HEAD = """
import cocoindex_sim as coco

ran = []
"""


class Pipeline:
    """A pipeline in a file. Each `run` is a process of its own that loads the text it is given, on the same store."""

    def __init__(self, bench: Bench, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._bench = bench
        self._folder = folder
        self._monkeypatch = monkeypatch
        self._begun = False

    def run(self, text: str, *, name: str = "pipeline", run_as: str | None = None, source: bool = True) -> list[str]:
        """What ran of it in one update of its `main`.

        `run_as`: its `__name__`, if that is not the name of its file. `source`: whether the code can be found in a
        file.
        """
        if self._begun:
            self._bench.crash()
        self._begun = True
        module = self._load(HEAD + text, name, run_as or name) if source else self._compile(HEAD + text, name)
        self._bench.update(self._bench.app(module.main))
        ran: list[str] = module.ran
        return ran

    def _load(self, text: str, name: str, run_as: str) -> ModuleType:
        file = self._folder / f"{name}.py"
        file.write_text(text, encoding="utf-8")
        linecache.clearcache()
        spec = importlib.util.spec_from_file_location(run_as, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        self._monkeypatch.setitem(sys.modules, run_as, module)
        spec.loader.exec_module(module)
        return module

    def _compile(self, text: str, name: str) -> ModuleType:
        module = ModuleType(name)
        exec(compile(text, "<generated>", "exec"), module.__dict__)
        return module


@pytest.fixture
def pipeline(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    # A cached .pyc is good for any text of equal size and second.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return Pipeline(bench, tmp_path, monkeypatch)


def edited(text: str, *edits: tuple[str, str]) -> str:
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


WORK = """
def same(function):
    return function

@coco.fn(memo=True)
def work(x: int, y: str = "a") -> object:
    ran.append("work")
    def inner(z: int) -> int:
        return z + 1
    return inner(x), [1, 2]

@coco.fn
async def main():
    return work(1, "a")
"""


@pytest.mark.parametrize(
    "edits",
    [
        pytest.param([], id="nothing"),
        pytest.param([("\ndef same", "\n\nUNRELATED = 1\n\ndef same")], id="moved"),
        pytest.param([("z + 1", "(z\n    +  1)")], id="layout"),
        pytest.param([("[1, 2]", "[\n        1,\n        2,\n    ]")], id="trailing comma"),
        pytest.param([('ran.append("work")', "ran.append('work')")], id="quotes"),
        pytest.param([("    def inner", "    # about inner\n\n    def inner"), ("[1, 2]", "[1, 2]  # two")], id="comments"),
        pytest.param([('    ran.append("work")', '    """What it does."""\n    ran.append("work")')], id="docstring"),
        pytest.param([("        return z", '        """More."""\n        return z')], id="docstring of an inner function"),
        pytest.param([("@coco.fn(memo=True)", "@coco.fn(memo=True)\n@same")], id="decorator below"),
        pytest.param([("@coco.fn(memo=True)", "@same\n@coco.fn(memo=True)")], id="decorator above"),
        pytest.param([("memo=True", 'memo=True, logic_tracking="full"')], id="decorator arguments"),
        pytest.param([("    def inner", "    @same\n    def inner")], id="decorator of an inner function"),
    ],
)  # fmt: skip
def test_an_edit_that_changes_no_logic_keeps_the_result(pipeline: Pipeline, edits: list[tuple[str, str]]) -> None:
    # LGC-01
    assert pipeline.run(WORK) == ["work"]
    assert pipeline.run(edited(WORK, *edits)) == []


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(("x: int, y", "x: object, y"), id="annotation"),
        pytest.param((" -> object", ""), id="return annotation"),
        pytest.param(('y: str = "a"', 'y: str = "b"'), id="default"),
        pytest.param(("z + 1", "z + 2"), id="inner function"),
        pytest.param(("z: int", "z: object"), id="annotation of an inner function"),
        pytest.param(("[1, 2]", "(1, 2)"), id="expression"),
        pytest.param(("    return inner", '    "not a docstring"\n    return inner'), id="statement"),
    ],
)
def test_an_edit_of_code_annotations_or_defaults_runs_it_again(pipeline: Pipeline, edit: tuple[str, str]) -> None:
    # LGC-01
    assert pipeline.run(WORK) == ["work"]
    assert pipeline.run(edited(WORK, edit)) == ["work"]
    assert pipeline.run(edited(WORK, edit)) == []


def test_without_source_a_function_is_known_by_its_bytecode(pipeline: Pipeline) -> None:  # LGC-01
    def run(text: str) -> list[str]:
        return pipeline.run(text, source=False)

    assert run(WORK) == ["work"]
    assert run(edited(WORK, ("\ndef same", "\n\nUNRELATED = 1\n\ndef same"), ("z + 1", "(z  # one more\n + 1)"))) == []
    for edit in (("z + 1", "z + 2"), ("z + 1", "z - 1"), ("[1, 2]", "[1, str(2)]")):
        assert run(edited(WORK, edit)) == ["work"]
        assert run(edited(WORK, edit)) == []


def decorated(arguments: str, body: str = "1", before: str = "", after: str = "") -> str:
    return f"""
{before}
@coco.fn(memo=True, {arguments})
def work():
    ran.append("work")
    return {body}
{after}
@coco.fn
async def main():
    return work()
"""


def test_a_version_stands_in_for_the_code(pipeline: Pipeline) -> None:  # LGC-03
    assert pipeline.run(decorated("version=1")) == ["work"]
    assert pipeline.run(decorated("version=1", body="2")) == []
    assert pipeline.run(decorated("version=2", body="2")) == ["work"]
    assert pipeline.run(decorated("", body="2")) == ["work"]


def test_dependencies_count_by_value_and_not_by_order(pipeline: Pipeline) -> None:  # LGC-03
    assert pipeline.run(decorated("deps={'a': 1, 'b': [2]}")) == ["work"]
    assert pipeline.run(decorated("deps=dict(b=[2], a=1)")) == []
    assert pipeline.run(decorated("deps={'a': 1, 'b': [3]}")) == ["work"]
    assert pipeline.run(decorated("deps={'a': 1, 'b': [3]}", body="2")) == ["work"]


def test_dependencies_of_none_are_no_dependencies(pipeline: Pipeline) -> None:  # LGC-03
    assert pipeline.run(decorated("")) == ["work"]
    assert pipeline.run(decorated("deps=None")) == []
    assert pipeline.run(decorated("deps=[]")) == ["work"]


def test_dependencies_are_taken_when_the_function_is_decorated(pipeline: Pipeline) -> None:  # LGC-03
    settings = "settings = {'n': 1}"
    assert pipeline.run(decorated("deps=settings", before=settings)) == ["work"]
    assert pipeline.run(decorated("deps=settings", before=settings, after="settings['n'] = 2")) == []
    assert pipeline.run(decorated("deps=settings", before=settings + "\nsettings['n'] = 2")) == ["work"]


def test_a_version_and_dependencies_count_both(pipeline: Pipeline) -> None:  # LGC-03
    assert pipeline.run(decorated("version=1, deps='a'")) == ["work"]
    assert pipeline.run(decorated("version=1, deps='a'", body="2")) == []
    assert pipeline.run(decorated("version=1, deps='b'")) == ["work"]
    assert pipeline.run(decorated("version=2, deps='b'")) == ["work"]
    assert pipeline.run(decorated("version=1")) == ["work"]


CALLS = """
@coco.fn
def callee():
    ran.append("callee")
    return 1

chosen = callee

@coco.fn(memo=True)
def caller():
    ran.append("caller")
    return chosen()

@coco.fn
async def main():
    return caller()
"""
OTHER = """
@coco.fn(memo=True)
def other():
    return 2

chosen = other
"""


def test_more_functions_do_no_harm(pipeline: Pipeline) -> None:  # LGC-04
    assert pipeline.run(CALLS) == ["caller", "callee"]
    # Even one that would be called instead: what the entry was made with is all there.
    assert pipeline.run(edited(CALLS, ("\nchosen = callee\n", OTHER))) == []


@pytest.mark.parametrize(
    "edits",
    [
        pytest.param([("@coco.fn\ndef callee", "def callee")], id="undecorated"),
        pytest.param([("def callee", "def renamed"), ("chosen = callee", "chosen = renamed")], id="renamed"),
        pytest.param([("return 1", "return 2")], id="edited"),
    ],
)
def test_a_recorded_function_that_is_gone_invalidates(
    pipeline: Pipeline, edits: list[tuple[str, str]]
) -> None:  # LGC-04
    assert pipeline.run(CALLS) == ["caller", "callee"]
    assert pipeline.run(edited(CALLS, *edits)) == ["caller", "callee"]


def test_a_removed_function_invalidates_what_was_made_with_it(pipeline: Pipeline) -> None:  # LGC-04
    start = CALLS.index("@coco.fn\ndef callee")
    without = CALLS[:start] + OTHER + CALLS[CALLS.index("@coco.fn(memo=True)") :]
    assert pipeline.run(CALLS) == ["caller", "callee"]
    assert pipeline.run(without) == ["caller"]
    assert pipeline.run(CALLS) == ["caller", "callee"]


TREE = """
@coco.fn
def helper():
    return 1

@coco.fn(memo=True)
async def child():
    ran.append("child")
    return helper()

@coco.fn(memo=True)
async def parent(x):
    ran.append("parent")
    handle = await MOUNT
    return x

@coco.fn
async def main():
    await coco.use_mount(coco.component_subpath("p"), parent, 1)
"""
MOUNTS = {
    "use_mount": 'coco.use_mount(coco.component_subpath("c"), child)',
    "mount": 'coco.mount(coco.component_subpath("c"), child)',
}


@pytest.mark.parametrize("mount", MOUNTS)
@pytest.mark.parametrize("edit", [("return helper()", "return helper() + 1"), ("return 1", "return 2")])
@pytest.mark.parametrize("child_was_reused", [False, True])
def test_a_memoized_parent_depends_on_the_logic_of_what_it_mounts(
    pipeline: Pipeline, mount: str, edit: tuple[str, str], child_was_reused: bool
) -> None:  # LGC-06
    text = TREE.replace("MOUNT", MOUNTS[mount])
    assert pipeline.run(text) == ["parent", "child"]
    if child_was_reused:
        text = edited(text, ("parent, 1)", "parent, 2)"))
        assert pipeline.run(text) == ["parent"]
    assert pipeline.run(text) == []
    assert pipeline.run(edited(text, edit)) == ["parent", "child"]


def test_a_child_does_not_depend_on_the_logic_of_its_parent(pipeline: Pipeline) -> None:  # LGC-06
    text = TREE.replace("MOUNT", MOUNTS["use_mount"])
    assert pipeline.run(text) == ["parent", "child"]
    assert pipeline.run(edited(text, ("return x", "return x + 1"))) == ["parent"]


def test_an_entry_made_without_tracking_outlives_a_stronger_mode(pipeline: Pipeline) -> None:  # LGC-07
    assert pipeline.run(decorated("logic_tracking=None")) == ["work"]
    assert pipeline.run(decorated("logic_tracking='full'")) == []
    assert pipeline.run(decorated("logic_tracking='full'", body="2")) == []
    assert pipeline.run(decorated("logic_tracking='full', version=7")) == []


def test_an_entry_made_with_tracking_does_not(pipeline: Pipeline) -> None:  # LGC-07
    assert pipeline.run(decorated("logic_tracking='full'")) == ["work"]
    assert pipeline.run(decorated("logic_tracking='full'", body="2")) == ["work"]


def test_a_callee_that_is_decorated_later_does_not_reach_stored_entries(pipeline: Pipeline) -> None:  # LGC-07
    plain = edited(CALLS, ("@coco.fn\ndef callee", "def callee"))
    assert pipeline.run(plain) == ["caller", "callee"]
    assert pipeline.run(CALLS) == []
    assert pipeline.run(edited(CALLS, ("return 1", "return 2"))) == []


def test_going_back_to_earlier_code_runs_it_again(pipeline: Pipeline) -> None:  # LGC-08
    later = edited(WORK, ("z + 1", "z + 2"))
    assert [pipeline.run(text) for text in (WORK, WORK, later, WORK, WORK)] == [["work"], [], ["work"], ["work"], []]


SCRIPT = """
from dataclasses import dataclass

@dataclass
class Item:
    x: int

@coco.fn(memo=True)
def work(item):
    ran.append("work")
    return item.x

@coco.fn
async def main():
    return work(Item(1))
"""


@pytest.mark.parametrize("order", [("__main__", "pipeline"), ("pipeline", "__main__")])
def test_a_script_and_its_module_share_their_entries(pipeline: Pipeline, order: tuple[str, str]) -> None:  # LGC-09
    first, second = order
    assert pipeline.run(SCRIPT, run_as=first) == ["work"]
    assert pipeline.run(SCRIPT, run_as=second) == []


@pytest.mark.parametrize("run_as", ["__main__", None])
def test_another_script_has_entries_of_its_own(pipeline: Pipeline, run_as: str | None) -> None:  # LGC-09
    assert pipeline.run(SCRIPT, run_as="__main__") == ["work"]
    assert pipeline.run(SCRIPT, name="another", run_as=run_as) == ["work"]
