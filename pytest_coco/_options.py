"""The options of a session: command line before ini before default, checked once and kept in `config.stash`."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["OPTIONS", "SUFFIX", "Options", "add_options", "header", "read_options", "select_scenarios"]

# The same as `cocoindex_sim.scenario.SUFFIX`, which is not imported before a scenario is: that room is heavy.
SUFFIX = ".coco.yaml"

_SCENARIO_PATHS = ["scenarios"]
_SEED = "0"
_POLICY = "random"
_POLICIES = ("random", "pct", "dfs", "fifo")
_PCT_DEPTH = "3"
_CRASHES = ("none", "one", "sweep", "all")
_PROFILE = "dev"


@dataclass(frozen=True, slots=True)
class _Profile:
    """What is tried when nothing says otherwise."""

    runs: int
    crashes: str
    faults: str
    check_determinism: bool
    fresh_seed: bool = False


_PROFILES = {
    "dev": _Profile(runs=3, crashes="one", faults="none", check_determinism=False),
    "ci": _Profile(runs=100, crashes="sweep", faults="all", check_determinism=True),
    "nightly": _Profile(runs=2_000, crashes="all", faults="all", check_determinism=True, fresh_seed=True),
}


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for.

    `runs` counts the runs of each scenario by `policy`; one in asyncio's own order comes before. `crashes`: how many of
    its durable steps each is killed after, in runs of their own. `faults`: kinds of them, in runs of their own too.
    `check_determinism`: each run is repeated. `replay`: the recording of the one run that is made instead. A limit that
    is None is as a world has it.
    """

    scenarios: bool = False
    profile: str = _PROFILE
    seed: int = 0
    runs: int = 3
    policy: str = _POLICY
    pct_depth: int = 3
    crashes: str = "one"
    faults: frozenset[str] | None = frozenset()
    """None for all there are."""
    check_determinism: bool = False
    shrink: bool = True
    replay: str | None = None
    steps_max: int | None = None
    events_max: int | None = None
    time_s_max: int | None = None
    trace: Path | None = None


OPTIONS = pytest.StashKey[Options]()


def add_options(parser: pytest.Parser) -> None:
    """Declare the command-line options and their ini twins."""
    group = parser.getgroup("coco", "simulated CocoIndex pipelines")
    group.addoption(
        "--coco-scenarios",
        action="store_true",
        help=f"run scenario files (*{SUFFIX}) and nothing else: those of the paths given, or of coco_scenario_paths",
    )
    group.addoption(
        "--coco-profile",
        metavar="NAME",
        help="how much is tried when nothing below says otherwise: "
        + "; ".join(f"{name}: {_told(profile)}" for name, profile in _PROFILES.items())
        + f" (ini: coco_profile; {_PROFILE})",
    )
    group.addoption(
        "--coco-seed", metavar="N", help=f"the base seed that every run's seed comes from (ini: coco_seed; {_SEED})"
    )
    group.addoption(
        "--coco-runs",
        metavar="N",
        help="runs of each scenario by the policy, after one in asyncio's own order (ini: coco_runs; by profile)",
    )
    group.addoption(
        "--coco-policy",
        metavar="NAME",
        help="what orders these runs: random; pct: priorities, for bugs where somebody waits long; dfs: one schedule"
        " after the other, with two deviations from asyncio's order at most; fifo: asyncio's order, each with its own"
        f" seed (ini: coco_policy; {_POLICY})",
    )
    group.addoption(
        "--coco-pct-depth",
        metavar="N",
        help=f"how many things have to happen in one order, for --coco-policy=pct (ini: coco_pct_depth; {_PCT_DEPTH})",
    )
    group.addoption(
        "--coco-crashes",
        metavar="HOW",
        help="kill the process after a durable step, in a run of its own: none; one: of each run, one that is drawn;"
        " sweep: all of the run in order, and one of each other; all: of every run (ini: coco_crashes; by profile)",
    )
    group.addoption(
        "--coco-faults",
        metavar="KINDS",
        help="repeat each run with faults drawn from its seed: none, all, or kinds such as EIO,ack_lost; one named here"
        " that never happens fails the session (ini: coco_faults; by profile)",
    )
    group.addoption(
        "--coco-check-determinism",
        action="store_const",
        const=True,
        help="make every run twice, and fail where the traces differ (ini: coco_check_determinism; by profile)",
    )
    group.addoption(
        "--coco-no-check-determinism",
        dest="coco_check_determinism",
        action="store_const",
        const=False,
        help="make every run once, whatever the ini file or the profile says",
    )
    group.addoption(
        "--coco-no-shrink",
        dest="coco_shrink",
        action="store_const",
        const=False,
        help="report a failure as it was found, and do not look for a smaller one (ini: coco_shrink; on)",
    )
    group.addoption(
        "--coco-replay",
        metavar="RECORDING",
        help="make one run of one scenario, the one that a failure report names in this way",
    )
    for name, what in _LIMITS.items():
        group.addoption(
            f"--coco-{name}",
            metavar="N",
            help=f"how many {what} one run may take (ini: coco_{_ini(name)}; a world's own)",
        )
    group.addoption("--coco-trace", metavar="DIR", help="write the trace of every run into DIR (ini: coco_trace)")
    # No default here: a path that the user names has to exist, the default one need not.
    parser.addini(
        "coco_scenario_paths",
        f"where --coco-scenarios looks when no path is given ({' '.join(_SCENARIO_PATHS)})",
        "paths",
        default=None,
    )
    parser.addini("coco_profile", f"how much is tried: {', '.join(_PROFILES)}", default=_PROFILE)
    parser.addini("coco_seed", "the base seed", default="")
    parser.addini("coco_runs", "runs of each scenario by the policy", default="")
    parser.addini("coco_policy", f"what orders these runs: {', '.join(_POLICIES)}", default=_POLICY)
    parser.addini("coco_pct_depth", "how many things have to happen in one order, for pct", default=_PCT_DEPTH)
    parser.addini("coco_crashes", f"after how many durable steps a run is killed: {', '.join(_CRASHES)}", default="")
    parser.addini("coco_faults", "faults in repeated runs: none, all, or kinds", default="")
    parser.addini("coco_check_determinism", "make every run twice, and compare", "bool", default=None)
    parser.addini("coco_shrink", "look for the smallest run that fails alike", "bool", default=True)
    for name, what in _LIMITS.items():
        parser.addini(f"coco_{_ini(name)}", f"how many {what} one run may take", default="")
    parser.addini("coco_trace", "directory for traces, from the rootdir; empty for none", default="")


_LIMITS = {"steps-max": "steps", "events-max": "events in its trace", "time-max": "virtual seconds"}


def _ini(name: str) -> str:
    return name.replace("-", "_")


def _told(profile: _Profile) -> str:
    parts = [f"{profile.runs} runs", f"crashes {profile.crashes}", f"faults {profile.faults}"]
    parts += ["each twice"] if profile.check_determinism else []
    parts += ["another seed each time"] if profile.fresh_seed else []
    return ", ".join(parts)


def _given(config: pytest.Config, name: str) -> tuple[str | None, str]:
    """The text of an option or else of its ini twin, None where both say nothing; and which of the two it is."""
    option = config.getoption(f"--coco-{name}")
    if option is not None:
        return str(option), f"--coco-{name}"
    return str(config.getini(f"coco_{_ini(name)}")) or None, f"coco_{_ini(name)}"


def _whole_number(config: pytest.Config, name: str, default: int | None, least: int = 0) -> int | None:
    text, where = _given(config, name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or int(text) < least:
        least_said = f", at least {least}" if least else ", not negative"
        raise pytest.UsageError(f"{where} is a whole number{least_said}; got {text!r}")
    return int(text)


def _one_of(config: pytest.Config, name: str, known: Collection[str], default: str) -> str:
    text, where = _given(config, name)
    if text is None:
        return default
    if text not in known:
        raise pytest.UsageError(f"{where} is one of {', '.join(known)}; got {text!r}")
    return text


def _faults(config: pytest.Config, default: str) -> frozenset[str] | None:
    text, where = _given(config, "faults")
    text = default if text is None else text
    if text in ("none", "all"):
        return None if text == "all" else frozenset()
    kinds = frozenset(kind.strip() for kind in text.split(","))
    if not all(kinds) or kinds & {"none", "all"}:
        raise pytest.UsageError(f"{where} is none, all, or kinds of faults with commas between; got {text!r}")
    return kinds


def _seed(config: pytest.Config, profile: _Profile) -> int:
    # All workers of pytest-xdist have to take the one that was drawn.
    shared: int | None = getattr(config, "workerinput", {}).get("coco_seed")
    if shared is not None:
        return shared
    seed = _whole_number(config, "seed", None)
    if seed is not None:
        return seed
    return int.from_bytes(os.urandom(4), "big") if profile.fresh_seed else int(_SEED)


def read_options(config: pytest.Config) -> Options:
    """The resolved options.

    Raises: pytest.UsageError naming the option and the value that does not fit.
    """
    trace_option, trace_ini = config.getoption("--coco-trace"), str(config.getini("coco_trace"))
    trace = None
    if trace_option:
        trace = config.invocation_params.dir / trace_option
    elif trace_ini:
        trace = config.rootpath / trace_ini
    name = _one_of(config, "profile", _PROFILES, _PROFILE)
    profile = _PROFILES[name]
    check = config.getoption("coco_check_determinism")
    check = config.getini("coco_check_determinism") if check is None else check
    shrink = config.getoption("coco_shrink")
    return Options(
        scenarios=bool(config.getoption("--coco-scenarios")),
        profile=name,
        seed=_seed(config, profile),
        runs=_whole_number(config, "runs", profile.runs) or 0,
        policy=_one_of(config, "policy", _POLICIES, _POLICY),
        pct_depth=_whole_number(config, "pct-depth", int(_PCT_DEPTH), least=1) or 1,
        crashes=_one_of(config, "crashes", _CRASHES, profile.crashes),
        faults=_faults(config, profile.faults),
        check_determinism=profile.check_determinism if check is None else bool(check),
        shrink=bool(config.getini("coco_shrink") if shrink is None else shrink),
        replay=config.getoption("--coco-replay"),
        steps_max=_whole_number(config, "steps-max", None, least=1),
        events_max=_whole_number(config, "events-max", None, least=1),
        time_s_max=_whole_number(config, "time-max", None, least=1),
        trace=trace,
    )


def header(options: Options) -> str:
    """The line of pytest's header that says what a run can be repeated with."""
    trace = f", traces in {options.trace}" if options.trace else ""
    if options.replay is not None:
        return f"coco: replay of {options.replay}{trace}"
    limits = "".join(
        f", at most {limit} {what}"
        for limit, what in zip(
            (options.steps_max, options.events_max, options.time_s_max), _LIMITS.values(), strict=True
        )
        if limit is not None
    )
    faults = "all" if options.faults is None else ",".join(sorted(options.faults)) or "none"
    depth = f" of depth {options.pct_depth}" if options.policy == "pct" else ""
    twice = ", each twice" if options.check_determinism else ""
    return (
        f"coco: profile {options.profile}, seed {options.seed}, one run in order and {options.runs} by policy"
        f" {options.policy}{depth}{twice}, crashes {options.crashes}, faults {faults}{limits}{trace}"
    )


def _ini_paths(config: pytest.Config) -> list[str]:
    named: list[Path] | None = config.getini("coco_scenario_paths")
    paths = [config.rootpath / path for path in _SCENARIO_PATHS] if named is None else named
    missing = [path for path in paths if not path.exists()]
    if missing and named is not None:
        raise pytest.UsageError(
            f"coco_scenario_paths names {str(missing[0])!r}, and there is no such file or directory"
        )
    return [str(path) for path in paths if path not in missing]


def select_scenarios(config: pytest.Config, options: Options) -> None:
    """Point the collection at scenario files alone, or make sure that none is asked for.

    Raises: pytest.UsageError for a path that does not exist or is no scenario file.
    """
    chosen = config.args_source is pytest.Config.ArgsSource.ARGS
    if options.scenarios and not chosen:
        config.args = _ini_paths(config)
    for argument in config.args if chosen else ():
        path = config.invocation_params.dir / argument.partition("::")[0]
        is_scenario = path.name.endswith(SUFFIX)
        if options.scenarios and not path.exists():
            raise pytest.UsageError(f"--coco-scenarios: there is no file or directory {argument!r}")
        if options.scenarios and not is_scenario and not path.is_dir():
            raise pytest.UsageError(f"--coco-scenarios: {argument!r} is not a scenario file (*{SUFFIX})")
        if not options.scenarios and is_scenario:
            raise pytest.UsageError(f"{argument!r} is a scenario file: add --coco-scenarios to run it")
