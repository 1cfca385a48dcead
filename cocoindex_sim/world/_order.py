"""Which step may follow which."""

from __future__ import annotations

from collections.abc import Sequence

from ._story import (
    Advance,
    Crash,
    Drop,
    Expect,
    Hold,
    Inject,
    InjectTrouble,
    Ready,
    Release,
    Restart,
    Settle,
    Start,
    Step,
    Stop,
    Update,
)

__all__ = ["first_refusal"]

# What a step does to the process: from which state it may be taken, and to which it leads (None: the same).
# `running` means an update was started that nothing has waited for; `live`, that it goes on until it is stopped.
_TRANSITIONS: dict[type[Step], dict[str, str]] = {
    Start: {"idle": "running"},
    Ready: {"running": "running", "live": "live"},
    Stop: {"live": "idle"},
    Hold: {"running": "running", "live": "live"},
    Update: {"idle": "idle"},
    Drop: {"idle": "idle", "live": "idle"},
    Crash: {"idle": "down", "running": "down", "live": "down"},
    Restart: {"down": "idle"},
}

_REFUSALS: dict[str, str] = {
    "running": "the update started on line {line} may still run; put `expect: {{terminates: true}}` before this step",
    "live": "the live update started on line {line} goes on; put `stop` before this step",
    "down": "the process is down since line {line}; put `restart` before this step",
    "idle": "there was no crash; put `crash` before `restart`",
}

_HELD = "the update is held since line {line}; put `release` before this step"
_NOT_WHILE_HELD = (Start, Ready, Stop, Update, Drop, Settle, Advance, Expect, Hold)

_WITHOUT_START: dict[type[Step], str] = {
    Ready: "no update is running that could become ready; put `start` before this step",
    Stop: "no live update is running; put `start: {{live: true}}` before this step",
    Hold: "no update is running that could be held; put `start` before this step",
}


def first_refusal(steps: Sequence[Step]) -> tuple[Step, str] | None:
    """The first step that can't follow the ones before it, and why; None when all can."""
    state, since = "idle", 0
    held = 0  # the line of the `hold` that nothing has released
    runs = [number for number, step in enumerate(steps) if isinstance(step, Start | Update | Drop)]
    for number, step in enumerate(steps):
        refusal = None
        if held and (isinstance(step, _NOT_WHILE_HELD) or (isinstance(step, Crash) and step.at is not None)):
            return step, _HELD.format(line=held)
        if isinstance(step, Release):
            if not held:
                refusal = "nothing is held; put `hold` before `release`"
            held = 0
        elif isinstance(step, Expect):
            if state == "down" and (step.terminates is not None or step.raises or step.stats):
                refusal = "the process is down since line {line}; `terminates`, `raises` and `stats` can't be looked at"
            elif step.terminates is not None and state not in ("running", "live"):
                refusal = "`terminates` is about an update that was begun with `start`; there is none"
            elif (state == "running" and step.terminates is not False) or (state == "live" and step.terminates):
                state, since = "idle", step.place.line
        elif isinstance(step, Inject | InjectTrouble):
            if state in ("idle", "down") and not any(run > number for run in runs):
                refusal = "nothing runs after this step, so nothing can go wrong; put it before `update` or `start`"
        elif isinstance(step, Crash) and step.at is not None and state == "idle":
            refusal = "`at` needs an update that is running; put `start`, not `update`, before it"
        elif type(step) in _TRANSITIONS:
            following = _TRANSITIONS[type(step)].get(state)
            if following is None:
                refusal = _REFUSALS[state]
                if state in ("idle", "running") and type(step) in _WITHOUT_START:
                    refusal = _WITHOUT_START[type(step)]
            elif isinstance(step, Hold):
                held = step.place.line or 1
            elif following != state:
                held = 0
                state, since = following, step.place.line
                if isinstance(step, Start) and step.live:
                    state = "live"
        if refusal is not None:
            return step, refusal.format(line=since)
    return None
