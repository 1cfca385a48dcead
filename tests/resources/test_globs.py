# Goal: a glob matches what CocoIndex 1.0.26 was seen to match with it.

from pathlib import PurePath

import pytest

from cocoindex_sim.resources._glob import BRACE_LIMIT, expand_braces, literal_parents
from cocoindex_sim.resources.file import PatternFilePathMatcher

# Observed on the reference, one glob at a time, with the glob as the only included pattern.
MATCHES = [
    # FS-13: `*` and `?` cross directories, and match dots and line ends.
    ("*.py", ["a.py", ".py", "b/c.py"], ["a.pyc"]),
    ("src/*", ["src/a", "src/b/c"], ["src", "lib/src/a"]),
    ("a/*/b", ["a/c/b", "a/c/d/b"], ["a/b"]),
    ("a?b", ["acb", "a/b", "a\nb"], ["ab"]),
    ("*", ["a", ".h", "a/b", "a\nb"], []),
    ("A", ["A"], ["a"]),
    # FS-13: `**` between slashes or ends spans whole names; elsewhere it is `*`.
    ("**/x", ["x", "a/x", "a/b/x"], ["ax"]),
    ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab"]),
    ("src/**", ["src/a", "src/b/c"], ["src"]),
    ("**", ["a", "a/b"], []),
    ("**/", ["a", "a/b"], []),
    ("**/**/a", ["a", "x/a"], ["xa"]),
    ("a/**/**/b", ["a/b", "a/x/b"], ["ab"]),
    ("a/**/**", ["a/b"], ["a"]),
    ("**a", ["a", "xa", "x/a"], []),
    ("a**", ["a", "ab", "a/b"], []),
    ("a/**b", ["a/b", "a/xb", "a/x/b"], ["ab"]),
    ("x**/y", ["x/y", "x/a/y"], ["xy"]),
    ("a/**/", [], ["a", "a/b"]),
    # FS-14
    ("[ab]", ["a", "b"], ["c"]),
    ("[!a]", ["b", "/"], ["a"]),
    ("[^a]", ["b", "^"], ["a"]),
    ("[a^]", ["a", "^"], ["b"]),
    ("[a-c]", ["b"], ["-"]),
    ("[a-]", ["a", "-"], ["b"]),
    ("[-a]", ["a", "-"], ["b"]),
    ("[a-c-e]", ["d"], ["-"]),
    ("[]a]", ["]", "a"], []),
    ("[!]a]", ["x"], ["]", "a"]),
    ("[\\a]", ["a", "\\"], []),
    ("[a&&b]", ["a", "&"], []),
    ("{a,{b,c}}", ["a", "b", "c"], ["a,", "bc"]),
    ("{{a,b},c}d", ["ad", "bd", "cd"], ["d"]),
    ("a{,b}", ["ab"], ["a"]),
    ("{}a", ["a"], []),
    ("{[,],b}", [",", "b"], []),
    ("{a\\,b,c}", ["a,b", "c"], ["a"]),
    ("{**/a,b}", ["a", "x/a", "b"], ["x/b"]),
    ("x/{a/**,b}/c", ["x/a/q/c", "x/b/c"], ["x/a/c"]),
    ("x{/**,b}", ["x/q", "xb"], ["x"]),
    ("a,b", ["a,b"], ["a"]),
    ("a]", ["a]"], ["a"]),
    ("\\*", ["*"], ["x"]),
    ("\\a", ["a"], ["\\a"]),
    ("a\\/b", ["a/b"], []),
    ("/a", [], ["a"]),
    ("./a", [], ["a"]),
    ("a/", [], ["a"]),
    ("!a", ["!a"], ["a", "b"]),
    ("", [], ["a", "."]),
    # A character beyond ASCII is as many `?` as it has bytes, and a class matches one byte.
    ("?", ["a"], ["é"]),
    ("??", ["é", "ab"], ["a"]),
    ("[é]", [], ["é"]),
    ("[!a]", [], ["é"]),
    ("é*", ["é", "éa"], ["e"]),
]


@pytest.mark.parametrize(("glob", "matching", "other"), MATCHES)
def test_a_glob_matches_these_paths_and_not_those(glob: str, matching: list[str], other: list[str]) -> None:
    matcher = PatternFilePathMatcher([glob])
    paths = [*matching, *other]
    assert [path for path in paths if matcher.is_file_included(PurePath(path))] == matching


@pytest.mark.parametrize("glob", ["[a", "[", "[]", "[!]", "[z-a]", "{a", "a{b", "{a,{b}", "a}", "{a,b}}", "\\", "a\\"])
def test_a_glob_that_cannot_be_read_is_named(glob: str) -> None:  # FS-14
    for patterns in [{"included_patterns": [glob]}, {"excluded_patterns": [glob]}, {"excluded_patterns": ["!" + glob]}]:
        with pytest.raises(ValueError, match="error parsing glob") as caught:
            PatternFilePathMatcher(**patterns)
        assert repr(glob) in str(caught.value)


@pytest.mark.parametrize(
    ("glob", "expanded"),
    [
        ("a", ["a"]),
        ("{a,b}{c,d}", ["ac", "ad", "bc", "bd"]),
        ("{a,{b,c}/q}/x", ["a/x", "b/q/x", "c/q/x"]),
        ("a{,b}", ["a", "ab"]),
        ("\\{a[{]{b\\,c,[,]}", ["\\{a[{]b\\,c", "\\{a[{][,]"]),
        ("[]{]{a}", ["[]{]a"]),
        ("[!]{]{a}", ["[!]{]a"]),
    ],
)
def test_braces_stand_for_their_alternatives(glob: str, expanded: list[str]) -> None:
    assert expand_braces(glob) == expanded


def test_braces_have_a_limit() -> None:
    allowed, refused = "{a,b,c,d,e,f,g,h,i,j}" * 3, "{a,b,c,d,e,f,g,h,i,j}" * 4
    assert len(expand_braces(allowed)) == BRACE_LIMIT
    with pytest.raises(ValueError, match=f"more than {BRACE_LIMIT} alternatives"):
        PatternFilePathMatcher(excluded_patterns=["**", "!" + refused])


@pytest.mark.parametrize(
    ("glob", "parents"),
    [
        ("a/b/c", ["a", "a/b"]),
        ("a", []),
        ("a/", ["a"]),
        ("a/*/b", ["a"]),
        ("a/b*/c", ["a"]),
        ("*/a", []),
        ("a\\b/c", []),
        ("a]b/c", ["a]b"]),
        ("/a/b", ["/a"]),
    ],
)
def test_the_literal_parents_of_a_glob_end_at_its_first_wildcard(glob: str, parents: list[str]) -> None:
    assert list(literal_parents(glob)) == parents
