"""How an option is declared: one line of a dataclass gives the command line, its ini twin, the help and the marker."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import MISSING, Field, field
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import pytest

from ._profiles import PROFILE, PROFILES, Profile

__all__ = ["FLAG", "TEXT", "Declared", "Kind", "declared", "one_of", "option", "path", "whole_number"]

T = TypeVar("T")


# Named tuples, here and in other modules of the plugin: every dataclass adds half a millisecond to the start of pytest.
class Kind(NamedTuple, Generic[T]):
    """A kind of value: `read` takes it from its text, and from the directory that paths are relative to.

    It raises ValueError with what the value has to be, as in "a whole number". `metavar` stands for it in the help;
    `text_of_none`: the text that is read as None.
    """

    metavar: str
    read: Callable[[str, Path], T]
    is_flag: bool = False
    text_of_none: str = ""


def whole_number(least: int = 0) -> Kind[int]:
    """A whole number, written in digits."""

    def read(text: str, base: Path) -> int:
        if not (text.isascii() and text.isdigit()) or int(text) < least:
            raise ValueError(f"a whole number, {f'at least {least}' if least else 'not negative'}")
        return int(text)

    return Kind("N", read)


def one_of(known: Collection[str]) -> Kind[str]:
    """One of these words."""

    def read(text: str, base: Path) -> str:
        if text not in known:
            raise ValueError(f"one of {', '.join(known)}")
        return text

    return Kind("NAME", read)


def path(metavar: str) -> Kind[Path]:
    """A path, relative to where pytest was called, or to the rootdir when the ini file has it."""
    return Kind(metavar, lambda text, base: base / text)


def _read_flag(text: str, base: Path) -> bool:
    if text.lower() not in ("true", "false", "1", "0", "on", "off", "yes", "no"):
        raise ValueError("true or false")
    return text.lower() in ("true", "1", "on", "yes")


FLAG: Kind[bool] = Kind("", _read_flag, is_flag=True)
"""Yes or no: an option without a value, with a second one, `--coco-no-...`, that takes it back."""

TEXT: Kind[str] = Kind("TEXT", lambda text, base: text)


class Declared(NamedTuple):
    """One option. `name` is that of its field; `ini`, `flag` and `no_flag` are what the user writes.

    `default` is a value, or makes one from the profile. `told`: its part of the header, empty for nothing to tell,
    from all options. `is_per_test`: a marker or a scenario may say it, too.
    """

    name: str
    kind: Kind[Any]
    help: str
    default: Any
    told: Callable[[Any], str] | None
    is_per_test: bool

    @property
    def ini(self) -> str:
        """Its name in the ini file, and as the `dest` of the command line."""
        return f"coco_{self.name}"

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return f"--{self.ini}".replace("_", "-")

    @property
    def no_flag(self) -> str:
        """What takes back a flag on the command line."""
        return self.flag.replace("--coco-", "--coco-no-", 1)

    def default_of(self, profile: Profile) -> Any:
        """Its value when nothing says otherwise."""
        return self.default(profile) if callable(self.default) else self.default

    def add_to(self, parser: pytest.Parser, group: pytest.OptionGroup) -> None:
        """Declare it, and its ini twin."""
        told = f"{self.help} (ini: {self.ini}; {self._default_text()})"
        # Ini values are read by the kind, so that both have the same errors.
        if self.kind.is_flag:
            parser.addini(self.ini, self.help, "bool", default=None)
            group.addoption(self.flag, dest=self.ini, action="store_const", const="true", help=told)
            taken_back = f"take back {self.flag}, or what the ini file or the profile says"
            group.addoption(self.no_flag, dest=self.ini, action="store_const", const="false", help=taken_back)
        else:
            parser.addini(self.ini, self.help, default="")
            group.addoption(self.flag, dest=self.ini, metavar=self.kind.metavar, help=told)

    def written(self, value: object) -> str:
        """How the command line says this value."""
        if self.kind.is_flag:
            return self.flag if value else self.no_flag
        if isinstance(value, frozenset):
            return f"{self.flag}={','.join(sorted(value)) or 'none'}"
        return f"{self.flag}={self.kind.text_of_none if value is None else value}"

    def _default_text(self) -> str:
        if callable(self.default):
            return "by profile"
        if self.kind.is_flag:
            return "on" if self.default else "off"
        return "none" if self.default in (None, "") else str(self.default)

    def read(self, value: object, where: str, base: Path) -> Any:
        """The value of what was written: text, or what a marker has in place of it. Raises pytest.UsageError."""
        text = ",".join(sorted(value)) if isinstance(value, list | tuple | set | frozenset) else str(value)
        try:
            return self.kind.read(text, base)
        except ValueError as error:
            raise pytest.UsageError(f"{where} is {error}; got {text!r}") from None


def option(
    kind: Kind[Any],
    default: Any,
    help: str,
    *,
    told: Callable[[Any], str] | None = None,
    per_test: bool = False,
) -> Any:  # as dataclasses.field: mypy knows what is declared from the annotation
    """A field of a dataclass that is an option; the parts are those of `Declared`."""
    first = default(PROFILES[PROFILE]) if callable(default) else default
    metadata = {"kind": kind, "help": help, "default": default, "told": told, "is_per_test": per_test}
    return field(default=first, metadata=metadata)


def declared(of: Field[Any]) -> Declared:
    """The option that a field declares."""
    assert of.default is not MISSING
    return Declared(name=of.name, **of.metadata)
