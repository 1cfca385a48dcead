"""Goal: of two traces that should be one, the place where they part is shown, and little else."""

from __future__ import annotations

from cocoindex_sim.world import divergence_lines

TRACE = [f"0.0 {number} event" for number in range(1, 21)]


def test_equal_traces_have_no_divergence() -> None:
    assert divergence_lines(TRACE, list(TRACE)) == divergence_lines([], []) == (0, [])


def test_the_first_line_that_differs_stands_between_a_few_before_and_after() -> None:
    other = [*TRACE[:9], "0.0 10 other", *TRACE[10:]]
    assert divergence_lines(TRACE, other) == (
        10,
        [
            "  7 0.0 7 event",
            "  8 0.0 8 event",
            "  9 0.0 9 event",
            "- 10 0.0 10 event",
            "- 11 0.0 11 event",
            "- 12 0.0 12 event",
            "- 13 0.0 13 event",
            "+ 10 0.0 10 other",
            "+ 11 0.0 11 event",
            "+ 12 0.0 12 event",
            "+ 13 0.0 13 event",
        ],
    )


def test_a_trace_that_ends_before_the_other_says_so() -> None:
    assert divergence_lines(TRACE[:2], TRACE[:1]) == (
        2,
        ["  1 0.0 1 event", "- 2 0.0 2 event", "+ (ends after 1 lines)"],
    )
    assert divergence_lines([], TRACE[:1]) == (1, ["- (ends after 0 lines)", "+ 1 0.0 1 event"])


def test_a_difference_far_to_the_right_is_brought_to_where_it_is_seen() -> None:
    long = "x" * 200
    number, lines = divergence_lines([long + "a"], [long + "b"])
    assert (number, lines) == (1, ["- 1 …" + "x" * 20 + "a", "+ 1 …" + "x" * 20 + "b"])
