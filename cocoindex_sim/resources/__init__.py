"""What pipelines read, whatever source it comes from."""

from ..values import planned_modules

__getattr__ = planned_modules(
    __name__,
    {
        "chunk": "later",
        "embedder": "later",
        "id": "later",
        "live_map": "0.3",
        "rate_limit": "later",
        "schema": "later",
        "view": "later",
    },
)
