"""The process that a story runs in on a real arm: does what it is told on its standard input, one JSON object per line.

It runs in whichever interpreter has the engine, so it imports nothing of this package but the engine, if that is ours:

    python _child.py cocoindex|cocoindex_sim

Each answer is one line on standard output; what the pipeline prints goes to standard error. `update` and `drop` are
answered when they have begun; `look` says how far they are.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any, TextIO

__all__ = ["COUNTERS"]

COUNTERS = (
    "num_execution_starts",
    "num_unchanged",
    "num_adds",
    "num_deletes",
    "num_reprocesses",
    "num_errors",
    "num_processed",
    "num_finished",
    "num_in_progress",
)


class Child:
    """One process: at most one pipeline, and one update of it at a time."""

    def __init__(self, answers: TextIO) -> None:
        self.answers = answers
        self.app: Any = None
        self.handle: Any = None
        self.running: asyncio.Task[None] | None = None
        self.ready = False
        self.error: dict[str, Any] | None = None
        self.crash_at: tuple[str, int] | None = None

    async def answer(self, line: str) -> None:
        """Do what one line says."""
        command = json.loads(line)
        try:
            found = getattr(self, "do_" + command.pop("do"))(**command)
            if asyncio.iscoroutine(found):
                found = await found
            answer = {"found": found}
        except Exception as error:
            answer = {"error": described(error)}
        self.answers.write(json.dumps(answer) + "\n")
        self.answers.flush()

    # -- what can be done ------------------------------------------------------------------------------------------

    def do_load(self, file: str, app_name: str | None, directory: str, path: list[str], kafka: str | None) -> None:
        """Execute a pipeline file with `directory` as the working directory, and take its app."""
        os.chdir(directory)
        sys.path += [each for each in path if each not in sys.path]
        if kafka is not None:
            point_clients_to(kafka)
        kind = importlib.import_module("cocoindex").App
        module = executed(file)
        apps = {id(value): value for value in vars(module).values() if isinstance(value, kind)}
        found = [app for app in apps.values() if app_name in (None, name_of(app))]
        if len(found) != 1:
            names = ", ".join(sorted(str(name_of(app)) for app in apps.values())) or "none"
            raise LookupError(f"{len(found)} apps of {file!r} are meant; it has: {names}")
        self.app = found[0]

    def do_update(self, live: bool, full_reprocess: bool) -> None:
        """Begin an update."""
        self.ready = False
        self.error = None
        self.handle = self.app.update(live=live, full_reprocess=full_reprocess)
        self.running = asyncio.ensure_future(self.follow(self.handle))

    def do_drop(self) -> None:
        """Begin to drop the app."""
        self.error = None
        self.running = asyncio.ensure_future(self.dropped())

    def do_interrupt(self) -> None:
        """End a live update as Ctrl-C does; CocoIndex has no call for it."""
        self.app.interrupt()

    def do_crash_at(self, event: str, nth: int) -> None:
        """Die at the `nth` event of this name from now on; CocoIndex tells of none."""
        self.crash_at = (event, nth)

    def do_look(self) -> dict[str, Any]:
        """How far things are: the counters are those of the last update."""
        stats = None if self.handle is None else self.handle.stats()
        by_component = {} if stats is None else stats.by_component
        return {
            "running": self.running is not None and not self.running.done(),
            "ready": self.ready,
            "error": self.error,
            "total": None if stats is None else counters(stats.total),
            "by_component": {name: counters(each) for name, each in by_component.items()},
        }

    # -- what goes on meanwhile ------------------------------------------------------------------------------------

    async def follow(self, handle: Any) -> None:
        """Follow an update to its end. Watching one that failed at its start may take CocoIndex for ever."""
        try:
            async with contextlib.aclosing(handle.watch()) as snapshots:
                async for snapshot in snapshots:
                    if str(getattr(snapshot.status, "value", snapshot.status)) == "ready":
                        break
            self.ready = True
            try:
                await handle.result()
            except RuntimeError as error:
                if "already consumed" not in str(error):  # that snapshot was the last, and had it
                    raise
        except BaseException as error:
            self.error = described(error)

    async def dropped(self) -> None:
        """Drop the app."""
        try:
            await self.app.drop()
        except BaseException as error:
            self.error = described(error)

    def on_event(self, event: Any) -> None:
        """As an observer of our engine."""
        if self.crash_at is None:
            return
        from cocoindex_sim.values import event_name

        name, nth = self.crash_at
        if event_name(event) == name:
            self.crash_at = (name, nth - 1)
            if nth == 1:
                os.kill(os.getpid(), signal.SIGKILL)


def counters(stats: Any) -> dict[str, int]:
    """The counters as plain numbers."""
    return {name: getattr(stats, name) for name in COUNTERS}


def described(error: BaseException) -> dict[str, Any]:
    """An error as plain text."""
    names = [name for kind in type(error).__mro__ for name in (kind.__name__, f"{kind.__module__}.{kind.__qualname__}")]
    return {"type": type(error).__name__, "names": names, "text": str(error)}


def name_of(app: Any) -> str | None:
    """The name of an app. CocoIndex has no public way to ask."""
    return getattr(app, "name", None) or getattr(app, "_name", None)


def executed(file: str) -> ModuleType:
    """The module of a file, loaded as both command lines do: under its base name, its directory first on the path."""
    root, packages = os.path.dirname(file), list[str]()
    while os.path.isfile(os.path.join(root, "__init__.py")):
        packages.insert(0, os.path.basename(root))
        root = os.path.dirname(root)
    sys.path.insert(0, root)
    stem = os.path.splitext(os.path.basename(file))[0]
    if packages:
        return importlib.import_module(".".join([*packages, stem]))
    spec = importlib.util.spec_from_file_location(stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[stem] = module
    spec.loader.exec_module(module)
    return module


def point_clients_to(servers: str) -> None:
    """Have every Kafka client that the pipeline makes talk to these servers, whatever its settings say."""
    from confluent_kafka.aio import AIOConsumer, AIOProducer

    kind: Any
    for kind in (AIOConsumer, AIOProducer):
        kind.__init__ = pointed(kind.__init__, servers)


def pointed(init: Callable[..., None], servers: str) -> Callable[..., None]:
    """The constructor of a client with another address."""

    def __init__(self: Any, config: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        # A member that was killed stays in its group until its session ends, by default for 45 s.
        sessions = {"session.timeout.ms": 6_000, "heartbeat.interval.ms": 500} if "group.id" in config else {}
        init(self, {**sessions, **config, "bootstrap.servers": servers}, *args, **kwargs)

    return __init__


async def serve(child: Child, lines: Iterable[str]) -> None:
    """Do what the lines say, one after the other, until there are no more."""
    loop = asyncio.get_running_loop()
    commands: asyncio.Queue[str] = asyncio.Queue()

    def read() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            for line in lines:
                loop.call_soon_threadsafe(commands.put_nowait, line)
            os._exit(0)  # whoever gave the commands is gone

    threading.Thread(target=read, daemon=True).start()
    while True:
        await child.answer(await commands.get())


def main() -> None:
    """Import the engine, say so, and serve."""
    sys.path.pop(0)  # the directory of this file
    answers = os.fdopen(os.dup(1), "w")
    lines = os.fdopen(os.dup(0), "r")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    child = Child(answers)
    if sys.argv[1] == "cocoindex_sim":
        from cocoindex_sim import alias
        from cocoindex_sim.engine import current_process

        alias.install()
        current_process().observers.append(child)
    importlib.import_module("cocoindex.connectors.localfs")
    answers.write(json.dumps({"found": "ready"}) + "\n")
    answers.flush()
    asyncio.run(serve(child, lines))


if __name__ == "__main__":
    main()
