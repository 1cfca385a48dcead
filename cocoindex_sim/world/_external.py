"""The external systems of a world, and how each of its processes gets to them.

A process finds them by its context: they are no ports, because the engine never asks for them; pipelines do.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any

from ..fakes import Hazards
from ..fakes.maps import MapClient, MapCommit, RemoteMap
from ..fakes.targets import JournalEntry, JournalTarget, Moment, TargetClient

if TYPE_CHECKING:
    from ..fakes.kafka import Client, KafkaCluster
    from ._drivers import DriverClient, Drivers

__all__ = [
    "Connections",
    "ExternalSystems",
    "driver",
    "enter_connections",
    "leave_connections",
    "present_connections",
    "remote_map",
    "remote_target",
]


class ExternalSystems:
    """Maps and targets by name, each made when it is first asked for. They outlive the processes that use them."""

    def __init__(
        self,
        hazards: Hazards,
        moment: Callable[[], Moment],
        note: Callable[[str], object],
        make_kafka: Callable[[], KafkaCluster],
        drivers: Drivers,
    ) -> None:
        self.drivers = drivers
        self.maps: dict[str, RemoteMap] = {}
        self.targets: dict[str, JournalTarget] = {}
        self.on_row: list[Callable[[str, JournalEntry], object]] = []
        """Called with the name of a target and each entry of its journal."""
        self.on_commit: list[Callable[[str, MapCommit], object]] = []
        """Called with the name of a map and each offset that is committed to it."""
        self.on_kafka: list[Callable[[KafkaCluster], object]] = []
        """Called with the Kafka cluster, when somebody has asked for it."""
        self._hazards = hazards
        self._moment = moment
        self._note = note
        self._make_kafka = make_kafka
        self._kafka: KafkaCluster | None = None

    @property
    def kafka(self) -> KafkaCluster:
        """The Kafka cluster."""
        if self._kafka is None:
            self._kafka = self._make_kafka()
            for listener in self.on_kafka:
                listener(self._kafka)
        return self._kafka

    @property
    def has_kafka(self) -> bool:
        """Whether anybody has asked for the Kafka cluster."""
        return self._kafka is not None

    def map(self, name: str) -> RemoteMap:
        """The map of this name."""
        if name not in self.maps:
            made = RemoteMap(name, hazards=self._hazards, note=self._note)
            made.on_commit.append(lambda commit: self._tell_commit(name, commit))
            self.maps[name] = made
        return self.maps[name]

    def target(self, name: str) -> JournalTarget:
        """The target of this name."""
        if name not in self.targets:
            target = JournalTarget(name, hazards=self._hazards, moment=self._moment, note=self._note)
            target.on_entry.append(lambda entry: self._tell_row(name, entry))
            self.targets[name] = target
        return self.targets[name]

    def _tell_row(self, name: str, entry: JournalEntry) -> None:
        for listener in self.on_row:
            listener(name, entry)

    def _tell_commit(self, name: str, commit: MapCommit) -> None:
        for listener in self.on_commit:
            listener(name, commit)

    @property
    def is_troubled(self) -> bool:
        """Whether something holds somebody back, or is silent to somebody."""
        maps = any(each.is_troubled for each in self.maps.values())
        return maps or (self._kafka is not None and self._kafka.is_troubled)

    def release(self) -> None:
        """Hold nobody back any more."""
        for each in self.maps.values():
            each.release()

    def lift(self) -> None:
        """Let nothing go wrong any more, and nobody be held back."""
        for each in self.maps.values():
            each.lift()
        for target in self.targets.values():
            target.troubles.lift()
        if self._kafka is not None:
            self._kafka.calm()

    @property
    def next_delivery_s(self) -> float | None:
        """When, by the loop's time, the next late change of a map or of Kafka arrives; None if none is late."""
        dues = [each.next_delivery_s for each in self.maps.values()]
        if self._kafka is not None:
            self._kafka.catch_up()
            dues.append(self._kafka.next_effect_s)
        return min((due for due in dues if due is not None), default=None)


class Connections:
    """What one process is connected to. Cut, none of its clients has an effect any more."""

    def __init__(self, systems: ExternalSystems) -> None:
        self._systems = systems
        self._map_clients: dict[str, MapClient] = {}
        self._target_clients: dict[str, TargetClient] = {}
        self._kafka_clients: list[Client] = []
        self._driver_clients: dict[str, DriverClient] = {}
        self._is_cut = False

    @property
    def kafka(self) -> KafkaCluster:
        """The Kafka cluster, for which the process makes its own clients."""
        return self._systems.kafka

    def made(self, client: Client) -> None:
        """The process has made a client of the Kafka cluster."""
        self._kafka_clients.append(client)

    def map(self, name: str) -> MapClient:
        """The client of a map."""
        if name not in self._map_clients:
            self._map_clients[name] = client = MapClient(self._systems.map(name))
            if self._is_cut:
                client.cut()
        return self._map_clients[name]

    def target(self, name: str) -> TargetClient:
        """The client of a target."""
        if name not in self._target_clients:
            self._target_clients[name] = client = TargetClient(self._systems.target(name))
            if self._is_cut:
                client.cut()
        return self._target_clients[name]

    def has_driver(self, name: str) -> bool:
        """Whether there is a driver of this name."""
        return self._systems.drivers.has(name)

    def driver(self, name: str) -> DriverClient:
        """The client of a driver."""
        if name not in self._driver_clients:
            self._driver_clients[name] = client = self._systems.drivers.client(name)
            if self._is_cut:
                client.cut()
        return self._driver_clients[name]

    def cut(self) -> None:
        """The process is dead."""
        self._is_cut = True
        for driver_client in self._driver_clients.values():
            driver_client.cut()
        for map_client in self._map_clients.values():
            map_client.cut()
        for target_client in self._target_clients.values():
            target_client.cut()
        for kafka_client in self._kafka_clients:
            kafka_client.cut()


_present: ContextVar[Connections | None] = ContextVar("coco_connections", default=None)


def enter_connections(connections: Connections) -> Token[Connections | None]:
    """Make these the connections of the calling code, and of whatever copies its context, until they are left."""
    return _present.set(connections)


def leave_connections(token: Token[Connections | None]) -> None:
    """Undo one `enter_connections`."""
    _present.reset(token)


def present_connections() -> Connections:
    """The connections of the process that the calling code belongs to. RuntimeError outside a simulated world."""
    connections = _present.get()
    if connections is None:
        raise RuntimeError("there are no external systems here: run this in a simulated world, as World.load() does")
    return connections


def remote_map(name: str = "map") -> MapClient:
    """A client of the map of this name in the world that runs the calling code. RuntimeError outside a world."""
    return present_connections().map(name)


def remote_target(name: str) -> TargetClient:
    """A client of the target of this name in the world that runs the calling code. RuntimeError outside a world."""
    return present_connections().target(name)


def driver(name: str) -> Any:
    """The driver of this name in the world that runs the calling code. RuntimeError outside a world.

    The scenario names what makes it under `drivers:`. Raises LookupError when there is none, TypeError when it has no
    `save` and `load`, by which oracles put what it holds into another world.
    """
    return present_connections().driver(name)
