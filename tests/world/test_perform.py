# Goal: a story is performed in its order, stops at the first step that does not go as it says, and names that line.

from datetime import timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cocoindex_sim.values import DeadlockError, FenceError
from cocoindex_sim.world import (
    Advance,
    ChangeMode,
    Crash,
    Diff,
    Drop,
    Exactly,
    Expect,
    ExpectationFailed,
    Failure,
    Hold,
    MakeLink,
    MoveFile,
    Place,
    Ready,
    RemoveFiles,
    Restart,
    Settle,
    Start,
    Step,
    Stop,
    Story,
    TouchFiles,
    Trouble,
    Update,
    World,
    WriteFiles,
    perform,
)


def at(line: int) -> Place:
    return Place(Path("x.coco.yaml"), line, 1)


class RecordingWorld:
    """Notes every call, and answers as it is told: `answers[name]` are raised or taken on, one a call."""

    def __init__(self, **answers: Any) -> None:
        self.calls: list[str] = []
        self.files = SimpleNamespace(
            write=lambda path, data, *, parents: self._call("write", path, data),
            unlink=lambda path: self._call("unlink", path),
            rmtree=lambda path: self._call("rmtree", path),
            mkdir=lambda path, *, parents: self._call("mkdir", path),
            rename=lambda source, target: self._call("rename", source, target),
            symlink=lambda target, path: self._call("symlink", target, path),
            stat=self._stat,
            touch=lambda path, mtime_ns: self._call("touch", path, mtime_ns),
            chmod=lambda path, mode: self._call("chmod", path, oct(mode)),
        )
        self.watching = SimpleNamespace(
            profile="",
            **{name: partial(self._call, name) for name in ("hold", "release", "overflow", "silence", "kill")},
        )
        self.trace = SimpleNamespace(entries=[])
        self.running = False
        self.ready = False
        self.fenced: list[FenceError] = []
        self._answers = {name: list(values) for name, values in answers.items()}
        self._targets: dict[str, bytes] = {}

    def _call(self, name: str, *arguments: object) -> None:
        self.calls.append(" ".join([name, *map(str, arguments)]))
        answers = self._answers.get(name)
        answer = answers.pop(0) if answers else None
        if isinstance(answer, BaseException):
            raise answer
        if answer is not None:
            self._targets = answer

    def _stat(self, path: str) -> SimpleNamespace:
        self._call("stat", path)
        return SimpleNamespace(mtime_ns=5)

    def load(self, target: str, *, base: Path, is_source: bool) -> None:
        self._call("load", target, base)

    def start(self, *, full_reprocess: bool = False, live: bool = False) -> None:
        self.running = True
        self._call("start", full_reprocess, *(["live"] if live else []))

    def wait_ready(self) -> None:
        self._call("wait_ready")
        self.ready = True

    def stop(self) -> None:
        self.running = False
        self._call("stop")

    def finish(self) -> None:
        self.running = False
        self._call("finish")

    def update(self, *, full_reprocess: bool = False) -> None:
        self._call("update", full_reprocess)

    def drop(self) -> None:
        self._call("drop")

    def linger(self) -> None:
        pass

    def settle(self) -> None:
        self._call("settle")

    def advance(self, duration: timedelta) -> None:
        self._call("advance", duration)

    def run_until_event(self, name: str, nth: int = 1) -> None:
        self._call("run_until_event", name, nth)

    def crash(self) -> None:
        self.running = False
        self._call("crash")

    def restart(self) -> None:
        self._call("restart")

    def target_files(self) -> dict[str, bytes]:
        return self._targets


def play(*steps: Step, **answers: Any) -> list[str]:
    """What happened after the pipeline was loaded."""
    world = RecordingWorld(**answers)
    story = Story("s", at(1), "main.py", at(2), Path("base"), steps, (("given", b"G"),))
    try:
        perform(story, world)  # type: ignore[arg-type]
    finally:
        assert world.calls[:2] == ["load main.py base", "write given b'G'"]
        del world.calls[:2]
    return world.calls


def failure(*steps: Step, **answers: Any) -> ExpectationFailed:
    with pytest.raises(ExpectationFailed) as caught:
        play(*steps, **answers)
    return caught.value


def test_every_step_becomes_its_call_in_order() -> None:
    assert play(
        WriteFiles(at(1), (("a", b"A"), ("b", b"B"))),
        RemoveFiles(at(2), ("a", "directory")),
        MoveFile(at(3), "c", "e/d"),
        MakeLink(at(3), "e/l", "../a"),
        TouchFiles(at(3), (("a", None), ("b", "c"))),
        ChangeMode(at(3), (("a", 0),)),
        Update(at(4), full_reprocess=True),
        Advance(at(5), timedelta(seconds=5)),
        Drop(at(6)),
        Start(at(7), full_reprocess=True),
        Crash(at(8), "committed", 2),
        Restart(at(9)),
        Crash(at(10)),
        unlink=[None, IsADirectoryError("directory")],
    ) == [
        "write a b'A'",
        "write b b'B'",
        "unlink a",
        "unlink directory",
        "rmtree directory",
        "mkdir e",
        "rename c e/d",
        "mkdir e",
        "symlink ../a e/l",
        "stat a",
        "touch a None",
        "stat b",
        "stat c",
        "touch b 5",
        "chmod a 0o0",
        "update True",
        "advance 0:00:05",
        "drop",
        "start True",
        "run_until_event committed 2",
        "crash",
        "restart",
        "crash",
    ]


def test_an_update_that_fails_before_the_moment_to_crash_or_hold_at_is_told_by_its_error(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "import cocoindex as coco\n\n@coco.lifespan\ndef environment(builder):\n    builder.settings.db_path = 'state'\n"
        "    yield\n\n@coco.fn\nasync def main():\n    raise OSError('no disk')\n\napp = coco.App('Fails', main)\n"
    )
    for step in (Crash(at(2), "committed", 2), Hold(at(2), "fs.write", 1)):
        with World() as world, pytest.raises(ExpectationFailed) as caught:
            perform(Story("s", at(1), "main.py", at(2), tmp_path, (Start(at(1)), step), ()), world)
        assert (caught.value.verdict, caught.value.place.line) == ("the update raised OSError: no disk", 1)


def test_a_started_update_is_finished_by_the_next_look_or_by_the_end() -> None:
    assert play(Start(at(1)), WriteFiles(at(2), (("a", b""),)), Expect(at(3), targets=())) == [
        "start False",
        "write a b''",
        "finish",
    ]
    assert play(Start(at(1))) == ["start False", "finish"]


def test_a_live_update_is_looked_at_while_it_goes_on_and_stopped_at_the_end() -> None:
    steps = [
        Start(at(1), live=True),
        Ready(at(2)),
        Expect(at(3), targets=()),
        Settle(at(4)),
        Trouble(at(5), "overflow"),
    ]
    assert play(*steps) == ["start False live", "wait_ready", "settle", "settle", "overflow", "stop"]


def test_a_live_update_is_stopped_where_the_story_says() -> None:
    assert play(Start(at(1), live=True), Stop(at(2)), Update(at(3))) == ["start False live", "stop", "update False"]


def test_dropping_ends_a_live_update() -> None:
    assert play(Start(at(1), live=True), Drop(at(2))) == ["start False live", "drop", "finish"]


def test_a_live_update_that_ends_by_itself_need_not_be_stopped() -> None:
    assert play(Start(at(1), live=True), Expect(at(2), terminates=True)) == ["start False live", "finish"]


def test_an_update_that_does_not_become_ready_is_told_with_who_waits() -> None:
    deadlock = DeadlockError("nothing can happen\nwho waits where")
    with pytest.raises(ExpectationFailed) as caught:
        play(Start(at(1), live=True), Ready(at(2)), wait_ready=[deadlock])
    assert caught.value.place == at(2)
    assert caught.value.verdict == (
        "termination: the update started on line 1 does not become ready: DeadlockError: nothing can happen"
    )
    assert caught.value.oracle == "termination"
    assert caught.value.lines == ["who waits where"]


def test_an_update_that_is_expected_to_go_on_is_left_running() -> None:
    assert play(Start(at(1)), Expect(at(2), terminates=False)) == ["start False", "settle"]
    assert play(Start(at(1)), Expect(at(2), terminates=False), settle=[DeadlockError("stuck")]) == [
        "start False",
        "settle",
    ]


def test_an_update_that_hangs_does_not_terminate() -> None:
    error = failure(Start(at(1)), Expect(at(2), terminates=True), finish=[DeadlockError("stuck\nmain waits")])
    assert str(error) == (
        "x.coco.yaml:2: the update started on line 1 does not end: DeadlockError: stuck.\n  main waits"
    )


def test_an_error_that_nothing_expects_is_told_with_its_cause() -> None:
    cause = ValueError("bad\nreally")
    error = failure(Update(at(1)), Expect(at(2), targets=()), update=[cause])
    assert str(error).splitlines()[:2] == ["x.coco.yaml:1: the update raised ValueError: bad.", "  really"]
    assert error.__cause__ is cause
    assert failure(Drop(at(1)), drop=[cause]).verdict == "the drop raised ValueError: bad"
    assert failure(Start(at(1)), finish=[cause]).verdict == "the update raised ValueError: bad"


def test_nothing_happens_after_an_error_that_nothing_expects() -> None:
    world = RecordingWorld(update=[ValueError("bad")])
    story = Story("s", at(1), "main.py", at(2), Path("base"), (Update(at(3)), Drop(at(4))))
    with pytest.raises(ExpectationFailed):
        perform(story, world)  # type: ignore[arg-type]
    assert world.calls == ["load main.py base", "update False"]


def test_an_expected_error_is_taken_by_its_expectation() -> None:
    calls = play(Update(at(1)), Expect(at(2), raises=Failure("ValueError")), Drop(at(3)), update=[ValueError("bad")])
    assert calls == ["update False", "drop"]
    missed = failure(Update(at(1)), Expect(at(2), raises=Failure("KeyError")), update=[ValueError("bad")])
    assert missed.verdict == "another error was raised than expected: ValueError"
    none = failure(Update(at(1)), Expect(at(2), raises=Failure("KeyError"), places={"raises": at(3)}))
    assert (none.verdict, none.place) == ("nothing was raised; expected an error of type KeyError", at(3))


def test_the_diff_is_since_the_look_before() -> None:
    looks = (
        Update(at(1)),
        Expect(at(2), diff=Diff(added=frozenset("ab"))),
        Update(at(3)),
        Expect(at(4), targets=(("a", Exactly(b"2")), ("b", Exactly(b"1")))),
        Update(at(5)),
        Expect(at(6), diff=Diff(removed=frozenset("b"))),
    )
    states: list[Any] = [{"a": b"1", "b": b"1"}, {"a": b"2", "b": b"1"}, {"a": b"2"}]
    play(*looks, update=states)
    states[2] = {"a": b"3"}
    error = failure(*looks, update=states)
    assert str(error) == "x.coco.yaml:6: the target files did not change as expected.\n  changed  a   not expected"


def test_all_parts_of_a_look_that_are_not_met_are_shown() -> None:
    error = failure(
        Expect(at(1), targets=(("a", Exactly(b"")),), diff=Diff(added=frozenset("a")), places={"targets": at(2)})
    )
    assert str(error) == (
        "x.coco.yaml:2: the target files are not as expected: 1 missing; the target files did not change as expected.\n"
        "  missing    a\n"
        "  added    a   expected, but it was not"
    )


def test_a_step_that_cannot_be_taken_names_its_line() -> None:
    gone = FileNotFoundError(2, "No such file or directory", "a")
    error = failure(RemoveFiles(at(4), ("a",)), unlink=[gone])
    assert error.verdict == "this step can't be taken: FileNotFoundError: [Errno 2] No such file or directory: 'a'"
    assert error.place == at(4)
    assert failure(TouchFiles(at(5), (("a", None),)), stat=[gone]).place == at(5)
    early = failure(Start(at(1)), Crash(at(2), "committed"), run_until_event=[RuntimeError("it ended first")])
    assert early.verdict == "the moment to crash at did not come: RuntimeError: it ended first"


def test_a_pipeline_that_cannot_be_loaded_names_the_line_of_app() -> None:
    world = RecordingWorld(load=[SyntaxError("no")])
    story = Story("s", at(1), "main.py", at(2), Path("base"), (Update(at(3)),))
    with pytest.raises(ExpectationFailed) as caught:
        perform(story, world)  # type: ignore[arg-type]
    assert (caught.value.verdict, caught.value.place) == ("'main.py' can't be loaded: SyntaxError: no", at(2))


def test_an_interrupt_is_not_part_of_the_story() -> None:
    with pytest.raises(KeyboardInterrupt):
        play(Update(at(1)), Expect(at(2), raises=Failure(matches="")), update=[KeyboardInterrupt()])
