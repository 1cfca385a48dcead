"""What repeats a run: its seed, the steps it takes, its choices and its hazards, short enough to be pasted."""

from __future__ import annotations

import itertools
import re
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..fakes import Hazard
from ._policy import Replay

__all__ = ["Recording"]

_DIGITS = string.digits + string.ascii_lowercase
_REPEATS_MIN = 5  # fewer are not longer when written one by one
_RUN = re.compile(r"([0-9a-z]|-[0-9]+-)(?:_([0-9]+)_)?", re.ASCII)
_STEPS = re.compile(r"(?P<first>[0-9]+)(?:-(?P<last>[0-9]+))?", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z0-9._]", re.ASCII)
_PLAIN_OR_ESCAPED = re.compile(rb"[A-Za-z0-9._]|-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Recording:
    """All that one run of a story is repeated with, crashes and restarts included.

    `kept`: the numbers, from 0, of the steps that the run took, in order; None for all. `hazards`: what went wrong by
    itself; None for a run that was judged by the story's own expectations too, while one with hazards, were it none of
    them, is judged by the oracles alone.

    `left_out`: the numbers, from 0, of the parts of the story that the run did without: of what is given, and of what
    steps do several of.

    As text it is `seed.choices`, then `.k` and the steps kept, `.p` and the parts left out, `.h` and the hazards,
    unless there is none of these; all in letters that neither a shell nor a file system minds.

    * a choice is one digit to base 36, or `-40-` above that; `0_12_` is twelve times 0. Zeros at the end are left out,
      for they are what a replay does anyway.
    * steps and parts are `1-3_7`: from 1 to 3, and 7.
    * hazards are `site~nth~kind`, with `+` between two. What is no letter, digit, dot or underscore is written in
      UTF-8, each byte as `-20`.
    """

    seed: int
    choices: tuple[int, ...]
    kept: tuple[int, ...] | None = None
    hazards: tuple[Hazard, ...] | None = None
    left_out: tuple[int, ...] = ()

    @property
    def deviations(self) -> int:
        """How many choices are not what asyncio would have done."""
        return sum(map(bool, self.choices))

    def policy(self) -> Replay:
        """The policy that takes these choices: for one run, in a world of this seed."""
        return Replay(self.choices)

    def misfit(self, made: Sequence[int]) -> str:
        """Which choice could not be made by the run that repeated this and made these; empty if all could be."""
        for number, choice in enumerate(self.choices, 1):
            if choice and number > len(made):
                return f"choice number {number} is {choice}, and the run made {len(made)} choices"
            if number <= len(made) and choice != made[number - 1]:
                return (
                    f"choice number {number} is {choice}, and the last that there was to choose was {made[number - 1]}"
                )
        return ""

    def __str__(self) -> str:
        text = f"{self.seed}.{''.join(_runs(self.choices))}"
        if self.kept is not None:
            text += f".k{'_'.join(_ranges(self.kept))}"
        if self.left_out:
            text += f".p{'_'.join(_ranges(self.left_out))}"
        if self.hazards is not None:
            text += f".h{'+'.join(_written(hazard) for hazard in self.hazards)}"
        return text

    @classmethod
    def parse(cls, text: str) -> Recording:
        """The recording that was written as `text`.

        Raises: ValueError with the part that is not one, and where it is.
        """
        seed, dot, _ = text.partition(".")
        if not dot or not re.fullmatch("-?[0-9]+", seed, re.ASCII):
            raise ValueError(f"a recording begins with a seed and a dot, as in '17.0012'; got {text[:40]!r}")
        reader = _Reader(text, len(seed) + 1)
        choices = reader.choices()
        kept = reader.numbers("step") if reader.begins(".k") else None
        left_out = reader.numbers("part") if reader.begins(".p") else ()
        hazards = reader.hazards() if reader.begins(".h") else None
        reader.end()
        return cls(int(seed), tuple(choices), kept, hazards, left_out)


class _Reader:
    """Where the text is read, and what is wrong there."""

    def __init__(self, text: str, at: int) -> None:
        self._text = text
        self._at = at

    def begins(self, mark: str) -> bool:
        """Whether this comes next; it is passed then."""
        found = self._text.startswith(mark, self._at)
        self._at += len(mark) * found
        return found

    def _fail(self, what: str, how: str) -> ValueError:
        part = self._text[self._at : self._at + 20]
        where = f"at character {self._at + 1} of the recording {self._text[:40]!r}"
        return ValueError(f"{part!r} is no {what}, {where}: {how}" if part else f"a {what} is missing, {where}: {how}")

    def end(self) -> None:
        if self._at < len(self._text):
            raise self._fail("part of it", "after the choices come `.k` and steps, `.p` and parts, `.h` and hazards")

    def choices(self) -> list[int]:
        choices: list[int] = []
        while self._at < len(self._text) and self._text[self._at] != ".":
            match = _RUN.match(self._text, self._at)
            if match is None:
                raise self._fail(
                    "choice", "one is a digit or lower-case letter, or '-40-', and '0_12_' is twelve times 0"
                )
            digit, times = match.groups()
            choices += [int(digit.strip("-")) if digit[0] == "-" else _DIGITS.index(digit)] * int(times or 1)
            self._at = match.end()
        return choices

    def numbers(self, what: str) -> tuple[int, ...]:
        how = f"{what}s are numbers that rise, as in '0-3_7'"
        found: list[int] = []
        if self._at == len(self._text) or self._text[self._at] == ".":
            return ()
        while True:
            match = _STEPS.match(self._text, self._at)
            if match is None:
                raise self._fail(what, how)
            first = int(match["first"])
            last = first if match["last"] is None else int(match["last"])
            if (found and first <= found[-1]) or last < first or last - first > _STEPS_MAX:
                raise self._fail(what, how)
            found += range(first, last + 1)
            self._at = match.end()
            if not self.begins("_"):
                return tuple(found)

    def hazards(self) -> tuple[Hazard, ...]:
        hazards: list[Hazard] = []
        if self._at == len(self._text):
            return ()
        while True:
            end = min(at for at in (self._text.find("+", self._at), len(self._text)) if at >= 0)
            parts = self._text[self._at : end].split("~")
            if len(parts) != 3 or not re.fullmatch("[1-9][0-9]*", parts[1], re.ASCII):
                raise self._fail("hazard", "one is a site, a number from 1 and a kind, as in 'fs.read~3~EIO'")
            site, kind = _unescaped(parts[0]), _unescaped(parts[2])
            if not site or kind is None:
                raise self._fail(
                    "hazard", "in its names are letters, digits, dots, underscores, and others as in '-20'"
                )
            hazards.append(Hazard(site, int(parts[1]), kind))
            self._at = end
            if not self.begins("+"):
                return tuple(hazards)


# A slip of the pen in a recording should not fill the memory.
_STEPS_MAX = 100_000


def _runs(choices: Sequence[int]) -> Iterable[str]:
    end = len(choices)
    while end and not choices[end - 1]:
        end -= 1
    for choice, group in itertools.groupby(choices[:end]):
        digit = _DIGITS[choice] if choice < len(_DIGITS) else f"-{choice}-"
        times = sum(1 for _ in group)
        yield digit * times if times < _REPEATS_MIN else f"{digit}_{times}_"


def _ranges(numbers: Sequence[int]) -> Iterable[str]:
    for _, group in itertools.groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        steps = [number for _, number in group]
        yield str(steps[0]) if len(steps) == 1 else f"{steps[0]}-{steps[-1]}"


def _written(hazard: Hazard) -> str:
    return f"{_escaped(hazard.site)}~{hazard.nth}~{_escaped(hazard.kind)}"


def _escaped(name: str) -> str:
    return "".join(
        c if _PLAIN.fullmatch(c) else "".join(f"-{byte:02x}" for byte in c.encode(errors="surrogatepass")) for c in name
    )


def _unescaped(text: str) -> str | None:
    if not text.isascii():
        return None
    parts = _PLAIN_OR_ESCAPED.findall(text.encode())
    if b"".join(parts) != text.encode():
        return None
    name = b"".join(part if len(part) == 1 else bytes([int(part[1:], 16)]) for part in parts)
    try:
        return name.decode(errors="surrogatepass")
    except UnicodeDecodeError:
        return None
