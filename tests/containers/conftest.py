"""Containers for tests: the engine, the image, and the packages the app needs in it.

`COCO_PYTHON_IMAGE` names an image with a `python3` in it, 3.11 or newer; without it, the official one. Where there is no
engine or no image the tests are skipped; `COCO_CONTAINERS=required` makes that a failure. `.ci/containers` sets both.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pathlib
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from docker import DockerClient
    from testcontainers.core.container import DockerContainer

ROOT = pathlib.Path(__file__).parents[2]

type_of_start = Callable[..., "DockerContainer"]


def do_without(reason: str) -> NoReturn:
    if os.environ.get("COCO_CONTAINERS") == "required":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def output_of(container: DockerContainer, *command: str) -> str:
    """What the command prints in the container; it has to succeed."""
    code, output = container.exec(list(command))
    text = output.decode()
    assert code == 0, f"{command} ended with {code}: {text}"
    return str(text)


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerClient]:
    import docker

    reason = ""
    with warnings.catch_warnings():
        # A client that nobody answers forgets to close its socket.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            client = docker.from_env()
        except docker.errors.DockerException as error:
            reason = f"no container engine answers: {error}"
        gc.collect()
    if reason:
        do_without(reason)
    with contextlib.closing(client):
        yield client


@pytest.fixture(scope="session")
def python_image(engine: DockerClient) -> str:
    import docker

    name = os.environ.get("COCO_PYTHON_IMAGE", "python:3.11-slim")
    try:
        engine.images.get(name)
    except docker.errors.ImageNotFound:
        try:
            engine.images.pull(name)
        except docker.errors.APIError as error:
            do_without(
                f"the image {name!r} is neither here nor to be had, and COCO_PYTHON_IMAGE names no other: {error}"
            )
    return name


@pytest.fixture
def start(python_image: str) -> Iterator[type_of_start]:
    """`start(command, {where it is here, or a volume: where it is there})`: a running container, stopped after the test."""
    from testcontainers.core.container import DockerContainer

    with contextlib.ExitStack() as containers:

        def start(command: list[str], mounts: dict[str, str], **options: Any) -> DockerContainer:
            container = DockerContainer(python_image).with_command(command).with_kwargs(init=True, **options)
            for here, there in mounts.items():
                container.with_volume_mapping(here, there, "rw")
            return containers.enter_context(container)

        yield start


@pytest.fixture(scope="session")
def packages(engine: DockerClient, python_image: str, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """What `cocoindex_sim` depends on, for the image's Python."""
    asked = "import sys; print('%d.%d' % sys.version_info[:2])"
    version = engine.containers.run(python_image, ["python3", "-c", asked], remove=True).decode().strip()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    target = tmp_path_factory.mktemp("packages")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target), "--only-binary=:all:"]
    subprocess.run([*command, "--python-version", version, *project["dependencies"]], check=True)
    return target
