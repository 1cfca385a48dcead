# Goal: the parity page says of each name of the reference what is true of ours.

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

TOOLS = Path(__file__).resolve().parent.parent / "tools"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return load("api_parity")


@pytest.fixture
def surface(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """The surface of a package made of these files."""
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    monkeypatch.syspath_prepend(tmp_path)
    tool = load("_api_surface")

    def of(package: str, files: dict[str, str]):
        for name, text in files.items():
            path = tmp_path / package / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tool.surface(package)

    return of


def test_the_surface_is_public_names_with_signatures_and_members(surface) -> None:
    found = surface(
        "example_reference",
        {
            "__init__.py": "from ._app import App, run, TIMEOUT\n__all__ = ['App', 'run', 'TIMEOUT']\n",
            "_app.py": """
import enum
class Base:
    def stop(self): ...
class App(Base):
    def __init__(self, name: str, /, *, retries: int = 3, _hidden=None): ...
    @classmethod
    def make(cls, text: str = 'x') -> 'App': ...
    @property
    def name(self): ...
    async def update(self, marker=object()): ...
    def _private(self): ...
async def run(*args, **kwargs): ...
TIMEOUT = 5
""",
            "connectors/files.py": """
import os
from example_reference import App
def walk(path): ...
def _stat(path): ...
""",
            "connectors/broken.py": "raise ImportError('needs example[broken]\\nmore')\n",
        },
    )

    def member(kind: str, signature: str | None) -> dict[str, object]:
        return {"kind": kind, "signature": signature, "members": {}}

    assert found == {
        "": {
            "error": None,
            "names": {
                "App": {
                    "kind": "class",
                    "signature": "(name, /, *, retries=3)",
                    "members": {
                        "make": member("method", "(text='x')"),
                        "name": member("attribute", None),
                        "stop": member("method", "()"),
                        "update": member("async method", "(marker=...)"),
                    },
                },
                "TIMEOUT": member("value", None),
                "run": member("async function", "(*args, **kwargs)"),
            },
        },
        "connectors": {"error": None, "names": {}},
        "connectors.broken": {"error": "needs example[broken]", "names": {}},
        "connectors.files": {
            "error": None,
            "names": {
                "App": found["connectors.files"]["names"]["App"],
                "walk": member("function", "(path)"),
            },
        },
    }


def function(signature: str) -> dict[str, object]:
    return {"kind": "function", "signature": signature, "members": {}}


def plan(tool: ModuleType, **known):
    empty = {
        "milestones": {},
        "internal": frozenset(),
        "constructors": frozenset(),
        "accepted": {},
        "skipped": {},
    }
    return tool.Plan(**(empty | known))


def compare(tool: ModuleType, reference: dict[str, object], ours: dict[str, object], **known):
    comparison = tool.Comparison(
        {"": {"error": None, "names": reference}}, {"": {"error": None, "names": ours}}, plan(tool, **known)
    )
    ((name, rows),) = comparison.modules()
    assert name == "cocoindex"
    return comparison, {row.name: row.here for row in rows}


def test_names_are_same_or_differ(tool: ModuleType) -> None:
    reference = {"a": function("(x)"), "b": function("(x)"), "c": function("(x)"), "d": function("(x)")}
    ours = {
        "a": function("(x)"),
        "b": function("(x, y=1)"),
        "c": {"kind": "async function", "signature": "(x)", "members": {}},
        "d": function("(z)"),
    }
    _, rows = compare(tool, reference, ours, accepted={"cocoindex:d": "a better name"})
    assert rows == {
        "a": "same",
        "b": "differs: `function (x, y=1)`",
        "c": "differs: `async function (x)`",
        "d": "accepted: `function (z)`, a better name",
    }


def test_a_member_is_compared_like_a_name(tool: ModuleType) -> None:
    def app(*members: str) -> dict[str, object]:
        methods = {name: {"kind": "method", "signature": "()", "members": {}} for name in members}
        return {"App": {"kind": "class", "signature": "(handle)", "members": methods}}

    comparison, rows = compare(
        tool, app("drop", "show", "update"), app("update"), milestones={"cocoindex:App.show": "0.3"}
    )
    assert rows == {"App": "same", "App.drop": "differs: absent", "App.show": "planned for 0.3", "App.update": "same"}
    assert comparison.unplanned == ["cocoindex:App.drop"]


def test_a_constructor_nobody_calls_may_differ(tool: ModuleType) -> None:
    handle = {"kind": "class", "signature": "(core)", "members": {}}
    _, rows = compare(
        tool,
        {"Handle": handle},
        {"Handle": handle | {"signature": "(run)"}},
        constructors=frozenset({"cocoindex:Handle"}),
    )
    assert rows == {"Handle": "same"}


def test_what_is_absent_needs_a_release_and_what_is_there_must_not_have_one(tool: ModuleType) -> None:
    comparison, rows = compare(
        tool,
        {"a": function("()"), "b": function("()"), "c": function("()"), "d": function("()")},
        {"d": function("()")},
        milestones={"cocoindex:a": "later", "cocoindex:d": "0.2"},
        internal=frozenset({"cocoindex:b"}),
    )
    assert rows == {"a": "later", "b": "internal to CocoIndex", "c": "differs: absent", "d": "same"}
    assert comparison.unplanned == ["cocoindex:c"]
    assert comparison.unused() == ["cocoindex:d"]


def test_a_module_that_is_absent_is_planned_as_a_whole(tool: ModuleType) -> None:
    reference = {
        "cli": {"error": None, "names": {"main": function("()")}},
        "connectors.kafka": {"error": None, "names": {"topic": function("()")}},
        "connectors.s3": {"error": "needs s3", "names": {}},
        "resources": {"error": None, "names": {}},
    }
    comparison = tool.Comparison(
        reference,
        {"connectors.kafka": {"error": "comes with 0.5", "names": {}}},
        plan(
            tool,
            milestones={"cocoindex.connectors.kafka": "0.5", "cocoindex.connectors.s3": "later"},
            skipped={"cocoindex.cli": "a program"},
        ),
    )
    assert list(comparison.modules()) == [
        ("cocoindex.cli", "Not compared: a program."),
        ("cocoindex.connectors.kafka", [tool.Row("topic", "function ()", "planned for 0.5")]),
        ("cocoindex.connectors.s3", "Not inspected, because its extra is not installed. Here: later."),
    ]
    assert comparison.unplanned == comparison.unused() == []


def test_a_plan_that_names_a_thing_twice_is_refused(tool: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text('[milestones]\n"0.2" = ["cocoindex:a"]\nlater = ["cocoindex:a"]\n')
    with pytest.raises(tool.ParityError, match=r"'cocoindex:a' waits for '0\.2' and for 'later'"):
        tool.Plan.load(path)


def test_the_page_escapes_what_would_break_a_table(tool: ModuleType) -> None:
    text = tool.page_text("1.0", [("cocoindex", [tool.Row("a", "function (x='|')", "same")])])
    assert "| `a` | `function (x='\\|')` | same |" in text
    assert "| same | 1 |" in text
