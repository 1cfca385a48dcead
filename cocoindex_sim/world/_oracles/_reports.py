"""What the trace says of failures: whose were reported and not made good since, and which targets they concern."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import NamedTuple

from ...values import (
    ComponentFailed,
    ComponentReady,
    ComponentRemoved,
    LiveEnded,
    LiveReady,
    PreCommitted,
    RemovalFailed,
    RunStarted,
    StablePath,
    Symbol,
    encode_key,
)
from .._trace import Entry
from ._targets import part_text

__all__ = ["Reports", "keys_of", "reports_in"]


class Reports(NamedTuple):
    """Failures that stand, by component, and every target state that a component declared so far."""

    failed: dict[StablePath, str]
    declared: dict[StablePath, set[StablePath]]

    def concerned(self, targets: Iterable[str], *others: Reports) -> set[str]:
        """The keys of these that a failure leaves in doubt, with what other runs know of who declares what.

        In doubt is what the component declared that failed, and everything below it; what those above it declared, who
        may have used its result; and, when it filled a map in memory, everything, for anybody may have read that.
        """
        if not self.failed:
            return set()
        own: set[str] = set()
        above: set[str] = set()
        for known in (self, *others):
            for path, declared in known.declared.items():
                if any(path.is_at_or_below(failed) for failed in self.failed):
                    if any(_is_entry(target) for target in declared):
                        return set(targets)
                    own.update(map(_name, declared))
                elif any(failed.is_at_or_below(path) for failed in self.failed):
                    above.update(map(_name, declared))
        return _keys_named(own | above, targets) | {
            key for key in targets if any(key.startswith(f"{name}/") or f"/{name}/" in key for name in own)
        }

    def idle(self) -> set[StablePath]:
        """The target states that take actions which change nothing that lasts.

        Those are the ones that hold others, as far as it shows, and entries of maps in memory.
        """
        declared = set().union(*self.declared.values()) if self.declared else set()
        above = {parent for target in declared for parent in target.ancestors()}
        mounted = {target for path, targets in self.declared.items() if _is_mount_target(path) for target in targets}
        return (declared & above) | mounted | set(filter(_is_entry, declared))


def _is_mount_target(path: StablePath) -> bool:
    return _MOUNT_TARGET in path.encoded


def _is_entry(target: StablePath) -> bool:
    return target.encoded.startswith(_LIVE_MAP)


_LIVE_MAP = encode_key(Symbol("cocoindex/live_map"))
_MOUNT_TARGET = encode_key(Symbol("cocoindex/mount_target"))


def reports_in(entries: Iterable[Entry], until: int | None = None) -> Reports:
    """What stands after these entries of a trace, or after the first `until` of them.

    A removal that failed is tried again by the next update (LIV-17), so only that of the last one counts; what else
    failed may not be: an item of a feed, an entry of a map (KFK-09, LMAP-05).
    """
    left: dict[StablePath, str] = {}  # what could not be removed
    failed: dict[StablePath, str] = {}
    broken: dict[StablePath, str] = {}  # live components that came to an end by themselves
    declared: dict[StablePath, set[StablePath]] = {}
    for entry in islice(entries, until):
        event = entry.what
        if isinstance(event, PreCommitted):
            declared.setdefault(event.path, set()).update(event.targets)
        elif isinstance(event, ComponentFailed):
            failed[event.path] = event.error
        elif isinstance(event, RemovalFailed):
            left[event.path] = event.error
        elif isinstance(event, RunStarted):
            left.clear()
        elif isinstance(event, LiveEnded):
            if event.error is not None:
                broken[event.path] = event.error
        elif (failed or left) and isinstance(event, ComponentReady):
            failed.pop(event.path, None)
            left.pop(event.path, None)
        elif broken and isinstance(event, LiveReady):
            broken.pop(event.path, None)
        elif isinstance(event, ComponentRemoved):
            failed.pop(event.path, None)
            left.pop(event.path, None)
            broken.pop(event.path, None)
    return Reports(broken | failed | left, declared)


def keys_of(
    path: StablePath, declared: Mapping[StablePath, Collection[StablePath]], targets: Iterable[str]
) -> set[str]:
    """The keys among `targets` that a component, or one below it, declared."""
    names = {_name(target) for owner, states in declared.items() if owner.is_at_or_below(path) for target in states}
    return _keys_named(names, targets)


def _name(target: StablePath) -> str:
    """How a target state is called outside: a path of the text in its keys."""
    parts: list[str] = []
    for part in target.parts()[1:]:
        last = part[-1] if isinstance(part, tuple) and part else part
        parts.append(part_text(last))
    return "/".join(parts)


def _keys_named(names: Collection[str], keys: Iterable[str]) -> set[str]:
    return {key for key in keys if key in names or any(key.endswith(f"/{name}") for name in names)}
