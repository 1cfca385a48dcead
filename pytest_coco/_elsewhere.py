"""Runs a scenario outside the simulation, once: on real files, by our engine or by CocoIndex."""

from __future__ import annotations

import shlex
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ._options import OPTIONS, Options

if TYPE_CHECKING:
    from _pytest._code.code import TerminalRepr

    from cocoindex_sim.arms import Arm, ArmError, KafkaContainer, Nursery
    from cocoindex_sim.world import ExpectationFailed, Story

__all__ = ["SIM", "arms_of", "check_engine", "elsewhere_report", "run_elsewhere"]

SIM = "sim"
"""The arm that is none: the simulation."""

_NURSERY: pytest.StashKey[Nursery] = pytest.StashKey()
_KAFKA: pytest.StashKey[KafkaContainer] = pytest.StashKey()


def arms_of(options: Options) -> tuple[str, ...]:
    """Where each scenario is run, in this order."""
    named: list[str] = []
    if options.engine != "cocoindex":
        named += [SIM] if options.backend != "real" else []
        named += ["real"] if options.backend != "sim" else []
    return (*named, *(["cocoindex"] if options.engine != "sim" else []))


def check_engine(options: Options) -> None:
    """Raise pytest.UsageError when CocoIndex alone is asked for and can't be found."""
    if options.scenarios and options.engine == "cocoindex":
        from cocoindex_sim.arms import ArmError, find_cocoindex

        try:
            find_cocoindex(options.engine_python)
        except ArmError as error:
            raise pytest.UsageError(f"--coco-engine=cocoindex: {error}") from None


def run_elsewhere(story: Story, name: str, config: pytest.Config) -> None:
    """Perform the scenario on the arm of this name and have the oracles judge it, or skip the test with the reason.

    Raises: ExpectationFailed for what is not as the scenario says, ArmError when the arm fails.
    """
    from cocoindex_sim.arms import Judged, Limits, sim_only, uses_kafka

    options = config.stash[OPTIONS]
    arm = _arm(name, options)
    if options.kafka == "container" and uses_kafka(story):
        arm = replace(arm, kafka=_container(config))
    reason = sim_only(story, arm)
    if reason is not None:
        pytest.skip(f"in the simulation only: {reason}")
    with tempfile.TemporaryDirectory(prefix="coco-", ignore_cleanup_errors=True) as directory:
        site = Path(directory).resolve() / "site"
        limits = Limits(within_s=float(options.real_within))
        with Judged(story, arm, site, nursery=_nursery(config), limits=limits) as judged:
            judged.run()


def _repeat_command(nodeid: str, name: str, options: Options) -> str:
    python = f" --coco-engine-python={shlex.quote(options.engine_python)}" if options.engine_python else ""
    asked = f"--coco-engine=cocoindex{python}" if name == "cocoindex" else "--coco-backend=real"
    return f"pytest --coco-scenarios {shlex.quote(nodeid)} {asked}"


def elsewhere_report(error: ExpectationFailed | ArmError, nodeid: str, name: str, options: Options) -> TerminalRepr:
    """The report as pytest keeps it: what is not as it should be, where, and how to repeat it."""
    from _pytest._code.code import ReprEntryNative, ReprFileLocation, ReprTraceback

    from cocoindex_sim.world import ExpectationFailed

    from ._colour import CocoFailure
    from ._columns import wrapped
    from ._report import indented

    if isinstance(error, ExpectationFailed):
        verdict, lines = error.verdict.rstrip(":"), error.lines
        location = ReprFileLocation(str(error.place.path), error.place.line, f"{verdict} [{name}]")
        sentence = f"{error.place}: {verdict}."
    else:
        sentence, *lines = str(error).splitlines()
        location = ReprFileLocation(nodeid.partition("::")[0], 0, sentence)
    text = [*wrapped(sentence), "repeat (from the rootdir):", f"  {_repeat_command(nodeid, name, options)}"]
    text += ["", *indented(lines)] if lines else []
    return CocoFailure(ReprTraceback([ReprEntryNative("\n".join(text) + "\n")], None, "native"), location)


def _arm(name: str, options: Options) -> Arm:
    from cocoindex_sim.arms import ArmError, find_cocoindex, real_arm

    if name == "real":
        return real_arm()
    try:
        return find_cocoindex(options.engine_python)
    except ArmError as error:
        if options.engine == "cocoindex":
            raise
        pytest.skip(str(error))


def _container(config: pytest.Config) -> str:
    """The address of Apache Kafka, started when it is needed first."""
    from cocoindex_sim.arms import ArmError, KafkaContainer

    if _KAFKA not in config.stash:
        container = KafkaContainer()
        try:
            container.start()
        except ArmError as error:
            if config.stash[OPTIONS].backend == "real":
                raise
            pytest.skip(str(error))
        config.stash[_KAFKA] = container
        config.add_cleanup(container.close)
    return config.stash[_KAFKA].servers


def _nursery(config: pytest.Config) -> Nursery:
    from cocoindex_sim.arms import Nursery

    if _NURSERY not in config.stash:
        config.stash[_NURSERY] = nursery = Nursery()
        config.add_cleanup(nursery.close)
    return config.stash[_NURSERY]
