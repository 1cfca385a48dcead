"""What is wrong with the flags of a contract class: one that there is not, or one that is off without a reason."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ._contract import Contract

__all__ = ["flag_mistake", "near_method"]

_ROOM: Final = __name__.rpartition(".")[0]
_REASON_LENGTH_MIN: Final = 10
_WORD_LENGTH_MIN: Final = 5
_FLAG_LIKENESS: Final = 0.6
_HOOK_LIKENESS: Final = 0.7


def flag_mistake(contract: type[Contract]) -> str | None:
    """What is wrong with the flags of a contract class and the reasons for them; None for nothing."""
    name, reasons, known = contract.__name__, contract.bypass_reason, contract.capabilities
    for flag, near in _misspelled(contract):
        return (
            f"{name}.{flag} = {getattr(contract, flag)} is read by nobody; did you mean {near}? There are:"
            f" {', '.join(_flags(contract))}. A flag of your own begins with an underscore"
        )
    for flag, reason in reasons.items():
        if flag not in known:
            return f"{name}.bypass_reason names {flag!r}, which is no capability; there are: {', '.join(known)}"
        if getattr(contract, flag):
            return f"{name}.bypass_reason says why {flag!r} is off, and it is on: set {flag} = False, or leave it out"
        if len(reason.strip()) < _REASON_LENGTH_MIN:
            return f"{name}.bypass_reason[{flag!r}] is {reason!r}: write a sentence that says why"
    for flag in known:
        if not getattr(contract, flag) and flag not in reasons:
            return f"{name}.{flag} is off: say why, in bypass_reason = {{{flag!r}: '...'}}"
    return None


def near_method(contract: type[Contract], hook: str) -> str | None:
    """The method of an author whose name is like that of a hook which is not written, if there is one."""
    own = [name for each in _written(contract) for name, value in vars(each).items() if inspect.isfunction(value)]
    near = get_close_matches(hook, [name for name in own if not _is_ours(contract, name)], 1, _HOOK_LIKENESS)
    return near[0] if near else None


def _written(contract: type[Contract]) -> list[type[Any]]:
    """The classes that its author wrote, the class itself first."""
    return [each for each in contract.__mro__ if each is not object and not _in_room(each)]


def _in_room(each: type[Any]) -> bool:
    return each.__module__.startswith(f"{_ROOM}.")


def _is_ours(contract: type[Contract], name: str) -> bool:
    return any(name in vars(each) for each in contract.__mro__ if _in_room(each))


def _flags(contract: type[Contract]) -> tuple[str, ...]:
    return ("real_io", *contract.capabilities)


def _misspelled(contract: type[Contract]) -> Iterator[tuple[str, str]]:
    """Flags that mean another one, and that one: see `Contract` for the rule."""
    known = _flags(contract)
    for each in _written(contract):
        for name, value in vars(each).items():
            if not isinstance(value, bool) or name.startswith("_") or name in known or _is_ours(contract, name):
                continue
            near = _near_flag(name, known)
            if near is not None and value != _default(contract, near) and not _is_read(contract, name):
                yield name, near


def _near_flag(name: str, known: tuple[str, ...]) -> str | None:
    words = {word for word in name.split("_") if len(word) >= _WORD_LENGTH_MIN}
    sharing = [flag for flag in known if words & set(flag.split("_"))]
    near = get_close_matches(name, known, 1, _FLAG_LIKENESS) or get_close_matches(name, sharing, 1, 0.0)
    return near[0] if near else None


def _default(contract: type[Contract], flag: str) -> bool:
    """What a flag is before an author sets it."""
    return bool(next(vars(each)[flag] for each in reversed(contract.__mro__) if flag in vars(each)))


def _is_read(contract: type[Contract], name: str) -> bool:
    """Whether the files of its author read such an attribute anywhere, or nobody can tell."""
    for module in {each.__module__ for each in _written(contract)}:
        try:
            source = inspect.getsource(sys.modules[module])
        except (KeyError, OSError, TypeError):
            return True
        if re.search(rf"\.{name}\b|['\"]{name}['\"]", source):
            return True
    return False
