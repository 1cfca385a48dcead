# Goal: what is to go wrong with files goes wrong there, at that call, that often, and is counted when it does.

import errno

import pytest

from cocoindex_sim.fakes.filesystem import (
    FAULT_CALLS,
    FakeFileSystem,
    FaultPlan,
    FileFault,
    FileKernel,
    InjectedFault,
    KernelChange,
)


class Bench:
    def __init__(self) -> None:
        self.kernel = FileKernel(lambda: 0)
        for name in ("in/a.md", "in/b.md", "in/deep/c.md", "other.txt"):
            self.kernel.write(name, "old content", parents=True)
        self.notes: list[str] = []
        self.plan = FaultPlan(self.kernel, self.notes.append)
        self.port = FakeFileSystem(self.kernel, faults=self.plan)

    def inject(self, kind: str, path: str, call: str = "", **options: object) -> InjectedFault:
        return self.plan.inject(FileFault(kind, path, call, **options))  # type: ignore[arg-type]  # passed through

    def reads(self, path: str) -> bytes | str:
        try:
            return self.port.read(path)
        except OSError as error:
            assert error.filename == path
            return errno.errorcode[error.errno or 0]


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize("kind", ["EIO", "EACCES"])
def test_an_error_is_raised_once_and_by_its_class(bench: Bench, kind: str) -> None:
    injected = bench.inject(kind, "in/a.md")
    assert [bench.reads("in/b.md"), bench.reads("in/a.md"), bench.reads("in/a.md")] == [
        b"old content", kind, b"old content",
    ]  # fmt: skip
    assert (injected.seen, injected.fired) == (2, 1)
    assert bench.notes == [f"fault: {kind} at read of 'in/a.md'"]


def test_a_pattern_counts_the_calls_of_all_paths_that_it_matches(bench: Bench) -> None:
    injected = bench.inject("EIO", "in/*.md", nth=2, times=2)
    paths = ["in/a.md", "other.txt", "/project/in/deep/c.md", "in/../in/b.md", "in/a.md"]
    assert [bench.reads(path) for path in paths] == [b"old content", b"old content", "EIO", "EIO", b"old content"]
    assert (injected.seen, injected.fired) == (4, 2)


STRIKES = {
    "read": lambda port: port.read("in/a.md"),
    "write": lambda port: port.replace_content("in/a.md", b"x"),
    "list": lambda port: port.scandir("in"),
    "stat": lambda port: port.stat("in/a.md"),
    "mkdir": lambda port: port.mkdir("in/new"),
    "remove": lambda port: port.unlink("in/a.md"),
    "watch": lambda port: port.watch("/project/in", recursive=True).send(None),
}


@pytest.mark.parametrize(("kind", "call"), [(kind, call) for kind, calls in FAULT_CALLS.items() for call in calls])
def test_every_fault_strikes_its_call_and_no_other(bench: Bench, kind: str, call: str) -> None:
    injected = bench.inject(kind, "in*", call, content=b"new" if kind == "changes" else None)
    for other, strike in STRIKES.items():
        if other not in (call, "watch", "remove"):
            strike(bench.port)
    assert injected.fired == 0
    try:
        STRIKES[call](bench.port)
    except OSError as error:
        assert errno.errorcode[error.errno or 0] == {"vanishes": "ENOENT"}.get(kind, kind)
    else:
        assert kind == "changes"
    assert injected.fired == 1


def test_a_full_disk_keeps_the_old_content(bench: Bench) -> None:
    bench.inject("ENOSPC", "out/*")
    bench.port.mkdir("out")
    with pytest.raises(OSError, match="No space left"):
        bench.port.replace_content("out/a", b"1")
    assert bench.kernel.listing("out") == []
    bench.port.replace_content("out/a", b"1")
    assert bench.kernel.read("out/a") == b"1"


def test_a_file_vanishes_for_everybody_and_watches_hear_of_it(bench: Bench) -> None:
    told: list[KernelChange] = []
    bench.kernel.listeners.append(told.append)
    injected = bench.inject("vanishes", "in/*")
    assert "a.md" in [entry.name for entry in bench.port.scandir("in")]
    assert bench.reads("in/a.md") == "ENOENT"
    assert bench.kernel.node_at("in/a.md") is None
    assert [(change.kind, change.path) for change in told] == [("removed", "/project/in/a.md")]
    assert injected.fired == 1


def test_what_is_not_there_can_neither_vanish_nor_change(bench: Bench) -> None:
    vanishing = bench.inject("vanishes", "in/none")
    changing = bench.inject("changes", "in/none", content=b"x")
    assert bench.reads("in/none") == "ENOENT"
    assert (vanishing.seen, changing.seen) == (0, 0)
    assert bench.kernel.node_at("in/none") is None


def test_a_file_that_changes_gives_half_of_each_and_then_the_new_content(bench: Bench) -> None:
    told: list[KernelChange] = []
    bench.kernel.listeners.append(told.append)
    bench.inject("changes", "in/a.md", content=b"NEW CONTENT")
    assert bench.port.read("in/a.md", 8) == b"old cONT"
    assert bench.port.read("in/a.md") == b"NEW CONTENT"
    assert [(change.kind, change.path) for change in told] == [("modified", "/project/in/a.md")]


def test_of_two_faults_at_one_call_the_first_fires(bench: Bench) -> None:
    first, second = bench.inject("EIO", "in/a.md"), bench.inject("EACCES", "in/a.md", times=2)
    assert [bench.reads("in/a.md"), bench.reads("in/a.md"), bench.reads("in/a.md")] == ["EIO", "EACCES", b"old content"]
    assert (first.fired, second.fired) == (1, 1)


def test_lifted_faults_fire_no_more_and_stay_counted(bench: Bench) -> None:
    injected = bench.inject("EIO", "in/a.md", times=5)
    assert bench.reads("in/a.md") == "EIO"
    bench.plan.lift()
    assert bench.reads("in/a.md") == b"old content"
    assert [fault.fired for fault in bench.plan.injected] == [injected.fired] == [1]


def test_the_script_is_never_struck(bench: Bench) -> None:
    injected = bench.inject("EIO", "*")
    assert bench.kernel.read("in/a.md") == b"old content"
    assert injected.seen == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "EPERM"}, "unknown fault 'EPERM'; known: EIO, EACCES, ENOSPC, vanishes, changes"),
        ({"kind": "ENOSPC", "call": "read"}, "ENOSPC can't happen at 'read'; it can at 'write', 'mkdir'"),
        ({"kind": "changes"}, "a file that changes needs `content`"),
        ({"kind": "EIO", "content": b""}, "EIO takes no `content`"),
        ({"kind": "EIO", "nth": 0}, "`nth` is 0; the least is 1"),
        ({"kind": "EIO", "times": 0}, "`times` is 0; the least is 1"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        FileFault(path="a", **arguments)  # type: ignore[arg-type]  # what is wrong here
    assert str(caught.value) == message
