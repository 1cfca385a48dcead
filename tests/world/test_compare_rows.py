# Goal: rows that are missing, extra or different are named, with what was expected and what was there.

import pytest

from cocoindex_sim.fakes.targets import JournalTarget
from cocoindex_sim.world import Contains, Exactly, Matches
from cocoindex_sim.world._compare_rows import compare_rows


def targets(**rows: dict[object, object]) -> dict[str, JournalTarget]:
    made = {name: JournalTarget(name) for name in rows}
    for name, target in made.items():
        for key, value in rows[name].items():
            target.put(key, value)  # type: ignore[arg-type]  # the keys of these tests are stable
    return made


def test_rows_as_expected_make_no_difference() -> None:
    held = targets(mirror={"a": "apples", "b": b"bananas", 1: 2, ("x", 3): [4]}, other={"a": b"\xff"})
    assert (
        compare_rows(
            [
                ("mirror", "a", Exactly(b"apples")),
                ("mirror", "b", Contains("nana")),
                ("mirror", "1", Matches("^2$")),
                ("mirror", '["x",3]', Exactly(b"[4]")),
                ("other", "a", Exactly(b"\xff")),
            ],
            held,
        )
        is None
    )


def test_no_rows_are_expected_of_every_target() -> None:
    assert compare_rows([], targets(mirror={}, other={})) is None
    found = compare_rows([], targets(mirror={"b": 1, "a": "x"}, other={"a": 2}))
    assert found is not None
    assert found.lines == ["extra      'a' = 'x'", "extra      'b' = '1'", "extra      'a' of 'other' = '2'"]


def test_each_row_that_is_not_as_expected_is_told() -> None:
    expected = [
        ("mirror", "gone", Exactly(b"x")),
        ("mirror", "exact", Exactly(b"x")),
        ("mirror", "part", Contains("x")),
        ("mirror", "pattern", Matches("^x")),
        ("unknown", "a", Exactly(b"x")),
    ]
    found = compare_rows(expected, targets(mirror={"exact": "y", "part": "y", "pattern": "yx"}))
    assert found is not None
    assert found.fact == "the rows are not as expected"
    assert found.lines == [
        "missing    'gone'",
        "missing    'a' of 'unknown'",
        "different  'exact' = 'y', expected 'x'",
        "different  'part' = 'y', expected to contain 'x'",
        "different  'pattern' = 'yx', expected to match '^x'",
    ]


@pytest.mark.parametrize("key", [1, "1"])
def test_a_key_is_expected_by_its_text(key: object) -> None:
    assert compare_rows([("mirror", "1", Exactly(b"x"))], targets(mirror={key: "x"})) is None
