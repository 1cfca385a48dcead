"""What authors of connectors build with."""

from ..engine import SingleWatcherGuard as SingleWatcherGuard
from ..engine import default_subpath_name as default_subpath_name
from ..values import planned_modules

__getattr__ = planned_modules(
    __name__,
    {
        "async_adapters": "later",
        "statediff": "later",
        "target": "later",
    },
)
