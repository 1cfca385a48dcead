"""Apache Kafka in containers: a cluster of brokers that are its controllers, too, and can be killed one by one."""

from __future__ import annotations

import contextlib
import socket
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

KAFKA_IMAGE = "apache/kafka:4.1.1"

SETTINGS = {
    "CLUSTER_ID": "4L6g3nShT-eMCtK--X86sw",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "KAFKA_INTER_BROKER_LISTENER_NAME": "CLIENTS",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "KAFKA_BROKER_SESSION_TIMEOUT_MS": "3000",
    "KAFKA_BROKER_HEARTBEAT_INTERVAL_MS": "500",
    "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "1",
    "KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS": "1",
    "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    # A test can't wait for what the cleaner does every quarter of a minute.
    "KAFKA_LOG_CLEANER_BACKOFF_MS": "200",
}


class KafkaBrokers:
    """A cluster, from `with` on.

    All brokers share one network namespace, that of a container which does nothing else. So a broker listens at the
    same address in there and out here: what it tells clients is true for the other brokers as well. And its port
    stays published when it is killed.
    """

    def __init__(self, image: str, count: int) -> None:
        self.image = image
        self.count = count
        self.ports: list[int] = []
        self.brokers: list[DockerContainer] = []
        self.stack = contextlib.ExitStack()

    @property
    def addresses(self) -> str:
        """All brokers, as clients want to be told."""
        return ",".join(f"127.0.0.1:{port}" for port in self.ports)

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            network = self.start_network(stack)
            for number in range(1, self.count + 1):
                self.brokers.append(stack.enter_context(self.broker(number, network)))
            self.wait_until_up(self.count)
            self.stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stack.close()

    def start_network(self, stack: contextlib.ExitStack) -> str:
        """A container that publishes the ports; its id."""
        import docker
        from testcontainers.core.container import DockerContainer

        for attempt in range(3):
            with contextlib.ExitStack() as servers:
                # All at once, so that they differ.
                found = [servers.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(self.count)]
                self.ports = [server.getsockname()[1] for server in found]
            holder = DockerContainer(self.image).with_command(["sleep", "infinity"]).with_kwargs(init=True)
            holder.ports = {f"{port}/tcp": ("127.0.0.1", port) for port in self.ports}
            try:
                stack.enter_context(holder)
            except docker.errors.APIError as error:
                holder.stop()
                # A broker has to know its port before it has it; another process may be quicker.
                if attempt == 2 or "port is already allocated" not in str(error):
                    raise
            else:
                break
        return str(holder.get_wrapped_container().id)

    def broker(self, number: int, network: str) -> DockerContainer:
        """One of the brokers."""
        from testcontainers.core.container import DockerContainer

        port = self.ports[number - 1]
        voters = ",".join(f"{voter}@localhost:{19090 + voter}" for voter in range(1, self.count + 1))
        settings = {
            "KAFKA_NODE_ID": str(number),
            "KAFKA_CONTROLLER_QUORUM_VOTERS": voters,
            "KAFKA_LISTENERS": f"CLIENTS://:{port},CONTROLLER://:{19090 + number}",
            "KAFKA_ADVERTISED_LISTENERS": f"CLIENTS://127.0.0.1:{port}",
            "KAFKA_DEFAULT_REPLICATION_FACTOR": str(self.count),
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": str(self.count),
            "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": str(self.count),
            "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": str((self.count + 1) // 2),
        }
        broker = DockerContainer(self.image).with_envs(**SETTINGS, **settings)
        return broker.with_kwargs(init=True, network_mode=f"container:{network}")

    def wait_until_up(self, count: int) -> None:
        """Until so many brokers are members of the cluster."""
        admin = AdminClient({"bootstrap.servers": self.addresses, "log_level": 0})
        end = time.monotonic() + 120
        found = 0
        while found < count:
            assert time.monotonic() < end, f"{found} of {count} brokers are up: {self.logs()}"
            with contextlib.suppress(KafkaException):  # none of them answers
                found = len(admin.list_topics(timeout=1).brokers)
            time.sleep(0.2)

    def logs(self) -> str:
        """The end of what each broker has said."""
        return "\n".join(b"".join(broker.get_logs()).decode(errors="replace")[-2000:] for broker in self.brokers)

    def kill(self, *numbers: int) -> None:
        """Kill brokers at once."""
        for number in numbers:
            self.brokers[number - 1].get_wrapped_container().kill()

    def restart(self, *numbers: int) -> None:
        """Start brokers that were killed, and wait until all are up."""
        for number in numbers:
            self.brokers[number - 1].get_wrapped_container().start()
        self.wait_until_up(self.count)
