"""`coco-sim init`."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import click

__all__ = ["init"]

_MAIN = '''\
"""What {name} reads, makes of it, and keeps up to date."""

import pathlib
from collections.abc import Iterator

import cocoindex as coco


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    # What is remembered from run to run.
    builder.settings.db_path = pathlib.Path("state")
    yield


@coco.fn
async def main() -> None:
    """Declare targets, list the sources, and mount a component for each item.

    For example, with `from cocoindex.connectors import localfs` above and a memoized `convert(file, target)` that
    calls `target.declare_file(name, content)`:

        target = await localfs.mount_dir_target(pathlib.Path("output"))
        files = localfs.walk_dir(pathlib.Path("input"), recursive=True)
        await coco.mount_each(convert, files.items(), target)
    """


app = coco.App("{name}", main)
'''

_PROJECT = """\
[project]
name = "{name}"
version = "0.1.0"
description = "A cocoindex-sim pipeline"
requires-python = ">=3.11"
dependencies = ["cocoindex-sim>={version}"]
"""

_README = """\
# {name}

A [CocoIndex](https://cocoindex.io) pipeline, run by cocoindex-sim.

* `main.py`: the pipeline
* `pyproject.toml`: what it needs

Install what it needs, and run it:

```sh
pip install cocoindex-sim
coco-sim update main.py
```
"""

_FILES = {"main.py": _MAIN, "pyproject.toml": _PROJECT, "README.md": _README}


@click.command("init")
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--dir", "directory", type=click.Path(file_okay=False, path_type=Path), help="Write the files here.")
def init(name: str | None, directory: Path | None) -> None:
    """Begin a project: main.py, pyproject.toml and README.md, in a directory NAME.

    Without NAME, in the current directory, or in that of --dir, and with its name.
    """
    directory = directory or Path(name or ".")
    name = name or directory.resolve().name
    if not name or not all(char.isalnum() or char in "-_" for char in name):
        raise click.BadParameter(
            f"Invalid project name {name!r}. A project name must contain only alphanumeric characters, hyphens, and"
            " underscores.",
            param_hint="NAME",
        )
    if directory.is_dir() and any(directory.iterdir()):
        question = f"Directory '{directory}' already exists and is not empty. Continue and overwrite existing files?"
        if not click.confirm(question):
            click.echo("Init cancelled.")
            return
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for file, text in _FILES.items():
            (directory / file).write_text(text.format(name=name, version=version("cocoindex-sim")), encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"can't write the project: {error}") from error
    steps = ["coco-sim update main.py"]
    if directory != Path():
        steps.insert(0, f"cd {directory}")
    click.echo(f"Created project {name!r} in '{directory}'\n\nNext steps:")
    for number, step in enumerate(steps, 1):
        click.echo(f"  {number}. {step}")
