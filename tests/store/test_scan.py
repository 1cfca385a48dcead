"""Goal: scans agree with a plain dictionary for any paths, any commits and any page."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TypeAlias

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
    StateSpace,
    StateStore,
    StoredValue,
)
from cocoindex_sim.store import LmdbStore, MemoryStore
from cocoindex_sim.store._layout import full_key, kind_prefixes, space_prefix
from cocoindex_sim.store._scan import Cursor, scan_nearest
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

KINDS: list[RecordKind] = ["component", "memo"]

Question: TypeAlias = tuple[RecordKind, StablePath, RecordKey | None, int]


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[list[tuple[RecordKey, bool]]], list[Question]]:
    """Commits of (key, whether to put or delete), and questions (kind, below, after, limit), about three parts."""
    parts = draw(st.lists(st.sampled_from(PARTS), min_size=3, max_size=3))
    paths = st.lists(st.sampled_from(parts), max_size=4).map(lambda chosen: StablePath.of(*chosen))
    components = paths.map(lambda path: RecordKey("component", path))
    memos = st.builds(lambda path, call: RecordKey("memo", path, call), paths, st.sampled_from(CALLS))
    keys: dict[RecordKind, st.SearchStrategy[RecordKey]] = {"component": components, "memo": memos}
    put_mostly = st.sampled_from([True, True, True, False])
    batch = st.lists(st.tuples(components | memos, put_mostly), min_size=1, max_size=25)
    limits = st.integers(1, 5) | st.just(1000)
    question = st.sampled_from(KINDS).flatmap(
        lambda kind: st.tuples(st.just(kind), paths, st.none() | keys[kind], limits)
    )
    return draw(st.lists(batch, min_size=1, max_size=3)), draw(st.lists(question, min_size=3, max_size=8))


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


@settings(max_examples=200, deadline=None)
@given(case=cases())
def test_scans_agree_with_a_dictionary(
    shared_store: StateStore,
    numbers: Iterator[int],
    case: tuple[list[list[tuple[RecordKey, bool]]], list[Question]],
) -> None:
    commits, questions = case
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
        if kind != "memo" and limit > 0:
            assert all_nearest_paths(space, kind, below, limit) == [
                key.path.encoded
                for key in candidates
                if not any(below_strictly(key.path, other.path) for other in candidates)
            ]
    for path in {path for _, path, _, _ in questions} | {key.path for key in model}:
        calls = [key.fingerprint for key in sorted(model) if key.kind == "memo" and key.path == path]
        assert space.scan_calls(path) == calls


def all_nearest_paths(space: StateSpace, kind: RecordKind, below: StablePath, limit: int) -> list[bytes]:
    """Page by page."""
    found: list[bytes] = []
    after = None
    while page := space.nearest_paths(kind, below, after=after, limit=limit):
        assert len(page) <= limit
        found += page
        after = StablePath(page[-1])
    return found


class CountingCursor:
    """A cursor that counts its steps."""

    def __init__(self, cursor: Cursor) -> None:
        self.set_range, self.key, self.value = cursor.set_range, cursor.key, cursor.value
        self._next = cursor.next
        self.steps = 0

    def next(self) -> bool:
        self.steps += 1
        return self._next()


@pytest.mark.parametrize(("shared", "steps_max"), [("", 2 * 100), ("s" * 600, 11 * 100)])
def test_what_is_below_found_paths_is_skipped_or_read_once(shared: str, steps_max: int) -> None:
    store = MemoryStore().open()
    space = store.space("app")
    top = StablePath.of(shared)
    children = [top / number for number in range(100)]
    grandchildren = [child / number for child in children for number in range(10)]
    space.commit([(RecordKey("component", path), ComponentRecord("f")) for path in children + grandchildren])
    low = full_key(kind_prefixes(space_prefix(1)), RecordKey("component", top))

    def visit(cursor: Cursor) -> tuple[int, int]:
        counting = CountingCursor(cursor)
        return len(scan_nearest(counting, low, low, 1000, calls=False)), counting.steps

    found, steps = store.read(visit)
    assert found == len(children)
    assert steps <= steps_max
