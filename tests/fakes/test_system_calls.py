# Goal: open files of a simulated process behave as those of the operating system, and as its crash model says.

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyfakefs.fake_filesystem import FakeFilesystem
from pyfakefs.fake_open import FakeFileOpen
from pyfakefs.fake_os import FakeOsModule

from cocoindex_sim.fakes import Hazard, ProcessCut, RecordedHazards
from cocoindex_sim.fakes.filesystem import FakeFileSystem, FaultPlan, FileFault, FileKernel, SystemCalls


def make(**options: Any) -> SystemCalls:
    return SystemCalls(FakeFileSystem(FileKernel(lambda: 1_500_000_000), **options))


# --- as the operating system ---

Op = tuple[str, int, Any, Any]
slots = st.integers(0, 1)
numbers = st.integers(0, 12)
MODES = ["r", "w", "a", "x", "r+", "w+", "a+", "x+"]
ops: st.SearchStrategy[Op] = st.one_of(
    st.tuples(st.just("open"), slots, st.sampled_from(["a", "b"]), st.sampled_from([mode + "b" for mode in MODES])),
    st.tuples(
        st.just("open unbuffered"), slots, st.sampled_from(["a", "b"]), st.sampled_from([mode + "b" for mode in MODES])
    ),
    st.tuples(st.just("read"), slots, numbers, st.none()),
    st.tuples(st.just("write"), slots, st.binary(max_size=5), st.none()),
    st.tuples(st.just("seek"), slots, st.integers(-3, 12), st.sampled_from([0, 1, 2])),
    st.tuples(st.just("truncate"), slots, st.none() | numbers, st.none()),
    st.tuples(st.sampled_from(["tell", "flush", "close", "size", "readable", "writable"]), slots, st.none(), st.none()),
    st.tuples(st.just("unlink"), slots, st.sampled_from(["a", "b"]), st.none()),
    st.tuples(st.just("rename"), slots, st.sampled_from(["a", "b"]), st.sampled_from(["a", "b"])),
)


class Handles:
    """Two open files in one directory of one file system."""

    def __init__(self, base: str, os_like: Any, open_like: Callable[..., Any]) -> None:
        self.base, self.os, self.open = base, os_like, open_like
        self.files: list[Any] = [None, None]

    def outcome(self, op: Op) -> object:
        try:
            return self.apply(*op)
        except (OSError, ValueError) as error:
            return type(error).__name__, getattr(error, "errno", None)

    def apply(self, name: str, slot: int, first: Any, second: Any) -> object:
        path = f"{self.base}/{first}"
        if name.startswith("open"):
            if self.files[slot] is not None:
                self.files[slot].close()
                self.files[slot] = None
            self.files[slot] = self.open(path, second, 0 if name.endswith("unbuffered") else -1)
            return None
        if name == "unlink":
            return self.os.unlink(path)
        if name == "rename":
            return self.os.rename(path, f"{self.base}/{second}")
        file = self.files[slot]
        if file is None:
            return "not open"
        if name == "size":
            return self.os.fstat(file.fileno()).st_size
        result = getattr(file, name)(*(argument for argument in (first, second) if argument is not None))
        return None if name == "flush" else result

    def end(self) -> dict[str, bytes]:
        """What is in the files after all are closed."""
        for file in self.files:
            if file is not None:
                file.close()
        found = {}
        for name in sorted(self.os.listdir(self.base)):
            with self.open(f"{self.base}/{name}", "rb") as file:
                found[name] = file.read()
        return found


@settings(max_examples=400, deadline=None)
@given(st.lists(ops, min_size=3, max_size=20))
def test_open_files_end_the_same_on_the_real_disk(script: list[Op]) -> None:
    base, calls = tempfile.mkdtemp(), make()
    calls.mkdir("/base")
    real, ours = Handles(base, os, open), Handles("/base", calls, calls.open_file)
    try:
        for op in script:
            assert ours.outcome(op) == real.outcome(op), op
        assert ours.end() == real.end()
    finally:
        shutil.rmtree(base)


plain = ops.filter(lambda op: op[0] not in {"unlink", "rename", "size", "readable", "writable"})


@settings(max_examples=100, deadline=None)
@given(st.lists(plain, min_size=3, max_size=12))
def test_open_files_end_the_same_on_pyfakefs(script: list[Op]) -> None:
    fake, calls = FakeFilesystem(path_separator="/"), make()
    fake_os, fake_open = FakeOsModule(fake), FakeFileOpen(fake)
    fake_os.mkdir("/base")
    calls.mkdir("/base")
    judge, ours = Handles("/base", fake_os, fake_open), Handles("/base", calls, calls.open_file)
    for op in script:
        ours.outcome(op)
        judge.outcome(op)
    assert ours.end() == judge.end()


def test_text_is_what_open_makes_of_it() -> None:
    calls = make()
    with calls.open_file("a", "w", encoding="utf-16", newline="\r\n") as file:
        assert (file.name, file.mode, file.encoding, file.isatty()) == ("a", "w", "utf-16", False)
        file.write("one\ntwo\n")
    with calls.open_file("a", encoding="utf-16") as file:
        assert list(file) == ["one\n", "two\n"]
    assert calls.port.kernel.read("a") == "one\r\ntwo\r\n".encode("utf-16")


@pytest.mark.parametrize(
    "arguments",
    [
        ("a", "q"), ("a", "rw"), ("a", "rr"), ("a", "rbt"), ("a", ""), ("a", "b"), ("a", "rb", -1, "utf-8"),
        ("a", "rb", -1, None, "strict"), ("a", "rb", -1, None, None, "\n"), ("a", "r", 0),
        ("a", "r", -1, None, None, None, False),
    ],
)  # fmt: skip
def test_open_refuses_what_open_refuses(arguments: tuple[Any, ...]) -> None:
    calls = make()
    calls.open_file("a", "w").close()
    for opener, path in ((open, os.devnull), (calls.open_file, "a")):
        with pytest.raises(ValueError, match=r"mode|argument|unbuffered|closefd"):
            opener(path, *arguments[1:])


def test_status_and_entries_have_what_those_of_os_have() -> None:
    calls = make()
    calls.mkdir("d", 0o700)
    with calls.open_file("d/f", "wb") as file:
        file.write(b"12345")
    calls.symlink("f", "d/link")
    calls.symlink("nowhere", "d/broken")
    found = calls.stat("d/f")
    assert (found.st_size, found.st_mtime, found.st_mtime_ns, oct(found.st_mode)) == (5, 1.5, 1_500_000_000, "0o100644")
    assert oct(calls.stat("d").st_mode) == "0o40700"
    with calls.scandir("d") as entries:
        shown = {
            entry.name: (
                entry.path,
                entry.is_file(),
                entry.is_dir(),
                entry.is_symlink(),
                os.fspath(entry),
                entry.inode(),
            )
            for entry in entries
        }
    assert shown == {
        "f": ("d/f", True, False, False, "d/f", found.st_ino),
        "link": ("d/link", True, False, True, "d/link", calls.lstat("d/link").st_ino),
        "broken": ("d/broken", False, False, True, "d/broken", calls.lstat("d/broken").st_ino),
    }
    assert calls.listdir(b"d") == [b"f", b"link", b"broken"]
    assert calls.readlink("d/link") == "f"


def test_a_number_that_is_not_open_is_refused() -> None:
    calls = make()
    number = calls.open("a", os.O_RDWR | os.O_CREAT)
    calls.write(number, b"x")
    calls.close(number)
    for call in (lambda: calls.close(number), lambda: calls.read(number, 1), lambda: calls.fstat(number)):
        with pytest.raises(OSError, match="Bad file descriptor"):
            call()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.close(number)  # nor is it one of the real process


# --- faults and crashes ---


def test_what_was_written_before_a_crash_is_there_and_what_a_buffer_held_is_not() -> None:
    calls = make()
    kernel = calls.port.kernel
    buffered, flushed = calls.open_file("buffered", "w"), calls.open_file("flushed", "w")
    buffered.write("lost")
    flushed.write("kept")
    flushed.flush()
    flushed.write(" lost")
    calls.port.cut()
    buffered.close()
    flushed.close()
    assert kernel.contents(kernel.cwd) == {"buffered": b"", "flushed": b"kept"}
    for call in (
        lambda: calls.open_file("new", "w"),
        lambda: calls.stat("flushed"),
        lambda: calls.rename("flushed", "b"),
    ):
        with pytest.raises(ProcessCut):
            call()


def test_each_change_is_a_durable_step() -> None:
    hazards = RecordedHazards([])
    calls = make(hazards=hazards)
    steps: list[int] = []

    def after(call: Callable[[], object]) -> None:
        call()
        steps.append(hazards.durable_steps)

    file = calls.open_file("a", "w")
    steps.append(hazards.durable_steps)
    after(lambda: file.write("x"))
    after(file.flush)
    after(file.close)
    after(lambda: calls.open_file("a").close())
    after(lambda: calls.mkdir("d"))
    after(lambda: calls.rename("a", "d/a"))
    after(lambda: calls.truncate("d/a", 0))
    after(lambda: calls.unlink("d/a"))
    assert steps == [1, 1, 2, 2, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("fault", "call", "fails_at"),
    [
        (FileFault("EIO", "a"), lambda calls: calls.open_file("a").read(), "open"),
        (FileFault("ENOSPC", "a"), lambda calls: calls.open_file("a", "w").write("x" * 10_000), "write"),
        (FileFault("EACCES", "*", "list"), lambda calls: calls.listdir(), "list"),
        (FileFault("EIO", "a", "stat"), lambda calls: calls.stat("a"), "stat"),
        (FileFault("EIO", "a", "remove"), lambda calls: calls.unlink("a"), "remove"),
        (FileFault("ENOSPC", "d", "mkdir"), lambda calls: calls.mkdir("d"), "mkdir"),
    ],
)
def test_faults_of_files_strike_direct_calls(
    fault: FileFault, call: Callable[[SystemCalls], object], fails_at: str
) -> None:
    kernel = FileKernel(lambda: 0)
    plan = FaultPlan(kernel)
    calls = SystemCalls(FakeFileSystem(kernel, faults=plan))
    kernel.write("a", "before")
    injected = plan.inject(fault)
    with pytest.raises(OSError, match=os.strerror(getattr(errno, fault.kind))):
        call(calls)
    assert injected.fired == 1
    assert kernel.contents(kernel.cwd) == {"a": b"" if fails_at == "write" else b"before"}


def test_a_file_that_changes_while_it_is_read_is_read_so() -> None:
    kernel = FileKernel(lambda: 0)
    plan = FaultPlan(kernel)
    calls = SystemCalls(FakeFileSystem(kernel, faults=plan))
    kernel.write("a", "aaaa")
    plan.inject(FileFault("changes", "a", content=b"bbbb"))
    assert calls.open_file("a").read() == "aabb"
    assert calls.open_file("a").read() == "bbbb"


def test_a_hazard_strikes_a_direct_write() -> None:
    calls = make(hazards=RecordedHazards([Hazard("fs.write", 1, "ENOSPC")]))
    with pytest.raises(OSError, match="No space left"):
        calls.open_file("a", "wb", 0).write(b"x")
    assert calls.port.kernel.read("a") == b""
