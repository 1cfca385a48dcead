# Goal: a story that is written to a file is the same story when it is read again, and the file is pleasant to read.

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocoindex_sim.scenario import parse_scenarios, read_scenarios, story_text
from cocoindex_sim.scenario._emit import block_text, flow_text, yaml_text
from cocoindex_sim.scenario._node import Node
from cocoindex_sim.scenario._plain import without_places
from cocoindex_sim.scenario._yaml import read_yaml
from cocoindex_sim.values import ScenarioError
from cocoindex_sim.world import Exactly, Expect, Hazard, Place, Recording, Story, Update, WriteFiles

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "scenarios").rglob("*.coco.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "scenarios")))
def test_every_scenario_is_the_same_after_it_was_written(path: Path) -> None:
    for story in read_scenarios(path):
        text = story_text(story, comments=["A copy of the story."])
        (again,) = parse_scenarios(text, path=path, base=path.parent)
        assert without_places(again) == without_places(story)
        assert max(map(len, text.splitlines())) <= 160
        assert story_text(again, comments=["A copy of the story."]) == text


def as_plain(node: Node) -> Any:
    if node.kind == "mapping":
        return {key.value: as_plain(value) for key, value in node.value}
    if node.kind == "list":
        return [as_plain(item) for item in node.value]
    if node.kind == "nothing":
        return None
    if node.kind == "binary":
        return node.content("")
    return {"number": int, "truth": lambda text: text == "true"}.get(node.kind, str)(node.value)


# What a person might write, and what YAML has a meaning of its own for.
WORDS = """yes no null ~ 1 1.0 0o7 0x1F 1e3 1_000 .inf 2024-01-01 12:30:00 = << - ? : -a a:b a: #a 'a #b' ' a'
--- ... {a} [a] a,b &a *a !a |a >a %a @a `a "a" 'a' a\\ \\ \\n true False ON"""
words = st.sampled_from(WORDS.split())
characters = st.characters(exclude_categories=["Cs"])
texts = st.text(characters, max_size=20) | words | st.lists(words, max_size=4).map("\n".join) | words.map("{}\n".format)
scalars = texts | st.integers(-5, 10**6) | st.booleans() | st.none() | st.binary(max_size=90)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)


@given(st.dictionaries(texts.filter(bool), values, min_size=1, max_size=4))
def test_any_value_is_the_same_after_it_was_written(value: dict[str, Any]) -> None:
    expected = _without_nothing_in_lists(value)
    for text in (yaml_text(expected), block_text(expected, 0), flow_text(expected)):
        assert as_plain(read_yaml(text, Path("x"))) == expected


def _without_nothing_in_lists(value: Any) -> Any:
    """Nothing can't be an item of a list in one line, and no scenario needs it."""
    if isinstance(value, dict):
        return {key: _without_nothing_in_lists(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nothing_in_lists(item) for item in value if item is not None]
    return value


def test_short_things_stand_in_a_line_and_long_ones_in_blocks(tmp_path: Path) -> None:
    (tmp_path / "main.py").touch()
    here = Place(Path("x"))
    page = "<title>A</title>\n<p>one: two</p>\n"
    story = Story(
        "pages: a story",
        here,
        "main.py",
        here,
        tmp_path,
        (
            WriteFiles(here, (("docs/a.md", b"# A\n"),)),
            Update(here),
            WriteFiles(here, (("docs/b.md", page.encode()), ("docs/c.bin", b"\xff\x00"))),
            Update(here, full_reprocess=True),
            Expect(
                here, targets=((f"html/{'long/' * 12}a.html", Exactly(page.encode())), ("html/b.html", Exactly(b"")))
            ),
        ),
        files=(("docs/x.md", b"it's x"), ("docs/y.md", b"1.0")),
        oracles_off=(("idempotence", "the page has the time"),),
    )
    text = story_text(story, comments=["Why this is here. " * 9])
    assert (
        text
        == f"""\
# Why this is here. Why this is here. Why this is here. Why this is here. Why this is here. Why this is here.
# Why this is here. Why this is here. Why this is here.
name: 'pages: a story'
app: main.py
given: {{files: {{docs/x.md: it's x, docs/y.md: '1.0'}}}}
oracles_off: {{idempotence: the page has the time}}
steps:
  - fs.write: {{docs/a.md: "# A\\n"}}
  - update
  - fs.write:
      docs/b.md: |
        <title>A</title>
        <p>one: two</p>
      docs/c.bin: !!binary /wA=
  - update: {{full_reprocess: true}}
  - expect:
      targets:
        html/{"long/" * 12}a.html: |
          <title>A</title>
          <p>one: two</p>
        html/b.html: ""
"""
    )
    assert parse_scenarios(text, path=Path("x"), base=tmp_path)[0].steps[0] == replace(
        story.steps[0], place=Place(Path("x"), 8, 5)
    )


def test_a_recording_is_part_of_its_scenario(tmp_path: Path) -> None:
    (tmp_path / "main.py").touch()
    here = Place(Path("x"))
    recording = Recording(17, (0, 1, 2), hazards=(Hazard("fs.read", 2, "EIO"),))
    text = story_text(Story("a", here, "main.py", here, tmp_path, (Update(here),), recording=recording))
    assert "\nrecording: '17.012.hfs.read~2~EIO'\n" in text
    assert parse_scenarios(text, path=Path("x"), base=tmp_path)[0].recording == recording
    # One that leaves something out fits no file: what it leaves out is not there any more.
    for wrong in ("17.0.k1", "17.0.p2"):
        with pytest.raises(ScenarioError, match="leaves out a part of the story"):
            parse_scenarios(text.replace("17.012", wrong), path=Path("x"), base=tmp_path)
    several = "app: main.py\nrecording: '17.'\nscenarios: [{name: a, steps: [update]}]"
    with pytest.raises(ScenarioError, match=r"^x:2:12: a recording is of one scenario, and there are several"):
        parse_scenarios(several, path=Path("x"), base=tmp_path)
