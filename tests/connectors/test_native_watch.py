# Goal: a native watch asks its backend as often as it is worth. What it tells is tested on a real disk, in `tests/real`.

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from watchfiles import Change

from cocoindex_sim.connectors.localfs import _native_watch
from cocoindex_sim.connectors.localfs._native_watch import NativeWatch


class Backend:
    """Stands for `RustNotify`: tells what it was given, and notes how often it was to look."""

    def __init__(self, *told: Any) -> None:
        self.told = list(told)
        self.steps_ms: list[int] = []

    def watch(self, debounce_ms: int, step_ms: int, timeout_ms: int, stop: object) -> Any:
        self.steps_ms.append(step_ms)
        return self.told.pop(0)


def test_while_there_is_news_more_is_looked_for_more_often(tmp_path: Path, monkeypatch: Any) -> None:
    now = 100.0
    backend = Backend("timeout", {(Change.modified.value, str(tmp_path / "f"))}, "timeout", "timeout")

    async def wait_four_times() -> None:
        nonlocal now
        watch = NativeWatch(cast(Any, backend), str(tmp_path), _native_watch._identity(str(tmp_path)))
        for _ in range(4):
            watch._wait()
            now += 0.6

    monkeypatch.setattr(_native_watch, "time", SimpleNamespace(monotonic=lambda: now))
    asyncio.run(wait_four_times())
    idle, busy = _native_watch.STEP_MS, _native_watch._BUSY_STEP_MS
    assert busy < idle
    assert backend.steps_ms == [idle, idle, busy, idle]
