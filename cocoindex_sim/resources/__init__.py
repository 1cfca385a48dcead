"""What pipelines read, whatever source it comes from."""

from ..values import planned_modules

__getattr__ = planned_modules(
    __name__,
    {
        "chunk": "later",
        "embedder": "later",
        "id": "later",
        "rate_limit": "later",
        "schema": "later",
        "view": "later",
    },
)
