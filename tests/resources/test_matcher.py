# Goal: includes, excludes and re-includes decide about files and directories as CocoIndex 1.0.26 was seen to decide.

from pathlib import PurePath

import pytest

from cocoindex_sim.resources.file import MatchAllFilePathMatcher, PatternFilePathMatcher


def files(matcher: PatternFilePathMatcher, *paths: str) -> list[str]:
    return [path for path in paths if matcher.is_file_included(PurePath(path))]


def dirs(matcher: PatternFilePathMatcher, *paths: str) -> list[str]:
    return [path for path in paths if matcher.is_dir_included(PurePath(path))]


def test_the_default_includes_everything() -> None:
    for matcher in (MatchAllFilePathMatcher(), PatternFilePathMatcher()):
        assert matcher.is_file_included(PurePath("a/.b"))
        assert matcher.is_dir_included(PurePath("a/.b"))


def test_no_included_pattern_is_no_file_but_every_directory() -> None:  # FS-15
    matcher = PatternFilePathMatcher([])
    assert files(matcher, "a", "a/b") == []
    assert dirs(matcher, "a") == ["a"]


def test_includes_do_not_affect_directories_and_excludes_beat_them() -> None:  # FS-15
    matcher = PatternFilePathMatcher(["*.py"], ["tests/**"])
    assert files(matcher, "a.py", "a.txt", "tests/a.py") == ["a.py"]
    assert dirs(matcher, "docs", "tests", "tests/unit") == ["docs", "tests"]


@pytest.mark.parametrize("patterns", [["*.md", "!keep/*"], ["!keep/*", "*.md"]])
def test_a_taken_back_exclude_wins_wherever_it_stands(patterns: list[str]) -> None:  # FS-16, EDGE-10
    assert files(PatternFilePathMatcher(None, patterns), "a.md", "keep/a.md", "a.py") == ["keep/a.md", "a.py"]


def test_an_exclamation_mark_is_literal_among_includes_and_when_escaped() -> None:  # FS-16
    assert files(PatternFilePathMatcher(["!a"]), "a", "!a", "b") == ["!a"]
    assert files(PatternFilePathMatcher(None, ["\\!a"]), "a", "!a") == ["a"]
    assert files(PatternFilePathMatcher(None, ["**", "!!a"]), "a", "!a") == ["!a"]


def test_root_level_files_are_below_a_double_star() -> None:  # FS-13, EDGE-10
    assert files(PatternFilePathMatcher(None, ["**/*", "!**/*.md"]), "a.md", "b/a.md", "a.py") == ["a.md", "b/a.md"]


def test_an_excluded_directory_is_hidden_but_a_file_in_it_is_judged_by_its_own_path() -> None:  # FS-17
    matcher = PatternFilePathMatcher(None, ["node_modules", "build/"])
    assert dirs(matcher, "node_modules", "build", "src") == ["build", "src"]
    assert files(matcher, "node_modules/a", "build/a") == ["node_modules/a", "build/a"]


# Observed on the reference, with everything excluded but the pattern.
REOPENED = [
    ("src/lib/x.py", ["src", "src/lib", "src/lib/x.py"], ["src/li", "lib"]),
    ("**/.github/**", [".github", "a/.github", ".github/workflows"], ["a"]),
    ("**/*.md", [], ["a", "a/b"]),
    ("src/**/*.md", ["src"], ["src/a"]),
    ("src/**", ["src", "src/a"], ["lib"]),
    ("src/**/**", ["src", "src/a"], ["lib"]),
    ("a/b/**", ["a", "a/b", "a/b/c"], ["b"]),
    ("a/**/b/**", ["a", "a/b", "a/q/b"], ["b"]),
    ("src/*/x.py", ["src"], ["src/q"]),
    ("{src,lib}/x", ["src", "lib"], ["x"]),
    ("{a/b/**,c}", ["a", "a/b", "c"], ["b"]),
    ("{a,{b,c}/q}/x", ["a", "b", "b/q", "c", "c/q"], ["q"]),
    ("x/{a,b/**}", ["x", "x/a", "x/b"], ["x/c"]),
    ("*x/{a,b/**}", ["yx/b"], ["yx", "y"]),
    ("*x/{a,b/**}/**", [], ["yx/b"]),
    ("?/**/**", ["a", "a/b"], ["ab"]),
    ("?\\/**", ["a"], ["ab"]),
    ("?/**/", [], ["a"]),
    ("?/", [], ["a"]),
    ("a/", ["a"], ["b"]),
    ("a", ["a"], ["a/b"]),
    ("**", ["a", "a/b"], []),
    ("*/x", [], ["a"]),
    ("s[r]c/x", [], ["src"]),
    ("/src/a", [], ["src"]),
    ("./src/a", [], ["src"]),
    ("**/x/*", ["x", "a/x"], ["a"]),
    ("{a,b}*/*", ["a", "ax"], ["x"]),
    ("*_*", ["a", "a/b"], []),
    ("*.d/**", ["q.d"], ["q"]),
]


@pytest.mark.parametrize(("pattern", "reopened", "closed"), REOPENED)
def test_an_excluded_directory_is_entered_for_what_is_kept_below(
    pattern: str, reopened: list[str], closed: list[str]
) -> None:  # FS-18
    assert dirs(PatternFilePathMatcher(None, ["**", "!" + pattern]), *reopened, *closed) == reopened


def test_keeping_a_subdirectory_readmits_all_of_the_excluded_one() -> None:  # FS-18, FS-17, EDGE-10
    matcher = PatternFilePathMatcher(None, ["private", "!private/pub/**"])
    assert dirs(matcher, "private", "private/pub") == ["private", "private/pub"]
    assert files(matcher, "private/x", "private/pub/x") == ["private/x", "private/pub/x"]


def test_patterns_are_a_list_of_strings() -> None:
    with pytest.raises(TypeError, match="included_patterns is a list of globs, got 'ab'"):
        PatternFilePathMatcher("ab")  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(TypeError, match=r"excluded_patterns is a list of globs, got \[3\]"):
        PatternFilePathMatcher(None, [3])  # type: ignore[list-item]  # the mistake under test


def test_names_that_are_not_utf8_are_matched_by_their_bytes() -> None:
    assert files(PatternFilePathMatcher(["?.txt"]), "\udcff.txt", "\udcff\udcff.txt") == ["\udcff.txt"]
