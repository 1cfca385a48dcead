"""Write `docs/reference/contracts.md`: hooks, capabilities and checks of the contract classes, from their docstrings.

python tools/contract_reference.py [--check]
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator

from _page import ROOT, make_page

from pytest_coco import contracts
from pytest_coco.contracts import Contract

PAGE = ROOT / "docs" / "reference" / "contracts.md"
CLASSES: tuple[type[Contract], ...] = (
    contracts.LiveMapViewContract,
    contracts.LiveMapFeedContract,
    contracts.LiveStreamContract,
    contracts.TargetContract,
    contracts.StateStoreContract,
)

TOP = """\
# Contract classes

Classes to inherit, from `pytest_coco.contracts`: you write a few hooks, and the whole protocol of your connector is
checked. [The tutorial](../tutorial.md) begins with one. Made by `python tools/contract_reference.py`.

A check is a test method, so markers, fixtures, `-k` and what else pytest has work as ever. It is tried in asyncio's own
order, and then in others that are drawn from a seed, each in [a world of its own](world.md): files, time and chance of
your code and of your hooks are the world's. How often, the options of [the plugin](plugin.md) and the marker `coco`
say, and else `runs`.

What it finds it says as a fact, with what to do about it, how to repeat it, and what happened. A table at the end of
the session counts what is kept, broken and bypassed; `--coco-conformance=FILE` writes it as Markdown, `--coco-report`
has it too, and JUnit files have it as properties of each test. The rules that it names are those of
[the contract](../contract.md).

## All of them
"""

OWN = """
## Checks of your own

A method that is decorated by `claim` is one more check. It drives a `Stage`: it does something, lets time pass, and
looks. A `Source` is what the checks of views and feeds change and follow.

```python
# polite_views.py
from pytest_coco.contracts import LiveMapViewContract, Source, Stage, claim


class PoliteViewContract(LiveMapViewContract):
    questions = 0  # `make` counts here what its view asks

    @claim()
    def test_it_asks_once_a_minute(self, stage: Stage) -> None:
        watch = Source(stage, self).follow()
        before = self.questions
        stage.let(60)
        if self.questions > before + 1:
            stage.broken("it has asked more than once within a minute", "wait longer before you ask again")
        watch.cancel()
```

`rejections(TestMine)` gives what a class finds, by check, without pytest around it: for tests of connectors that are
broken on purpose, and of checks of your own.
"""


def main() -> None:
    make_page(__doc__ or "", PAGE, lambda: "".join(parts()))


def parts() -> Iterator[str]:
    """The page, piece by piece."""
    yield f"{TOP}\n{inspect.getdoc(Contract)}\n"
    yield from members(Contract, [Contract])
    for each in CLASSES:
        yield f"\n## `{each.__name__}`\n\n{inspect.getdoc(each)}\n"
        own = [one for one in each.__mro__ if issubclass(one, Contract) and one is not Contract]
        yield from members(each, own[::-1])
        yield "\n| check | | rules |\n|---|---|---|\n"
        for name, (_, claim) in contracts.claims(each).items():
            text = " ".join((inspect.getdoc(getattr(each, name)) or "").split())
            needs = f" Without `{claim.needs}` it is left out." if claim.needs else ""
            yield row(name.removeprefix("test_").replace("_", " "), text + needs, ", ".join(claim.rules))
    yield OWN


def members(contract: type[Contract], own: list[type[Contract]]) -> Iterator[str]:
    """What an author writes, and what may be set."""
    hooks = {
        name: function
        for each in own
        for name, function in vars(each).items()
        if inspect.isfunction(function) and not name.startswith(("_", "test_")) and name != "subscriber"
    }
    yield "\n| hook | |\n|---|---|\n"
    for name in hooks:
        function = getattr(contract, name)
        parameters = ", ".join(list(inspect.signature(function).parameters)[1:])
        yield row(f"`{name}({parameters})`", " ".join((inspect.getdoc(function) or "").split()))
    settings = {name: text for each in own for name, text in documented(each).items()}
    yield "\n| set in the class | |\n|---|---|\n"
    for name, text in settings.items():
        yield row(f"`{name} = {getattr(contract, name)!r}`", text)


def documented(contract: type[Contract]) -> dict[str, str]:
    """The class variables that have a docstring of their own."""
    body = ast.parse(textwrap.dedent(inspect.getsource(contract))).body[0]
    assert isinstance(body, ast.ClassDef)
    return {
        before.target.id: " ".join(after.value.value.split())
        for before, after in zip(body.body, body.body[1:], strict=False)
        if isinstance(before, ast.AnnAssign)
        and isinstance(before.target, ast.Name)
        and not before.target.id.startswith("_")
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
        and isinstance(after.value.value, str)
    }


def row(*cells: str) -> str:
    """A row of a table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


if __name__ == "__main__":
    main()
