"""What repeats a run: its seed and its choices, short enough to be pasted."""

from __future__ import annotations

import itertools
import re
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ._policy import Replay

__all__ = ["Recording"]

_DIGITS = string.digits + string.ascii_lowercase
_REPEATS_MIN = 5  # fewer are not longer when written one by one
_RUN = re.compile(r"([0-9a-z]|-[0-9]+-)(?:_([0-9]+)_)?")


@dataclass(frozen=True, slots=True)
class Recording:
    """The seed and the choices of one run, of which crashes and restarts are parts. `World.recording` makes one.

    As text it is `seed.choices`, in letters that neither a shell nor a file system minds: a choice is one digit to base
    36, or `-40-` above that; `0_12_` is twelve times 0. Zeros at the end are left out, for they are what a replay does
    anyway.
    """

    seed: int
    choices: tuple[int, ...]

    def policy(self) -> Replay:
        """The policy that takes these choices: for one run, in a world of this seed."""
        return Replay(self.choices)

    def __str__(self) -> str:
        return f"{self.seed}.{''.join(_runs(self.choices))}"

    @classmethod
    def parse(cls, text: str) -> Recording:
        """The recording that was written as `text`.

        Raises: ValueError with the part that is not one.
        """
        seed, dot, rest = text.partition(".")
        if not dot or not re.fullmatch("-?[0-9]+", seed, re.ASCII):
            raise ValueError(f"a recording begins with a seed and a dot, as in '17.0012'; got {text[:40]!r}")
        choices: list[int] = []
        at = 0
        while at < len(rest):
            match = _RUN.match(rest, at)
            if match is None:
                raise ValueError(
                    f"{rest[at : at + 20]!r} is no choice, at character {len(seed) + 2 + at} of the recording"
                    f" {text[:40]!r}: one is a digit or lower-case letter, or '-40-', and '0_12_' is twelve times 0"
                )
            digit, times = match.groups()
            choices += [int(digit.strip("-")) if digit[0] == "-" else _DIGITS.index(digit)] * int(times or 1)
            at = match.end()
        return cls(int(seed), tuple(choices))


def _runs(choices: Sequence[int]) -> Iterable[str]:
    end = len(choices)
    while end and not choices[end - 1]:
        end -= 1
    for choice, group in itertools.groupby(choices[:end]):
        digit = _DIGITS[choice] if choice < len(_DIGITS) else f"-{choice}-"
        times = sum(1 for _ in group)
        yield digit * times if times < _REPEATS_MIN else f"{digit}_{times}_"
