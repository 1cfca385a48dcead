"""Goal: scans agree with a plain dictionary for any paths, any commits and any page."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cocoindex_sim.ports import (
    ComponentRecord,
    Dependencies,
    MemoRecord,
    Record,
    RecordKey,
    RecordKind,
    StateStore,
    StoredValue,
)
from cocoindex_sim.store import LmdbStore, MemoryStore
from cocoindex_sim.values import StableKey, StablePath, Symbol

# Few parts, so that paths meet; their sizes put keys on both sides of every limit.
PARTS: list[StableKey] = [
    None,
    0,
    -1,
    "",
    "a",
    "a\0",
    "\x01",
    "\xff",
    b"\xff",
    Symbol("a"),
    ("a",),
    ("a", "a"),
    "L" * 240,
    "L" * 485,
    "L" * 486,
    "L" * 520,
    "L" * 520 + "m",
    ("L" * 260, "L" * 240),
]
CALLS = [b"\x00" * 16, b"\x02" * 16, b"\xff" * 16]

paths = st.lists(st.sampled_from(PARTS), max_size=4).map(lambda parts: StablePath.of(*parts))


def keys_of(kind: RecordKind) -> st.SearchStrategy[RecordKey]:
    if kind == "memo":
        return st.builds(lambda path, call: RecordKey("memo", path, call), paths, st.sampled_from(CALLS))
    return paths.map(lambda path: RecordKey(kind, path))


KINDS: list[RecordKind] = ["component", "memo"]
keys = st.one_of(*map(keys_of, KINDS))
commits = st.lists(st.lists(st.tuples(keys, st.booleans()), min_size=1, max_size=12), min_size=1, max_size=4)
questions = st.lists(
    st.sampled_from(KINDS).flatmap(
        lambda kind: st.tuples(st.just(kind), paths, st.none() | keys_of(kind), st.integers(1, 5) | st.just(1000))
    ),
    min_size=3,
    max_size=8,
)


@pytest.fixture(scope="module", params=["lmdb", "memory"])
def shared_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StateStore]:
    opened: StateStore
    opened = LmdbStore(tmp_path_factory.mktemp("model")) if request.param == "lmdb" else MemoryStore().open()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return itertools.count()


def below_strictly(path: StablePath, other: StablePath) -> bool:
    return path != other and path.is_at_or_below(other)


@settings(max_examples=150, deadline=None)
@given(commits=commits, questions=questions)
def test_scans_agree_with_a_dictionary(
    shared_store: StateStore,
    numbers: Iterator[int],
    commits: list[list[tuple[RecordKey, bool]]],
    questions: list[tuple[RecordKind, StablePath, RecordKey | None, int]],
) -> None:
    # One app an example: the apps before it must not be seen.
    app = f"app{next(numbers)}"
    space = shared_store.space(app)
    model: dict[RecordKey, Record] = {}
    for number, batch in enumerate(commits):
        writes: list[tuple[RecordKey, Record | None]] = []
        for at, (key, put) in enumerate(batch):
            text = f"{app} {number} {at}"
            record: Record = (
                ComponentRecord(text)
                if key.kind == "component"
                else MemoRecord(StoredValue(text, b""), Dependencies(), calls=(b"c" * 16,))
            )
            writes.append((key, record if put else None))
            if put:
                model[key] = record
            else:
                model.pop(key, None)
        space.commit(writes)

    for key in {key for batch in commits for key, _ in batch}:
        assert space.get(key) == model.get(key)
    for kind, below, after, limit in questions:
        ordered = sorted(key for key in model if key.kind == kind)
        later = [key for key in ordered if after is None or key > after]
        at_or_below = [key for key in later if key.path.is_at_or_below(below)]
        assert space.scan(kind, below, after=after, limit=limit) == [(key, model[key]) for key in at_or_below[:limit]]

        candidates = [key for key in ordered if below_strictly(key.path, below)]
        nearest = [
            key
            for key in candidates
            if key in later and not any(below_strictly(key.path, other.path) for other in candidates)
        ]
        found = space.scan_nearest(kind, below, after=after, limit=limit)
        assert found == [(key, model[key]) for key in nearest[:limit]]
    for path in {path for _, path, _, _ in questions} | {key.path for key in model}:
        calls = [key.fingerprint for key in sorted(model) if key.kind == "memo" and key.path == path]
        assert space.scan_calls(path) == calls
