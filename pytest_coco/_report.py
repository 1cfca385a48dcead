"""What a failed scenario says: the verdict, how to repeat it, the difference, the tail of the trace."""

from __future__ import annotations

import shlex
import textwrap
import traceback

from _pytest._code.code import ReprEntryNative, ReprExceptionInfo, ReprFileLocation, ReprTraceback, TerminalRepr

from cocoindex_sim.world import ExpectationFailed

from ._options import Options
from ._run import Run, ScenarioFailed

__all__ = ["failure_report", "failure_text"]

COLUMNS = 100
TRACE_LINES = 20


def _printable(line: str) -> str:
    # Control characters would break the layout, and some of them the JUnit file.
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)


def _clip(line: str) -> str:
    line = _printable(line)
    return line if len(line) <= COLUMNS else line[: COLUMNS - 1] + "…"


def _wrap(sentence: str) -> list[str]:
    return textwrap.wrap(_printable(sentence), COLUMNS, break_on_hyphens=False) or [""]


def _runs(runs: list[Run]) -> str:
    return ", ".join(map(str, runs))


def _replay(nodeid: str, options: Options) -> str:
    check = " --coco-check-determinism" if options.check_determinism else ""
    return (
        f"pytest --coco-scenarios {shlex.quote(nodeid)} --coco-seed={options.seed} --coco-runs={options.runs}"
        f" --coco-policy={options.policy}{check}"
    )


def _verdict(failure: ScenarioFailed) -> str:
    error = failure.error
    if isinstance(error, ExpectationFailed):
        return f"{error.place}: {error.verdict}."
    return f"{type(error).__name__}: {error}"


def failure_text(failure: ScenarioFailed, nodeid: str, options: Options) -> str:
    """The whole report, at most 100 columns wide but for the command to repeat it."""
    error = failure.error
    lines = _wrap(_verdict(failure).split("\n")[0])
    if isinstance(error, ExpectationFailed):
        if error.lines:
            lines += ["", *(_clip("  " + line) for line in error.lines)]
    else:
        # Nothing a story expects ends here, so the way there is what helps.
        shown = "".join(traceback.format_exception(error)).splitlines()
        lines += ["", *(_clip("  " + line) for line in shown)]
    lines += ["", *_wrap(f"fails: {_runs(failure.failed)}")]
    if failure.passed:
        lines += _wrap(f"passes: {_runs(failure.passed)}")
    lines += ["replay (from the rootdir):", f"  {_replay(nodeid, options)}"]
    tail = failure.trace[-TRACE_LINES:]
    if tail:
        lines += ["", f"trace of the run {failure.run}, the last {len(tail)} of {len(failure.trace)} lines:"]
        lines += [_clip("  " + line) for line in tail]
    return "\n".join(lines)


def failure_report(failure: ScenarioFailed, nodeid: str, options: Options) -> TerminalRepr:
    """The report as pytest keeps it: with a location and a message for the summary, also through xdist."""
    error = failure.error
    text = failure_text(failure, nodeid, options)
    if isinstance(error, ExpectationFailed):
        location = ReprFileLocation(str(error.place.path), error.place.line, error.verdict)
    else:
        location = ReprFileLocation(nodeid.partition("::")[0], 0, _verdict(failure).split("\n")[0])
    return ReprExceptionInfo(ReprTraceback([ReprEntryNative([text + "\n"])], None, "native"), location)
