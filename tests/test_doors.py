# Goal: what a room shows at its door is what its modules mean to show, spelled out name by name.

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted(path for package in ("cocoindex_sim", "pytest_coco") for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
TOOLS = sorted((ROOT / "tools").rglob("*.py"))
ROOMS = sorted({path.parent for path in FILES})
DOORS = [path for path in FILES if path.name == "__init__.py" or not path.name.startswith("_")]
MODULES = [path for path in FILES if path.name.startswith("_") and path.name != "__init__.py"]


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def declared(path: Path) -> list[str] | None:
    """The module's `__all__`, or None without one."""
    for node in parsed(path).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return None


@cache
def own_imports(path: Path) -> list[tuple[Path, ast.alias]]:
    """Every name a file takes from a file of these packages, wherever in it that is written."""
    found: list[tuple[Path, ast.alias]] = []
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom):
            start = path.parents[node.level - 1] if node.level else ROOT
            base = start.joinpath(*(node.module or "").split("."))
            source = base.with_suffix(".py") if base.with_suffix(".py").is_file() else base / "__init__.py"
            found += ((source, alias) for alias in node.names)
    return found


@pytest.mark.parametrize("module", MODULES, ids=shown)
def test_a_module_behind_a_door_says_in_order_what_it_shows(module: Path) -> None:
    names = declared(module)
    assert names is not None, "no __all__"
    assert names == sorted(set(names), key=_ruff_order)
    defined = {name for node in parsed(module).body for name in _defines(node)}
    assert set(names) <= defined


@pytest.mark.parametrize("module", MODULES, ids=shown)
def test_a_function_a_module_shows_is_used_by_another_file(module: Path) -> None:
    names = set(declared(module) or ())
    functions = {node.name for node in parsed(module).body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    others = (path for path in (*FILES, *TESTS, *TOOLS) if path != module)
    used = {alias.name for path in others for source, alias in own_imports(path) if source == module}
    assert (names & functions) - used == set()


@pytest.mark.parametrize("door", DOORS, ids=shown)
def test_a_door_shows_only_what_the_module_shows(door: Path) -> None:
    for source, alias in own_imports(door):
        assert alias.name != "*"
        # The package's own door may rename (the public name is CocoIndex's), and a private name is its own affair.
        if alias.asname is not None and not alias.asname.startswith("_"):
            assert alias.asname == alias.name or door.parent.parent == ROOT
            if source.name != "__init__.py":
                assert alias.name in (declared(source) or ()), f"{alias.name} is not in __all__ of {shown(source)}"
    names = declared(door)
    if names is not None:
        assert set(names) <= {name for node in parsed(door).body for name in _defines(node)}


@pytest.mark.parametrize("room", ROOMS, ids=shown)
def test_a_room_says_what_it_is(room: Path) -> None:
    docstring = ast.get_docstring(parsed(room / "__init__.py"))
    assert docstring is not None
    assert len(docstring.partition("\n")[0]) > len("x.")


@pytest.mark.parametrize("module", MODULES, ids=shown)
def test_every_name_shown_has_a_docstring(module: Path) -> None:
    names = set(declared(module) or ())
    bare = [
        node.name
        for node in parsed(module).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and node.name in names
        and ast.get_docstring(node) is None
        and not any(ast.unparse(decorator).endswith("overload") for decorator in node.decorator_list)
    ]
    assert bare == []


def _ruff_order(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest: the order ruff sorts `__all__` in."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


def _defines(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.ImportFrom(names=aliases) | ast.Import(names=aliases):
            yield from (alias.asname or alias.name for alias in aliases)
        case ast.Assign(targets=targets):
            yield from (target.id for part in targets for target in ast.walk(part) if isinstance(target, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name
        case ast.If(body=body, orelse=orelse) | ast.Try(body=body, orelse=orelse):
            for inner in (*body, *orelse):
                yield from _defines(inner)
