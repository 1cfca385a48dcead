"""One process of a story on an arm, seen from outside: it is told what to do, looked at, and killed."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, NamedTuple

from ._arm import Arm, ArmError

__all__ = ["Error", "Life", "Look"]

_CHILD = Path(__file__).with_name("_child.py")
_ANSWER_WITHIN_S = 60.0


class Error(NamedTuple):
    """An exception of the other process: the name of its class, those of its bases, and its text."""

    type: str
    names: frozenset[str]
    text: str

    @property
    def shown(self) -> str:
        """The class and the first line of the text."""
        first = (self.text.splitlines() or [""])[0]
        return f"{self.type}: {first}" if first else self.type


class Look(NamedTuple):
    """How far an update or drop is. `stats`: the counters of the last update in total (None) and by component."""

    running: bool
    ready: bool
    error: Error | None
    stats: dict[str | None, dict[str, int]] | None


class Life:
    """A process that has its engine imported and waits to be told what to do."""

    def __init__(self, arm: Arm) -> None:
        self._arm = arm
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the process
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COCOINDEX_")}
        environment |= {"COCOINDEX_DISABLE_USAGE_TRACKING": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        self._process = subprocess.Popen(
            [arm.python, str(_CHILD), arm.package],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
        )
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._is_ready = False

    def load(self, file: Path, app_name: str | None, directory: Path, *, kafka: str | None = None) -> None:
        """Execute a pipeline file in a directory. ArmError with what went wrong."""
        path = [each for each in sys.path if each] if self._arm.python == sys.executable else []
        error = self._do(
            "load", file=str(file), app_name=app_name, directory=str(directory), path=path, kafka=kafka
        ).get("error")
        if error is not None:
            raise ArmError(f"{error['type']}: {error['text']}")

    def update(self, *, live: bool, full_reprocess: bool) -> None:
        """Begin an update."""
        self._found("update", live=live, full_reprocess=full_reprocess)

    def drop(self) -> None:
        """Begin to drop the app."""
        self._found("drop")

    def interrupt(self) -> None:
        """End the update in progress as Ctrl-C does. Our engine alone can."""
        self._found("interrupt")

    def crash_at(self, event: str, nth: int) -> None:
        """Have the process kill itself at the `nth` event of this name from now on. Our engine alone can."""
        self._found("crash_at", event=event, nth=nth)

    def look(self) -> Look:
        """How far it is."""
        seen = self._found("look")
        error = seen["error"]
        stats: dict[str | None, dict[str, int]] | None = None
        if seen["total"] is not None:
            stats = {None: seen["total"], **seen["by_component"]}
        return Look(
            seen["running"],
            seen["ready"],
            None if error is None else Error(error["type"], frozenset(error["names"]), error["text"]),
            stats,
        )

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    @property
    def log(self) -> str:
        """What it wrote to standard output and standard error."""
        file = self._log.fileno()  # both have one position in it, so nobody seeks
        return os.pread(file, os.fstat(file).st_size, 0).decode(errors="replace")

    def kill(self) -> None:
        """SIGKILL. Idempotent."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):  # what it was told last it never read
                    stream.close()

    def close(self) -> None:
        """Kill it and forget its log. Idempotent."""
        self.kill()
        self._log.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put(b"")

    def _found(self, what: str, **arguments: Any) -> Any:
        answer = self._do(what, **arguments)
        if "error" in answer:
            raise ArmError(f"{self._arm} can't {what}: {answer['error']['type']}: {answer['error']['text']}")
        return answer["found"]

    def _do(self, what: str, **arguments: Any) -> dict[str, Any]:
        if not self._is_ready:
            self._answer(f"start {self._arm.package!r}")
            self._is_ready = True
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": what, **arguments}).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._dead(what) from None
        return self._answer(what)

    def _answer(self, what: str) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=_ANSWER_WITHIN_S)
        except queue.Empty:
            raise ArmError(
                f"the process of {self._arm} did not answer {what!r} within {_ANSWER_WITHIN_S:.0f} s: something blocks"
                " its event loop"
            ) from None
        if not line:
            raise self._dead(what)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _dead(self, what: str) -> ArmError:
        self._process.wait()
        tail = "\n".join(self.log.splitlines()[-20:])
        return ArmError(
            f"the process of {self._arm} ended by itself, with code {self._process.returncode}, at {what!r}:\n{tail}"
        )
