"""Write `docs/reference/plugin.md`: the options of the plugin, its marker and its fixtures, from their declarations.

python tools/plugin_reference.py [--check]
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator

from _page import ROOT, make_page

from pytest_coco import _fixtures, hookspecs
from pytest_coco._options import TABLE
from pytest_coco._profiles import PROFILES

PAGE = ROOT / "docs" / "reference" / "plugin.md"
PUBLIC = [name for name in _fixtures.__all__ if name.startswith("coco_") and name != "coco_run"]

TOP = """\
# The plugin

Installed with the package; `-p no:coco` leaves it out. Made by `python tools/plugin_reference.py`.

## Options

What a command line says goes before a marker, that before a scenario, that before the ini file, and that before the
profile. The header of a session shows what came of it.

| option | in the ini file | may be said of one test | |
|---|---|---|---|
"""

MIDDLE = """
`coco_scenario_paths`, in the ini file alone, is where `--coco-scenarios` looks when no path is given: `scenarios`
unless set.

## Profiles

| profile | tries |
|---|---|
"""

MARKER_AND_FIXTURES = """
## The marker

`@pytest.mark.coco(runs=20, seed=7)` gives options to one test, to a class or, as `pytestmark`, to a module: those that
may be said of one test. A number of `runs` makes that many tests of one, after a first in asyncio's own order.

## Fixtures

Sync, one for each test, and all about one world. A test that takes them is a plain `def`.

| fixture | is a | |
|---|---|---|
"""

HOOKS = """
What they can be asked for: [handles](handles.md).

## Hooks

For a `conftest.py` or another plugin; each takes only the arguments it needs.

| hook | |
|---|---|
"""


def main() -> None:
    make_page(__doc__ or "", PAGE, lambda: "".join(parts()))


def parts() -> Iterator[str]:
    """The page, piece by piece."""
    yield TOP
    for each in TABLE:
        flag = f"`{each.flag}`, `{each.no_flag}`" if each.kind.is_flag else f"`{each.flag}={each.kind.metavar}`"
        yield row(flag, f"`{each.ini}`", "yes" if each.is_per_test else "", each.help)
    yield MIDDLE
    yield from (row(f"`{name}`", str(profile)) for name, profile in PROFILES.items())
    yield MARKER_AND_FIXTURES
    yield from (row(f"`{name}`", f"`{kind}`", about) for name, kind, about in fixtures())
    yield HOOKS
    for name in hookspecs.__all__:
        hook = getattr(hookspecs, name)
        parameters = ", ".join(inspect.signature(hook).parameters)
        yield row(f"`{name}({parameters})`", " ".join((inspect.getdoc(hook) or "").split()))


def fixtures() -> Iterator[tuple[str, str, str]]:
    """Name, class and first paragraph of each fixture, as its source has them: pytest hides the functions."""
    for node in ast.parse(inspect.getsource(_fixtures)).body:
        if isinstance(node, ast.FunctionDef) and node.name in PUBLIC:
            assert node.returns is not None
            kind = ast.unparse(node.returns).removeprefix("Iterator[").removesuffix("]")
            yield node.name, kind, " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())


def row(*cells: str) -> str:
    """A row of a table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


if __name__ == "__main__":
    main()
