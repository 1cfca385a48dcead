"""The files that --coco-trace writes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

from cocoindex_sim.world import Run, Trace

__all__ = ["run_name", "write_trace"]


def run_name(run: Run) -> str:
    """What a run is called in the names of files."""
    return str(run).replace(",", "").replace(" ", "-")


def write_trace(directory: Path | None, nodeid: str, name: str, trace: Trace) -> None:
    """Write the trace of one run of a test, named for both; nothing without a directory."""
    if directory is None:
        return
    directory.mkdir(parents=True, exist_ok=True)
    # Two ids may differ only in what a file name can't hold.
    mark = blake2b(nodeid.encode(), digest_size=4).hexdigest()
    readable = re.sub(r"[^\w.]+", "-", nodeid.rpartition("/")[2])[:100]
    lines: Iterable[str] = (line + "\n" for line in trace.lines())
    (directory / f"{readable}-{mark}.{name}.trace").write_text("".join(lines), "utf-8")
