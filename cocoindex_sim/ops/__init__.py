"""Operations on values: none yet."""

from ..values import planned_modules

__getattr__ = planned_modules(
    __name__,
    {
        "code": "later",
        "entity_resolution": "later",
        "litellm": "later",
        "sentence_transformers": "later",
        "text": "later",
    },
)
