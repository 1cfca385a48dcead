"""Goal: an edit of tracked code, and nothing else, makes stored results run again."""

from __future__ import annotations

import gc
import importlib.util
import json
import linecache
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import cocoindex_sim as coco
from cocoindex_sim.engine._logic import LogicRegistry, logic_fingerprint, source_lines
from cocoindex_sim.engine._logic import _functions_by_line as functions_by_line

from .bench import Bench

HEAD = "import functools\nimport cocoindex_sim as coco\nran = []\n\n"


class Project:
    """A pipeline file that is edited between two lives of a process. `main` is its root function, `ran` what ran."""

    def __init__(self, bench: Bench, directory: Path) -> None:
        self.bench = bench
        self.path = directory / "pipeline.py"
        self.module: ModuleType | None = None

    def load(self, source: str) -> ModuleType:
        """Write the file and execute it in the present process."""
        self.path.write_text(HEAD + textwrap.dedent(source))
        spec = importlib.util.spec_from_file_location("pipeline", self.path)
        assert spec is not None
        assert spec.loader is not None
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)
        return self.module

    def run(self, source: str) -> Any:
        """What one update returns and runs, in a process of its own over the same store."""
        if self.module is not None:
            self.bench.crash()
        module = self.load(source)
        result = self.bench.update(self.bench.app(module.main))
        return result, module.ran


@pytest.fixture
def project(bench: Bench, tmp_path: Path) -> Iterator[Project]:
    yield Project(bench, tmp_path)
    linecache.checkcache()


def both(project: Project, before: str, after: str) -> bool:
    """Whether the edit makes `f` run again."""
    (_, ran), (_, again) = project.run(before), project.run(after)
    assert ran == ["f"]
    return bool(again)


def pipeline(body: str, call: str = "f(1)") -> str:
    return textwrap.dedent(body) + f"\n@coco.fn\nasync def main():\n    return {call}\n"


BASE = """
    @coco.fn(memo=True)
    def f(x):
        ran.append("f")
        return x + 1
"""

NO_EDITS = {
    "comment": """
        # says what it does
        @coco.fn(memo=True)
        def f(x):
            ran.append("f")  # and why
            return x + 1
    """,
    "docstring": """
        @coco.fn(memo=True)
        def f(x):
            '''Says what it does.'''
            ran.append("f")
            return x + 1
    """,
    "formatting": """
        @coco.fn(
            memo = True,
        )
        def f( x, ):
            ran.append( 'f' )

            return (
                x +
                1
            )
    """,
    "moved down": """
        def g(): pass
        y = 5


        @coco.fn(memo=True)
        def f(x):
            ran.append("f")
            return x + 1
    """,
    "another decorator": """
        def quiet(f): return f
        @coco.fn(memo=True)
        @quiet
        def f(x):
            ran.append("f")
            return x + 1
    """,
    "a decorator argument": """
        @coco.fn(memo=bool(1))
        def f(x):
            ran.append("f")
            return x + 1
    """,
    "more functions": """
        @coco.fn(memo=True)
        def f(x):
            ran.append("f")
            return x + 1
        @coco.fn
        def g(): pass
    """,
}

EDITS = {
    "body": """
        @coco.fn(memo=True)
        def f(x):
            ran.append("f")
            return x + 2
    """,
    "a constant of another type": """
        @coco.fn(memo=True)
        def f(x):
            ran.append("f")
            return x + 1.0
    """,
    "annotation": """
        @coco.fn(memo=True)
        def f(x: int):
            ran.append("f")
            return x + 1
    """,
    "default": """
        @coco.fn(memo=True)
        def f(x, y=1):
            ran.append("f")
            return x + 1
    """,
    "name of a parameter": """
        @coco.fn(memo=True)
        def f(y):
            ran.append("f")
            return y + 1
    """,
    "async": """
        @coco.fn(memo=True)
        async def f(x):
            ran.append("f")
            return x + 1
    """,
}


@pytest.mark.parametrize("edit", NO_EDITS)
def test_what_means_the_same_is_reused(project: Project, edit: str) -> None:
    # LGC-01, LGC-02, LGC-04
    assert not both(project, pipeline(BASE), pipeline(NO_EDITS[edit]))


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_runs_again(project: Project, edit: str) -> None:
    # LGC-01
    call = "await f(1)" if edit == "async" else "f(1)"
    assert both(project, pipeline(BASE), pipeline(EDITS[edit], call))


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
    _, ran = project.run(written(2))
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
}


@pytest.mark.parametrize("what", UNSEEN)
def test_what_is_not_tracked_is_not_seen(project: Project, what: str) -> None:
    # LGC-02, LGC-03, LGC-05
    assert not both(project, pipeline(UNSEEN[what].replace("VALUE", "1")), pipeline(UNSEEN[what].replace("VALUE", "2")))


def test_a_callee_that_tracks_itself_is_seen(project: Project) -> None:
    # LGC-05
    source = """
        @coco.fn(logic_tracking="self")
        def g(): return VALUE
        @coco.fn(memo=True)
        def f(x):
            ran.append("f")
            return g()
    """
    assert both(project, pipeline(source.replace("VALUE", "1")), pipeline(source.replace("VALUE", "2")))


@pytest.mark.parametrize(
    ("before", "after", "again"),
    [
        ("version=1", "version=2", True),
        ("deps={'a': 1, 'b': 2}", "deps={'b': 2, 'a': 1}", False),
        ("deps={'a': 1}", "deps={'a': 2}", True),
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


def test_reverting_an_edit_runs_again(project: Project) -> None:
    # LGC-08
    other = pipeline(BASE.replace("+ 1", "+ 2"))
    results = [project.run(source) for source in (pipeline(BASE), other, pipeline(BASE))]
    assert results == [(2, ["f"]), (3, ["f"]), (2, ["f"])]


def test_tracking_more_later_leaves_stored_results_alone(project: Project) -> None:
    # LGC-07
    untracked = BASE.replace("memo=True", "memo=True, logic_tracking=None")
    assert project.run(pipeline(untracked))[1] == ["f"]
    assert project.run(pipeline(BASE.replace("+ 1", "+ 5"))) == (2, [])


def test_a_callee_that_is_tracked_no_more_invalidates(project: Project) -> None:
    # LGC-04
    source = """
        DECORATOR
        def g(): return 1
        @coco.fn(memo=True)
        def f(x):
            ran.append("f")
            return g()
    """
    tracked, plain = (pipeline(source.replace("DECORATOR", text)) for text in ("@coco.fn", ""))
    assert [project.run(text)[1] for text in (plain, tracked, plain, tracked)] == [["f"], [], [], []]
    project.bench.crash()
    assert project.run(pipeline(BASE))[1] == ["f"]


def test_undecorating_a_recorded_callee_invalidates(project: Project) -> None:
    # LGC-04
    source = """
        DECORATOR
        def g(): return 1
        @coco.fn(memo=True)
        def f(x):
            ran.append("f")
            return g()
    """
    tracked, plain = (pipeline(source.replace("DECORATOR", text)) for text in ("@coco.fn", ""))
    assert [project.run(text)[1] for text in (tracked, plain, plain)] == [["f"], ["f"], []]


COMPONENTS = """
    @coco.fn(MEMO)
    async def child(x):
        ran.append("child")
        return VALUE
    @coco.fn(memo=True)
    async def f(x):
        ran.append("f")
        await coco.mount(coco.component_subpath("child"), child, x)
    """


@pytest.mark.parametrize("memo", ["memo=True", ""])
def test_a_memoized_parent_depends_on_what_it_mounts(project: Project, memo: str) -> None:
    # LGC-06
    def written(value: int) -> str:
        return pipeline(COMPONENTS.replace("MEMO", memo).replace("VALUE", str(value)), "await coco.use_mount(f, 1)")

    assert [sorted(project.run(written(value))[1]) for value in (1, 1, 2)] == [["child", "f"], [], ["child", "f"]]


def test_a_parent_that_ran_over_a_reused_child_depends_on_it_still(project: Project) -> None:
    # LGC-06, SE-02
    def written(value: int, parent: int) -> str:
        text = COMPONENTS.replace("MEMO", "memo=True").replace("VALUE", str(value)).replace('"f"', f'"f{parent}"')
        return pipeline(text, "await coco.use_mount(f, 1)")

    runs = [sorted(project.run(written(*edit))[1]) for edit in ((1, 1), (1, 2), (2, 2))]
    assert runs == [["child", "f1"], ["f2"], ["child", "f2"]]


@pytest.mark.parametrize("is_async", [False, True])
def test_a_caller_that_ran_over_a_reused_callee_depends_on_all_it_does(project: Project, is_async: bool) -> None:
    # SE-02
    def written(value: int, caller: int) -> str:
        prefix, wait = ("async ", "await ") if is_async else ("", "")
        return pipeline(
            f"""
            @coco.fn
            def h(): return {value}
            @coco.fn(memo=True)
            {prefix}def g():
                ran.append("g")
                return h()
            @coco.fn(memo=True)
            {prefix}def f(x):
                ran.append("f{caller}")
                return {wait}g()
            """,
            f"{wait}f(1)",
        )

    runs = [project.run(written(*edit)) for edit in ((1, 1), (1, 2), (2, 2))]
    assert runs == [(1, ["f1", "g"]), (1, ["f2"]), (2, ["f2", "g"])]


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


SCRIPT = """
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


def test_a_script_and_its_module_share_results_in_every_process(tmp_path: Path) -> None:
    # LGC-01, LGC-09
    script = tmp_path / "pipeline.py"
    script.write_text(SCRIPT)
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


@pytest.mark.parametrize("make", [lambda: coco.fn(memo=True)(lambda x: x), lambda: coco.fn(version=1)(lambda x: x)])
def test_decorating_reads_but_does_not_parse(make: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ast.parse", None)
    assert make() is not None
