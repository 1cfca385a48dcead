# Goal: every mistake in a scenario file is refused with the file, the line, the column and one exact sentence.

from pathlib import Path
from typing import Any

import pytest

from cocoindex_sim.scenario import parse_scenarios, read_scenarios
from cocoindex_sim.values import EVENT_NAMES, ScenarioError
from cocoindex_sim.world import HOLD_BARRIERS, STATS_FIELDS

STEPS = (
    "start, ready, settle, stop, update, hold, release, call, fs.write, fs.append, fs.remove, fs.move, fs.link, fs.touch,"
    " fs.chmod, fs.watch, inject, map.set, map.delete, map.watch, map.hold, map.release, map.inject, target.inject, kafka.create, kafka.produce,"
    " kafka.tombstone, kafka.expire, kafka.compact, kafka.broker, kafka.member, kafka.rebalance, kafka.inject, advance, crash,"
    " restart, drop, expect"
)
KEYS = "name, description, app, source, drivers, given, oracles_off, options, recording, steps, scenarios"
EVENTS = ", ".join(EVENT_NAMES)
LOOKS = "targets, diff, stats, terminates, raises, rows, kafka, actions, ready, order, logs, committed"
BARRIERS = ", ".join(HOLD_BARRIERS)
COUNTERS = ", ".join(STATS_FIELDS)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "main.py").write_text("")
    return tmp_path


def refusal(text: str, base: Path) -> str:
    with pytest.raises(ScenarioError) as caught:
        parse_scenarios(text, path=Path("x.coco.yaml"), base=base)
    assert caught.value.path == Path("x.coco.yaml")
    return str(caught.value)


def step(text: str) -> str:
    """A file whose only step is `text`, which begins on line 3, column 5."""
    return f"app: main.py\nsteps:\n  - {text}\n"


FILES = {
    "empty": ("", "x.coco.yaml: the file holds no scenario; write `app:` and `steps:`"),
    "only a comment": ("# nothing\n", "x.coco.yaml: the file holds no scenario; write `app:` and `steps:`"),
    "a list": ("- a\n", "x.coco.yaml:1:1: expected a mapping with `app:` and `steps:`, found a list"),
    "tab": (
        "app: main.py\nsteps:\n\t- start\n",
        "x.coco.yaml:3:1: a tab can't start anything in YAML; indent with spaces",
    ),
    "open bracket": (
        "app: [main.py\n",
        "x.coco.yaml:2:1: not YAML: expected ',' or ']', but got '<stream end>' while parsing a flow sequence",
    ),
    "colon in a value": (
        "app: a: b\n",
        "x.coco.yaml:1:7: not YAML: mapping values are not allowed here; quote a value with a colon and a space in it",
    ),
    "unknown alias": (
        "app: *x\n",
        "x.coco.yaml:1:6: not YAML: found undefined alias 'x'; quote a value that begins with *",
    ),
    "item in another column": (
        "app: a\nsteps:\n  - update:\n - update:\n",
        "x.coco.yaml:4:2: not YAML: expected <block end>, but found '<block sequence start>' while parsing a block"
        " mapping; begin all entries of a list or mapping in the same column",
    ),
    "control character": ("app: a\nname: \x07\n", "x.coco.yaml:2:7: not YAML: the character '\\x07' is not allowed"),
    "two documents": (
        "app: main.py\n---\napp: main.py\n",
        "x.coco.yaml:2:1: a second document begins here; list several scenarios under `scenarios:`",
    ),
    "no app": (
        "steps: [update]\n",
        "x.coco.yaml:1:1: `app:` is missing; it names the pipeline, as in `app: path/main.py`, or `source:` a connector",
    ),
    "app of another kind": (
        "app: [main.py]\nsteps: [update]\n",
        "x.coco.yaml:1:6: expected a pipeline, as in 'path/main.py', found a list",
    ),
    "app without a value": (
        "app:\nsteps: [update]\n",
        "x.coco.yaml:1:1: expected a pipeline, as in 'path/main.py', found nothing; write \"\" for empty text",
    ),
    "app not Python": (
        "app: main.txt\nsteps: [update]\n",
        "x.coco.yaml:1:6: 'main.txt' is not a pipeline; write the path of a Python file, as in 'path/main.py'",
    ),
    "app not there": (
        "app: src/main.py:app\nsteps: [update]\n",
        "x.coco.yaml:1:6: there is no file 'src/main.py'; the path starts at the directory of the scenario file",
    ),
    "unknown key": (
        "app: main.py\nstep:\n  - update\n",
        f"x.coco.yaml:2:1: unknown key 'step'; did you mean 'steps'? known: {KEYS}",
    ),
    "merge key": (
        "app: main.py\n<<: {steps: [update]}\n",
        f"x.coco.yaml:2:1: unknown key '<<'; known: {KEYS}",
    ),
    "duplicate key": (
        "app: main.py\nname: a\nname: b\nsteps: [update]\n",
        "x.coco.yaml:3:1: 'name' is here twice; the first is on line 2",
    ),
    "a list as key": (
        "app: main.py\n? [a]\n: b\n",
        "x.coco.yaml:2:3: expected a name, found a list",
    ),
    "neither steps nor scenarios": (
        "app: main.py\n",
        "x.coco.yaml:1:1: expected one of `steps:` and `scenarios:`, found neither",
    ),
    "both steps and scenarios": (
        "app: main.py\nsteps: [update]\nscenarios: []\n",
        "x.coco.yaml:1:1: expected one of `steps:` and `scenarios:`, found both",
    ),
    "no steps": ("app: main.py\nsteps: []\n", "x.coco.yaml:2:8: this list is empty; write at least one step"),
    "steps of another kind": (
        "app: main.py\nsteps: update\n",
        "x.coco.yaml:2:8: expected a list of steps, found 'update' (text)",
    ),
    "no scenarios": (
        "app: main.py\nscenarios: []\n",
        "x.coco.yaml:2:12: this list is empty; write at least one scenario",
    ),
    "scenario without name": (
        "app: main.py\nscenarios:\n  - steps: [update]\n",
        "x.coco.yaml:3:5: `name:` is missing; say in a few words what it claims",
    ),
    "scenario without steps": (
        "app: main.py\nscenarios:\n  - name: a\n",
        "x.coco.yaml:3:5: `steps:` is missing; list what happens, as in `steps: [update]`",
    ),
    "app below the heading": (
        "app: main.py\nscenarios:\n  - name: a\n    app: main.py\n",
        "x.coco.yaml:4:5: unknown key 'app'; known: name, description, given, oracles_off, options, recording, steps",
    ),
    "one name twice": (
        "app: main.py\nscenarios:\n  - {name: a, steps: [update]}\n  - {name: a, steps: [update]}\n",
        "x.coco.yaml:4:12: 'a' is the name of the scenario on line 3 too",
    ),
    "name that is no part of an id": (
        "app: main.py\nname: a::b\nsteps: [update]\n",
        "x.coco.yaml:2:7: 'a::b' can't be a name: it is part of a test's id, so it has no '::'",
    ),
    "empty name": ('app: main.py\nname: ""\nsteps: [update]\n', "x.coco.yaml:2:7: a name can't be empty"),
    "driver that is none": (
        "app: main.py\ndrivers: {shop: shop.py}\nsteps: [update]\n",
        "x.coco.yaml:2:17: 'shop.py' is not a driver; write a Python file and what makes it, as in 'path/shop.py:Shop'",
    ),
    "driver that is not there": (
        "app: main.py\ndrivers: {shop: shop.py:Shop}\nsteps: [update]\n",
        "x.coco.yaml:2:17: there is no file 'shop.py'; the path starts at the directory of the scenario file",
    ),
    "driver without a word for a name": (
        "app: main.py\ndrivers: {my shop: main.py:Shop}\nsteps: [update]\n",
        "x.coco.yaml:2:11: 'my shop' can't be the name of a driver; write a word, as in 'shop'",
    ),
    "call of another driver": (
        "app: main.py\ndrivers: {shop: main.py:Shop}\nsteps:\n  - call: shp.sell\n",
        "x.coco.yaml:4:5: unknown driver 'shp'; did you mean 'shop'? known: shop",
    ),
    "unknown start": (
        "app: main.py\ngiven:\n  file: {}\nsteps: [update]\n",
        "x.coco.yaml:3:3: unknown starting state 'file'; did you mean 'files'? known: files, watch, map, kafka",
    ),
    "unknown watch profile": (
        "app: main.py\ngiven:\n  watch: inotfy\nsteps: [update]\n",
        "x.coco.yaml:3:10: unknown watch profile 'inotfy'; did you mean 'inotify'? known:"
        " perfect, inotify, fsevents, windows",
    ),
    "files as a list": (
        "app: main.py\ngiven:\n  files: [a.md]\nsteps: [update]\n",
        "x.coco.yaml:3:10: expected a mapping from path to content, found a list",
    ),
    "content that is missing": (
        "app: main.py\ngiven:\n  files:\n    a.md:\n    b.md: b\nsteps: [update]\n",
        'x.coco.yaml:4:5: expected the content of a file, found nothing; write "" for empty text',
    ),
    "content of another kind": (
        "app: main.py\ngiven: {files: {a.md: {b: c}}}\nsteps: [update]\n",
        "x.coco.yaml:2:23: expected the content of a file, found a mapping",
    ),
    "content that is not base64": (
        'app: main.py\ngiven: {files: {a.md: !!binary "//8"}}\nsteps: [update]\n',
        "x.coco.yaml:2:23: '//8' is not base64: Incorrect padding",
    ),
    "unknown tag": (
        "app: main.py\ngiven: {files: {a.md: !secret x}}\nsteps: [update]\n",
        "x.coco.yaml:2:23: expected the content of a file, found 'x' (!secret)",
    ),
}


@pytest.mark.parametrize(("text", "message"), FILES.values(), ids=FILES)
def test_a_file_that_is_wrong_is_refused(text: str, message: str, base: Path) -> None:
    assert refusal(text, base) == message


ONE_STEP = {
    "unknown": ("updat", f"unknown step 'updat'; did you mean 'update'? known: {STEPS}"),
    "unknown, far from all": ("zzz: 1", f"unknown step 'zzz'; known: {STEPS}"),
    "two keys": ("{update: , drop: }", "a step has one key, found 2 ('update', 'drop'); begin each step with `- `"),
    "two keys, one of which belongs to the other": (
        "expect:\n    targets: {}",
        "a step has one key, found 2 ('expect', 'targets'); indent what belongs to 'expect' further than it",
    ),
    "another word for it": ("wait: 5s", f"unknown step 'wait'; did you mean 'advance'? known: {STEPS}"),
    "no key": ("{}", "a step has one key, found 0 (); begin each step with `- `"),
    "a list": ("[update]", "expected a step, found a list"),
    "bare advance": ("advance", "'advance' needs something to do, as in `advance: 1h30m`"),
    "update: text": ("update: now", "expected nothing or a mapping of options, found 'now' (text)", 13),
    "update: unknown option": (
        "update: {full_reproces: true}",
        "unknown option 'full_reproces'; did you mean 'full_reprocess'? known: full_reprocess",
        14,
    ),
    "update: quoted truth": (
        'update: {full_reprocess: "true"}',
        "expected true or false, found 'true' (text); write true or false",
        30,
    ),
    "start: unknown option": (
        "start: {alive: true}",
        "unknown option 'alive'; did you mean 'live'? known: full_reprocess, live",
        13,
    ),
    "update: live": ("update: {live: true}", "unknown option 'live'; known: full_reprocess", 14),
    "ready: something": ("ready: 1", "this step takes nothing, found '1' (a number)", 12),
    "settle: something": ("settle: [1]", "this step takes nothing, found a list", 13),
    "stop: something": ("stop: now", "this step takes nothing, found 'now' (text)", 11),
    "fs.watch: nothing": ("fs.watch", "'fs.watch' needs something to do, as in `fs.watch: goes silent`"),
    "fs.watch: unknown": (
        "fs.watch: overflw",
        "nothing called 'overflw' happens to a watch; did you mean 'overflow'? known: hold, release, overflow,"
        " goes silent, dies",
        15,
    ),
    "drop: something": ("drop: {a: b}", "this step takes nothing, found a mapping", 11),
    "restart: something": ("restart: 1", "this step takes nothing, found '1' (a number)", 14),
    "advance: without unit": (
        "advance: 5",
        "'5' is not a duration; write a number and a unit (us, ms, s, m, h, d), as in '5s'",
        14,
    ),
    "advance: unknown unit": (
        "advance: 5 weeks",
        "'5 weeks' is not a duration; write a number and a unit (us, ms, s, m, h, d), as in '5s'",
        14,
    ),
    "advance: back": (
        "advance: -5s",
        "'-5s' is not a duration; write a number and a unit (us, ms, s, m, h, d), as in '5s'",
        14,
    ),
    "advance: empty": (
        'advance: ""',
        "'' is not a duration; write a number and a unit (us, ms, s, m, h, d), as in '5s'",
        14,
    ),
    "advance: wrong order": (
        "advance: 5s1h",
        "'5s1h' is not a duration; write larger units first, each once, as in '1h30m'",
        14,
    ),
    "advance: too fine": ("advance: 0.5us", "'0.5us' is finer than a microsecond", 14),
    "advance: too long": ("advance: 9999999999d", "'9999999999d' is too long; the limit is 999999999 days", 14),
    "advance: a list": ("advance: [5s]", "expected a duration such as '5s', found a list", 14),
    "crash: unknown option": ("crash: {att: x}", "unknown option 'att'; did you mean 'at'? known: at, nth", 13),
    "crash: only nth": ("crash: {nth: 2}", "`nth` counts an event; name it with `at:`", 12),
    "crash: unknown event": (
        "crash: {at: precommitted}",
        f"unknown event 'precommitted'; did you mean 'pre_committed'? known: {EVENTS}",
        17,
    ),
    "crash: nth quoted": (
        'crash: {at: committed, nth: "2"}',
        "expected a count, found '2' (text)",
        33,
    ),
    "crash: nth zero": ("crash: {at: committed, nth: 0}", "expected a count, found 0; the least is 1", 33),
    "crash: nth fraction": ("crash: {at: committed, nth: 1.5}", "expected a count, found '1.5' (a number)", 33),
    "fs.write: nothing": ("fs.write: {}", "`fs.write` writes nothing; name at least one file", 15),
    "fs.write: no content": (
        "fs.write: a.md",
        "expected a mapping from path to content, found 'a.md' (text)",
        15,
    ),
    "fs.write: absolute": (
        "fs.write: {/a.md: x}",
        "'/a.md' leads out of the world's working directory; write a path below it",
        16,
    ),
    "fs.write: upwards": (
        "fs.write: {docs/../../a.md: x}",
        "'docs/../../a.md' leads out of the world's working directory; write a path below it",
        16,
    ),
    "fs.write: not plain": (
        "fs.write: {docs//a.md: x}",
        "'docs//a.md' is not a plain path; write it as in 'docs/a.md'",
        16,
    ),
    "fs.remove: nothing": ("fs.remove: []", "`fs.remove` removes nothing; name at least one path", 16),
    "fs.remove: twice": ("fs.remove: [a, a]", "'a' is in this list twice", 20),
    "fs.remove: a mapping": ("fs.remove: {a: b}", "expected a path or a list of paths, found a mapping", 16),
    "fs.move: half": (
        "fs.move: {from: a}",
        "`to:` is missing; write what moves where, as in `{from: a.md, to: b.md}`",
        14,
    ),
    "fs.link: half": (
        "fs.link: {to: a}",
        "`path:` is missing; write where the link is and where it leads, as in `{path: docs/b.md, to: a.md}`",
        14,
    ),
    "fs.link: to nothing": ("fs.link: {path: a, to: ''}", "a link can't lead to ''", 28),
    "fs.touch: nothing": ("fs.touch: []", "`fs.touch` touches nothing; name at least one path", 15),
    "fs.touch: nothing in a mapping": ("fs.touch: {}", "`fs.touch` touches nothing; name at least one path", 15),
    "fs.chmod: nothing": ("fs.chmod: {}", "`fs.chmod` changes nothing; name at least one path", 15),
    "fs.chmod: not octal": (
        "fs.chmod: {a: rw}",
        "'rw' is not a mode; write three octal digits, as in '644' or '000'",
        19,
    ),
    "inject: nothing": (
        "inject: {}",
        "`fault:` is missing; write what goes wrong where, as in `{fault: EIO, path: docs/a.md}`",
        13,
    ),
    "inject: no path": (
        "inject: {fault: EIO}",
        "`path:` is missing; write what goes wrong where, as in `{fault: EIO, path: docs/a.md}`",
        13,
    ),
    "inject: text": ("inject: EIO", "expected `fault:` and `path:`, found 'EIO' (text)", 13),
    "inject: unknown part": (
        "inject: {fault: EIO, paths: a}",
        "unknown part of a fault 'paths'; did you mean 'path'? known: fault, path, call, nth, times, content",
        26,
    ),
    "inject: unknown fault": (
        "inject: {fault: vanish, path: a}",
        "unknown fault 'vanish'; did you mean 'vanishes'? known: EIO, EACCES, ENOSPC, vanishes, changes",
        21,
    ),
    "inject: call it can't happen at": (
        "inject: {fault: ENOSPC, path: a, call: read}",
        "ENOSPC can't happen at 'read'; known: write, mkdir",
        44,
    ),
    "inject: unknown call": (
        "inject: {fault: EIO, path: a, call: reed}",
        "EIO can't happen at 'reed'; did you mean 'read'? known: read, write, list, stat, mkdir, remove, watch",
        41,
    ),
    "inject: change without content": (
        "inject: {fault: changes, path: a}",
        "a file that changes needs `content:`, which it has then",
        13,
    ),
    "inject: content of an error": (
        "inject: {fault: EIO, path: a, content: x}",
        "EIO takes no content; only `fault: changes` does",
        44,
    ),
    "inject: nth zero": ("inject: {fault: EIO, path: a, nth: 0}", "expected a count, found 0; the least is 1", 40),
    "inject: upwards": (
        "inject: {fault: EIO, path: ../*.md}",
        "'../*.md' leads out of the world's working directory; write a path below it",
        32,
    ),
    "expect: nothing": (
        "expect: {}",
        f"`expect` expects nothing; known: {LOOKS}",
        13,
    ),
    "expect: unknown": (
        "expect: {target: {}}",
        f"unknown expectation 'target'; did you mean 'targets'? known: {LOOKS}",
        14,
    ),
    "targets: a list": (
        "expect: {targets: [a]}",
        "expected a mapping from target file to content ({} for none), found a list",
        23,
    ),
    "targets: unknown check": (
        "expect: {targets: {a: {contain: x}}}",
        "unknown check 'contain'; did you mean 'contains'? known: contains, matches",
        28,
    ),
    "targets: both checks": (
        "expect: {targets: {a: {contains: x, matches: x}}}",
        "expected one of `contains:` and `matches:`, found both",
        27,
    ),
    "targets: bad pattern": (
        "expect: {targets: {a: {matches: '(x'}}}",
        "'(x' is not a regular expression: missing ), unterminated subpattern at position 0",
        37,
    ),
    "diff: unknown": (
        "expect: {diff: {new: [a]}}",
        "unknown kind of difference 'new'; known: added, changed, removed",
        21,
    ),
    "diff: a list": ("expect: {diff: []}", "expected a mapping ({} for no difference), found a list", 20),
    "stats: unknown counter": (
        "expect: {stats: {num_add: 1}}",
        f"unknown counter 'num_add'; did you mean 'num_adds'? known: {COUNTERS}",
        22,
    ),
    "stats: unknown counter of a component": (
        "expect: {stats: {main: {num_errored: 1}}}",
        f"unknown counter 'num_errored'; did you mean 'num_errors'? known: {COUNTERS}",
        29,
    ),
    "stats: text": (
        "expect: {stats: {main: many}}",
        "expected a mapping from counter to number, found 'many' (text)",
        28,
    ),
    "stats: not a number": ("expect: {stats: {num_adds: many}}", "expected a number, found 'many' (text)", 32),
    "stats: negative": ("expect: {stats: {num_adds: -1}}", "expected a number, found -1; the least is 0", 32),
    "raises: nothing": (
        "start\n  - expect: {raises: {}}",
        "expected `type:`, `matches:` or both, found neither",
        22,
        4,
    ),
    "raises: text": (
        "expect: {raises: ValueError}",
        "expected a mapping with `type:`, `matches:` or both, found 'ValueError' (text)",
        22,
    ),
    "raises: unknown": (
        "expect: {raises: {match: x}}",
        "unknown part of an error 'match'; did you mean 'matches'? known: type, matches",
        23,
    ),
    "fs.append: nothing": ("fs.append: {}", "`fs.append` adds nothing; name at least one file", 16),
    "call: no driver": ("call: sell", "'sell' is not a call; write a driver and a method of it, as in 'shop.sell'", 11),
    "call: two": (
        "call: {shop.sell: , shop.buy: }",
        "a step makes one call, found 2; begin each with `- call:`",
        11,
    ),
    "call: arguments in a list": (
        "call: {shop.sell: [apple]}",
        "expected nothing, or a mapping of arguments, found a list",
        23,
    ),
    "call: a list": (
        "call: [shop.sell]",
        "expected a driver and a method of it, as in `shop.sell`, with arguments in a mapping below it, found a list",
        11,
    ),
    "call: unknown driver": (
        "call: shop.sell",
        "unknown driver 'shop'; name what makes it under `drivers:`",
    ),
    "hold: unknown": (
        "hold: comitted",
        f"unknown barrier 'comitted'; did you mean 'committed'? known: {BARRIERS}",
        11,
    ),
    "hold: no barrier": ("hold: {nth: 2}", "`at:` is missing; name the barrier", 11),
    "hold: unknown option": (
        "hold: {at: committed, nht: 2}",
        "unknown option 'nht'; did you mean 'nth'? known: at, nth",
        27,
    ),
    "release: something": ("release: all", "this step takes nothing, found 'all' (text)", 14),
    "actions: text": (
        "expect: {actions: many}",
        "expected a number, or a mapping from the path of a component to one, found 'many' (text)",
        23,
    ),
    "actions: negative": ("expect: {actions: -1}", "expected a number, found -1; the least is 0", 23),
    "ready: a mapping": (
        "expect: {ready: {/a: true}}",
        "expected true, false, or a list of paths of components, found a mapping",
        21,
    ),
    "ready: twice": ("expect: {ready: [/a, /a]}", "'/a' is in this list twice", 26),
    "order: nothing": (
        "expect: {order: []}",
        "this list is empty; write events, as in `[live_ready, committed]`",
        21,
    ),
    "order: unknown": (
        "expect: {order: [comitted]}",
        f"unknown event 'comitted'; did you mean 'committed'? known: {EVENTS}",
        22,
    ),
    "order: two at once": (
        "expect: {order: [{committed: /a, live_ready: /b}]}",
        "expected one event, found 2; begin each with `- `",
        22,
    ),
    "logs: text": ("expect: {logs: loud}", "expected a list of messages ([] for no warning), found 'loud' (text)", 20),
    "logs: no text": (
        "expect: {logs: [{level: error}]}",
        "expected one of `contains:` and `matches:`, found neither",
        21,
    ),
    "logs: unknown level": (
        "expect: {logs: [{contains: a, level: eror}]}",
        "unknown level 'eror'; did you mean 'error'? known: debug, info, warning, error, critical",
        42,
    ),
    "terminates: text": (
        "start\n  - expect: {terminates: yes}",
        "expected true or false, found 'yes' (text); write true or false",
        26,
        4,
    ),
}


@pytest.mark.parametrize("case", ONE_STEP.values(), ids=ONE_STEP)
def test_a_step_that_is_wrong_is_refused(case: tuple[Any, ...], base: Path) -> None:
    text, fact = case[:2]
    column = case[2] if len(case) > 2 else 5
    line = case[3] if len(case) > 3 else 3
    assert refusal(step(text), base) == f"x.coco.yaml:{line}:{column}: {fact}"


RUNNING = "the update started on line 3 may still run; put `expect: {terminates: true}` before this step"
GOES_ON = "the live update started on line 3 goes on; put `stop` before this step"

HELD = "the update is held since line 4; put `release` before this step"

ORDER = {
    "start, start": f"4:5: {RUNNING}",
    "start, update": f"4:5: {RUNNING}",
    "start, drop": f"4:5: {RUNNING}",
    "start, restart": f"4:5: {RUNNING}",
    "crash, update": "4:5: the process is down since line 3; put `restart` before this step",
    "crash, advance: 5s, drop": "5:5: the process is down since line 3; put `restart` before this step",
    "crash, crash": "4:5: the process is down since line 3; put `restart` before this step",
    "restart": "3:5: there was no crash; put `crash` before `restart`",
    "ready": "3:5: no update is running that could become ready; put `start` before this step",
    "stop": "3:5: no live update is running; put `start: {live: true}` before this step",
    "start, stop": "4:5: no live update is running; put `start: {live: true}` before this step",
    "start: {live: true}, update": f"4:5: {GOES_ON}",
    "start: {live: true}, ready, expect: {targets: {}}, start": f"6:5: {GOES_ON}",
    "start: {live: true}, expect: {terminates: true}, stop": (
        "5:5: no live update is running; put `start: {live: true}` before this step"
    ),
    "start, hold: committed, settle": f"5:5: {HELD}",
    "start, hold: committed, expect: {targets: {}}": f"5:5: {HELD}",
    "start, hold: committed, crash: {at: committed}": f"5:5: {HELD}",
    "start: {live: true}, hold: committed, release, hold: committed, advance: 5s": (
        "7:5: the update is held since line 6; put `release` before this step"
    ),
    "start, hold: committed, crash, restart, release": "7:5: nothing is held; put `hold` before `release`",
    "release": "3:5: nothing is held; put `hold` before `release`",
    "hold: committed": "3:5: no update is running that could be held; put `start` before this step",
    "crash, hold: committed": "4:5: the process is down since line 3; put `restart` before this step",
    "crash, ready": "4:5: the process is down since line 3; put `restart` before this step",
    "update, crash: {at: committed}": "4:5: `at` needs an update that is running; put `start`, not `update`, before it",
    "start, expect: {terminates: true}, crash: {at: committed}": (
        "5:5: `at` needs an update that is running; put `start`, not `update`, before it"
    ),
    "update, expect: {terminates: true}": (
        "4:5: `terminates` is about an update that was begun with `start`; there is none"
    ),
    "start, expect: {terminates: false}, update": f"5:5: {RUNNING}",
    "update, inject: {fault: EIO; path: a}": (
        "4:5: nothing runs after this step, so nothing can go wrong; put it before `update` or `start`"
    ),
    "start: {live: true}, stop, inject: {fault: EIO; path: a}, advance: 5s": (
        "5:5: nothing runs after this step, so nothing can go wrong; put it before `update` or `start`"
    ),
    "crash, expect: {raises: {type: ValueError}}": (
        "4:5: the process is down since line 3; `terminates`, `raises` and `stats` can't be looked at"
    ),
}


@pytest.mark.parametrize(("steps", "message"), ORDER.items(), ids=ORDER)
def test_a_step_that_cannot_follow_is_refused(steps: str, message: str, base: Path) -> None:
    lines = "".join(f"  - {text}\n" for text in steps.split(", ")).replace(";", ",")
    assert refusal(f"app: main.py\nsteps:\n{lines}", base) == f"x.coco.yaml:{message}"


def test_bytes_that_are_not_text_are_refused_under_the_shown_name(tmp_path: Path) -> None:
    path = tmp_path / "x.coco.yaml"
    path.write_bytes(b"app: \xff\n")
    with pytest.raises(ScenarioError) as caught:
        read_scenarios(path, shown_as=Path("scenarios/x.coco.yaml"))
    assert str(caught.value) == "scenarios/x.coco.yaml: not UTF-8 text: invalid start byte at byte 5"


def test_a_file_that_is_not_there_is_an_error_of_the_operating_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_scenarios(tmp_path / "x.coco.yaml")
