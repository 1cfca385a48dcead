"""What authors of connectors build with."""

from ..values import planned_modules

__getattr__ = planned_modules(
    __name__,
    {
        "async_adapters": "later",
        "statediff": "later",
        "target": "later",
    },
)
