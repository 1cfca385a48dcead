"""The simulated world: loop, clock, file system, state stores and trace, with the engine running in between.

It can `crash` and `restart`. The model of a crash is `kill -9`: files keep what was written, a store what it committed,
and nothing else of the process is left.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import os
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from .. import alias
from ..engine import Process, UpdateStats, current_process
from ..fakes import Hazard, Hazards, VirtualClock
from ..fakes.filesystem import FakeFileSystem, FaultPlan, FileFault, FileKernel, InjectedFault, SystemCalls, Watching
from ..fakes.maps import RemoteMap
from ..fakes.targets import JournalTarget, Moment
from ..ports import Observer, Ports, StateStore
from ..runtime import App, UpdateHandle, find_app, load_module, parse_target
from ..store import MemoryHolder, MemoryStore
from ..values import Event, FenceError, LimitError, TasksLeftError, event_name
from ._drivers import Drivers
from ._external import Connections, ExternalSystems, enter_connections, leave_connections
from ._kafka_patch import enter_kafka
from ._loop import VirtualLoop
from ._mirror import factory_in, mirror_app
from ._outside import Inside, fence_in, fence_out
from ._policy import Policy
from ._recording import Recording
from ._schedule import STEPS_MAX
from ._streams import Streams
from ._surroundings import SurroundingsHolder
from ._trace import EVENTS_MAX, Trace

if TYPE_CHECKING:
    from ..fakes.kafka import KafkaCluster

__all__ = ["World"]

T = TypeVar("T")

_DAY_NS: Final = 86_400 * 10**9
_LIVE_DAYS_MAX: Final = 30


class World:
    """One simulated world. Same seed, same policy, same calls: same trace.

    `policy` decides which of the things that are ready runs next (default: asyncio's own order), `hazards` what goes
    wrong (default: nothing that nobody injects). Paths are relative to
    `cwd`, which is the directory of the pipeline file once one is loaded.

    The whole of it, restarts included, may take `steps_max` steps, report `events_max` events and last until
    `time_ns_max` (virtual, from 0; None: no limit). What would go past one of these raises `LimitError` with its name.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        policy: Policy | None = None,
        hazards: Hazards | None = None,
        steps_max: int = STEPS_MAX,
        events_max: int = EVENTS_MAX,
        time_ns_max: int | None = None,
    ) -> None:
        self.seed = seed
        self.streams = Streams(seed)
        self.loop = VirtualLoop(policy, steps_max=steps_max, time_ns_max=time_ns_max)
        self.clock = VirtualClock(lambda: self.loop.now_ns)
        self.loop.inside.clock = self.clock
        self.loop.inside.streams = self.streams
        self._surroundings = SurroundingsHolder()
        self._last_change_ns = 0
        self.files = FileKernel(self._change_time_ns)
        self.watching = Watching(self.files, lambda: self.streams.fs)
        self.trace = Trace(self.loop, events_max=events_max)
        self.faults = FaultPlan(self.files, self.trace.note)
        self.hazards = hazards or Hazards()
        self.hazards.on_fault = lambda hazard: self.trace.note(f"hazard: {hazard}")
        self.hazards.on_crash = self._kill
        self._lives = 0
        self.external = ExternalSystems(
            self.hazards,
            lambda: Moment(self.loop.now_ns, self.loop.steps, self._lives),
            self.trace.note,
            self._make_kafka,
            Drivers(self),
        )
        self.observers: list[Observer] = [self.trace]
        """Who is told what the engine does, in every process of this world; `observe` adds one."""
        self._stores: dict[str, MemoryStore] = {}
        self._life = _Life(self)
        self._loaded: tuple[str, Path, bool] | None = None
        self._app: App[..., Any] | None = None
        self._handle: UpdateHandle[Any] | None = None
        self._task: asyncio.Task[Any] | None = None
        self._live = False
        self._told_to_end = False
        self._closed = False

    def _change_time_ns(self) -> int:
        # Changes at one virtual instant are a microsecond apart, or an edit would look like none to whoever compares
        # modification times. For a disk that can't tell them apart, set `files.mtime_granularity_ns`.
        self._last_change_ns = max(self.clock.time_ns(), self._last_change_ns + 1_000)
        return self._last_change_ns

    def recording(self) -> Recording:
        """What repeats this run up to now, in a new world that is told to do the same."""
        nothing_could = type(self.hazards) is Hazards
        hazards = None if nothing_could else tuple(self.hazards.fired)
        return Recording(self.seed, tuple(self.loop.choices), hazards=hazards)

    def observe(self, observer: Observer) -> None:
        """Have an observer told what the engine does from now on, in this process and in those after it."""
        self.observers.append(observer)
        if not self._life.ended:
            self.process.observers.append(observer)

    # -- the pipeline ----------------------------------------------------------------------------------------------

    @property
    def process(self) -> Process:
        """The engine process of the present life."""
        return self._life.process

    def load(self, target: str, *, base: Path | None = None, is_source: bool = False) -> App[..., Any]:
        """Execute a pipeline file, unmodified, in this world, and take its app: `path/main.py[:app_name]`.

        A connector under test is loaded with `is_source`, by its factory: `path/prices.py:prices`. Its app mirrors it.
        `base`: what the path is relative to. Raises what `load_module` and `find_app` raise, and LookupError when there
        is no such factory.
        """
        self._surroundings.hold()
        base = base or Path.cwd()
        self._loaded = (target, base, is_source)
        parsed = parse_target(target)
        if parsed.is_file:
            directory = str((base / parsed.reference).resolve().parent)
            self.files.mkdir(directory, parents=True)
            self.files.chdir(directory)
        self._app = self._life.load(target, base, is_source)
        return self._app

    def use(self, make_app: Callable[[], App[..., Any]]) -> App[..., Any]:
        """Take the app that a function makes in this world; for pipelines written inside a test."""
        self._surroundings.hold()
        with self._life.entered():
            self._app = make_app()
        return self._app

    @property
    def app(self) -> App[..., Any]:
        """The app that was loaded. RuntimeError before."""
        if self._app is None:
            raise RuntimeError("no app is loaded in this world: call load() or use() first")
        return self._app

    # -- runs ------------------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether a started update has not ended."""
        return self._task is not None and not self._task.done()

    @property
    def live(self) -> bool:
        """Whether a live update is running."""
        return self.running and self._live

    @property
    def ended_by_itself(self) -> bool:
        """Whether the last update was a live one and ended before it was told to, by `stop`, `drop` or a crash."""
        return self._live and not self.running and not self._told_to_end

    def start(self, *, full_reprocess: bool = False, live: bool = False) -> None:
        """Begin an update without waiting for it. `live`: it goes on until it is stopped."""
        if self.running:
            raise RuntimeError("an update is running already: finish() it, or crash()")
        app = self.app
        self._live, self._told_to_end = live, False
        with self._life.entered():
            self._handle = app.update(full_reprocess=full_reprocess, live=live)
            self._task = self._create_task(self._handle.result(), "update")

    def finish(self) -> Any:
        """Run until the started update ends; what the root function returned, or its error raised.

        LimitError when a live one that was not told to end has not after 30 days of virtual time.
        """
        if self._task is None:
            raise RuntimeError("no update was started: call start() first")
        task, self._task = self._task, None
        if self._live and not self._told_to_end:
            return self._wait_for_end(task)
        return self.run(task)

    def _wait_for_end(self, task: asyncio.Task[Any]) -> Any:
        # What rescans every hour comes to no limit of steps for years, and to nothing new in them.
        loop, limit = self.loop, self.loop.time_ns_max
        end_ns = loop.now_ns + _LIVE_DAYS_MAX * _DAY_NS
        if limit is not None and limit <= end_ns:
            return self.run(task)
        loop.time_ns_max = end_ns
        try:
            return self.run(task)
        except LimitError as error:
            if task.done() or loop.steps >= loop.steps_max or len(self.trace.entries) >= self.trace.events_max:
                raise  # another limit
            raise LimitError(
                f"it is live and goes on after {_LIVE_DAYS_MAX} days of virtual time; stop it, or"
                f" have its source end:\n{loop.waiting()}"
            ) from error
        finally:
            loop.time_ns_max = limit

    @property
    def ready(self) -> bool:
        """Whether all of the first pass of the last update is done."""
        return self._handle is not None and self._handle.is_ready

    def wait_ready(self) -> None:
        """Run the started update until it is ready, or ends. DeadlockError when neither can happen any more."""
        handle, task = self._handle, self._task
        if task is None or handle is None:
            raise RuntimeError("no update was started: call start() first")
        with self._life.entered():
            self.loop.run_until(lambda: handle.is_ready or task.done())

    def stop(self) -> Any:
        """End the started update as Ctrl-C does; what the root function returned, or its error raised.

        RuntimeError when the update was not ready yet, TasksLeftError when it leaves tasks behind.
        """
        self._told_to_end = True
        self.app.interrupt()
        result = self.finish()
        with self._life.entered():
            self.loop.settle()
        left = sorted(task.get_name() for task in asyncio.all_tasks(self.loop))
        if left:
            raise TasksLeftError(f"the stopped update left {len(left)} tasks behind: {', '.join(left)}")
        return result

    def update(self, *, full_reprocess: bool = False) -> Any:
        """Run one update to its end; what the root function returned, or its error raised."""
        self.start(full_reprocess=full_reprocess)
        return self.finish()

    def drop(self) -> None:
        """Drop the app."""
        self._told_to_end = True
        with self._life.entered():
            task = self._create_task(self.app.drop(), "drop")
        self.run(task)

    def stats(self) -> UpdateStats | None:
        """The counts of the last update; None before one began."""
        return None if self._handle is None else self._handle.stats()

    def run(self, work: Any) -> Any:
        """Run a coroutine, or something awaitable, to its end in this world."""
        with self._life.entered():
            return self.loop.run_until_complete(work)

    def linger(self) -> None:
        """Run a started update for some steps, as the policy says, so that what is done next happens at any moment."""
        if self.running and not self._life.killed:
            with self._life.entered():
                self.loop.linger()

    def settle(self) -> None:
        """Run what is ready; let time pass only for changes that are on their way to the pipeline."""
        if self._life.ended:
            return
        with self._life.entered():
            self.loop.settle(self._next_delivery_ns)

    def _next_delivery_ns(self) -> int | None:
        dues = (self.watching.next_delivery_s, self.external.next_delivery_s)
        due_s = min((due for due in dues if due is not None), default=None)
        return None if due_s is None else round(due_s * 1e9)

    def advance(self, duration: timedelta | float) -> None:
        """Let virtual time pass: a timedelta, or seconds."""
        delta = duration if isinstance(duration, timedelta) else timedelta(seconds=duration)
        duration_ns = ((delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds) * 1_000
        if self._life.ended:  # between a crash and a restart nobody is there to notice
            self.loop.move_clock(self.loop.now_ns + duration_ns)
        else:
            with self._life.entered():
                self.loop.advance(duration_ns)

    def run_until_call(self, call: str, nth: int = 1) -> None:
        """Run the started update up to its `nth` call (`fs.read`, `map.scan`, `kafka.poll`) from now on.

        RuntimeError when the update ends before.
        """
        if not self.running:
            raise RuntimeError(f"no update is running, so it can't call {call!r}: start() one first")
        seen = 0

        def on_call(site: str) -> None:
            nonlocal seen
            seen += _call_of(site) == call

        self.hazards.on_call = on_call
        try:
            with self._life.entered():
                self.loop.run_until(lambda: seen >= nth or not self.running)
        finally:
            self.hazards.on_call = None
        if seen < nth:
            raise RuntimeError(f"the update ended before call {call!r} number {nth} came; there were {seen}")

    def run_until_event(self, name: str, nth: int = 1) -> None:
        """Run the started update up to the `nth` event of this name from now on, and no step further.

        RuntimeError when the update ends before, listing the events that there were.
        """
        if not self.running:
            raise RuntimeError(f"no update is running, so no {name!r} can come: start() one first")
        watcher = _EventWatcher(name)
        observers = self.process.observers
        observers.append(watcher)
        try:
            with self._life.entered():
                self.loop.run_until(lambda: watcher.seen >= nth or not self.running)
        finally:
            observers.remove(watcher)
        if watcher.seen < nth:
            counts = ", ".join(f"{count} {event}" for event, count in sorted(watcher.counts.items())) or "none"
            raise RuntimeError(
                f"the update ended before event {name!r} number {nth} came; the events since it was started: {counts}"
            )

    def map(self, name: str = "map") -> RemoteMap:
        """The external map of this name; what a pipeline gets a client of by `remote_map(name)`."""
        return self.external.map(name)

    @property
    def kafka(self) -> KafkaCluster:
        """The Kafka cluster of this world: the one that every client which a pipeline constructs belongs to."""
        return self.external.kafka

    def _make_kafka(self) -> KafkaCluster:
        from ..fakes.kafka import KafkaCluster  # late: the library that it stands in for costs

        return KafkaCluster(
            self.streams.stream("kafka"),
            time=lambda: self.loop.now_ns / 1e9,
            hazards=self.hazards,
            note=self.trace.note,
        )

    def target(self, name: str = "mirror") -> JournalTarget:
        """The external target of this name; what a pipeline declares rows of by `declare_row`."""
        return self.external.target(name)

    @property
    def targets(self) -> dict[str, JournalTarget]:
        """The external targets there are, by name."""
        return self.external.targets

    def employ(self, drivers: Iterable[tuple[str, str]], base: Path) -> None:
        """Load what makes these drivers: name and `path/shop.py:Shop` each. Raises what `load` raises."""
        self._surroundings.hold()
        with self._life.entered():
            self.external.drivers.employ(drivers, base)

    def call(self, driver: str, method: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """Call a method of a driver and give what it returns; an async one is run to its end.

        LookupError when there is no such driver or method; what the method raises.
        """
        if self._life.ended:  # what is outside goes on
            return self.external.drivers.method(driver, method)(**(arguments or {}))
        with self._life.entered():
            result = self.external.drivers.method(driver, method)(**(arguments or {}))
        return self.run(result) if inspect.isawaitable(result) else result

    def inject(self, fault: FileFault) -> InjectedFault:
        """Let something go wrong when the pipeline uses its files; the result counts how often it did.

        It outlives a crash. `faults.lift()` ends all of them.
        """
        return self.faults.inject(fault)

    @property
    def is_troubled(self) -> bool:
        """Whether something outside holds changes back, or keeps them to itself without having said so."""
        return self.watching.is_troubled or self.external.is_troubled

    def calm(self) -> None:
        """Let nothing go wrong any more, by itself or by script, and nobody be held back."""
        self.hazards.lift()
        self.faults.lift()
        self.watching.release()
        self.external.lift()

    @property
    def fenced(self) -> list[FenceError]:
        """Every call that would have left the simulation, also those whose error somebody caught."""
        return self.loop.fenced

    # -- crash and restart -----------------------------------------------------------------------------------------

    @property
    def killed(self) -> bool:
        """Whether a hazard has killed the process: nothing of it runs any more, and `crash` clears it away."""
        return self._life.killed

    @property
    def down(self) -> bool:
        """Whether there is no process: it crashed, and was not restarted."""
        return self._life.ended

    def _kill(self, hazard: Hazard) -> None:
        self.trace.note(f"hazard: {hazard}")
        self._life.kill()

    def crash(self) -> None:
        """Kill the process: cut it off from everything, then close what is left of it."""
        self.trace.note("crash")
        self._life.end()
        self._task = None
        self._told_to_end = True

    def restart(self) -> None:
        """Begin a new process on what was durable, with the pipeline loaded afresh."""
        if not self._life.ended:
            self.crash()
        self.trace.note("restart")
        self.loop = self.trace.moment = self.loop.successor()
        self._life = _Life(self)
        self._app = None
        if self._loaded is not None:
            self._app = self._life.load(*self._loaded)

    def target_files(self) -> dict[str, bytes]:
        """Every file that the pipeline was the last to write, by its path relative to the working directory."""
        cwd = self.files.cwd
        found = self.files.files_written_by("pipeline")
        return {os.path.relpath(path, cwd): content for path, content in sorted(found.items())}

    def close(self) -> None:
        """End the world. Idempotent."""
        if not self._closed:
            self._closed = True
            self._life.end()
            self._surroundings.release()

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- what a life is made of ------------------------------------------------------------------------------------

    def open_store(self, directory: str) -> MemoryHolder:
        """A holder of the durable store of a state directory."""
        path = os.path.normpath(os.path.join(self.files.cwd, directory))
        store = self._stores.get(path)
        if store is None:
            store = self._stores[path] = MemoryStore(committed=lambda: self.hazards.durable("store.commit"))
        return store.open()

    def _create_task(self, work: Any, name: str) -> asyncio.Task[Any]:
        return self.loop.create_task(work, name=name, context=contextvars.copy_context())


class _Life:
    """One process of a world, from its start to its crash."""

    def __init__(self, world: World) -> None:
        self._loop = world.loop
        self._file_system = FakeFileSystem(
            world.files, faults=world.faults, watching=world.watching, hazards=world.hazards
        )
        world._lives += 1
        self.connections = Connections(world.external)
        self._loop.inside.disk = SystemCalls(self._file_system)
        self._holders: list[MemoryHolder] = []
        self._exit = ExitStack()
        self.killed = False
        self.ended = False

        def open_store(directory: str, map_size_bytes: int) -> StateStore:
            holder = world.open_store(directory)
            self._holders.append(holder)
            return holder

        self.process = Process(
            Ports(
                clock=world.clock,
                file_system=self._file_system,
                open_store=open_store,
                event_loop=lambda: self._loop,
                bodies_at_once=1,
            ),
            outer=current_process(),
        )
        self.process.observers.extend(world.observers)

    def entered(self) -> AbstractContextManager[None]:
        """Run code as part of this process."""
        if self.ended:
            raise RuntimeError("this process has crashed: restart() the world first")
        return _Entered(self.process, self.connections, self._loop.inside)

    def load(self, target: str, base: Path, is_source: bool) -> App[..., Any]:
        parsed = parse_target(target)
        self._exit.enter_context(alias.installed())
        path = (base / parsed.reference).resolve()
        self._exit.enter_context(_fresh_modules(path.parent, path.stem, self.process))
        with self.entered():
            module = load_module(parsed, base)
            if is_source:
                return mirror_app(factory_in(module, parsed.app_name or ""))
            return find_app(parsed, self.process)

    def kill(self) -> None:
        """Cut the ports in the middle of a step, and run no further one."""
        self.killed = True
        self.process.observers.clear()  # the dead tell nothing
        self._file_system.cut()
        self.connections.cut()
        for holder in self._holders:
            holder.cut()
        self._loop.halt()

    def end(self) -> None:
        """Cut the ports, close the coroutines, and put back the modules that stood there before."""
        if self.ended:
            return
        self.ended = True
        if not self.killed:
            self.kill()
        self._loop.close_abruptly()
        self._exit.close()


class _Entered:
    """A class rather than a generator: it is entered for every run of a loop."""

    __slots__ = ("_active", "_before", "_connections", "_inside", "_kafka", "_token")

    def __init__(self, process: Process, connections: Connections, inside: Inside) -> None:
        self._active = process.active()
        self._connections = connections
        self._inside = inside

    def __enter__(self) -> None:
        self._before = fence_in(self._inside)
        self._active.__enter__()
        self._token = enter_connections(self._connections)
        self._kafka = enter_kafka(self._connections)

    def __exit__(self, *_: object) -> None:
        self._kafka.close()
        leave_connections(self._token)
        self._active.__exit__(None, None, None)
        fence_out(self._before)


@contextmanager
def _fresh_modules(directory: Path, main: str, process: Process) -> Iterator[None]:
    """Have the modules of a directory, and those that register in a process, executed afresh for that process.

    `main`: the module that is executed whether one of its name is there or not. Twice for each run of a world, so it
    looks one by one only at the few modules that it has to.
    """
    path, before = list(sys.path), dict(sys.modules)
    for name in _modules_below(directory, before.keys() - _settled.keys()):
        del sys.modules[name]
    kept = set(sys.modules)
    try:
        yield
    finally:
        sys.path[:] = path
        replaced = {name for name in kept & {main} if sys.modules.get(name) is not before[name]}
        for name in {
            *_modules_below(directory, sys.modules.keys() - kept | replaced),
            *(process.modules - before.keys()),
        }:
            sys.modules.pop(name, None)
        for name in before.keys() - sys.modules.keys():
            sys.modules[name] = before[name]


def _call_of(site: str) -> str:
    """The call that a site is: that of a map is named without the map, `feed.prices.scan` is `map.scan`."""
    if not site.startswith("feed."):
        return site
    call = site.rpartition(".")[2] if site.count(".") > 1 else "deliver"
    return f"map.{call}"


class _EventWatcher:
    """Counts events by name, and those of one name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.seen = 0
        self.counts: dict[str, int] = {}

    def on_event(self, event: Event) -> None:
        name = event_name(event)
        self.counts[name] = self.counts.get(name, 0) + 1
        self.seen += name == self._name


_PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_STANDARD_LIBRARY: Final = sysconfig.get_path("stdlib") + os.sep

_settled: Final[dict[str, None]] = {}
"""The names of modules that are no pipeline's: nearly all, so looking at them once a process saves a quarter of a run.

A pipeline may have a name that one of them had: while its own module is there, it is not settled."""


def _modules_below(directory: Path, names: Iterable[str]) -> list[str]:
    """Those of the imported modules whose files lie in or below a directory, but for installed packages."""
    prefix = str(directory) + os.sep
    found = []
    for name in names:
        file = getattr(sys.modules.get(name), "__file__", None)
        if not file:
            continue
        if "site-packages" in file or file.startswith((_PACKAGE, _STANDARD_LIBRARY)):
            _settled[name] = None
        elif file.startswith(prefix):
            found.append(name)
    return found
