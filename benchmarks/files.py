"""Read files of 2 KB from a tree, change them, and write them into one directory.

python -m benchmarks.files PACKAGE COUNT

PACKAGE `bare` does the same reading and writing without an engine, and then looks at every file once: the floor.
"""

# mypy: disable-error-code="untyped-decorator"
# The package is chosen at run time, so nothing is known of its decorators.

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ._measure import Figures, arguments, package_under_test, report, rss_mb, size_mb, timed, working_directory

TEXT = "lorem ipsum dolor sit amet " * 80


def write_sources(directory: Path, count: int) -> None:
    """The files to read, in fifty directories."""
    for number in range(count):
        path = directory / f"d{number % 50:02d}" / f"f{number:06d}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"# {number}\n{TEXT}")


def output_name(path: Path) -> str:
    """The name, in the output directory, of what becomes of a file."""
    return path.as_posix().replace("/", "__") + ".txt"


def below(directory: Path) -> Iterator[str]:
    """Every file, the fastest way there is."""
    for where, _, names in os.walk(directory):
        for name in names:
            yield os.path.join(where, name)


def run_bare(source: Path, output: Path, figures: Figures) -> None:
    """Without an engine."""
    with timed(figures, "cold"):
        for name in below(source):
            path = Path(name)
            (output / output_name(path.relative_to(source))).write_text(path.read_text().upper())
    with timed(figures, "nochange"):
        for name in below(source):
            os.stat(name)


def run_engine(package: str, root: Path, source: Path, output: Path, figures: Figures) -> None:
    """With one."""
    coco = package_under_test(package)
    localfs = package_under_test(f"{package}.connectors.localfs")
    matcher = package_under_test(f"{package}.resources.file").PatternFilePathMatcher

    @coco.fn(memo=True)
    async def convert(file: Any, target: Any) -> None:
        text = (await file.read_text()).upper()
        target.declare_file(filename=output_name(file.file_path.path), content=text)

    @coco.fn
    async def main(source: Path, output: Path) -> None:
        target = await localfs.mount_dir_target(output)
        files = localfs.walk_dir(source, recursive=True, path_matcher=matcher(included_patterns=["**/*.md"]))
        await coco.mount_each(convert, files.items(), target)

    environment = coco.Environment(coco.Settings(db_path=root / "state"))
    app = coco.App(coco.AppConfig("files", environment), main, source, output)
    count = len(list(source.rglob("*.md")))
    with timed(figures, "cold"):
        app.update_blocking()
    assert len(list(output.iterdir())) == count
    with timed(figures, "nochange"):
        app.update_blocking()
    one_percent = sorted(source.rglob("*.md"))[::100]
    for path in one_percent:
        path.write_text("changed")
    with timed(figures, "edit1pct"):
        app.update_blocking()
    assert sum(path.read_text() == "CHANGED" for path in output.iterdir()) == len(one_percent)
    for path in one_percent:
        path.unlink()
    with timed(figures, "del1pct"):
        app.update_blocking()
    assert len(list(output.iterdir())) == count - len(one_percent)
    figures["state_mb"] = size_mb(root / "state")


def main() -> None:
    """Entry point."""
    package, (count,) = arguments("PACKAGE COUNT")
    figures: Figures = {}
    with working_directory() as root:
        source, output = root / "source", root / "output"
        source.mkdir()
        output.mkdir()
        write_sources(source, count)
        if package == "bare":
            run_bare(source, output, figures)
        else:
            run_engine(package, root, source, output, figures)
    figures["rss_mb"] = rss_mb()
    report(figures)


if __name__ == "__main__":
    main()
