# Goal: a scenario file becomes exactly the story that is written in it.

from datetime import timedelta
from pathlib import Path

import pytest

from cocoindex_sim.scenario import STEP_NAMES, parse_duration, parse_scenarios
from cocoindex_sim.world import (
    Advance,
    AppendFiles,
    Call,
    ChangeBroker,
    ChangeMember,
    ChangeMode,
    CompactTopics,
    Contains,
    Crash,
    CreateTopics,
    DeleteKeys,
    Diff,
    Drop,
    Exactly,
    Expect,
    ExpireMessages,
    Failure,
    FileFault,
    Hold,
    Inject,
    InjectTrouble,
    LogExpectation,
    MakeLink,
    MapTrouble,
    Matches,
    MoveFile,
    Place,
    ProduceMessages,
    Ready,
    Release,
    RemoveFiles,
    Restart,
    SetKeys,
    Settle,
    Start,
    StatsExpectation,
    Step,
    Stop,
    Story,
    TopicMessage,
    TouchFiles,
    Trouble,
    Update,
    WriteFiles,
)
from cocoindex_sim.world import _drivers as drivers_module

PATH = Path("dir/x.coco.yaml")


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(drivers_module, "_registered", {"shop": object})
    (tmp_path / "main.py").write_text("")
    return tmp_path


def parse(text: str, base: Path) -> list[Story]:
    return parse_scenarios(text, path=PATH, base=base)


def at(line: int, column: int = 5) -> Place:
    return Place(PATH, line, column)


def steps_of(text: str, base: Path) -> tuple[Step, ...]:
    (story,) = parse("app: main.py\nsteps:\n" + text, base)
    return story.steps


EVERY_STEP = """\
  - start
  - crash: {at: pre_committed, nth: 2}
  - restart
  - update: {full_reprocess: true}
  - update:
  - fs.write: {a.md: A, docs/b.md: B}
  - fs.remove: a.md
  - fs.remove: [docs/b.md, c.md]
  - fs.move: {from: d.md, to: e.md}
  - advance: 1h30m
  - fs.chmod: {a.md: 000, b.md: "644"}
  - drop
  - crash
  - restart:
  - start: {full_reprocess: false}
  - crash: {at: committed}
  - expect: {targets: {}}
  - restart
  - start: {live: true}
  - ready
  - settle
  - fs.watch: goes silent
  - fs.link: {path: in/l.md, to: ../a.md}
  - fs.touch: [a.md, b.md]
  - fs.touch: {a.md: b.md}
  - inject: {fault: EIO, path: in/*.md}
  - inject: {fault: EACCES, path: a.md, call: list, nth: 2, times: 3}
  - inject: {fault: changes, path: a.md, content: B}
  - stop
  - map.set: {a: apples, users: {b: bananas, c: 1.0}}
  - map.delete: a
  - map.delete: [a, b]
  - map.delete: {users: c}
  - map.watch: hold
  - map.watch: {users: dies}
  - map.hold: scan
  - map.release: {users: answer}
  - map.release
  - map.inject: {fault: late}
  - map.inject: {fault: fails, call: scan, map: users, nth: 2, times: 3}
  - target.inject: {fault: ack_lost}
  - target.inject: {fault: slow, target: other, nth: 4}
  - kafka.create: orders
  - kafka.create: {orders: 3, users: 1}
  - kafka.produce: {orders: {a: "1", b: }, users: [{key: c, value: d, partition: 2, headers: {h: i}}, {value: e}]}
  - kafka.tombstone: {orders: [a, b], users: c}
  - kafka.expire: [orders, users]
  - kafka.expire: {orders: 5}
  - kafka.compact: orders
  - kafka.compact: {topic: [orders, users], tombstones: true}
  - kafka.broker: stop
  - kafka.broker: {start: 2}
  - kafka.member: {join: pages, topics: orders}
  - kafka.member: {leave: pages, name: other}
  - kafka.rebalance: pages
  - kafka.inject: {fault: ack_lost, at: commit, nth: 2}
  - update
  - fs.append: {a.log: one, b.log: "2"}
  - call: shop.open
  - call: {shop.sell: {item: apple, count: 3, price: 1.5, gone: , tags: [a, true, {b: 0x10}]}}
  - start
  - hold: committed
  - release
  - hold: {at: fs.read, nth: 2}
  - crash
"""


def test_every_step_is_read_as_written(base: Path) -> None:
    steps = steps_of(EVERY_STEP, base)
    assert steps == (
        Start(at(3)),
        Crash(at(4), "pre_committed", 2),
        Restart(at(5)),
        Update(at(6), full_reprocess=True),
        Update(at(7)),
        WriteFiles(at(8), (("a.md", b"A"), ("docs/b.md", b"B"))),
        RemoveFiles(at(9), ("a.md",)),
        RemoveFiles(at(10), ("docs/b.md", "c.md")),
        MoveFile(at(11), "d.md", "e.md"),
        Advance(at(12), timedelta(hours=1, minutes=30)),
        ChangeMode(at(13), (("a.md", 0), ("b.md", 0o644))),
        Drop(at(14)),
        Crash(at(15)),
        Restart(at(16)),
        Start(at(17)),
        Crash(at(18), "committed"),
        Expect(at(19), targets=()),
        Restart(at(20)),
        Start(at(21), live=True),
        Ready(at(22)),
        Settle(at(23)),
        Trouble(at(24), "silence"),
        MakeLink(at(25), "in/l.md", "../a.md"),
        TouchFiles(at(26), (("a.md", None), ("b.md", None))),
        TouchFiles(at(27), (("a.md", "b.md"),)),
        Inject(at(28), FileFault("EIO", "in/*.md", "read")),
        Inject(at(29), FileFault("EACCES", "a.md", "list", nth=2, times=3)),
        Inject(at(30), FileFault("changes", "a.md", content=b"B")),
        Stop(at(31)),
        SetKeys(at(32), (("map", "a", "apples"), ("users", "b", "bananas"), ("users", "c", "1.0"))),
        DeleteKeys(at(33), (("map", "a"),)),
        DeleteKeys(at(34), (("map", "a"), ("map", "b"))),
        DeleteKeys(at(35), (("users", "c"),)),
        MapTrouble(at(36), "map", "hold", "deliver"),
        MapTrouble(at(37), "users", "kill"),
        MapTrouble(at(38), "map", "hold", "scan"),
        MapTrouble(at(39), "users", "release", "answer"),
        MapTrouble(at(40), "map", "release"),
        InjectTrouble(at(41), "map", "map", "late", "deliver"),
        InjectTrouble(at(42), "map", "users", "fails", "scan", 2, 3),
        InjectTrouble(at(43), "target", "mirror", "ack_lost"),
        InjectTrouble(at(44), "target", "other", "slow", nth=4),
        CreateTopics(at(45), (("orders", 1),)),
        CreateTopics(at(46), (("orders", 3), ("users", 1))),
        ProduceMessages(
            at(47),
            (
                TopicMessage("orders", b"a", b"1"),
                TopicMessage("orders", b"b", None),
                TopicMessage("users", b"c", b"d", 2, (("h", b"i"),)),
                TopicMessage("users", None, b"e"),
            ),
        ),
        ProduceMessages(
            at(48),
            (
                TopicMessage("orders", b"a", None),
                TopicMessage("orders", b"b", None),
                TopicMessage("users", b"c", None),
            ),
        ),
        ExpireMessages(at(49), (("orders", None), ("users", None))),
        ExpireMessages(at(50), (("orders", 5),)),
        CompactTopics(at(51), ("orders",)),
        CompactTopics(at(52), ("orders", "users"), tombstones=True),
        ChangeBroker(at(53), "stop"),
        ChangeBroker(at(54), "start", 2),
        ChangeMember(at(55), "join", "pages", ("orders",)),
        ChangeMember(at(56), "leave", "pages", name="other"),
        ChangeMember(at(57), "rebalance", "pages"),
        InjectTrouble(at(58), "kafka", "", "ack_lost", "commit", 2),
        Update(at(59)),
        AppendFiles(at(60), (("a.log", b"one"), ("b.log", b"2"))),
        Call(at(61), "shop", "open"),
        Call(
            at(62),
            "shop",
            "sell",
            (("item", "apple"), ("count", 3), ("price", 1.5), ("gone", None), ("tags", ["a", True, {"b": 16}])),
        ),
        Start(at(63)),
        Hold(at(64), "committed"),
        Release(at(65)),
        Hold(at(66), "fs.read", 2),
        Crash(at(67)),
    )
    assert {line.split()[1].rstrip(":") for line in EVERY_STEP.splitlines()} == set(STEP_NAMES)


def test_expectations_are_read_with_the_place_of_each(base: Path) -> None:
    (_, expect, short) = steps_of(
        """\
  - start
  - expect:
      targets:
        out/a.html: |
          <p>A</p>
        out/b.html: {contains: B}
        out/c.html:
          matches: ^C
      diff: {added: [out/a.html], removed: out/d.html}
      stats:
        num_adds: 3
        process_file: {num_errors: 1}
        total: {num_deletes: 0}
      terminates: true
      raises: {type: ValueError, matches: bad .*}
      rows: {a: apples, b: {contains: an}, other: {c: {matches: ^C}, d: 1.0}}
      actions: {/a: 2}
      ready: [/a, /]
      order: [run_started, {committed: /a}]
      logs: [one, {matches: ^two, level: error, logger: shop}]
  - expect: {actions: 0, ready: true, logs: []}
""",
        base,
    )
    assert expect == Expect(
        at(4),
        targets=(("out/a.html", Exactly(b"<p>A</p>\n")), ("out/b.html", Contains("B")), ("out/c.html", Matches("^C"))),
        diff=Diff(added=frozenset({"out/a.html"}), removed=frozenset({"out/d.html"})),
        stats=(
            StatsExpectation(None, (("num_adds", 3),)),
            StatsExpectation("process_file", (("num_errors", 1),)),
            StatsExpectation(None, (("num_deletes", 0),)),
        ),
        terminates=True,
        raises=Failure("ValueError", "bad .*"),
        rows=(
            ("mirror", "a", Exactly(b"apples")),
            ("mirror", "b", Contains("an")),
            ("other", "c", Matches("^C")),
            ("other", "d", Exactly(b"1.0")),
        ),
        actions=(("/a", 2),),
        ready=("/a", "/"),
        order=(("run_started", None), ("committed", "/a")),
        logs=(LogExpectation(Contains("one")), LogExpectation(Matches("^two"), "error", "shop")),
    )
    assert short == Expect(at(23), actions=0, ready=True, logs=())
    assert isinstance(expect, Expect)
    assert {name: place.line for name, place in expect.places.items()} == {
        "targets": 6,
        "diff": 11,
        "stats": 13,
        "terminates": 16,
        "raises": 17,
        "rows": 18,
        "actions": 19,
        "ready": 20,
        "order": 21,
        "logs": 22,
    }


def test_text_stays_text_however_it_looks(base: Path) -> None:
    (story,) = parse(
        """\
name: 1.10
app: main.py
given:
  files: {a: yes, b: 1.0, c: null, d: 2024-01-01, e: ~, f: "", g: 0x1F, h: !!binary "//8=", 5: ä}
steps: [update]
""",
        base,
    )
    assert story.name == "1.10"
    assert dict(story.files) == {
        "a": b"yes",
        "b": b"1.0",
        "c": b"null",
        "d": b"2024-01-01",
        "e": b"~",
        "f": b"",
        "g": b"0x1F",
        "h": b"\xff\xff",
        "5": "ä".encode(),
    }


def test_one_scenario_takes_its_name_from_the_file_unless_it_has_one(base: Path) -> None:
    (story,) = parse("# about\napp: main.py:app\ndescription: |\n  Why.\nsteps: [update]\n", base)
    assert story == Story(
        name="x",
        place=at(2, 1),
        app="main.py:app",
        app_place=at(2, 6),
        base=base,
        steps=(Update(at(5, 9)),),
        description="Why.",
    )


def test_scenarios_of_one_file_share_the_heading_and_add_to_it(base: Path) -> None:
    first, second = parse(
        """\
name: a heading
app: main.py
given: {files: {a: shared, b: shared}}
scenarios:
  - name: as given
    steps: [update]
  - name: with more
    given: {files: {b: own, c: own}}
    steps: [drop]
""",
        base,
    )
    assert (first.name, first.place, dict(first.files)) == ("as given", at(5), {"a": b"shared", "b": b"shared"})
    assert (second.name, second.place) == ("with more", at(7))
    assert dict(second.files) == {"a": b"shared", "b": b"own", "c": b"own"}
    assert first.app == second.app == "main.py"


def test_an_update_may_be_looked_at_while_it_runs_and_after(base: Path) -> None:
    text = "".join(
        f"  - {step}\n"
        for step in ("start", "expect: {terminates: false}", "advance: 1s", "expect: {targets: {}}", "update")
    )
    assert len(steps_of(text, base)) == 5


@pytest.mark.parametrize(
    ("text", "duration"),
    {
        "5s": timedelta(seconds=5),
        "250ms": timedelta(milliseconds=250),
        "1.5s": timedelta(seconds=1.5),
        "3us": timedelta(microseconds=3),
        "0.1ms": timedelta(microseconds=100),
        "2m": timedelta(minutes=2),
        "1d2h3m4s5ms6us": timedelta(days=1, hours=2, minutes=3, seconds=4, milliseconds=5, microseconds=6),
        "0s": timedelta(0),
    }.items(),
)
def test_a_duration_is_exact(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


def test_the_watch_profile_is_that_of_the_scenario_or_of_the_heading(base: Path) -> None:
    heading = "app: main.py\ngiven: {watch: windows}\nscenarios:\n"
    one = "  - {name: one, steps: [update]}\n"
    two = "  - {name: two, given: {watch: fsevents}, steps: [update]}\n"
    assert [story.watch for story in parse(heading + one + two, base)] == ["windows", "fsevents"]
    assert parse("app: main.py\nsteps: [update]\n", base)[0].watch == "inotify"


def test_what_maps_hold_at_the_beginning_is_that_of_the_heading_and_of_the_scenario(base: Path) -> None:
    (story,) = parse(
        """\
app: main.py
given: {map: {a: apples, users: {u: 1}}}
scenarios:
  - name: one
    given: {map: {a: apricots, b: bananas}}
    steps: [update]
""",
        base,
    )
    assert story.entries == (("map", "a", "apricots"), ("users", "u", "1"), ("map", "b", "bananas"))
    assert not story.is_source


def test_a_connector_is_named_by_what_makes_it(base: Path) -> None:
    (story,) = parse("source: main.py:prices\nsteps: [update]\n", base)
    assert (story.app, story.is_source, story.app_place) == ("main.py:prices", True, at(1, 9))


def test_topics_are_given_and_expected_by_name(base: Path) -> None:
    text = """\
app: main.py
given:
  kafka:
    orders: {partitions: 2, messages: {a: "1"}}
    empty:
scenarios:
  - name: one
    given: {kafka: {orders: {messages: [{value: only}]}}}
    steps:
      - update
      - expect:
          kafka: {out: {a: "1", b: {contains: x}}, none: {}}
          committed: {pages: {orders: [1, none], empty: 0}}
"""
    path = Path("x.coco.yaml")
    (story,) = parse_scenarios(text, path=path, base=base)
    assert story.kafka == (
        CreateTopics(Place(path, 8, 21), (("orders", 1),)),
        ProduceMessages(Place(path, 8, 21), (TopicMessage("orders", None, b"only"),)),
        CreateTopics(Place(path, 5, 5), (("empty", 1),)),
    )
    expect = story.steps[1]
    assert isinstance(expect, Expect)
    assert expect.kafka == (("out", ((b"a", Exactly(b"1")), (b"b", Contains("x")))), ("none", ()))
    assert expect.committed == (("pages", "orders", (1, None)), ("pages", "empty", (0,)))
