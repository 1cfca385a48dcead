"""Containers for tests: the engine, the images, the packages the app needs in one, a Kafka broker.

`COCO_PYTHON_IMAGE` names an image with a `python3` in it, 3.11 or newer, and `COCO_KAFKA_IMAGE` one that takes Kafka's
settings from its environment; without them, the official ones. Where there is no engine or no image the tests are
skipped; `COCO_CONTAINERS=required` makes that a failure. `.ci/containers` sets all three.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pathlib
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from .kafka_brokers import KAFKA_IMAGE, KafkaBrokers

if TYPE_CHECKING:
    from docker import DockerClient
    from testcontainers.core.container import DockerContainer

ROOT = pathlib.Path(__file__).parents[2]

Start = Callable[..., "DockerContainer"]


def do_without(reason: str) -> NoReturn:
    if os.environ.get("COCO_CONTAINERS") == "required":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def output_of(container: DockerContainer, *command: str) -> str:
    """What the command prints in the container; it has to succeed."""
    container.reload()
    assert container.status == "running", b"".join(container.get_logs()).decode()
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


def find_image(engine: DockerClient, variable: str, official: str) -> str:
    import docker

    name = os.environ.get(variable, official)
    try:
        engine.images.get(name)
    except docker.errors.ImageNotFound:
        try:
            engine.images.pull(name)
        except docker.errors.APIError as error:
            do_without(f"the image {name!r} is neither here nor to be had; {variable} can name another: {error}")
    return name


@pytest.fixture(scope="session")
def python_image(engine: DockerClient) -> str:
    return find_image(engine, "COCO_PYTHON_IMAGE", "python:3.11-slim")


@pytest.fixture
def start(python_image: str) -> Iterator[Start]:
    """A function that starts a container, in a directory `/data`; it ends with the test.

    `start(command, data, reads={here: there}, env={...}, **options)`: `data` is a directory here or the name of a volume, and
    stands there as `/data`; `reads` are directories to read only.
    """
    from testcontainers.core.container import DockerContainer

    with contextlib.ExitStack() as containers:

        def start(
            command: list[str],
            data: str,
            *,
            reads: dict[str, str] | None = None,
            env: dict[str, str] | None = None,
            **options: Any,
        ) -> DockerContainer:
            container = DockerContainer(python_image).with_command(command).with_envs(**env or {})
            container.with_kwargs(init=True, working_dir="/data", **options).with_volume_mapping(data, "/data", "rw")
            for here, there in (reads or {}).items():
                container.with_volume_mapping(here, there, "ro")
            return containers.enter_context(container)

        yield start


@pytest.fixture(scope="session")
def packages(engine: DockerClient, python_image: str, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """This project and what it depends on, as installed for the image's Python."""
    asked = "import sys; print('%d.%d' % sys.version_info[:2])"
    version = engine.containers.run(python_image, ["python3", "-c", asked], remove=True).decode().strip()
    target = tmp_path_factory.mktemp("packages")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", str(target)]
    subprocess.run([*install, "--only-binary=:all:", "--python-version", version, str(ROOT)], check=True)
    return target


@pytest.fixture(scope="session")
def kafka(engine: DockerClient) -> Iterator[str]:
    """The bootstrap address of one broker, without topics."""
    with KafkaBrokers(find_image(engine, "COCO_KAFKA_IMAGE", KAFKA_IMAGE), 1) as brokers:
        yield brokers.addresses


@pytest.fixture(scope="module")
def three_brokers(engine: DockerClient) -> Iterator[KafkaBrokers]:
    """Three brokers that can be killed."""
    with KafkaBrokers(find_image(engine, "COCO_KAFKA_IMAGE", KAFKA_IMAGE), 3) as brokers:
        yield brokers
