"""Which path on record a text means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from ..values import StableKey, StablePath, key_text

__all__ = ["find_path"]


def find_path(text: str, paths: Iterable[StablePath]) -> StablePath:
    """The path that a text spells: as it is printed, or with strings as they are, without quotes and escapes.

    Between several, the one with the fewest bare strings: `1` is the number before the string. ClickException when
    there is none, or no single one.
    """
    found: list[StablePath] = []
    fewest = -1
    for path in paths:
        bare = _bare_parts(text.removeprefix("/"), path.parts())
        if bare is not None and (fewest < 0 or bare <= fewest):
            found = [*found, path] if bare == fewest else [path]
            fewest = bare
    if not found:
        raise click.ClickException(
            f"No component or directory at {text!r} is on record. `coco-sim show` without a path lists them; what it"
            " prints can be given here."
        )
    if len(found) > 1:
        raise click.ClickException(f"{text!r} may be any of {', '.join(map(str, found))}. Please quote its strings.")
    return found[0]


def _bare_parts(text: str, parts: list[StableKey]) -> int | None:
    """How many strings of a path are bare in a text that spells it; None if it does not."""
    if not parts:
        return None if text else 0
    first, *rest = parts
    found: list[int] = []
    for spelling, bare in _spellings(first):
        if not rest and text == spelling:
            found.append(bare)
        elif rest and text.startswith(spelling + "/"):
            below = _bare_parts(text[len(spelling) + 1 :], rest)
            found.extend([] if below is None else [below + bare])
    return min(found, default=None)


def _spellings(key: StableKey) -> Iterator[tuple[str, int]]:
    yield key_text(key), 0
    if isinstance(key, str):
        yield f'"{key}"', 0
        yield key, 1
