"""Index a Python source tree: one JSON document per file, split into functions and classes, and one summary."""

import ast
import io
import json
import os
import pathlib
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import cocoindex as coco
from cocoindex.connectors import localfs
from cocoindex.resources.file import FileLike, PatternFilePathMatcher


@dataclass(frozen=True)
class Definition:
    """A function or class; `source` leaves out the definitions nested in it, which have entries of their own."""

    kind: str
    name: str
    first_line: int
    last_line: int
    doc: str
    source: str


@dataclass(frozen=True)
class FileCounts:
    """What the summary says of one file."""

    lines: int
    functions: int
    classes: int
    unparsable: str | None = None


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


def parse(data: bytes) -> tuple[list[str], ast.Module]:
    """The lines and the syntax tree of a source file.

    Raises: UnicodeDecodeError if the bytes are not in the encoding the file declares, SyntaxError for all else.
    """
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    # Lines as the parser counts them: str.splitlines() would also break at form feeds.
    text = data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return text.split("\n"), ast.parse(text)
        except (ValueError, RecursionError) as error:  # NUL characters; nesting deeper than the parser goes
            raise SyntaxError(str(error)) from error


Node: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def nearest_definitions(node: ast.AST) -> Iterator[Node]:
    """The definitions below a node that no other definition below it contains, in order."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Node):
            yield child
        elif isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield from nearest_definitions(child)


def line_numbers(node: Node) -> range:
    first = min(part.lineno for part in (node, *node.decorator_list))
    return range(first, (node.end_lineno or first) + 1)


def definitions(parent: ast.AST, prefix: str, lines: list[str]) -> Iterator[Definition]:
    for node in nearest_definitions(parent):
        numbers = line_numbers(node)
        nested = {number for inner in nearest_definitions(node) for number in line_numbers(inner)}
        yield Definition(
            kind="class" if isinstance(node, ast.ClassDef) else "function",
            name=prefix + node.name,
            first_line=numbers[0],
            last_line=numbers[-1],
            doc=(ast.get_docstring(node) or "").partition("\n")[0],
            source="\n".join(lines[number - 1] for number in numbers if number not in nested),
        )
        yield from definitions(node, f"{prefix}{node.name}.", lines)


@coco.fn
def split(data: bytes) -> tuple[list[Definition], FileCounts]:
    line_count = data.count(b"\n")
    try:
        lines, tree = parse(data)
    except SyntaxError as error:
        return [], FileCounts(lines=line_count, functions=0, classes=0, unparsable=error.msg)
    found = list(definitions(tree, "", lines))
    class_count = sum(definition.kind == "class" for definition in found)
    return found, FileCounts(lines=line_count, functions=len(found) - class_count, classes=class_count)


def as_json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


@coco.fn(memo=True)
async def index_file(file: FileLike, name: str, output: localfs.DirTarget) -> FileCounts:
    found, counts = split(await file.read())
    document = {"file": name, **asdict(counts), "definitions": [asdict(definition) for definition in found]}
    output.declare_file(f"files/{name}.json", as_json(document), create_parent_dirs=True)
    return counts


@coco.fn
async def index_item(item: tuple[str, FileLike], output: localfs.DirTarget) -> tuple[str, FileCounts | Exception]:
    name, file = item
    try:
        return name, await coco.use_mount(coco.component_subpath("file", name), index_file, file, name, output)
    except Exception as error:  # one bad file must not stop the others; its last good document stays
        return name, error


@coco.fn
async def main(source: pathlib.Path, output: pathlib.Path) -> None:
    target = await localfs.mount_dir_target(output)
    files = localfs.walk_dir(
        source,
        recursive=True,
        path_matcher=PatternFilePathMatcher(
            included_patterns=["**/*.py"], excluded_patterns=["**/.*", "**/__pycache__", "**/site-packages"]
        ),
    )
    results = dict(await coco.map(index_item, files.items(), target))
    indexed = {name: counts for name, counts in results.items() if isinstance(counts, FileCounts)}
    summary = {
        "files": {name: asdict(counts) for name, counts in indexed.items()},
        "failed": {
            name: f"{type(error).__name__}: {error}" for name, error in results.items() if isinstance(error, Exception)
        },
        "totals": {
            "files": len(indexed),
            "lines": sum(counts.lines for counts in indexed.values()),
            "functions": sum(counts.functions for counts in indexed.values()),
            "classes": sum(counts.classes for counts in indexed.values()),
            "unparsable": sum(counts.unparsable is not None for counts in indexed.values()),
        },
    }
    target.declare_file("summary.json", as_json(summary))


app = coco.App("CodeIndex", main, pathlib.Path(os.environ.get("CODE_INDEX_SOURCE", "src")), pathlib.Path("index"))
