# Goal: a page is followed to the letter: its files are written, its commands typed, what they print compared.

from pathlib import Path

import pytest

from .walkthrough import Block, blocks, commands, walk

PAGE = """\
# A page

```python
# greet.py
print("hello")
print("took 0.3 s")
```

1. In a list:

    ```console
    $ python greet.py
    hello
    took ... s
    $ test -f greet.py
    ```

```diff
--- greet.py
+++ greet.py
-print("hello")
+print("good bye")
 print("took 0.3 s")
```

```console
$ python greet.py
good bye
...
```
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    return path


def test_files_and_commands_are_those_of_the_page(page: Path, tmp_path: Path) -> None:
    assert walk(page, tmp_path) == 3
    assert (tmp_path / "greet.py").read_text().startswith("# greet.py\n")


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("took ... s", "took ... minutes", "and not"),
        ("    hello\n", "", "and not"),
        ("test -f greet.py", "test -f other.py", "ends with 1"),
        ("+print", "-print", "is 0 times in greet.py, not once"),
        ("good bye\n...", "hello\n...", "and not"),
    ],
)
def test_a_page_that_is_wrong_is_told(page: Path, tmp_path: Path, right: str, wrong: str, complaint: str) -> None:
    assert right in PAGE
    page.write_text(PAGE.replace(right, wrong))
    with pytest.raises(AssertionError, match=complaint):
        walk(page, tmp_path)


def test_a_line_of_dots_stands_for_any_lines() -> None:
    (command,) = commands(Block("console", "$ show\nfirst\n...\nlast\n", 1))
    assert command.fits("first\nlast")
    assert command.fits("first\n1\n2\nlast\n")
    assert not command.fits("first\n1\n2\n")


def test_blocks_know_their_line(page: Path) -> None:
    assert [(block.language, block.line) for block in blocks(page)] == [
        ("python", 3),
        ("console", 11),
        ("diff", 18),
        ("console", 26),
    ]
