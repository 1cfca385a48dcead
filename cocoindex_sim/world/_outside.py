"""What code in a simulated run may not call, because it would leave the simulation: each call raises, naming itself.

Nothing is replaced while no simulated run is at a step, and what is replaced meanwhile asks which thread calls: other
threads get the real thing. What a caller has replaced before, such as `time.sleep` by a mock, stays as it is.

Sockets and processes are caught by an audit hook, so names that were imported long before make no difference. Python
has no way to take a hook out again; outside a simulated run it does nothing.

Clock, chance and files are not refused but replaced, see `_surroundings`. Some things get by: a C library's own sockets
and threads, a bare `threading.Lock` that nobody releases, and, before Python 3.13, a `sleep` that an installed package
took out of `time` before the world was made.
"""

from __future__ import annotations

import _thread
import os
import selectors
import signal
import socket
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import FrameType
from typing import Any, Final, NamedTuple

from ..fakes.filesystem import SystemCalls
from ..ports import Clock
from ..values import FenceError
from ._streams import Streams

__all__ = ["Inside", "bypassed", "fence_in", "fence_out", "fenced_calls", "permitted", "present", "when_fenced"]

_NETWORK: Final = "a simulated run has no network; plug a fake in its place, or run this part against the real world"
_PROCESSES: Final = "a simulated run has no other processes; do the work in this one, or plug a fake in its place"
_THREADS: Final = (
    "a real thread can't take part in a simulated run; use loop.run_in_executor or asyncio.to_thread, whose functions"
    " run at a simulated step"
)
_SIGNALS: Final = "signals are the real process's; end a run with World.stop() or World.crash()"
_SLEEP: Final = "it stops the real thread and no virtual time passes; make the function async and await asyncio.sleep()"
_WAIT: Final = (
    "a simulated run has one thread, so nobody could end this wait; await an asyncio.Event, Queue or Future instead"
)
_LOOP: Final = (
    "a second event loop may run what is ready, but it waits in real time; make the function async and await the"
    " coroutine"
)

_FILES: Final = (
    "it would reach the real disk; use a connector, or `open`, `os` and `pathlib` in the usual way, which use the files"
    " of the world"
)

_AUDITED: Final[dict[str, tuple[str, str]]] = {
    "socket.__new__": ("socket.socket()", _NETWORK),
    "socket.connect": ("socket.connect()", _NETWORK),
    "socket.bind": ("socket.bind()", _NETWORK),
    "socket.sendto": ("socket.sendto()", _NETWORK),
    "socket.sendmsg": ("socket.sendmsg()", _NETWORK),
    "socket.getaddrinfo": ("socket.getaddrinfo()", _NETWORK),
    "socket.getnameinfo": ("socket.getnameinfo()", _NETWORK),
    "socket.gethostbyname": ("socket.gethostbyname()", _NETWORK),
    "socket.gethostbyaddr": ("socket.gethostbyaddr()", _NETWORK),
    "subprocess.Popen": ("subprocess.Popen()", _PROCESSES),
    "os.system": ("os.system()", _PROCESSES),
    "os.fork": ("os.fork()", _PROCESSES),
    "os.forkpty": ("os.forkpty()", _PROCESSES),
    "os.posix_spawn": ("os.posix_spawn()", _PROCESSES),
    "os.spawn": ("os.spawnv()", _PROCESSES),
    "os.exec": ("os.execv()", _PROCESSES),
    "os.startfile": ("os.startfile()", _PROCESSES),
    "os.kill": ("os.kill()", _SIGNALS),
    "os.killpg": ("os.killpg()", _SIGNALS),
    "signal.pthread_kill": ("signal.pthread_kill()", _SIGNALS),
    "_thread.start_new_thread": ("_thread.start_new_thread()", _THREADS),
    "_thread.start_joinable_thread": ("_thread.start_joinable_thread()", _THREADS),
    "time.sleep": ("time.sleep()", _SLEEP),
}


class _Replacement(NamedTuple):
    owner: Any
    namespace: Any  # the owner's, which is quicker to look into
    name: str
    real: Any
    fence: Any


class Inside:
    """What a run has for the code in it.

    `fenced`: the fences it ran into. `clock`, `streams` and `disk` are what it reads, draws from and keeps files on;
    None: the real ones.
    """

    __slots__ = ("clock", "disk", "fenced", "streams")

    def __init__(self) -> None:
        self.fenced: list[FenceError] = []
        self.clock: Clock | None = None
        self.streams: Streams | None = None
        self.disk: SystemCalls | None = None


_inside: dict[int, Inside] = {}  # by thread
_permitted: set[int] = set()  # threads in a call that was let through, and so is what it calls
_lock = threading.Lock()  # whoever is first or last inside holds it
_in_modules: list[_Replacement] = []
_in_classes: list[_Replacement] = []
_audited = False
bypassed: list[Callable[[str, tuple[Any, ...]], str | None]] = []
"""Each is asked about every audit event that is not refused anyway, and names the call if it is to be refused."""
when_fenced: list[Callable[[bool], object]] = []
"""Each is called with True when the first thread is fenced in, and with False when the last one is out again."""


def present() -> Inside | None:
    """The run that this thread is in, if any."""
    return _inside.get(_thread.get_ident())


def fence_in(inside: Inside) -> Inside | None:
    """Fence this thread in, as part of a run. Give the result to `fence_out`."""
    ident = _thread.get_ident()
    before = _inside.get(ident)
    if before is None:
        with _lock:
            if not _inside:
                _put_up()
            _inside[ident] = inside
    else:
        _inside[ident] = inside
    return before


def fence_out(before: Inside | None) -> None:
    """Undo one `fence_in` of this thread."""
    ident = _thread.get_ident()
    if before is not None:
        _inside[ident] = before
        return
    with _lock:
        del _inside[ident]
        if not _inside:
            _take_down()


# Up and down once per run of a loop, so written out twice and in the quickest way there is.
def _put_up() -> None:
    if not _audited:
        _prepare()
    for _, namespace, name, real, fence in _in_modules:
        if namespace[name] is real:
            namespace[name] = fence
    for owner, namespace, name, real, fence in _in_classes:
        if namespace[name] is real:
            setattr(owner, name, fence)
    for tell in when_fenced:
        tell(True)


def _take_down() -> None:
    for tell in when_fenced:
        tell(False)
    for _, namespace, name, real, fence in _in_modules:
        if namespace[name] is fence:
            namespace[name] = real
    for owner, namespace, name, real, fence in _in_classes:
        if namespace[name] is fence:
            setattr(owner, name, real)


def _prepare() -> None:
    global _audited
    _audited = True
    sys.addaudithook(_audit)
    for replacement in _make_replacements():
        (_in_classes if isinstance(replacement.owner, type) else _in_modules).append(replacement)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _inside and (event in _AUDITED or bypassed):
        ident = _thread.get_ident()
        if ident not in _inside or ident in _permitted:
            return
        if event in _AUDITED:
            _refuse(*_AUDITED[event])
        for ask in bypassed:
            if (call := ask(event, arguments)) is not None:
                _refuse(call, _FILES)


@contextmanager
def permitted() -> Iterator[None]:
    """Let through what this thread does meanwhile."""
    ident = _thread.get_ident()
    before = ident in _permitted
    _permitted.add(ident)
    try:
        yield
    finally:
        if not before:
            _permitted.discard(ident)


def _refuse(call: str, what_to_do: str) -> None:
    """Raise FenceError, unless an installed package makes the call while it is imported.

    Such a package stays imported when the world is gone, so that belongs to the real process.
    """
    if _is_import_of_a_package():
        return
    error = FenceError(f"{call} leaves the simulation: {what_to_do}")
    _inside[_thread.get_ident()].fenced.append(error)
    raise error


_INSTALLED: Final = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platlib", "purelib")})


def _is_import_of_a_package() -> bool:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        above = frame.f_back
        if frame.f_code.co_name == "<module>" and above is not None and "importlib" in above.f_code.co_filename:
            return frame.f_code.co_filename.startswith(_INSTALLED)
        frame = above
    return False


def _make_replacements() -> list[_Replacement]:
    return [_replacement(fence, real) for fence in _REPLACED if (real := getattr(fence.owner, fence.name, None))]


def _replacement(replaced: _Replaced, real: Callable[..., Any]) -> _Replacement:
    owner, name, call, what_to_do, harmless = replaced

    @wraps(real)
    def fence(*args: Any, **kwargs: Any) -> Any:
        ident = _thread.get_ident()
        if ident not in _inside:
            return real(*args, **kwargs)
        if harmless is None or not harmless(*args, **kwargs):
            _refuse(call, what_to_do)
        _permitted.add(ident)
        try:
            return real(*args, **kwargs)
        finally:
            _permitted.discard(ident)

    return _Replacement(owner, vars(owner), name, real, fence)


class _Replaced(NamedTuple):
    """A function that is fenced by another in its place; systems that lack it need none."""

    owner: Any
    name: str
    call: str
    what_to_do: str
    harmless: Callable[..., bool] | None = None


_SIGNAL_CALLS: Final = ("alarm", "setitimer", "pause", "sigwait", "sigwaitinfo", "sigtimedwait", "raise_signal")

_REPLACED: Final = [
    # Two are open before the hook hears of the first. Every loop has a pair to wake itself with.
    _Replaced(
        socket,
        "socketpair",
        "socket.socketpair()",
        _NETWORK,
        lambda *_: _is_called_by("asyncio.selector_events"),
    ),
    _Replaced(time, "sleep", "time.sleep()", _SLEEP),
    _Replaced(threading.Thread, "start", "threading.Thread.start()", _THREADS),
    _Replaced(_thread, "start_new_thread", "_thread.start_new_thread()", _THREADS),
    # Events, queues and the results of concurrent futures wait by this, too. Not to wait is harmless.
    _Replaced(
        threading.Condition,
        "wait",
        "a blocking wait (threading.Condition.wait())",
        _WAIT,
        lambda _, timeout=None: timeout is not None and timeout <= 0,
    ),
    # Code in a worker thread may use `asyncio.run`, and the engine does. All that a loop waits for goes by this.
    _Replaced(
        selectors.DefaultSelector, "select", "a wait in asyncio.run()", _LOOP, lambda _, timeout=None: timeout == 0
    ),
    _Replaced(signal, "signal", "signal.signal()", _SIGNALS, lambda *_: _is_called_by("asyncio.runners")),
    *(_Replaced(signal, name, f"signal.{name}()", _SIGNALS) for name in _SIGNAL_CALLS),
]
if "posix" in sys.builtin_module_names:
    import _posixsubprocess

    _REPLACED.append(_Replaced(_posixsubprocess, "fork_exec", "multiprocessing.Process.start()", _PROCESSES))


def fenced_calls() -> dict[str, list[str]]:
    """What to do instead, and the calls for which that is the answer, each sorted."""
    found: dict[str, set[str]] = {}
    for call, what_to_do in (*_AUDITED.values(), *((each.call, each.what_to_do) for each in _REPLACED)):
        found.setdefault(what_to_do, set()).add(call)
    return {what_to_do: sorted(calls) for what_to_do, calls in found.items()}


def _is_called_by(module: str) -> bool:
    return sys._getframe(3).f_globals.get("__name__") == module
