"""What a failed scenario says, in this order: the verdict, how to repeat it, what differs, where, and what happened."""

from __future__ import annotations

import shlex
import traceback
from collections.abc import Sequence

from _pytest._code.code import ReprEntryNative, ReprFileLocation, ReprTraceback, TerminalRepr

from cocoindex_sim.world import ExpectationFailed, Found, ProduceMessages, Story, step_text

from ._colour import CocoFailure
from ._columns import clipped, wrapped
from ._limits import limit_lines
from ._options import Options
from ._run import ScenarioFailed
from ._selection import SUFFIX

__all__ = ["failure_report", "failure_text", "indented", "replay_command", "tail_lines"]

TRACE_LINES = 20


def indented(lines: Sequence[str]) -> list[str]:
    """Lines that belong to the one above them, none wider than a report."""
    return [clipped("  " + line) for line in lines]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _verdict(found: Found, error: Exception) -> str:
    if isinstance(error, ExpectationFailed):
        return f"{error.place}: {found.verdict.rstrip(':.')}."
    return found.verdict.split("\n")[0]


def replay_command(found: Found, nodeid: str, options: Options) -> str:
    """What to paste to see the failure again."""
    is_file = nodeid.partition("::")[0].endswith(SUFFIX)
    command = f"pytest{' --coco-scenarios' if is_file else ''} {shlex.quote(nodeid)}"
    if found.oracle == "determinism" or found.smallest is None:  # takes two runs, so it can't be recorded
        return (
            f"{command} --coco-seed={options.seed} --coco-runs={options.runs} --coco-policy={options.policy}"
            f" --coco-crashes={options.crashes} --coco-check-determinism"
        )
    steps_max = options.steps_max
    if "LimitError" in found.verdict:  # it would be met later, if at all
        steps_max = found.smallest.limits.steps_max
    limits = (("steps", steps_max), ("events", options.events_max), ("time", options.time_max))
    limited = "".join(f" --coco-{name}-max={limit}" for name, limit in limits if limit is not None)
    return f"{command} --coco-replay={found.smallest.recording}{limited}"


def _difference(error: Exception) -> list[str]:
    if isinstance(error, ExpectationFailed):
        return ["", *indented(error.lines)] if error.lines else []
    # Nothing a story expects ends here, so the way there is what helps.
    return ["", *indented("".join(traceback.format_exception(error)).splitlines())]


def _found_by(failure: ScenarioFailed) -> list[str]:
    """Which run failed, and where it parts from one that did not."""
    found = failure.found
    if not failure.runs:
        return []
    lines = [f"found by: {found.run}, run {failure.runs} of this scenario"]
    if found.passing is not None:
        lines.append(f"passes: {found.passing}")
    shrunk = found.shrunk
    if shrunk is not None and shrunk.divergence:
        lines += ["first divergence, from the steps below in order with nothing going wrong (-):"]
        lines += indented(shrunk.divergence)
    elif found.divergence and (shrunk is None or shrunk.recording.deviations or shrunk.outcome.hazards):
        lines += [f"first divergence, from the run {found.passing} (-):", *indented(found.divergence)]
    return ["", *lines]


def _given(story: Story) -> list[str]:
    keys = (f"{key} of {name!r}" for name, key, _ in story.entries)
    messages = sum(len(step.messages) for step in story.kafka if isinstance(step, ProduceMessages))
    return [path for path, _ in story.files] + [*keys] + ([_count(messages, "message")] if messages else [])


def _shrunk(found: Found) -> list[str]:
    shrunk = found.shrunk
    if shrunk is None:
        return []
    recording, hazards = shrunk.recording, shrunk.outcome.hazards
    parts = [
        _count(len(shrunk.steps), "step"),
        _count(recording.deviations, "deviation"),
        _count(len(hazards), "hazard"),
    ]
    limit = f", and stopped by {shrunk.limit}: there may be a smaller one" if shrunk.limit else ""
    lines = ["", f"shrunk in {_count(shrunk.runs, 'run')} to {', '.join(parts)}{limit}:"]
    if recording.left_out and shrunk.story is not None:
        lines += indented([f"given    {', '.join(_given(shrunk.story)) or 'nothing'}"])
    lines += indented([f"line {step.place.line}  {step_text(step)}" for step in shrunk.steps])
    return lines + indented([f"hazard   {hazard}" for hazard in hazards])


def tail_lines(trace: Sequence[str]) -> list[str]:
    """The end of a trace, with a heading; nothing for nothing."""
    tail = trace[-TRACE_LINES:]
    return ["", f"trace, the last {len(tail)} of {_count(len(trace), 'line')}:", *indented(tail)] if tail else []


def failure_text(failure: ScenarioFailed, nodeid: str, options: Options, more: Sequence[str] = ()) -> str:
    """The whole report, at most 100 columns wide but for the command to repeat it; `more` lines come at its end."""
    found = failure.found
    error, outcome = found.error, found.smallest
    lines = [
        *wrapped(_verdict(found, error)),
        *(wrapped(failure.misfit) if failure.misfit else []),
        *(limit_lines(found.verdict) if "LimitError" in found.verdict else []),
        "replay (from the rootdir):",
        f"  {replay_command(found, nodeid, options)}",
    ]
    lines += _difference(error) + _found_by(failure) + _shrunk(found)
    if outcome is not None:
        lines += tail_lines(list(outcome.trace.lines()))
        if outcome.waiting:
            lines += ["", "who waits where:", *(clipped(line) for line in outcome.waiting.splitlines())]
    if more:
        lines += ["", *(clipped(line) for line in more)]
    return "\n".join(lines)


def failure_report(failure: ScenarioFailed, nodeid: str, options: Options, more: Sequence[str] = ()) -> TerminalRepr:
    """The report as pytest keeps it: with a location and a message for the summary, also through xdist."""
    found = failure.found
    error = found.error
    text = failure_text(failure, nodeid, options, more)
    if isinstance(error, ExpectationFailed):
        location = ReprFileLocation(str(error.place.path), error.place.line, found.verdict)
    else:
        location = ReprFileLocation(nodeid.partition("::")[0], 0, _verdict(found, error))
    return CocoFailure(ReprTraceback([ReprEntryNative([text + "\n"])], None, "native"), location)
