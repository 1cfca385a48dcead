"""What all contract classes share: capabilities, the hooks around a run, and how often a check is tried."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Final, NoReturn

import pytest

from cocoindex_sim.world import World

from .._limits import limits_of
from .._long_failure import LongFailure
from .._marker import marker_values, options_of
from .._options import LAYERS, Options
from .._seeds import derived_seed, seed_name
from .._session import teller
from .._traces import run_name, write_trace
from ._broken import HookUnusable
from ._flags import flag_mistake
from ._text import failure_text
from ._try import Check, try_check

__all__ = ["Claim", "Contract", "claim", "claims", "rejections"]

_HERE: Final = __name__.rpartition(".")[0]
_TOLD: Final = pytest.StashKey[dict[tuple[type, str], str]]()
"""Which test of a class told what is the same for all of them."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a check is about: rules of CocoIndex's protocol, and the capability without which it is not made."""

    rules: tuple[str, ...]
    needs: str = ""
    crashes: bool = False
    """Whether it is tried again with its process killed after one of its durable steps, for each of them."""


def claim(*rules: str, needs: str = "", crashes: bool = False) -> Callable[[Check], Callable[[Any], None]]:
    """Make a check of a function that drives a stage: a test method that tries it as often as it is to be tried."""

    what = Claim(rules, needs, crashes)

    def decorate(check: Check) -> Callable[[Any], None]:
        def test(self: Contract) -> None:
            self._try(check, what)

        test.__name__, test.__qualname__, test.__doc__ = check.__name__, check.__qualname__, check.__doc__
        test.__module__ = check.__module__
        test.coco_claim = check, what  # type: ignore[attr-defined]  # a function's attributes are free
        return test

    return decorate


class Contract:
    """What the classes to inherit have in common. Inherit one of those, and name yours `Test...`.

    Before each run `open` is called, on a copy of the test's object, so that hooks can keep what they need on `self`;
    after it `close`. Hooks may be `async def`. In a simulated run `self.world` is the world it happens in, and code of
    hooks and connector meets its clock, chance and files; `self.directory` is an empty directory.

    A capability that the connector does not have is switched off by its flag, with a reason in `bypass_reason`, which
    the conformance table shows.

    Attributes and methods of your own are free. Only a flag that means another one is refused: a bool whose name is
    like that of a flag there is, or shares a word with it, whose value is not what that flag has by itself, and which
    nothing in your file reads. A name that begins with an underscore is always yours.
    """

    real_io: ClassVar[bool] = False
    """Whether the connector needs sockets, threads or a database: then everything runs once, on the real loop, with a
    real directory, and no other order is explored."""
    within_s: ClassVar[float] = 30.0
    """How long a change may take to arrive: virtual seconds, unless `real_io`."""
    quiet_s: ClassVar[float | None] = None
    """After how long nothing more comes: longer than the connector waits before it looks again. None stands for 5
    virtual seconds, or 0.2 real ones."""
    runs: ClassVar[int] = 10
    """How many orders are tried besides asyncio's own, if nobody says otherwise and the profile does not try more."""
    bypass_reason: ClassVar[Mapping[str, str]] = {}
    """Why each capability that is switched off is: a sentence, by the name of the flag."""
    capabilities: ClassVar[tuple[str, ...]] = ()
    _made_has: ClassVar[tuple[str, ...]] = ()
    """The methods of what the hook `make` gives."""

    world: World
    directory: Path
    _request: pytest.FixtureRequest
    _tell: Callable[[str, object], None]
    """Puts something into the conformance table, and with it into JUnit files."""

    # -- hooks -----------------------------------------------------------------------------------------------------

    def open(self) -> Any:
        """Put an empty system in place for one run. May be async."""

    def close(self) -> Any:
        """Take it away. May be async."""

    # -- how a check is tried --------------------------------------------------------------------------------------

    @pytest.fixture(autouse=True)
    def _coco_contract(self, request: pytest.FixtureRequest) -> Iterator[None]:
        self._request = request
        self._tell = teller(request.node)
        self._tell("contract", next(each.__name__ for each in type(self).__mro__ if each.__module__.startswith(_HERE)))
        yield
        del self._request, self._tell

    def _try(self, check: Check, what: Claim) -> None:
        request = self._request
        options, nodeid = self._options(), request.node.nodeid
        self._tell("rules", " ".join(what.rules))
        if (mistake := flag_mistake(type(self))) is not None:
            self._fail_once(f"the flags of {type(self).__name__} are not right", mistake)
        if what.needs and not getattr(self, what.needs):
            self._tell("bypassed", self.bypass_reason[what.needs])
            pytest.skip(f"without {what.needs}: {self.bypass_reason[what.needs]}")
        tried = try_check(
            self,
            check,
            runs=options.runs,
            seed=derived_seed(options.seed, seed_name(request.node), 0),
            policy=options.policy,
            pct_depth=options.pct_depth,
            crashes=what.crashes,
            check_determinism=options.check_determinism,
            limits=limits_of(options),
            directory=request.getfixturevalue("tmp_path") if self.real_io else None,
            watch_run=lambda run, outcome: write_trace(options.trace, nodeid, run_name(run), outcome.trace),
        )
        orders = f"in {tried.runs} order{'s' * (tried.runs != 1)}"
        self._tell("tried", "once, on the real loop" if self.real_io else orders)
        if tried.broken is not None:
            command = f"pytest {shlex.quote(nodeid)}"
            if not self.real_io:
                command += f" --coco-seed={options.seed} --coco-runs={tried.runs - 1} --coco-policy={options.policy}"
            text = failure_text(tried.broken, tried.found_by, command)
            if isinstance(tried.broken, HookUnusable):
                self._fail_once(tried.broken.short, text)
            raise LongFailure(text)

    def _fail_once(self, short: str, text: str) -> NoReturn:
        """Fail with what is the same for every test of the class: the first tells all of it, the others where."""
        told, nodeid = self._request.config.stash.setdefault(_TOLD, {}), self._request.node.nodeid
        first = told.setdefault((type(self), short), nodeid)
        raise LongFailure(text if first == nodeid else f"{short}: see {first}")

    def _options(self) -> Options:
        """What holds for this test; the number of runs that contracts have of their own is the least that is said."""
        node = self._request.node
        options = options_of(node)
        layers = node.config.stash[LAYERS]
        said = any("runs" in layer for layer in (layers.line, marker_values(node), layers.ini))
        return options if said else replace(options, runs=max(options.runs, self.runs))


def rejections(contract: type[Contract], *names: str, directory: Path | None = None) -> dict[str, str]:
    """What a contract class finds, without pytest around it: the text of each check that fails, by its name.

    For tests of contract classes, and of connectors that are broken on purpose. `names`: only these checks.
    `directory`: what a class with `real_io` gets. Checks that are bypassed are left out.
    """
    found = {}
    for name in names or claims(contract):
        check, what = claims(contract)[name]
        if what.needs and not getattr(contract, what.needs):
            continue
        tried = try_check(contract(), check, runs=contract.runs, crashes=what.crashes, directory=directory)
        if tried.broken is not None:
            found[name] = failure_text(tried.broken, tried.found_by)
    return found


def claims(contract: type[Contract]) -> dict[str, tuple[Check, Claim]]:
    """The checks of a contract class by name, in the order in which they are written."""
    found: dict[str, tuple[Check, Claim]] = {}
    for each in reversed(contract.__mro__):
        for name, member in vars(each).items():
            if hasattr(member, "coco_claim"):
                found[name] = member.coco_claim
    return found
