"""What authors of connectors build with."""

from ..values import planned_modules
from ._single_watcher_guard import SingleWatcherGuard as SingleWatcherGuard

__getattr__ = planned_modules(
    __name__,
    {
        "async_adapters": "later",
        "statediff": "later",
        "target": "later",
    },
)
