# Goal: a value of an earlier version after one of a later is stale, unless the source tells again what was not committed.

from cocoindex_sim.world._oracles._changes import Applied
from cocoindex_sim.world._oracles._stale import regressions

VERSIONS = [{"a": 1}, {"a": 2}, {"a": 2, "b": 1}, {}]


def found(*values: object, told_again: tuple[int, ...] = ()) -> list[tuple[int, int, int]]:
    """Entry, older and newer version of each regression among values of the key `a`, one an entry."""
    applied = [Applied("a", value, 0, entry) for entry, value in enumerate(values)]
    return [
        (each.applied.entry, each.older, each.newer) for each in regressions(applied, VERSIONS, told_again=told_again)
    ]


def test_values_in_order_are_fine_and_so_are_those_that_were_skipped_or_told_twice() -> None:
    assert found(1, 1, 2, None) == []
    assert found(2, None) == []
    assert found(None) == []


def test_an_older_value_after_a_newer_one_is_stale() -> None:
    assert found(2, 1) == [(1, 0, 1)]
    assert found(1, None, 2) == [(2, 2, 3)]


def test_a_value_of_no_version_tells_nothing() -> None:
    assert found(2, "made of two", 1) == [(2, 0, 1)]


def test_order_begins_anew_where_things_are_told_again() -> None:
    assert found(2, 1, 2, told_again=(1,)) == []
    assert found(2, 1, 2, 1, told_again=(1,)) == [(3, 0, 1)]
    assert found(2, 1, told_again=(0,)) == [(1, 0, 1)]
