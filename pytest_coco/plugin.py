"""Hooks only: what pytest calls, and where it is handed on to."""

from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy
import pytest

from . import hookspecs
from ._alias import install_alias, remove_alias
from ._conformance import TITLE, conformance_lines, conformance_page, write_conformance
from ._elsewhere import check_engine
from ._faults import FAULTS, FaultCounts
from ._fixtures import (
    WORLD,
    coco_app,
    coco_clock,
    coco_fs,
    coco_kafka,
    coco_run,
    coco_seed,
    coco_target,
    coco_timeline,
    coco_world,
    parametrize_runs,
)
from ._hooks import refuse_unknown_hooks
from ._long_failure import LongFailure, summarize
from ._marker import MARKER
from ._options import LAYERS, OPTIONS, add_options, header, read_options
from ._paths import check_paths
from ._seeds import save_seed
from ._selection import SUFFIX, add_selection, nothing_found, select_scenarios
from ._session import SESSION, SessionReport

__all__ = [
    "coco_app",
    "coco_clock",
    "coco_fs",
    "coco_kafka",
    "coco_run",
    "coco_seed",
    "coco_target",
    "coco_timeline",
    "coco_world",
]

if TYPE_CHECKING:
    from ._collect import ScenarioFile


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)
    add_selection(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    layers = config.stash[LAYERS] = read_options(config)
    options = config.stash[OPTIONS] = layers.options()
    config.stash[FAULTS] = FaultCounts()
    config.addinivalue_line("markers", MARKER)
    if not hasattr(config, "workerinput"):
        save_seed(config, options.seed)
    if not hasattr(config, "workerinput"):
        session = config.stash[SESSION] = SessionReport(config)
        config.pluginmanager.register(session, "coco-session")
        check_paths(options)
    select_scenarios(config, options)
    if options.update or options.promote:
        from ._writing import add_writing

        add_writing(config)
    check_engine(options)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Before any file of the user is imported, for they may `import cocoindex`."""
    install_alias(early_config)


def pytest_unconfigure(config: pytest.Config) -> None:
    remove_alias(config)


def pytest_report_header(config: pytest.Config) -> str:
    return header(config.stash[OPTIONS])


@pytest.hookimpl(tryfirst=True)
def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if not config.stash[OPTIONS].scenarios or collection_path.name.endswith(SUFFIX) or collection_path.is_dir():
        return None
    return True


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ScenarioFile | None:
    if not parent.config.stash[OPTIONS].scenarios or not file_path.name.endswith(SUFFIX):
        return None
    from ._collect import ScenarioFile

    return ScenarioFile.from_parent(parent, path=file_path)


def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> list[pytest.Item] | None:
    """Collect a builder of a story that a module calls `test_...` as the scenario it builds."""
    # Whoever has made a builder has imported this.
    scenario = sys.modules.get("cocoindex_sim.scenario")
    if scenario is None or not isinstance(obj, scenario.StoryBuilder) or not isinstance(collector, pytest.Module):
        return None
    if not collector.funcnamefilter(name):
        return None
    from ._collect import items_of_builder

    return items_of_builder(collector, name, obj)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    parametrize_runs(metafunc)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    world = item.stash.get(WORLD, None)
    if world is not None and call.excinfo is not None and not item.config.getoption("fulltrace"):
        from ._worlds import leave_out_frames

        leave_out_frames(call.excinfo)
    report = yield
    if world is not None and report.failed and report.when == "call":
        from ._worlds import world_report

        error = None if call.excinfo is None else call.excinfo.value
        report.sections.append(("coco", world_report(item, world, error)))
    if call.excinfo is not None and isinstance(call.excinfo.value, LongFailure):
        summarize(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Tell of a hook of this plugin that nobody knows as of the user's mistake: pluggy's is an internal error."""
    try:
        return (yield)
    except pluggy.PluginValidationError as error:
        refuse_unknown_hooks(session.config.pluginmanager)
        raise error from None


def pytest_collection_finish(session: pytest.Session) -> None:
    options = session.config.stash[OPTIONS]
    if options.replay is not None:
        from ._collect import check_replayed

        check_replayed(session.items, options.replay)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give each worker of pytest-xdist the seed of the session."""
    node.workerinput["coco_seed"] = node.config.stash[OPTIONS].seed


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take what a worker of pytest-xdist counted."""
    node.config.stash[FAULTS].add_lists(getattr(node, "workeroutput", {}).get("coco_faults", ()))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    faults = session.config.stash[FAULTS]
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["coco_faults"] = faults.as_lists()
    elif exitstatus == pytest.ExitCode.OK and _missed(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if output is None:
        _write_reports(session.config)


def _write_reports(config: pytest.Config) -> None:
    """Write the files of this session that were asked for."""
    report = config.stash[SESSION]
    rows = list(report.rows.values())
    checks = conformance_page(rows, level=3)
    if checks:
        report.sections.append((TITLE, checks[1:]))
    report.write()
    path = config.stash[OPTIONS].conformance
    if path is not None:
        write_conformance(rows, path)


def _missed(config: pytest.Config) -> list[str]:
    """The kinds of faults that were asked for by name, and of which the scenarios that ran have seen none."""
    options = config.stash[OPTIONS]
    if not options.scenarios or options.replay is not None or config.option.collectonly:
        return []
    return config.stash[FAULTS].unfired(options.faults or ())


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: pytest.ExitCode, config: pytest.Config
) -> None:
    nothing = exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and "deselected" not in terminalreporter.stats
    if nothing and config.stash[OPTIONS].scenarios:
        terminalreporter.write_line(nothing_found(config))
    summary = config.stash[SESSION].summary()
    if summary and config.get_verbosity() > -2:
        terminalreporter.write_sep("-", summary)
    checks = conformance_lines(config.stash[SESSION].rows.values())
    if checks and config.get_verbosity() > -2:
        terminalreporter.section("coco: conformance")
        for line in checks:
            terminalreporter.write_line(line)
    lines = config.stash[FAULTS].lines()
    unfired = _missed(config)
    if unfired:
        lines.append(f"asked for, and never happened in this session, which fails it: {', '.join(unfired)}")
    if lines:
        terminalreporter.section("coco: faults")
        for line in lines:
            terminalreporter.write_line(line)
