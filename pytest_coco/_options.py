"""The options of a session: command line before ini before default, checked once and kept in `config.stash`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["OPTIONS", "SUFFIX", "Options", "add_options", "header", "read_options", "select_scenarios"]

# The same as `cocoindex_sim.scenario.SUFFIX`, which is not imported before a scenario is: that room is heavy.
SUFFIX = ".coco.yaml"

_SCENARIO_PATHS = ["scenarios"]
_SEED = "0"
_RUNS = "3"
_POLICY = "random"
_POLICIES = ("random", "pct", "dfs", "fifo")


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for.

    `runs` counts the runs of each scenario by `policy`; one in asyncio's own order comes before. `check_determinism`:
    each of them is repeated.
    """

    scenarios: bool
    seed: int
    runs: int
    policy: str
    check_determinism: bool
    trace: Path | None


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
        "--coco-seed", metavar="N", help=f"the base seed that every run's seed comes from (ini: coco_seed; {_SEED})"
    )
    group.addoption(
        "--coco-runs",
        metavar="N",
        help=f"runs of each scenario by the policy, after one in asyncio's own order (ini: coco_runs; {_RUNS})",
    )
    group.addoption(
        "--coco-policy",
        metavar="NAME",
        help="what orders these runs: random; pct: priorities, for bugs where somebody waits long; dfs: one schedule"
        " after the other, with two deviations from asyncio's order at most; fifo: asyncio's order, each with its own"
        f" seed (ini: coco_policy; {_POLICY})",
    )
    group.addoption(
        "--coco-check-determinism",
        action="store_const",
        const=True,
        help="make every run twice, and fail where the traces differ (ini: coco_check_determinism; off)",
    )
    group.addoption(
        "--coco-no-check-determinism",
        dest="coco_check_determinism",
        action="store_const",
        const=False,
        help="make every run once, whatever the ini file says",
    )
    group.addoption("--coco-trace", metavar="DIR", help="write the trace of every run into DIR (ini: coco_trace)")
    # No default here: a path that the user names has to exist, the default one need not.
    parser.addini(
        "coco_scenario_paths",
        f"where --coco-scenarios looks when no path is given ({' '.join(_SCENARIO_PATHS)})",
        "paths",
        default=None,
    )
    parser.addini("coco_seed", "the base seed", default=_SEED)
    parser.addini("coco_runs", "runs of each scenario by the policy", default=_RUNS)
    parser.addini("coco_policy", f"what orders these runs: {', '.join(_POLICIES)}", default=_POLICY)
    parser.addini("coco_check_determinism", "make every run twice, and compare", "bool", default=False)
    parser.addini("coco_trace", "directory for traces, from the rootdir; empty for none", default="")


def _whole_number(config: pytest.Config, name: str) -> int:
    given = config.getoption(f"--coco-{name}")
    text = str(config.getini(f"coco_{name}") if given is None else given)
    where = f"coco_{name}" if given is None else f"--coco-{name}"
    if not (text.isascii() and text.isdigit()):
        raise pytest.UsageError(f"{where} is a whole number, not negative; got {text!r}")
    return int(text)


def _policy(config: pytest.Config) -> str:
    given = config.getoption("--coco-policy")
    name = str(config.getini("coco_policy") if given is None else given)
    if name not in _POLICIES:
        where = "coco_policy" if given is None else "--coco-policy"
        raise pytest.UsageError(f"{where} is one of {', '.join(_POLICIES)}; got {name!r}")
    return name


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
    check_option = config.getoption("coco_check_determinism")
    return Options(
        scenarios=bool(config.getoption("--coco-scenarios")),
        seed=_whole_number(config, "seed"),
        runs=_whole_number(config, "runs"),
        policy=_policy(config),
        check_determinism=bool(config.getini("coco_check_determinism") if check_option is None else check_option),
        trace=trace,
    )


def header(options: Options) -> str:
    """The line of pytest's header that says what a run can be repeated with."""
    trace = f", traces in {options.trace}" if options.trace else ""
    twice = ", each twice" if options.check_determinism else ""
    return f"coco: seed {options.seed}, one run in order and {options.runs} by policy {options.policy}{twice}{trace}"


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
