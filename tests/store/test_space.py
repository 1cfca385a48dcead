"""Goal: every `StateStore` keeps records, finds them by path in order, and keeps apps apart."""

from __future__ import annotations

import uuid

import pytest

from cocoindex_sim.ports import (
    ComponentMemo,
    ComponentRecord,
    Dependencies,
    Generation,
    MemoRecord,
    Record,
    RecordKey,
    RecordKind,
    StateSpace,
    StateStore,
    StoredValue,
    TargetRecord,
    TombstoneRecord,
)
from cocoindex_sim.values import ROOT_PATH, StableKey, StablePath, StateError, Symbol

VALUE = StoredValue("m", b"\xc0\x00")
DEPENDENCIES = Dependencies((b"l" * 16,), (b"c" * 16,), ((StablePath.of("dir").encoded, Generation(1, 2)),))
PATH = StablePath.of("files", ("a", 1), Symbol("s"))
CALL = b"\x00" * 15 + b"\x01"

RECORDS: list[tuple[RecordKey, Record]] = [
    (RecordKey("component", PATH), ComponentRecord("pkg.main", False)),
    (
        RecordKey("component", ROOT_PATH),
        ComponentRecord("pkg.f", True, (PATH.encoded, b""), ComponentMemo(b"f" * 16, VALUE, DEPENDENCIES, (VALUE,))),
    ),
    (RecordKey("tombstone", PATH), TombstoneRecord()),
    (RecordKey("memo", PATH, CALL), MemoRecord(VALUE, DEPENDENCIES, (VALUE, VALUE), (PATH.encoded,), (b"x" * 16,))),
    (RecordKey("memo", ROOT_PATH, CALL), MemoRecord(VALUE, Dependencies())),
    (
        RecordKey("target", PATH),
        TargetRecord(PATH.encoded, (None, VALUE, StoredValue("", b"")), Generation(3, 4), Generation()),
    ),
    (RecordKey("target", ROOT_PATH), TargetRecord(b"", ())),
]

LONG = "x" * 700


def component(*parts: StableKey) -> RecordKey:
    return RecordKey("component", StablePath.of(*parts))


def commit(space: StateSpace, *keys: RecordKey) -> None:
    space.commit([(key, ComponentRecord(str(key.path))) for key in keys])


def texts(found: list[tuple[RecordKey, Record]]) -> list[str]:
    for key, record in found:
        assert isinstance(record, ComponentRecord)
        assert record.processor == str(key.path)
    return [str(key.path) for key, _ in found]


@pytest.mark.parametrize(("key", "record"), RECORDS)
def test_a_record_is_read_back_as_it_was_written(store: StateStore, key: RecordKey, record: Record) -> None:
    space = store.space("app")
    assert space.get(key) is None
    space.commit([(key, record)])
    assert space.get(key) == record
    assert space.scan(key.kind, key.path) == [(key, record)]


def test_kinds_and_calls_at_one_path_are_different_records(store: StateStore) -> None:
    space = store.space("app")
    space.commit(list(RECORDS))
    for key, record in RECORDS:
        assert space.get(key) == record
    assert space.get(RecordKey("memo", PATH, b"\xff" * 16)) is None
    assert space.get(RecordKey("tombstone", ROOT_PATH)) is None


def test_the_last_write_for_a_key_wins(store: StateStore) -> None:
    space = store.space("app")
    one, two = component("one"), component("two")
    space.commit(
        [
            (one, ComponentRecord("first")),
            (two, ComponentRecord("first")),
            (one, None),
            (two, None),
            (two, ComponentRecord("last")),
        ]
    )
    assert space.get(one) is None
    assert space.get(two) == ComponentRecord("last")
    space.commit([(two, ComponentRecord("later"))])
    assert space.get(two) == ComponentRecord("later")


def test_deleting_what_is_not_there_is_fine(store: StateStore) -> None:
    space = store.space("app")
    space.commit([(component("none"), None), (component(LONG), None)])
    assert space.scan("component", ROOT_PATH) == []


def test_an_empty_commit_leaves_no_app_behind(store: StateStore) -> None:
    store.space("app").commit([])
    assert store.spaces() == []


def test_keys_of_every_type_come_back_in_order(store: StateStore) -> None:
    # CMP-02
    space = store.space("app")
    ordered: list[StableKey] = [
        None,
        Symbol("s"),
        False,
        True,
        -(1 << 63),
        -256,
        -1,
        0,
        255,
        (1 << 63) - 1,
        "",
        "\0",
        "\x01",
        "a",
        "a\0",
        "\U0001f95c",
        b"",
        b"\xff",
        uuid.UUID(int=1),
        (),
        ("a",),
        ("a", 1),
        ("b",),
    ]
    commit(space, *(component(key) for key in reversed(ordered)))
    assert [key.path.parts() for key, _ in space.scan("component", ROOT_PATH)] == [[key] for key in ordered]


def test_a_scan_finds_a_path_and_what_is_below_it_only(store: StateStore) -> None:
    space = store.space("app")
    commit(space, component("a"), component("a", "x"), component("ab"), component("a\0"), component("b"))
    assert texts(space.scan("component", StablePath.of("a"))) == ['/"a"', '/"a"/"x"']
    assert texts(space.scan("component", StablePath.of("c"))) == []
    assert space.scan("tombstone", ROOT_PATH) == []


@pytest.mark.parametrize("prefix", [(), ("p",), (LONG,), ("y" * 490,)])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_pages_follow_each_other_without_gap_or_repeat(
    store: StateStore, prefix: tuple[StableKey, ...], limit: int
) -> None:
    space = store.space("app")
    keys = [component(*prefix, *parts) for parts in ((1,), (1, "x"), (1, "y" * 600), (2,), (3, LONG), (3, LONG, 1))]
    commit(space, *keys, component(*prefix), component("zz"))
    below = StablePath.of(*prefix)

    found, after = [], None
    while page := space.scan("component", below, after=after, limit=limit):
        assert len(page) <= limit
        found += page
        after = page[-1][0]
    expected = [component(*prefix), *keys] + ([component("zz")] if not prefix else [])
    assert [key for key, _ in found] == expected

    found, after = [], None
    while page := space.scan_nearest("component", below, after=after, limit=limit):
        found += page
        after = page[-1][0]
    expected = [component(*prefix, 1), component(*prefix, 2), component(*prefix, 3, LONG)]
    assert [key for key, _ in found] == expected + ([component("zz")] if not prefix else [])


def test_a_page_begins_after_a_key_that_need_not_exist(store: StateStore) -> None:
    space = store.space("app")
    commit(space, component("a"), component("a", 1), component("c"), component("c", 1))
    after_b, after_a_0, inside_b = component("b"), component("a", 0), component("c")
    assert texts(space.scan("component", ROOT_PATH, after=after_b)) == ['/"c"', '/"c"/1']
    assert texts(space.scan_nearest("component", ROOT_PATH, after=after_b)) == ['/"c"']
    assert texts(space.scan_nearest("component", ROOT_PATH, after=after_a_0)) == ['/"c"']
    assert texts(space.scan_nearest("component", ROOT_PATH, after=inside_b)) == []
    assert texts(space.scan("component", StablePath.of("c"), after=component("a"))) == ['/"c"', '/"c"/1']
    assert texts(space.scan("component", StablePath.of("a"), after=component("c"))) == []


@pytest.mark.parametrize("limit", [0, -1])
def test_a_page_of_nothing_is_empty(store: StateStore, limit: int) -> None:
    space = store.space("app")
    commit(space, component("a"))
    assert space.scan("component", ROOT_PATH, limit=limit) == []
    assert space.scan_nearest("component", ROOT_PATH, limit=limit) == []


def test_the_nearest_are_the_children_however_deep_their_paths(store: StateStore) -> None:
    space = store.space("app")
    commit(
        space,
        component(),
        component("a"),
        component("a", "x"),
        component("a", "x", "y"),
        component("b", "deep", "child"),
        component("b", "deep", "child", 1),
        component("b", "else"),
    )
    assert texts(space.scan_nearest("component", ROOT_PATH)) == ['/"a"', '/"b"/"deep"/"child"', '/"b"/"else"']
    assert texts(space.scan_nearest("component", StablePath.of("a"))) == ['/"a"/"x"']
    assert texts(space.scan_nearest("component", StablePath.of("b"))) == ['/"b"/"deep"/"child"', '/"b"/"else"']
    assert texts(space.scan_nearest("component", StablePath.of("a", "x", "y"))) == []


@pytest.mark.parametrize("path", [ROOT_PATH, PATH, StablePath.of(LONG), StablePath.of("z" * 475)])
def test_calls_are_those_of_exactly_one_path(store: StateStore, path: StablePath) -> None:
    space = store.space("app")
    calls = [bytes((n,)) * 16 for n in (0, 1, 2, 255)]
    elsewhere = [path / 0, path / LONG, StablePath.of("other")]
    memo = MemoRecord(VALUE, Dependencies())
    space.commit([(RecordKey("memo", path, call), memo) for call in reversed(calls)])
    space.commit([(RecordKey("memo", other, b"e" * 16), memo) for other in elsewhere])
    space.commit([(RecordKey("component", path), ComponentRecord("f"))])
    assert space.scan_calls(path) == calls
    assert [key for key, _ in space.scan("memo", path)][:4] == [RecordKey("memo", path, call) for call in calls]
    space.commit([(RecordKey("memo", path, calls[1]), None)])
    assert space.scan_calls(path) == [calls[0], calls[2], calls[3]]
    assert space.scan_calls(path / "none") == []


def test_a_call_fingerprint_has_16_bytes(store: StateStore) -> None:
    space = store.space("app")
    key = RecordKey("memo", PATH, b"short")
    with pytest.raises(ValueError, match=r"16 bytes, got b'short' for /"):
        space.commit([(component("a"), ComponentRecord("a")), (key, None)])
    assert space.get(component("a")) is None
    assert store.spaces() == []


@pytest.mark.parametrize("size", range(480, 500))
def test_keys_around_the_size_limit_stay_apart_and_in_order(store: StateStore, size: int) -> None:
    # LMDB takes 511 bytes; longer keys are hashed.
    space = store.space("app")
    keys = [component("k" * size + end) for end in ("", "a", "b" * 40, "c")] + [component("k" * size, 1)]
    commit(space, *keys)
    below = sorted(keys)
    assert [key for key, _ in space.scan("component", ROOT_PATH)] == below
    assert [key for key, _ in space.scan("component", StablePath.of("k" * size))] == [keys[0], keys[4]]
    for key in keys:
        assert space.get(key) == ComponentRecord(str(key.path))
    space.commit([(key, None) for key in keys[1:]])
    assert [key for key, _ in space.scan("component", ROOT_PATH)] == keys[:1]


@pytest.mark.parametrize("first", ["component", "memo", "target"])
def test_a_large_record_is_kept(store: StateStore, first: RecordKind) -> None:
    space = store.space("app")
    key = RecordKey(first, PATH, CALL if first == "memo" else b"")
    big = StoredValue("m", bytes(3_000_000))
    records: dict[str, Record] = {
        "component": ComponentRecord("f", True, (), ComponentMemo(b"f" * 16, big, Dependencies())),
        "memo": MemoRecord(big, Dependencies()),
        "target": TargetRecord(b"", (big, big)),
    }
    space.commit([(key, records[first])])
    assert space.get(key) == records[first]


def test_apps_are_isolated(store: StateStore) -> None:
    # APP-27
    one, two = store.space("one"), store.space("two")
    commit(one, component("a"), component("b"))
    two.commit([(component("a"), ComponentRecord("two"))])
    assert one.get(component("a")) == ComponentRecord('/"a"')
    assert two.get(component("a")) == ComponentRecord("two")
    assert two.get(component("b")) is None
    assert len(one.scan("component", ROOT_PATH)) == 2
    assert len(two.scan_nearest("component", ROOT_PATH)) == 1


def test_dropping_an_app_leaves_the_others(store: StateStore) -> None:
    # APP-14, APP-27
    one, two = store.space("one"), store.space("two")
    commit(one, component("a"), component(LONG))
    one.commit(list(RECORDS))
    commit(two, component("a"), component(LONG))
    store.drop_space("one")
    assert store.spaces() == ["two"]
    assert one.get(component("a")) is None
    assert one.scan("component", ROOT_PATH) == []
    assert one.scan_calls(PATH) == []
    assert len(two.scan("component", ROOT_PATH)) == 2
    commit(one, component("new"))
    assert texts(store.space("one").scan("component", ROOT_PATH)) == ['/"new"']
    assert store.spaces() == ["one", "two"]


def test_dropping_an_unknown_app_is_fine(store: StateStore) -> None:
    store.drop_space("never")
    assert store.spaces() == []


def test_apps_are_listed_while_they_have_records(store: StateStore) -> None:
    names = ["b", "", "a", "\0", "\x01", "n\u00e4me", "long" * 300, "long" * 300 + "er"]
    for name in names:
        commit(store.space(name), component(name))
    assert store.spaces() == sorted(names)
    store.space("a").commit([(component("a"), None)])
    names.remove("a")
    assert store.spaces() == sorted(names)
    store.drop_space("long" * 300)
    names.remove("long" * 300)
    assert store.spaces() == sorted(names)
    assert store.space("").get(component("")) is not None


def test_there_may_be_many_apps(store: StateStore) -> None:
    # DUR-06
    count = 600
    for number in range(count):
        commit(store.space(f"app{number:04}"), component(number))
    assert store.spaces() == [f"app{number:04}" for number in range(count)]
    for number in range(count):
        assert texts(store.space(f"app{number:04}").scan("component", ROOT_PATH)) == [f"/{number}"]


def test_a_closed_store_refuses(store: StateStore) -> None:
    space = store.space("app")
    commit(space, component("a"))
    store.close()
    store.close()
    for call in (
        lambda: space.get(component("a")),
        lambda: space.scan("component", ROOT_PATH),
        lambda: space.scan_calls(ROOT_PATH),
        lambda: commit(space, component("b")),
        lambda: store.drop_space("app"),
        store.spaces,
    ):
        with pytest.raises(StateError, match="is closed; open the environment again"):
            call()
