# Goal: every mistake about a connector, a map or a target in a scenario is refused with its place and one exact sentence.

from pathlib import Path

import pytest

from cocoindex_sim.scenario import parse_scenarios
from cocoindex_sim.values import ScenarioError

WATCH = "known: hold, release, dies, goes silent, rewinds"
BARRIERS = "known: arm, scan, answer, deliver, commit"
TROUBLES = "known: duplicate, rewind, reorder, late, dies, silent"
ENTRIES = "a mapping from key to value, or from the name of a map to one"
ROWS = "a mapping from key to content ({} for no rows), or from the name of a target to one"


def refusal(text: str, base: Path) -> str:
    (base / "main.py").write_text("")
    with pytest.raises(ScenarioError) as caught:
        parse_scenarios(text, path=Path("x.coco.yaml"), base=base)
    return str(caught.value)


FILES = {
    "app: main.py\nsource: main.py:f\nsteps: [update]\n": (
        "2:9: `source:` is a connector to run without a pipeline, and `app:` is one; write one of them"
    ),
    "source: main.py\nsteps: [update]\n": (
        "1:9: 'main.py' is not a connector; write a Python file and what makes it, as in 'path/prices.py:prices'"
    ),
    "source: main.py:f-g\nsteps: [update]\n": (
        "1:9: 'main.py:f-g' is not a connector; write a Python file and what makes it, as in 'path/prices.py:prices'"
    ),
    "source: other.py:f\nsteps: [update]\n": (
        "1:9: there is no file 'other.py'; the path starts at the directory of the scenario file"
    ),
    "source: [a]\nsteps: [update]\n": "1:9: expected a connector, as in 'path/prices.py:prices', found a list",
    "app: main.py\ngiven: {maps: {}}\nsteps: [update]\n": (
        "2:9: unknown starting state 'maps'; did you mean 'map'? known: files, watch, map, kafka"
    ),
    "app: main.py\ngiven: {map: [a]}\nsteps: [update]\n": f"2:14: expected {ENTRIES}, found a list",
    "app: main.py\ngiven: {map: {a: [b]}}\nsteps: [update]\n": "2:18: expected a value, found a list",
    "app: main.py\nscenarios: [{name: a, source: main.py:f}]\n": (
        "2:23: unknown key 'source'; known: name, description, given, oracles_off, options, recording, steps"
    ),
}


@pytest.mark.parametrize(("text", "message"), FILES.items(), ids=FILES)
def test_a_file_that_is_wrong_is_refused(text: str, message: str, tmp_path: Path) -> None:
    assert refusal(text, tmp_path) == f"x.coco.yaml:{message}"


# The column is counted from the beginning of the step.
STEPS = {
    "map.set": "1: 'map.set' needs something to do, as in `map.set: {apple: '3'}`",
    "map.set: {}": "10: `map.set` sets nothing; name at least one key",
    "map.set: [a]": f"10: expected {ENTRIES}, found a list",
    "map.set: {a: }": '11: expected a value, found nothing; write "" for empty text',
    "map.set: {users: {a: {b: c}}}": "22: expected a value, found a mapping",
    "map.del: a": "1: unknown step 'map.del'; did you mean 'map.delete'? known: ",
    "map.delete: []": "13: `map.delete` deletes nothing; name at least one key",
    "map.delete: [a, a]": "17: 'a' is in this list twice",
    "map.delete: {users: {a: b}}": "21: expected a key or a list of keys, found a mapping",
    "map.watch: dead": f"12: nothing called 'dead' happens to a subscription; {WATCH}",
    "map.watch: {users: hol}": (f"20: nothing called 'hol' happens to a subscription; did you mean 'hold'? {WATCH}"),
    "map.watch: {users: hold, a: dies}": "12: expected the name of one map, found 2",
    "map.hold: scam": f"11: unknown barrier 'scam'; did you mean 'scan'? {BARRIERS}",
    "map.hold": "1: 'map.hold' needs something to do, as in `map.hold: scan`",
    "map.release: {users: gate}": f"22: unknown barrier 'gate'; {BARRIERS}",
    "map.inject: {}": "13: `fault:` is missing; write what goes wrong, as in `{fault: duplicate}`",
    "map.inject: {fault: fails}": f"21: 'fails' can't happen at 'deliver'; {TROUBLES}",
    "map.inject: {fault: lat}": f"21: 'lat' can't happen at 'deliver'; did you mean 'late'? {TROUBLES}",
    "map.inject: {fault: fails, call: scam}": (
        "34: unknown call 'scam'; did you mean 'scan'? known: deliver, arm, scan, get, commit"
    ),
    "map.inject: {fault: late, nth: 0}": "32: expected a count, found 0; the least is 1",
    "map.inject: {fault: late, target: a}": (
        "27: unknown part of a fault 'target'; known: fault, map, call, nth, times"
    ),
    "target.inject: {target: a}": "16: `fault:` is missing; write what goes wrong, as in `{fault: ack_lost}`",
    "target.inject: {fault: lost}": (
        "24: 'lost' can't happen at an action; did you mean 'ack_lost'? known: before, ack_lost, partial, slow, conflict"
    ),
    "expect: {rows: []}": f"16: expected {ROWS}, found a list",
    "expect: {rows: {a: [b]}}": (
        "20: expected the content of a row, or one of `contains:` and `matches:`, found a list"
    ),
    "expect: {rows: {a: {contains: b, matches: c}}}": ("20: expected one of `contains:` and `matches:`, found both"),
    "expect: {rows: {other: {a: {matches: '['}}}}": (
        "38: '[' is not a regular expression: unterminated character set at position 0"
    ),
}


@pytest.mark.parametrize(("text", "message"), STEPS.items(), ids=STEPS)
def test_a_step_that_is_wrong_is_refused(text: str, message: str, tmp_path: Path) -> None:
    column, fact = message.split(": ", 1)
    refused = refusal(f"app: main.py\nsteps:\n  - {text}\n  - update\n", tmp_path)
    expected = f"x.coco.yaml:3:{int(column) + 4}: {fact}"
    assert refused.startswith(expected) if fact.endswith("known: ") else refused == expected


@pytest.mark.parametrize("text", ["map.inject: {fault: late}", "target.inject: {fault: slow}"])
def test_what_is_to_go_wrong_needs_a_run_after_it(text: str, tmp_path: Path) -> None:
    assert refusal(f"app: main.py\nsteps:\n  - update\n  - {text}\n", tmp_path) == (
        "x.coco.yaml:4:5: nothing runs after this step, so nothing can go wrong; put it before `update` or `start`"
    )
