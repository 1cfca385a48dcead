# Goal: every option can be said on the command line and in the ini file, taken back, and comes out as it was meant.

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_coco._declare import Declared
from pytest_coco._options import TABLE, Options, header, read_options

# By option: what is written, and what it means; a path is relative to where it is written from.
VALUES: dict[str, tuple[str, Any]] = {
    "scenarios": ("true", True),
    "profile": ("ci", "ci"),
    "seed": ("7", 7),
    "runs": ("12", 12),
    "policy": ("pct", "pct"),
    "pct_depth": ("5", 5),
    "check_determinism": ("true", True),
    "crashes": ("sweep", "sweep"),
    "faults": ("EIO,ack_lost", frozenset({"EIO", "ack_lost"})),
    "shrink": ("false", False),
    "replay": ("17.0_9_2", "17.0_9_2"),
    "update": ("true", True),
    "promote": ("true", True),
    "backend": ("both", "both"),
    "engine": ("both", "both"),
    "engine_python": ("/usr/bin/python3", "/usr/bin/python3"),
    "kafka": ("container", "container"),
    "real_within": ("90", 90),
    "steps_max": ("1000", 1000),
    "events_max": ("2000", 2000),
    "time_max": ("3600", 3600),
    "trace": ("traces", Path("traces")),
    "report": ("out/coco.md", Path("out/coco.md")),
    "conformance": ("table.md", Path("table.md")),
    "alias": ("true", True),
}
UNSAID = pytest.mark.parametrize("option", TABLE, ids=lambda option: option.name)


def resolved(pytester: pytest.Pytester, ini: str, *line: str) -> Options:
    (pytester.path / "pytest.ini").write_text(f"[pytest]\n{ini}\n")
    config = pytester.parseconfig(*line)
    try:
        return read_options(config).options()
    finally:
        config._ensure_unconfigure()


def on_line(option: Declared, text: str) -> str:
    if option.kind.is_flag:
        return option.flag if text == "true" else option.no_flag
    return f"{option.flag}={text}"


def meant(pytester: pytest.Pytester, value: Any) -> Any:
    return pytester.path / value if isinstance(value, Path) else value


def test_the_table_here_has_every_option() -> None:
    assert VALUES.keys() == {option.name for option in TABLE}


@UNSAID
def test_an_option_says_the_same_on_the_command_line_and_in_the_ini_file(
    option: Declared, pytester: pytest.Pytester
) -> None:
    text, value = VALUES[option.name]
    assert getattr(resolved(pytester, ""), option.name) != meant(pytester, value)
    assert getattr(resolved(pytester, f"{option.ini} = {text}"), option.name) == meant(pytester, value)
    assert getattr(resolved(pytester, "", on_line(option, text)), option.name) == meant(pytester, value)


@UNSAID
def test_the_command_line_goes_before_the_ini_file_and_takes_back_what_it_says(
    option: Declared, pytester: pytest.Pytester
) -> None:
    text, value = VALUES[option.name]
    if option.kind.is_flag:
        other = "false" if text == "true" else "true"
        options = resolved(pytester, f"{option.ini} = {text}", on_line(option, other))
        assert getattr(options, option.name) is (other == "true")
    elif isinstance(value, int):
        options = resolved(pytester, f"{option.ini} = {int(text) + 1}", on_line(option, text))
        assert getattr(options, option.name) == value
    else:
        default = getattr(resolved(pytester, ""), option.name)
        written = "elsewhere" if default is None else option.written(default).partition("=")[2]
        options = resolved(pytester, f"{option.ini} = {text}", f"{option.flag}={written}")
        assert getattr(options, option.name) == (meant(pytester, type(value)(written)) if default is None else default)


@UNSAID
def test_what_is_written_for_a_replay_is_read_as_the_same(option: Declared, pytester: pytest.Pytester) -> None:
    _, value = VALUES[option.name]
    written = option.written(meant(pytester, value))
    assert getattr(resolved(pytester, "", written), option.name) == meant(pytester, value)


def test_a_flag_in_the_ini_file_is_true_or_false(pytester: pytest.Pytester) -> None:
    with pytest.raises(pytest.UsageError, match="coco_shrink is true or false: invalid truth value 'perhaps'"):
        resolved(pytester, "coco_shrink = perhaps")


def test_the_header_shows_what_was_resolved(pytester: pytest.Pytester) -> None:
    line = header(
        resolved(pytester, "coco_shrink = false\ncoco_trace = traces", "--coco-profile=ci", "--coco-report=a.md")
    )
    assert line.startswith("coco: profile ci, seed 0, one run in order and 100 by policy random, each twice, ")
    assert ", not shrunk, " in line
    assert f", traces in {pytester.path / 'traces'}" in line
    assert f", report in {pytester.path / 'a.md'}" in line
