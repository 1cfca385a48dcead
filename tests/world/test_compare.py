# Goal: a comparison is silent exactly when the expectation is met, and otherwise shows every way it is not.

import pytest

from cocoindex_sim.engine import ComponentStats, UpdateStats
from cocoindex_sim.world import (
    STATS_FIELDS,
    Contains,
    Diff,
    Exactly,
    Failure,
    Matches,
    StatsExpectation,
    TargetExpectation,
)
from cocoindex_sim.world._compare import (
    LINES_MAX,
    compare_diff,
    compare_error,
    compare_stats,
    compare_targets,
    diff_of,
)


def test_target_files_that_are_all_as_expected_are_no_difference() -> None:
    expected: list[tuple[str, TargetExpectation]] = [
        ("a", Exactly(b"A\n")),
        ("b", Contains("mid")),
        ("c", Matches(r"^x\d")),
    ]
    assert compare_targets(expected, {"a": b"A\n", "b": b"a mid z", "c": b"x1"}) is None
    assert compare_targets([], {}) is None


def test_missing_extra_and_different_files_are_all_shown() -> None:
    difference = compare_targets(
        [("b", Exactly(b"1\n2\n3\n")), ("gone", Exactly(b"")), ("c", Contains("x")), ("d", Matches("^y"))],
        {"b": b"1\n2!\n3\n", "new": b"", "c": b"C\nC\n", "d": b"D"},
    )
    assert difference is not None
    assert difference.fact == "the target files are not as expected: 1 missing, 1 extra, 3 different"
    assert difference.lines == [
        "missing    gone",
        "extra      new",
        "different  b   (- expected, + actual)",
        "     1",
        "    -2",
        "    +2!",
        "     3",
        "different  c",
        "    does not contain 'x':",
        "    | C",
        "    | C",
        "different  d",
        "    has nothing that matches '^y':",
        "    | D",
        "    | (no line break at the end)",
    ]


def test_a_missing_line_break_at_the_end_can_be_seen() -> None:
    difference = compare_targets([("a", Exactly(b"A\n"))], {"a": b"A"})
    assert difference is not None
    assert difference.lines == [
        "different  a   (- expected, + actual)",
        "     A",
        "    +(no line break at the end)",
    ]


def test_bytes_that_are_not_text_are_shown_as_bytes() -> None:
    exact = compare_targets([("a", Exactly(b"\xff"))], {"a": b"\xfe"})
    assert exact is not None
    assert exact.lines[1:] == ["    -b'\\xff'", "    +b'\\xfe'"]
    contains = compare_targets([("a", Contains("x"))], {"a": b"\xfe"})
    assert contains is not None
    assert contains.lines[1:] == ["    is not UTF-8 text:", "    b'\\xfe'"]


def test_a_long_difference_is_cut_and_says_so() -> None:
    difference = compare_targets([("a", Exactly(b""))], {"a": b"x\n" * 100})
    assert difference is not None
    assert len(difference.lines) == 1 + LINES_MAX + 1
    assert difference.lines[-1] == f"    ... {100 - LINES_MAX} more lines"


def test_the_difference_of_two_looks_is_by_content() -> None:
    before = {"same": b"1", "edited": b"1", "removed": b"1"}
    after = {"same": b"1", "edited": b"2", "added": b"1"}
    changes = diff_of(before, after)
    assert changes == Diff(frozenset({"added"}), frozenset({"edited"}), frozenset({"removed"}))
    assert diff_of(after, after) == Diff()
    assert compare_diff(changes, changes) is None


def test_what_did_not_change_as_expected_is_shown_both_ways() -> None:
    difference = compare_diff(
        Diff(added=frozenset({"a"}), changed=frozenset({"c", "b"})),
        Diff(added=frozenset({"b"}), removed=frozenset("d")),
    )
    assert difference is not None
    assert difference.lines == [
        "added    a   expected, but it was not",
        "added    b   not expected",
        "changed  b   expected, but it was not",
        "changed  c   expected, but it was not",
        "removed  d   not expected",
    ]


STATS = UpdateStats({"one": ComponentStats(num_execution_starts=1, num_adds=1), "two": ComponentStats(num_adds=2)})


def test_only_named_counters_are_compared() -> None:
    expected = [StatsExpectation(None, (("num_adds", 3),)), StatsExpectation("one", (("num_adds", 1),))]
    assert compare_stats(expected, STATS) is None


def test_wrong_counters_are_shown_with_all_of_their_component() -> None:
    difference = compare_stats(
        [StatsExpectation("one", (("num_adds", 2), ("num_errors", 0))), StatsExpectation("ona", (("num_adds", 0),))],
        STATS,
    )
    assert difference is not None
    ones = ("num_execution_starts", "num_adds", "num_processed", "num_finished")
    rest = ", ".join(f"{name} {int(name in ones)}" for name in STATS_FIELDS)
    assert difference.lines == [
        "one.num_adds: expected 2, was 1",
        f"  all of one: {rest}",
        "ona: no component of this name ran; did you mean 'one'?",
        "  one did",
        "  two did",
    ]


def test_counters_before_any_update_are_a_difference() -> None:
    difference = compare_stats([StatsExpectation(None, (("num_adds", 0),))], None)
    assert difference is not None
    assert difference.lines == ["no update has run in this process"]


@pytest.mark.parametrize(
    "expected",
    [
        Failure(type="FileNotFoundError"),
        Failure(type="OSError"),
        Failure(type="builtins.OSError"),
        Failure(matches="^no .*here$"),
        Failure(type="OSError", matches="file"),
    ],
)
def test_an_error_is_met_by_its_class_a_base_and_its_text(expected: Failure) -> None:
    assert compare_error(expected, FileNotFoundError("no file here")) is None


@pytest.mark.parametrize("expected", [Failure(type="ValueError"), Failure(type="OSError", matches="disk")])
def test_another_error_is_a_difference(expected: Failure) -> None:
    difference = compare_error(expected, FileNotFoundError("no file here\nat all"))
    assert difference is not None
    assert difference.fact == "another error was raised than expected: FileNotFoundError"
    assert difference.lines[1:] == ["raised     no file here", "raised     at all"]


def test_no_error_is_a_difference() -> None:
    difference = compare_error(Failure("ValueError", "bad"), None)
    assert difference is not None
    assert difference.fact == "nothing was raised; expected an error of type ValueError matching 'bad'"
