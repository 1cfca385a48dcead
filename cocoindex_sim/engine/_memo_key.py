"""Which arguments of a call its memo key is made of, however the call was written (MEM-09, SE-05)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cached_property
from inspect import Parameter
from typing import Any, Final, TypeAlias

__all__ = ["KeyArguments", "MemoKeySpec"]

MemoKeySpec: TypeAlias = Mapping[str, Callable[[Any], Any] | None]
"""By parameter: what to put into the key in its place, or None to leave it out."""

_SPREAD: Final[dict[Any, Any]] = {Parameter.VAR_POSITIONAL: (), Parameter.VAR_KEYWORD: {}}


class KeyArguments:
    """From the arguments of a call to those its key is made of.

    Raises: ValueError for a parameter the function doesn't have, TypeError for a transform that is neither callable nor
    None.
    """

    def __init__(self, body: Callable[..., Any], transforms: MemoKeySpec | None) -> None:
        self._body = body
        self.transforms = transforms or {}
        if transforms is None:
            return
        name = f"{body.__module__}.{body.__qualname__}()"
        if not isinstance(transforms, Mapping):
            raise TypeError(f"memo_key for {name} must map parameter names to callables or None, got {transforms!r}")
        unknown = [parameter for parameter in transforms if parameter not in self._signature.parameters]
        if unknown:
            known = ", ".join(self._signature.parameters)
            raise ValueError(
                f"Unknown memo_key parameter(s) for {name}: {', '.join(map(str, unknown))}; it has {known}"
            )
        for parameter, transform in transforms.items():
            if transform is not None and not callable(transform):
                raise TypeError(f"memo_key[{parameter!r}] for {name} must be a callable or None, got {transform!r}")

    @cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self._body)

    @cached_property
    def _by_position(self) -> list[str | None]:
        """The parameters that can be given by position; None for those that can't be given by name."""
        kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
        return [
            None if parameter.kind is Parameter.POSITIONAL_ONLY else name
            for name, parameter in self._signature.parameters.items()
            if parameter.kind in kinds
        ]

    def of(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments to fingerprint: given by position where they can be, then transformed.

        Omitted arguments stay omitted: a default may be anything, and what it is belongs to the function's logic.
        """
        if self.transforms:
            return self._transformed(args, kwargs)
        if not kwargs:
            return args, kwargs
        moved, rest = list(args), dict(kwargs)
        for name in self._by_position[len(args) :]:
            if name is None or name not in rest:
                break
            moved.append(rest.pop(name))
        return tuple(moved), rest

    def _transformed(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        try:
            bound = self._signature.bind(*args, **kwargs).arguments
        except TypeError:  # the body says so better
            return args, kwargs
        key: list[Any] = []
        for name, parameter in self._signature.parameters.items():
            spread = _SPREAD.get(parameter.kind)
            if name not in bound and spread is None:
                continue
            value = bound.get(name, spread)
            if name in self.transforms:
                transform = self.transforms[name]
                if transform is None:
                    continue
                value = transform(value)
                if spread is not None and not isinstance(value, type(spread)):
                    stars = "*" if parameter.kind is Parameter.VAR_POSITIONAL else "**"
                    raise TypeError(
                        f"memo_key transform for {stars}{name} must return {type(spread).__name__},"
                        f" got {type(value).__name__}"
                    )
            key.append((name, value))
        return tuple(key), {}
