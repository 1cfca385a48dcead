"""How a step is written: its name, the shape below it, and what it stands for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from typing import Any

from ..world import Place, Step
from ._node import Node
from ._shapes import Nothing, Plain, Shape, Unwritable

__all__ = ["Form", "form_of_fields", "form_of_one"]


@dataclass(frozen=True)
class Form:
    """One spelling of one kind of step.

    `make` builds the step from what `shape` reads; `parts` is its inverse, and raises Unwritable for a step of this
    kind that this form can't say. `bare`: the name alone is enough. `example`: what stands after `- ` in a file.
    """

    name: str
    kind: type[Any]
    shape: Shape[Any]
    make: Callable[[Place, Any], Step]
    parts: Callable[[Any], Any]
    about: str
    example: str
    bare: bool = False

    def read(self, node: Node, place: Place) -> Step:
        """The step whose name is at `place` and whose rest is `node`."""
        return self.make(place, self.shape.read(node))

    def plain(self, step: Step) -> Plain:
        """What is written below the name. Raises Unwritable."""
        if type(step) is not self.kind:
            raise Unwritable
        return self.shape.plain(self.parts(step))


def form_of_fields(
    name: str, kind: type[Any], shape: Shape[Any], about: str, example: str, *, bare: bool = False
) -> Form:
    """The form of a step whose attributes are called as the fields of its shape."""

    def parts(step: Any) -> dict[str, Any]:
        values = {each.name: (getattr(step, each.name), each.default) for each in fields(step) if each.name != "place"}
        return {name: value for name, (value, default) in values.items() if default is MISSING or value != default}

    return Form(name, kind, shape, lambda place, values: kind(place, **values), parts, about, example, bare)


def form_of_one(name: str, kind: type[Any], shape: Shape[Any] | None, about: str, example: str) -> Form:
    """The form of a step with one attribute, or with none when there is no shape."""
    if shape is None:
        return Form(name, kind, Nothing(), lambda place, _: kind(place), lambda _: None, about, example, bare=True)
    attribute = fields(kind)[1].name
    return Form(
        name,
        kind,
        shape,
        kind,
        lambda step: getattr(step, attribute),
        about,
        example,
    )
