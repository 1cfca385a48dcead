# Goal: the coverage page says of each rule of the contract which tests cite it, and nothing that cites is overlooked.

import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
CONTRACT = ROOT / "docs" / "contract.md"

RULES = """
# Contract

| id | rule | here |
|---|---|---|
| CMP-01 | Nothing \\| something. | |
| CMP-02 | Holds. | [elsewhere](differences.md) |
| CMP-03 | Holds. | |

## Targets

| id | rule | here |
|---|---|---|
| TGT-01 | Holds. | planned: 0.3 |

| TGT-20 | situation | here |
|---|---|---|
| 1 | first | |
| 2 | later | as row 1 |

| id | rule | here |
|---|---|---|
| LIV-01..03 | Live. | planned: 0.4 |
| SE-01 | Edge. | not taken: it is documented |
| SE-02 | Edge. | later |
"""


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("contract_coverage", ROOT / "tools" / "contract_coverage.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "contract_coverage", module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


Checkout = Callable[[dict[str, str]], Path]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout with this contract, of version 0.2.1, and these further files."""

    def of(files: dict[str, str]) -> Path:
        project = '[project]\nversion = "0.2.1"\n'
        for name, text in {"docs/contract.md": RULES, "pyproject.toml": project, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return of


def python_attributions(tool: ModuleType, checkout: Checkout, text: str) -> list[tuple[int, str, str | None]]:
    citations = tool.read_tests(checkout({"tests/test_it.py": text}))
    return [(citation.line, citation.rule, citation.test) for citation in citations]


def test_rules_are_the_rows_of_the_tables_with_what_they_wait_for(tool: ModuleType) -> None:
    assert tool.read_rules(RULES) == [
        tool.Rule("CMP-01", "", ""),
        tool.Rule("CMP-02", "", ""),
        tool.Rule("CMP-03", "", ""),
        tool.Rule("TGT-01", "Targets", "planned: 0.3"),
        tool.Rule("TGT-20 row 1", "Targets", ""),
        tool.Rule("TGT-20 row 2", "Targets", ""),
        tool.Rule("LIV-01", "Targets", "planned: 0.4"),
        tool.Rule("LIV-02", "Targets", "planned: 0.4"),
        tool.Rule("LIV-03", "Targets", "planned: 0.4"),
        tool.Rule("SE-01", "Targets", "not taken"),
        tool.Rule("SE-02", "Targets", "later"),
    ]


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ("| CMP-1 | One digit. | |", r"docs/contract\.md:4: 'CMP-1' is no id"),
        ("| CMP-01 | This | that. | |", r":4: 4 cells in a table of 3; is there a bare '\|'\?"),
        ("| CMP-01 | Soon. | planned |", r":4: write 'planned: 0\.3', 'later' or 'not taken: why', not 'planned'"),
        ("| CMP-01 | Some day. | later: 0.9 |", r":4: write .* not 'later: 0\.9'"),
        ("| CMP-01 | Never. | not taken |", r":4: write .* not 'not taken'"),
        ("| CMP-01 | Once. | |\n| CMP-01 | Twice. | |", r":5: CMP-01 is there twice"),
    ],
)
def test_a_row_that_can_not_be_read_is_refused(tool: ModuleType, row: str, error: str) -> None:
    with pytest.raises(tool.CoverageError, match=error):
        tool.read_rules(f"\n| id | rule | here |\n|---|---|---|\n{row}\n")


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("# CMP-18", ["CMP-18"]),
        ("# FS-07, FS-31", ["FS-07", "FS-31"]),
        ("# SE-08, beats FN-19", ["SE-08", "FN-19"]),
        ("(CMP-18..20, SE-03).", ["CMP-18", "CMP-19", "CMP-20", "SE-03"]),
        ("TGT-11..TGT-12", ["TGT-11", "TGT-12"]),
        ("# TGT-20 row 7, SE-20", ["TGT-20 row 7", "SE-20"]),
        ("# CMP-20, TGT-20 rows 10 and 14", ["CMP-20", "TGT-20 row 10", "TGT-20 row 14"]),
        ("# TGT-20 rows 1..3, 5 and 6", [f"TGT-20 row {n}" for n in (1, 2, 3, 5, 6)]),
        ("UTF-16 and SHA-512, XCMP-18x, ISO-8601", []),
    ],
)
def test_a_text_cites_ids_ranges_and_rows(tool: ModuleType, text: str, rules: list[str]) -> None:
    assert list(tool.cited(text)) == rules


def test_a_citation_belongs_to_the_test_it_is_in(tool: ModuleType, checkout: Checkout) -> None:
    text = '''
@pytest.mark.parametrize("x", [
    1,  # CMP-01
])
def test_one(
    x: int,
) -> None:  # CMP-02
    """CMP-03.

    And TGT-01.
    """
    # LIV-01
    def inner():
        """LIV-02"""
    assert x == "# LIV-03"
    # SE-01


async def test_two() -> None:  # CMP-01
    pass


class TestThings:
    def test_three(self) -> None:  # CMP-02
        pass


if sys.platform == "linux":
    def test_four() -> None:  # CMP-03
        pass
'''
    assert python_attributions(tool, checkout, text) == [
        (3, "CMP-01", "test_one"),
        (7, "CMP-02", "test_one"),
        (8, "CMP-03", "test_one"),
        (10, "TGT-01", "test_one"),
        (12, "LIV-01", "test_one"),
        (14, "LIV-02", "test_one"),
        (16, "SE-01", "test_one"),
        (19, "CMP-01", "test_two"),
        (24, "CMP-02", "TestThings::test_three"),
        (29, "CMP-03", "test_four"),
    ]


def test_a_comment_that_stands_alone_belongs_to_the_test_right_below(tool: ModuleType, checkout: Checkout) -> None:
    text = """
# CMP-01: of what follows.
# CMP-02

@marked
def test_one() -> None:
    pass


TestMachine = Machine.TestCase  # CMP-03
# TGT-01
TestOther = Other.TestCase
"""
    assert python_attributions(tool, checkout, text) == [
        (2, "CMP-01", "test_one"),
        (3, "CMP-02", "test_one"),
        (10, "CMP-03", "TestMachine"),
        (11, "TGT-01", "TestOther"),
    ]


def test_what_is_near_no_test_counts_for_none(tool: ModuleType, checkout: Checkout) -> None:
    text = '''"""About CMP-01."""

LIMIT = 3  # CMP-02
def test_one() -> None:
    pass


# CMP-03
def helper() -> None:  # TGT-01
    """LIV-01"""


def test_two() -> None:
    pass
'''
    assert {test for _, _, test in python_attributions(tool, checkout, text)} == {None}
    assert len(python_attributions(tool, checkout, text)) == 5


def test_only_test_files_have_tests(tool: ModuleType, checkout: Checkout) -> None:
    root = checkout({"tests/bench.py": "def test_it():  # CMP-01\n    pass\n"})
    assert tool.read_tests(root) == [tool.Citation("CMP-01", "tests/bench.py", 1, None)]


def test_comments_of_a_scenario_count_for_it(tool: ModuleType, checkout: Checkout) -> None:
    text = """# LIV-03
name: Stories
app: main.py  # CMP-01 of no scenario
scenarios:
  # CMP-02
  - name: first
    steps:
      - update  # CMP-03
      - expect: {diff: "x#TGT-01"}
      - fs.write:
          b.md: "# TGT-01"
          a.md: |
            # TGT-01
  # LIV-01
  # LIV-02

  - name: second
    steps: [update]
"""
    one = "name: Alone\n# CMP-01\napp: main.py\nsteps: [update]\n"
    unnamed = "app: main.py\nsteps: [update] # CMP-01\n"
    root = checkout(
        {
            "scenarios/x.coco.yaml": text,
            "tests/a.coco.yaml": one,
            "tests/b.coco.yaml": unnamed,
            "scenarios/other.yaml": text,
        }
    )
    assert [tuple(citation) for citation in tool.read_tests(root)] == [
        ("CMP-01", "tests/a.coco.yaml", 2, "Alone"),
        ("CMP-01", "tests/b.coco.yaml", 2, "b"),
        ("LIV-03", "scenarios/x.coco.yaml", 1, None),
        ("CMP-01", "scenarios/x.coco.yaml", 3, None),
        ("CMP-02", "scenarios/x.coco.yaml", 5, "first"),
        ("CMP-03", "scenarios/x.coco.yaml", 8, "first"),
        ("LIV-01", "scenarios/x.coco.yaml", 14, "second"),
        ("LIV-02", "scenarios/x.coco.yaml", 15, "second"),
    ]


@pytest.mark.parametrize("name", ["tests/test_it.py", "scenarios/it.coco.yaml"])
def test_a_file_that_can_not_be_read_is_named(tool: ModuleType, checkout: Checkout, name: str) -> None:
    with pytest.raises(tool.CoverageError, match=re.escape(name)):
        tool.read_tests(checkout({name: "a: b: [\n"}))


COMPLETE = "# CMP-01..03, TGT-20 rows 1 and 2\ndef test_all():\n    pass\n"


def test_complete_and_fresh_passes_the_check(
    tool: ModuleType, checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    root = checkout({"tests/test_it.py": COMPLETE})
    assert tool.main(["--root", str(root)]) == 0
    assert tool.main(["--root", str(root), "--check"]) == 0
    assert capsys.readouterr() == ("", "")
    page = (root / "docs" / "contract-coverage.md").read_text(encoding="utf-8")
    assert "| CMP-02 | [tests/test_it.py::test_all](../tests/test_it.py) |\n" in page
    assert "| TGT-01 | planned: 0.3 |\n" in page
    assert "| SE-01 | not taken |\n" in page
    assert "| SE-02 | later |\n" in page
    assert "| tested | 5 |\n" in page


def problems(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("tests", "expected"),
    [
        pytest.param(COMPLETE + "# CMP-01\ndef test_more():\n    pass\n", [], id="stale"),
        pytest.param("# CMP-01, CMP-03\ndef test_all():  # TGT-20 row 2\n    pass\n",
                     ["CMP-02 has no test", "TGT-20 row 1 has no test"], id="no test"),
        pytest.param("# CMP-09\n" + COMPLETE, ["tests/test_it.py:1: CMP-09 is no rule of docs/contract.md"], id="id"),
        pytest.param(COMPLETE + "# TGT-20 row 3\n",
                     ["tests/test_it.py:4: TGT-20 row 3 is no rule of docs/contract.md"], id="row"),
        pytest.param(COMPLETE + "# XYZ-01\n", ["tests/test_it.py:4: XYZ-01 is no rule of docs/contract.md"],
                     id="family"),
    ],
)  # fmt: skip
def test_the_check_fails_for(
    tool: ModuleType, checkout: Checkout, capsys: pytest.CaptureFixture[str], tests: str, expected: list[str]
) -> None:
    root = checkout({"tests/test_it.py": COMPLETE})
    assert tool.main(["--root", str(root)]) == 0
    checkout({"tests/test_it.py": tests})
    before = (root / "docs" / "contract-coverage.md").read_text(encoding="utf-8")
    assert tool.main(["--root", str(root), "--check"]) == 1
    found = problems(capsys)
    assert [line for line in found if "stale" not in line] == expected
    assert (root / "docs" / "contract-coverage.md").read_text(encoding="utf-8") == before
    # What is left once the page is written again is what the tests have to put right.
    assert tool.main(["--root", str(root)]) == (1 if expected else 0)
    assert problems(capsys) == expected


def test_a_release_has_nothing_planned_for_it(
    tool: ModuleType, checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    root = checkout({"tests/test_it.py": COMPLETE, "pyproject.toml": '[project]\nversion = "0.3.0"\n'})
    assert tool.main(["--root", str(root)]) == 1
    assert problems(capsys) == ["TGT-01 is planned for 0.3, and this is 0.3.0"]


def test_rules_of_an_open_family_may_be_without_a_test_and_are_listed(
    tool: ModuleType, checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    root = checkout({"tests/test_it.py": "# CMP-01\ndef test_one():\n    pass\n"})
    assert tool.main(["--root", str(root), "--open", "CMP", "TGT"]) == 0
    assert capsys.readouterr() == ("4 rules without a test, not counted: CMP-02 CMP-03 TGT-20 row 1 TGT-20 row 2\n", "")
    assert tool.main(["--root", str(root), "--check", "--open", "CMP"]) == 1
    assert problems(capsys) == ["TGT-20 row 1 has no test", "TGT-20 row 2 has no test"]
    assert "| CMP-02 | **none** |\n" in (root / "docs" / "contract-coverage.md").read_text(encoding="utf-8")


def test_a_contract_that_can_not_be_read_is_an_error_of_its_own(
    tool: ModuleType, checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    root = checkout({"docs/contract.md": "| id | rule | here |\n|---|---|---|\n| x | y | |\n"})
    assert tool.main(["--root", str(root)]) == 2
    assert problems(capsys) == ["docs/contract.md:3: 'x' is no id, such as CMP-07 or LIV-01..60"]


def test_every_rule_that_is_cited_here_is_one_of_the_contract(tool: ModuleType) -> None:
    coverage = tool.Coverage(tool.read_rules(CONTRACT.read_text(encoding="utf-8")), tool.read_tests(ROOT))
    unknown = [problem for problem in coverage.problems((0, 0)) if "is no rule" in problem]
    assert unknown == []
    assert coverage.citations


def test_every_difference_that_the_contract_names_is_in_the_table() -> None:
    table = (ROOT / "docs" / "differences.md").read_text(encoding="utf-8")
    named = re.findall(r"\[(\w+)\]\(differences\.md\)", CONTRACT.read_text(encoding="utf-8"))
    named.remove("differences")  # the page as a whole
    assert named
    assert [name for name in named if f"| [{name}](differences/{name}.py) |" not in table] == []
