"""The absence marker: what a target state is when nobody declares it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from typing_extensions import TypeIs  # narrows both branches; in `typing` from 3.13 on

__all__ = ["NON_EXISTENCE", "NonExistenceType", "is_non_existence"]


class NonExistenceType:
    """The type of `NON_EXISTENCE`; it has one instance."""

    __slots__ = ()
    _instance: NonExistenceType | None = None

    def __new__(cls) -> NonExistenceType:
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __repr__(self) -> str:
        return "NON_EXISTENCE"

    def __reduce__(self) -> str:
        return "NON_EXISTENCE"


NON_EXISTENCE: Final = NonExistenceType()
"""Stands for a target state that should not be, or is not, there."""


def is_non_existence(obj: Any) -> TypeIs[NonExistenceType]:
    """Whether `obj` is the absence marker."""
    return obj is NON_EXISTENCE
