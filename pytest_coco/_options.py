"""The options of a session: one field each, which is all there is to adding one.

Command line before marker before scenario before ini file before default; checked once and kept in `config.stash`.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ._declare import FLAG, TEXT, Declared, Kind, declared, one_of, option, path, whole_number
from ._profiles import PROFILE, PROFILES
from ._seeds import LAST, draw_seed, last_seed

__all__ = ["LAYERS", "OPTIONS", "TABLE", "Layers", "Options", "add_options", "header", "read_options"]

_POLICIES = ("random", "pct", "dfs", "fifo")
_CRASHES = ("none", "one", "sweep", "all")


def _read_seed(text: str, base: Path) -> int | str:
    return LAST if text == LAST else whole_number().read(text, base)


def _read_faults(text: str, base: Path) -> frozenset[str] | None:
    if text in ("none", "all"):
        return None if text == "all" else frozenset()
    kinds = frozenset(kind.strip() for kind in text.split(","))
    if not all(kinds) or kinds & {"none", "all"}:
        raise ValueError("none, all, or kinds of faults with commas between")
    from cocoindex_sim.world import DRAWN_FAULTS  # only where kinds are named: it takes long to import

    for kind in sorted(kinds.difference(DRAWN_FAULTS)):
        near = get_close_matches(kind, DRAWN_FAULTS, 1)
        meant = f"did you mean {near[0]!r}? " if near else ""
        known = ", ".join(DRAWN_FAULTS)
        raise ValueError(f"none, all, or kinds of faults, and {kind!r} is no kind; {meant}known: {known}")
    return kinds


def _told_runs(options: Options) -> str:
    depth = f" of depth {options.pct_depth}" if options.policy == "pct" else ""
    return f"one run in order and {options.runs} by policy {options.policy}{depth}"


def _told_faults(options: Options) -> str:
    return f"faults {'all' if options.faults is None else ','.join(sorted(options.faults)) or 'none'}"


def _limit(name: str, what: str) -> Any:
    def told(options: Options) -> str:
        limit = getattr(options, name)
        return "" if limit is None else f"at most {limit} {what}"

    return option(whole_number(least=1), None, f"how many {what} one run may take", told=told, per_test=True)


@dataclass(frozen=True, eq=False, repr=False, match_args=False)  # each of these costs, and nobody needs them
class Options:
    """What was asked for, an option a field: `x_y` is `--coco-x-y` on the command line and `coco_x_y` in the ini file.

    The header tells the parts that have something to tell, in this order. Marker `coco(x_y=...)`: those `per_test`.
    """

    scenarios: bool = option(
        FLAG,
        False,
        "run scenario files (*.coco.yaml) and nothing else: those of the paths given, or of coco_scenario_paths",
    )
    profile: str = option(
        one_of(PROFILES),
        PROFILE,
        "how much is tried when nothing else says: " + "; ".join(f"{name}: {told}" for name, told in PROFILES.items()),
        told=lambda options: f"profile {options.profile}",
        per_test=True,
    )
    seed: int = option(
        Kind("N|last", _read_seed),
        0,
        "the base seed that every run's seed comes from; last: that of the session before",
        told=lambda options: f"seed {options.seed}",
        per_test=True,
    )
    runs: int = option(
        whole_number(),
        lambda profile: profile.runs,
        "runs of each scenario by the policy, after one in asyncio's own order",
        told=_told_runs,
        per_test=True,
    )
    policy: str = option(
        one_of(_POLICIES),
        "random",
        "what orders these runs: random; pct: priorities, for bugs where somebody waits long; dfs: one schedule after"
        " the other, with two deviations from asyncio's order at most; fifo: asyncio's order, each with its own seed",
        per_test=True,
    )
    pct_depth: int = option(
        whole_number(least=1), 3, "how many things have to happen in one order, for --coco-policy=pct", per_test=True
    )
    check_determinism: bool = option(
        FLAG,
        lambda profile: profile.check_determinism,
        "make every run twice, and fail where the traces differ",
        told=lambda options: "each twice" if options.check_determinism else "",
        per_test=True,
    )
    crashes: str = option(
        one_of(_CRASHES),
        lambda profile: profile.crashes,
        "kill the process after a durable step, in a run of its own: none; one: of each run, one that is drawn; sweep:"
        " all of the run in order, and one of each other; all: of every run",
        told=lambda options: f"crashes {options.crashes}",
        per_test=True,
    )
    faults: frozenset[str] | None = option(
        Kind("KINDS", _read_faults, text_of_none="all"),
        lambda profile: profile.faults,
        "repeat each run with faults drawn from its seed: none, all, or kinds such as EIO,ack_lost; one named here that"
        " never happens fails the session",
        told=_told_faults,
        per_test=True,
    )
    """None for all there are."""
    shrink: bool = option(
        FLAG,
        True,
        "look for the smallest run that fails alike; without, a failure is reported as it was found",
        told=lambda options: "" if options.shrink else "not shrunk",
        per_test=True,
    )
    replay: str | None = option(
        TEXT, None, "make one run of one scenario, by the recording that a failure report has for it"
    )
    update: bool = option(
        FLAG,
        False,
        "put right in the scenario files what is expected of data, where the run in order shows something else and all"
        " runs agree; comments and layout stay",
        told=lambda options: "updates expectations" if options.update else "",
    )
    promote: bool = option(
        FLAG,
        False,
        "write what is left of each failure into a scenario file that fails alike, beside the one that it is from",
        told=lambda options: "promotes failures" if options.promote else "",
    )
    backend: str = option(
        one_of(("sim", "real", "both")),
        "sim",
        "where scenarios are run: sim: in the simulation; real: on real files, in a process of their own; both. What"
        " only the simulation can have is skipped on real files, with the reason",
        told=lambda options: "" if options.backend == "sim" else f"backend {options.backend}",
    )
    engine: str = option(
        one_of(("sim", "cocoindex", "both")),
        "sim",
        "what runs them: sim: the engine of this package; cocoindex: the package cocoindex, on real files; both",
        told=lambda options: "" if options.engine == "sim" else f"engine {options.engine}",
    )
    engine_python: str | None = option(
        TEXT, None, "the interpreter that has the package cocoindex, where it is not the one that runs pytest"
    )
    kafka: str = option(
        one_of(("mock", "container")),
        "mock",
        "what real clients talk to: mock: the mock cluster of librdkafka; container: Apache Kafka in a container."
        " Without a container engine, --coco-backend=both skips and --coco-backend=real fails",
        told=lambda options: "" if options.kafka == "mock" else f"kafka {options.kafka}",
    )
    real_within: int = option(
        whole_number(least=1), 30, "how many seconds are waited for something to happen outside the simulation"
    )
    steps_max: int | None = _limit("steps_max", "steps")
    events_max: int | None = _limit("events_max", "events in its trace")
    time_max: int | None = _limit("time_max", "virtual seconds")
    trace: Path | None = option(
        path("DIR"),
        None,
        "write the trace of every run into DIR",
        told=lambda options: f"traces in {options.trace}" if options.trace else "",
    )
    conformance: Path | None = option(
        path("FILE"), None, "write what contract classes have found into FILE, as Markdown"
    )
    report: Path | None = option(
        path("FILE"),
        None,
        "write what was run, and what came of it, into FILE: as JSON if its name ends in .json, and else as Markdown",
        told=lambda options: f"report in {options.report}" if options.report else "",
    )
    alias: bool = option(
        FLAG,
        False,
        "let `import cocoindex` mean cocoindex_sim everywhere in this session, also in tests and conftest files",
        told=lambda options: "cocoindex is cocoindex_sim" if options.alias else "",
    )


TABLE: tuple[Declared, ...] = tuple(declared(field) for field in fields(Options))
"""Every option, in the order of the header."""

OPTIONS = pytest.StashKey[Options]()
"""What holds for the session: for a test, a marker or scenario may say otherwise."""


class Layers(NamedTuple):
    """What the command line and the ini file say, by the name of the option, and what the session has drawn."""

    line: Mapping[str, Any]
    ini: Mapping[str, Any]
    drawn: Mapping[str, Any]

    def options(self, marker: Mapping[str, Any] | None = None, scenario: Mapping[str, Any] | None = None) -> Options:
        """What holds where a marker and a scenario say these."""
        given = ChainMap(*({**layer} for layer in (self.line, marker or {}, scenario or {}, self.ini, self.drawn)))
        profile = PROFILES[given.get("profile", PROFILE)]
        return Options(
            **{each.name: given[each.name] if each.name in given else each.default_of(profile) for each in TABLE}
        )


LAYERS = pytest.StashKey[Layers]()


def add_options(parser: pytest.Parser) -> None:
    """Declare the command-line options and their ini twins."""
    group = parser.getgroup("coco", "simulated CocoIndex pipelines")
    for each in TABLE:
        each.add_to(parser, group)


def _line_values(config: pytest.Config) -> dict[str, Any]:
    base = config.invocation_params.dir
    return {
        each.name: each.read(value, each.flag, base)
        for each in TABLE
        if (value := config.getoption(each.ini)) is not None
    }


def _ini_values(config: pytest.Config) -> dict[str, Any]:
    return {
        each.name: each.read(value, each.ini, config.rootpath)
        for each in TABLE
        if (value := _ini_value(config, each)) not in (None, "")
    }


def _ini_value(config: pytest.Config, option: Declared) -> object:
    try:
        return config.getini(option.ini)
    except (ValueError, pytest.UsageError) as error:  # of a flag, by pytest 8 or 9, which does not say which
        raise pytest.UsageError(f"{option.ini} is true or false: {error}") from None


def read_options(config: pytest.Config) -> Layers:
    """What was said, and what was drawn.

    Raises: pytest.UsageError naming the option and the value that does not fit.
    """
    line, ini = _line_values(config), _ini_values(config)
    profile = PROFILES[Layers(line, ini, {}).options().profile]
    # All workers of pytest-xdist have to take the one that was drawn, or was the last before this session.
    shared: int | None = getattr(config, "workerinput", {}).get("coco_seed")
    for layer, where in ((line, "--coco-seed=last"), (ini, "coco_seed = last")):
        if layer.get("seed") == LAST:
            layer["seed"] = last_seed(config, where) if shared is None else shared
    drawn = shared if shared is not None else draw_seed() if profile.fresh_seed else None
    return Layers(line, ini, {} if drawn is None else {"seed": drawn})


def header(options: Options) -> str:
    """The line of pytest's header that says what a run can be repeated with."""
    told = [each.told(options) for each in TABLE if each.told is not None]
    if options.replay is not None:
        trace = f", traces in {options.trace}" if options.trace else ""
        return f"coco: replay of {options.replay}{trace}"
    return "coco: " + ", ".join(part for part in told if part)
