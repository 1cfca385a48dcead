"""Run one update or drop of a pipeline file in this process and print what happened as one JSON line.

usage: drive.py update|drop MAIN_PY
"""

import collections
import json
import pathlib
import sys

from cocoindex_sim import alias
from cocoindex_sim.engine import current_process
from cocoindex_sim.runtime import find_app, load_module, parse_target
from cocoindex_sim.values import ActionsApplied, event_name


class Counter:
    """Counts events by name, and sink operations."""

    def __init__(self) -> None:
        self.counts: collections.Counter[str] = collections.Counter()

    def on_event(self, event: object) -> None:
        self.counts[event_name(event)] += 1  # type: ignore[arg-type]  # events are all there is
        if isinstance(event, ActionsApplied):
            self.counts["operations"] += event.count


def main() -> None:
    what, path = sys.argv[1:]
    alias.install()
    counter = Counter()
    current_process().observers.append(counter)
    target = parse_target(path)
    load_module(target, pathlib.Path.cwd())
    app = find_app(target)
    stats = None
    if what == "update":
        handle = app.update()
        app._blocking(handle.result)
        snapshot = handle.stats()
        assert snapshot is not None
        stats = {name: counts._asdict() for name, counts in snapshot.by_component.items()}
    else:
        app.drop_blocking()
    print(json.dumps({"events": counter.counts, "stats": stats}))


main()
