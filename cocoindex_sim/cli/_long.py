"""What is on record about one path, in lines for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..ports import ComponentRecord, RecordKey, StateSpace, TargetRecord
from ..values import StablePath, encode_key

__all__ = ["component_lines", "fingerprint_text"]


def component_lines(space: StateSpace, path: StablePath, text: Callable[[StablePath], str]) -> Iterator[str]:
    """The lines about a component, or a directory between components. `text`: how target states are shown."""
    yield f"  {path}"
    record = space.get(RecordKey("component", path))
    if not isinstance(record, ComponentRecord):
        yield "    type:directory version:0 processor:-"
        yield "    has_memoization:false target_state_count:0"
        return
    leaving = space.get(RecordKey("tombstone", path)) is not None
    targets = _targets(space, record)
    tries = max((len(target.possible) for _, target in targets), default=0)
    version = max(tries, int(record.committed or record.in_doubt))
    memoized = record.memo is not None and not record.in_doubt
    yield f"    type:{'directory' if leaving else 'component'} version:{version} processor:{record.processor}"
    yield f"    has_memoization:{str(memoized).lower()} target_state_count:{len(targets)}"
    if leaving:
        yield "    removal:unfinished"
    if targets:
        yield "    Target states:"
    for target_path, target in targets:
        generation = target.generation
        yield f"      - path:{text(target_path)}"
        yield (
            f"        states:{_states(target)}"
            f" generation:{f'{generation.destructive}.{generation.lossy}' if generation is not None else None}"
        )


def _targets(space: StateSpace, record: ComponentRecord) -> list[tuple[StablePath, TargetRecord]]:
    found = []
    for encoded in sorted({*record.targets, *record.left}):
        path = StablePath(encoded)
        target = space.get(RecordKey("target", path))
        if isinstance(target, TargetRecord):
            found.append((path, target))
    return found


def _states(target: TargetRecord) -> str:
    """What may be there, the oldest possibility first, numbered."""
    words = ("Deleted" if state is None else "Existing" for state in target.possible)
    return ", ".join(f"{number}:{word}" for number, word in enumerate(words, 1))


def fingerprint_text(path: StablePath) -> str:
    """A path of a target state as it is stored: the encoding of each part, in hexadecimal digits."""
    return "".join(f"/#{encode_key(part).hex()}" for part in path.parts())
