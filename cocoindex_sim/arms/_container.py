"""Apache Kafka in a container: one broker, for as many stories as there are, one after the other."""

from __future__ import annotations

import importlib
import os
import socket
import time
from types import TracebackType
from typing import Any, Final, Self

from ._arm import ArmError

__all__ = ["KafkaContainer"]

_IMAGE: Final = "apache/kafka:4.1.1"
_WITHIN_S: Final = 120.0

_SETTINGS: Final = {
    "CLUSTER_ID": "4L6g3nShT-eMCtK--X86sw",
    "KAFKA_NODE_ID": "1",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:19091",
    "KAFKA_INTER_BROKER_LISTENER_NAME": "CLIENTS",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "1",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
}


class KafkaContainer:
    """A broker in a container, from `with` on; needs the package testcontainers and an engine that answers.

    The image is Apache's, or the one that COCO_KAFKA_IMAGE names, which takes the same settings from its environment.
    """

    def __init__(self) -> None:
        self.servers = ""
        """Its address."""
        self._container: Any = None

    def start(self) -> None:
        """Start it and wait until it answers. ArmError when there is no engine, no image or no answer."""
        try:
            errors = importlib.import_module("docker.errors")
            from testcontainers.core.container import DockerContainer
        except ImportError as error:
            raise ArmError(f"Kafka in a container needs the package testcontainers: {error}") from None
        image = os.environ.get("COCO_KAFKA_IMAGE", _IMAGE)
        for attempt in range(3):
            port = _free_port()
            listeners = {
                "KAFKA_LISTENERS": f"CLIENTS://:{port},CONTROLLER://:19091",
                "KAFKA_ADVERTISED_LISTENERS": f"CLIENTS://127.0.0.1:{port}",
            }
            try:
                self._container = DockerContainer(image).with_envs(**_SETTINGS, **listeners).with_kwargs(init=True)
                self._container.ports = {f"{port}/tcp": ("127.0.0.1", port)}
                self._container.start()
            except errors.APIError as error:
                self.close()
                # A broker has to know its port before it has it; another process may be quicker.
                if attempt == 2 or "port is already allocated" not in str(error):
                    raise ArmError(f"Kafka can't be started in a container: {error}") from None
            except errors.DockerException as error:
                self._container = None
                raise ArmError(f"no container engine answers: {error}") from None
            else:
                self.servers = f"127.0.0.1:{port}"
                self._wait()
                return

    def close(self) -> None:
        """End it. Idempotent."""
        if self._container is not None:
            self._container.stop()
            self._container = None

    def _wait(self) -> None:
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        admin = AdminClient({"bootstrap.servers": self.servers, "log_level": 0})
        limit_s = time.monotonic() + _WITHIN_S
        while True:
            try:
                if admin.list_topics(timeout=1).brokers:
                    return
            except KafkaException as error:
                if time.monotonic() > limit_s:
                    said = b"".join(self._container.get_logs()).decode(errors="replace")[-2000:]
                    self.close()
                    raise ArmError(f"Kafka does not answer within {_WITHIN_S:.0f} s: {error}\n{said}") from None
            time.sleep(0.2)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
