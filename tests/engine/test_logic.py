"""Goal: an edit of tracked code, and nothing else, makes stored results run again."""

from __future__ import annotations

import gc
import json
import linecache
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cocoindex_sim as coco
from cocoindex_sim.engine._logic import LogicRegistry, logic_fingerprint, source_lines
from cocoindex_sim.engine._logic import _functions_by_line as functions_by_line

from .project import Project, edited, pipeline


def both(project: Project, before: str, after: str) -> bool:
    """Whether the edit makes `f` run again."""
    (_, ran), (_, again) = project.update(before), project.update(after)
    assert ran == ["f"]
    return bool(again)


# --- what counts ---


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
        pytest.param(
            [("    def inner", "    # about inner\n\n    def inner"), ("[1, 2]", "[1, 2]  # two")], id="comments"
        ),
        pytest.param([('    ran.append("work")', '    """What it does."""\n    ran.append("work")')], id="docstring"),
        pytest.param(
            [("        return z", '        """More."""\n        return z')], id="docstring of an inner function"
        ),
        pytest.param([("@coco.fn(memo=True)", "@coco.fn(memo=True)\n@same")], id="decorator below"),
        pytest.param([("@coco.fn(memo=True)", "@same\n@coco.fn(memo=True)")], id="decorator above"),
        pytest.param([("memo=True", 'memo=True, logic_tracking="full"')], id="decorator arguments"),
        pytest.param([("    def inner", "    @same\n    def inner")], id="decorator of an inner function"),
    ],
)
def test_an_edit_that_changes_no_logic_keeps_the_result(project: Project, edits: list[tuple[str, str]]) -> None:
    # LGC-01
    assert project.run(WORK) == ["work"]
    assert project.run(edited(WORK, *edits)) == []


@pytest.mark.parametrize(
    "edits",
    [
        pytest.param([("x: int, y", "x: object, y")], id="annotation"),
        pytest.param([(" -> object", "")], id="return annotation"),
        pytest.param([('y: str = "a"', 'y: str = "b"')], id="default"),
        pytest.param([("z + 1", "z + 2")], id="inner function"),
        pytest.param([("z: int", "z: object")], id="annotation of an inner function"),
        pytest.param([("[1, 2]", "(1, 2)")], id="expression"),
        pytest.param([("    return inner", '    "not a docstring"\n    return inner')], id="statement"),
        pytest.param([("[1, 2]", "[1, 2.0]")], id="type of a constant"),
        pytest.param([("work(x:", "work(w:"), ("inner(x)", "inner(w)")], id="name of a parameter"),
        pytest.param([("\ndef work", "\nasync def work"), ("return work", "return await work")], id="async"),
    ],
)
def test_an_edit_of_code_annotations_or_defaults_runs_it_again(project: Project, edits: list[tuple[str, str]]) -> None:
    # LGC-01
    assert project.run(WORK) == ["work"]
    assert project.run(edited(WORK, *edits)) == ["work"]
    assert project.run(edited(WORK, *edits)) == []


def test_going_back_to_earlier_code_runs_it_again(project: Project) -> None:  # LGC-08
    later = edited(WORK, ("z + 1", "z + 2"))
    assert [project.run(text) for text in (WORK, WORK, later, WORK, WORK)] == [["work"], [], ["work"], ["work"], []]


def test_without_source_a_function_is_known_by_its_bytecode(project: Project) -> None:  # LGC-01
    def run(text: str) -> list[str]:
        return project.run(text, source=False)

    assert run(WORK) == ["work"]
    assert run(edited(WORK, ("\ndef same", "\n\nUNRELATED = 1\n\ndef same"), ("z + 1", "(z  # one more\n + 1)"))) == []
    for edit in (("z + 1", "z + 2"), ("z + 1", "z - 1"), ("[1, 2]", "[1, str(2)]")):
        assert run(edited(WORK, edit)) == ["work"]
        assert run(edited(WORK, edit)) == []


FORMS: dict[str, str] = {
    "method": """
        class A:
            @coco.fn(memo=True)
            def f(self, x):
                ran.append("f")
                return VALUE
            def __coco_memo_key__(self): return 1
        f = A().f
    """,
    "static method": """
        class A:
            @staticmethod
            @coco.fn(memo=True)
            def f(x):
                ran.append("f")
                return VALUE
        f = A.f
    """,
    "class method": """
        class A:
            @classmethod
            @coco.fn(memo=True)
            def f(cls, x):
                ran.append("f")
                return VALUE
        f = A.f
    """,
    "closure": """
        def make():
            y = 1
            @coco.fn(memo=True)
            def f(x):
                ran.append("f")
                return VALUE, y
            return f
        f = make()
    """,
    "lambda": """
        f = coco.fn(memo=True)(lambda x: ran.append("f") or VALUE)
    """,
    "one of two lambdas in a line": """
        f, g = coco.fn(memo=True)(lambda x: ran.append("f") or VALUE), coco.fn(memo=True)(lambda x: 5)
    """,
    "nested function": """
        @coco.fn(memo=True)
        def f(x):
            ran.append("f")
            def inner():
                return VALUE
            return inner()
    """,
    "nested class": """
        @coco.fn(memo=True)
        def f(x):
            ran.append("f")
            class Prompt:
                "VALUE"
            return Prompt.__doc__
    """,
    "wrapped function": """
        def loud(f):
            @functools.wraps(f)
            def wrapper(*args): return f(*args)
            return wrapper
        @coco.fn(memo=True)
        @loud
        def f(x):
            ran.append("f")
            return VALUE
    """,
    "decorated twice": """
        @coco.fn(memo=True)
        @coco.fn
        def f(x):
            ran.append("f")
            return VALUE
    """,
    "as_async": """
        @coco.fn.as_async(memo=True)
        def g(x):
            ran.append("f")
            return VALUE
        def f(x): return g(x)
    """,
    "a condition": """
        if VALUE == 1:
            @coco.fn(memo=True)
            def f(x):
                ran.append("f")
                return 1
        else:
            @coco.fn(memo=True)
            def f(x):
                ran.append("f")
                return 2
    """,
    "without a file": """
        exec('''
        @coco.fn(memo=True)
        def f(x):
            ran.append("f")
            return VALUE in {"a", "b", "c"}
        '''.replace("\\n        ", "\\n"), globals())
    """,
    "callee": """
        @coco.fn
        def g(): return VALUE
        @coco.fn(memo=True)
        def f(x):
            ran.append("f")
            return g()
    """,
    "callee of a memoized callee": """
        @coco.fn
        def h(): return VALUE
        @coco.fn(memo=True)
        def g(): return h()
        @coco.fn(memo=True)
        def f(x):
            ran.append("f")
            return g()
    """,
    "callback argument": """
        @coco.fn
        def g(): return VALUE
        @coco.fn(memo=True)
        def h(callback):
            ran.append("f")
            return callback()
        def f(x): return h(g)
    """,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_function_is_tracked(project: Project, form: str) -> None:
    # LGC-01, LGC-05, FN-02
    call = "await f(1)" if form == "as_async" else "f(1)"

    def written(value: int) -> str:
        return pipeline(FORMS[form].replace("VALUE", str(value)), call)

    assert not both(project, written(1), written(1))
    project.bench.crash()
    _, ran = project.update(written(2))
    assert ran == ["f"]


UNSEEN = {
    "global": """
        y = VALUE
        @coco.fn(memo=True)
        def f(x):
            ran.append("f")
            return y
    """,
    "undecorated helper": """
        def helper(): return VALUE
        @coco.fn(memo=True)
        def f(x):
            ran.append("f")
            return helper()
    """,
    "argument of another decorator": """
        def tagged(n): return lambda f: f
        @coco.fn(memo=True)
        @tagged(VALUE)
        def f(x):
            ran.append("f")
            return x
    """,
    "callee that tracks nothing": """
        @coco.fn
        def h(): return VALUE
        @coco.fn(logic_tracking=None)
        def g(): return h() + VALUE
        @coco.fn(memo=True)
        def f(x):
            ran.append("f")
            return g()
    """,
    "callee of a callee that tracks itself": """
        @coco.fn
        def h(): return VALUE
        @coco.fn(logic_tracking="self")
        def g(): return h()
        @coco.fn(memo=True)
        def f(x):
            ran.append("f")
            return g()
    """,
    "itself without tracking": """
        @coco.fn(memo=True, logic_tracking=None)
        def f(x):
            ran.append("f")
            return VALUE
    """,
    "body with a version": """
        @coco.fn(memo=True, version=1)
        def f(x):
            ran.append("f")
            return VALUE
    """,
    "body with a version and dependencies": """
        @coco.fn(memo=True, version=1, deps=1)
        def f(x):
            ran.append("f")
            return VALUE
    """,
}


@pytest.mark.parametrize("what", UNSEEN)
def test_what_is_not_tracked_is_not_seen(project: Project, what: str) -> None:
    # LGC-02, LGC-03, LGC-05
    assert not both(project, pipeline(UNSEEN[what].replace("VALUE", "1")), pipeline(UNSEEN[what].replace("VALUE", "2")))


# --- version and deps ---


BASE = """
    @coco.fn(memo=True)
    def f(x):
        ran.append("f")
        return x + 1
"""


@pytest.mark.parametrize(
    ("before", "after", "again"),
    [
        ("version=1", "version=2", True),
        ("deps={'a': 1, 'b': 2}", "deps={'b': 2, 'a': 1}", False),
        ("deps={'a': 1, 'b': [2]}", "deps=dict(b=[2], a=1)", False),
        ("deps={'a': 1}", "deps={'a': 2}", True),
        ("deps={'a': [1]}", "deps={'a': [2]}", True),
        ("deps=[]", "deps=None", True),
        ("version=1", "version=None", True),
        ("version=1, deps=1", "version=1", True),
        ("deps=None", "logic_tracking='full'", False),
        ("deps=1", "logic_tracking='full'", True),
        ("version=1, deps=1", "version=1, deps=1", False),
        ("version=1, deps=1", "version=2, deps=1", True),
        ("version=1, deps=1", "version=1, deps=2", True),
        ("logic_tracking='self', deps=1", "logic_tracking='self', deps=2", True),
        ("version=1, logic_tracking='self'", "version=2, logic_tracking='self'", True),
    ],
)
def test_version_and_deps_stand_for_logic(project: Project, before: str, after: str, again: bool) -> None:
    # LGC-03
    assert (
        both(project, *(pipeline(BASE.replace("memo=True", f"memo=True, {one}")) for one in (before, after))) == again
    )


def test_code_counts_beside_its_dependencies(project: Project) -> None:
    # LGC-03
    one = pipeline(BASE.replace("memo=True", "memo=True, deps=1"))
    assert both(project, one, one.replace("x + 1", "x + 2"))


def test_deps_are_looked_at_once_when_decorating(project: Project) -> None:
    # LGC-03
    source = """
        settings = {"a": 1}
        @coco.fn(memo=True, deps=settings)
        def f(x):
            ran.append("f")
            return x
        settings["a"] = VALUE
        g = f.as_async
    """
    assert not both(
        project, pipeline(source.replace("VALUE", "1")), pipeline(source.replace("VALUE", "2"), "await g(1)")
    )


# --- scripts ---


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
def test_a_script_and_its_module_share_their_entries(project: Project, order: tuple[str, str]) -> None:  # LGC-09
    first, second = order
    assert project.run(SCRIPT, run_as=first) == ["work"]
    assert project.run(SCRIPT, run_as=second) == []


@pytest.mark.parametrize("run_as", ["__main__", None])
def test_another_script_has_entries_of_its_own(project: Project, run_as: str | None) -> None:  # LGC-09
    assert project.run(SCRIPT, run_as="__main__") == ["work"]
    assert project.run(SCRIPT, name="another", run_as=run_as) == ["work"]


PRINTING = """
import sys, json
import cocoindex_sim as coco
@coco.fn(memo=True)
def f(x):
    return x in {"a", "b", "c", 1, None}
exec("@coco.fn\\ndef g(x): return x in {'a', 'b', 'c', 1, None}")
def h(x): pass
class Argument: pass
if __name__ == "__main__":
    print(json.dumps([f.logic.hex(), g.logic.hex(), f.identity.hex(), coco.memo_fingerprint(h).hex(),
                      coco.memo_fingerprint(Argument()).hex()]))
"""


def test_a_script_and_its_module_have_one_fingerprint_in_every_process(tmp_path: Path) -> None:
    # LGC-01, LGC-09
    script = tmp_path / "pipeline.py"
    script.write_text(PRINTING)
    as_module = "import json, pipeline; exec(open(pipeline.__file__).read().split('if __name__')[1].split(':', 1)[1].strip(), vars(pipeline))"

    def printed(*command: str, seed: str) -> list[str]:
        path = os.pathsep.join([str(Path(coco.__file__).parents[1]), str(tmp_path)])
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
        done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=True)
        found: list[str] = json.loads(done.stdout)
        return found

    runs = [printed(str(script), seed="0"), printed(str(script), seed="1"), printed("-c", as_module, seed="2")]
    assert runs[0] == runs[1] == runs[2]
    assert len(set(runs[0])) == 5


# --- within one process: notebooks, reloading ---


def test_a_function_that_is_defined_again_ends_the_former_one(project: Project) -> None:
    # LGC-04: as a notebook cell that is run again, or importlib.reload
    module = project.load(pipeline(BASE))
    app = project.bench.app(module.main)
    assert project.bench.update(app) == 2
    exec(compile(module.__dict__["__spec__"].loader.get_source("pipeline"), str(project.path), "exec"), module.__dict__)
    gc.collect()
    assert project.bench.update(app) == 2
    assert module.ran == []  # the same text: nothing runs
    project.path.write_text(project.path.read_text().replace("x + 1", "x + 2"))
    exec(compile(project.path.read_text(), str(project.path), "exec"), module.__dict__)
    gc.collect()
    app2 = project.bench.app(module.main, name="app2")
    assert project.bench.update(app2) == 3
    del app
    gc.collect()
    assert project.bench.update(project.bench.app(module.main)) == 3


def test_a_file_edited_while_the_process_runs_changes_nothing(project: Project) -> None:
    # LGC-01: the fingerprint is of the text the function was made from
    module = project.load(pipeline(BASE))
    project.path.write_text("# another file altogether\n" * 30)
    linecache.checkcache()
    project.bench.update(project.bench.app(module.main))
    project.bench.crash()
    module = project.load(pipeline(BASE))
    project.bench.update(project.bench.app(module.main))
    assert module.ran == []


class Tracked:
    def __init__(self, logic: bytes) -> None:
        self.logic = logic


def test_the_registry_offers_a_fingerprint_as_long_as_any_function_has_it() -> None:
    # LGC-04
    outer = LogicRegistry()
    registry = LogicRegistry(outer)
    one, same, other = Tracked(b"1"), Tracked(b"1"), Tracked(b"2")
    for function in (one, same, other):
        registry.register(function)
    elsewhere = Tracked(b"3")
    outer.register(elsewhere)
    assert registry.offers([b"1", b"2", b"3"])
    assert not outer.offers([b"1"])
    del one
    assert registry.offers([b"1"])
    del same
    assert not registry.offers([b"1"])
    assert registry.offers([b"2"])
    assert registry.offers([])
    late = Tracked(b"4")
    registry.register(late)
    del late
    assert not registry.offers([b"4"])


# --- the fingerprint itself ---


def test_an_expression_of_any_length_is_tracked(tmp_path: Path) -> None:
    # LGC-01
    def fingerprint(last: int) -> bytes:
        path = tmp_path / f"long{last}.py"
        path.write_text(f"def f():\n    return {' + '.join(['1'] * 900 + [str(last)])}\ndef g(): return 2\n")
        namespace: dict[str, Any] = {"__name__": "long"}
        exec(compile(path.read_text(), str(path), "exec"), namespace)
        assert logic_fingerprint(namespace["g"], None, None)
        found: bytes = logic_fingerprint(namespace["f"], None, None)
        return found

    assert fingerprint(1) != fingerprint(2)
    assert fingerprint(1) == fingerprint(1)


def test_text_that_does_not_parse_is_not_an_error() -> None:
    assert functions_by_line("def f(:\n") == {}


def test_functions_of_no_file_have_no_lines() -> None:
    assert source_lines(len) == []
    namespace: dict[str, Any] = {"__name__": "nowhere"}
    exec(compile("def f(): pass", "<nowhere>", "exec"), namespace)
    assert source_lines(namespace["f"]) == []


@pytest.mark.parametrize("make", [lambda: coco.fn(memo=True)(lambda x: x), lambda: coco.fn(version=1)(lambda x: x)])
def test_decorating_reads_but_does_not_parse(make: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ast.parse", None)
    assert make() is not None
