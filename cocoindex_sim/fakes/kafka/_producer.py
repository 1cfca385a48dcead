"""`AIOProducer` over the cluster: the real class's calls, batches and futures."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import KafkaError, Message
from confluent_kafka.admin._metadata import ClusterMetadata
from confluent_kafka.aio import AIOProducer

from .._cut import ProcessCut
from ._calls import WAIT, Calls, Wait
from ._config import ProducerConfig
from ._deliveries import Deliveries, Outgoing
from ._errors import kafka_exception
from ._metadata import CLUSTER_ID, cluster_metadata

if TYPE_CHECKING:
    from ._cluster import KafkaCluster
    from ._topics import Transaction

__all__ = ["FakeProducer"]

_METADATA_TIMEOUT_S: Final = 60.0


class FakeProducer(AIOProducer):
    """A producer of a `KafkaCluster`, made by `KafkaCluster.producer`. Its methods are `AIOProducer`'s.

    Messages stay in a buffer until it holds `batch_size` of them, nothing was produced for `buffer_timeout` seconds, or
    `flush` is called; so the future of a message ends no earlier than that. Messages reach the cluster in the order in
    which they were produced.
    """

    def __init__(
        self,
        cluster: KafkaCluster,
        conf: Mapping[str, Any],
        *,
        batch_size: int = 1000,
        buffer_timeout: float = 1.0,
    ) -> None:
        self.open(cluster, conf, batch_size=batch_size, buffer_timeout=buffer_timeout)

    def open(
        self,
        cluster: KafkaCluster,
        producer_conf: Mapping[str, Any],
        max_workers: int = 4,
        executor: Any = None,
        batch_size: int = 1000,
        buffer_timeout: float = 1.0,
    ) -> None:
        """What stands for the real constructor, which would start threads; it takes the same arguments."""
        self._config = ProducerConfig.of(producer_conf)
        self._cluster = cluster
        self._loop = asyncio.get_running_loop()
        self._size = batch_size
        self._timeout_s = buffer_timeout
        self._calls = Calls(cluster, serial=False)
        self._buffer: list[Outgoing] = []
        self._deliveries = Deliveries(cluster, self._config)
        self._timer: asyncio.TimerHandle | None = None
        self._shut = False
        self._cut = False
        self._transaction: Transaction | None = None
        self._initialized = False
        cluster.register(self)

    def __del__(self) -> None:
        """Nothing is left to clean up; the real class's would look for what this one does not have."""

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # --- the process ---

    def cut(self) -> None:
        """The process was killed: what has not reached the cluster is lost, and every later call raises ProcessCut."""
        self._cut = True
        self._cluster.forget(self)
        self._calls.cut()
        self._deliveries.cut()
        self._buffer.clear()
        self._stop_timer()

    def notice(self, error: KafkaError) -> None:
        """Tell the error callback, if there is one."""
        if self._config.error_cb is not None and not self._loop.is_closed():
            coroutine = self._config.error_cb(error)
            if coroutine is not None:
                self._loop.call_soon_threadsafe(lambda: self._loop.create_task(coroutine, name="kafka-error-callback"))

    def _usable(self) -> None:
        if self._cut:
            raise ProcessCut("the process of this Kafka producer was killed")

    # --- producing ---

    async def produce(
        self, topic: str, value: Any = None, key: Any = None, *args: Any, **kwargs: Any
    ) -> asyncio.Future[Message]:
        """Put a message into the buffer. The future gives the message with its offset, or raises KafkaException."""
        self._usable()
        if "headers" in kwargs:
            raise NotImplementedError(
                "Headers are not supported in AIOProducer batch mode. "
                "Use the synchronous Producer.produce() method if headers are required."
            )
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        partition = kwargs.get("partition", -1)
        timestamp_ms = kwargs.get("timestamp") or None
        self._buffer.append(Outgoing(topic, value, key, partition, timestamp_ms, future, self._cluster.now_ns))
        if not self._shut:  # a closed one takes messages and never sends them, like the real one
            self._start_timer()
        if len(self._buffer) >= self._size:
            await asyncio.sleep(0)
            self._send_buffer()
        return future

    def _start_timer(self) -> None:
        self._stop_timer()
        if self._timeout_s > 0:
            self._timer = self._loop.call_later(self._timeout_s, self._send_after_timeout)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _send_after_timeout(self) -> None:
        self._timer = None
        try:
            self._send_buffer()
        except (TypeError, ProcessCut):  # the futures tell of the one; after the other nobody is there to be told
            return

    def _send_buffer(self) -> None:
        self._stop_timer()
        batch, self._buffer = self._buffer, []
        for index, outgoing in enumerate(batch):
            for what, data in (("value", outgoing.value), ("key", outgoing.key)):
                if data is not None and not isinstance(data, bytes | bytearray | str):
                    error = TypeError(f"Message {what} at index {index} must be bytes or str")
                    for failed in batch:
                        if not failed.future.done():
                            failed.future.set_exception(error)
                    raise error
        self._deliveries.send(batch)

    async def flush(self, timeout: float = -1) -> int:
        """Send what is in the buffer and wait until all has arrived, or failed. How many messages are left."""
        self._usable()
        if self._buffer:
            await asyncio.sleep(0)
            self._send_buffer()
        return await self._calls.call(
            lambda: WAIT if len(self._deliveries) else 0, timeout_s=timeout, expire=lambda: len(self._deliveries)
        )

    async def poll(self, timeout: float = 0) -> int:
        """Nothing is left to do for it: futures end by themselves. The number 0."""
        self._usable()
        await asyncio.sleep(0)
        return 0

    async def purge(self, in_queue: bool = True, in_flight: bool = True, blocking: bool = True) -> None:
        """Forget what has not arrived: futures in the buffer are cancelled, the others raise KafkaException."""
        self._usable()
        for outgoing in self._buffer:
            outgoing.future.cancel()
        self._buffer.clear()
        if in_queue or in_flight:
            self._deliveries.purge()
        self._cluster.wake()

    async def close(self) -> None:
        """Send what is left and wait for it."""
        self._shut = True
        self._stop_timer()
        await self.flush()
        self._cluster.forget(self)

    def __len__(self) -> int:
        return 0 if self._shut else len(self._buffer) + len(self._deliveries)

    # --- the cluster ---

    async def list_topics(self, topic: str | None = None, timeout: float = -1) -> ClusterMetadata:
        """The brokers and topics."""
        self._usable()
        doing = "Failed to get metadata"

        def attempt() -> ClusterMetadata | Wait:
            return cluster_metadata(self._cluster, topic) if self._cluster.reachable else WAIT

        def expired() -> ClusterMetadata:
            raise kafka_exception(KafkaError._TRANSPORT, doing)

        if self._cluster.meet("metadata"):
            return expired()
        return await self._calls.call(
            attempt, timeout_s=timeout if timeout >= 0 else _METADATA_TIMEOUT_S, expire=expired
        )

    async def cluster_id(self, timeout: float = -1) -> str:
        """The name of the cluster."""
        self._usable()
        return CLUSTER_ID

    async def set_sasl_credentials(self, username: str, password: str) -> None:
        """Nothing: whoever asks is let in."""

    # --- transactions ---

    async def init_transactions(self, timeout: float = -1) -> None:
        """Begin to be able to; only with a `transactional.id`."""
        self._usable()
        if not self._config.transactional_id:
            raise kafka_exception(KafkaError._NOT_CONFIGURED)
        self._initialized = True

    async def begin_transaction(self) -> None:
        """Have what is produced from now on committed or aborted together."""
        await self.flush()
        if not self._initialized or self._transaction is not None:
            raise kafka_exception(KafkaError._STATE)
        self._transaction = self._cluster.transaction()
        self._deliveries.transaction = self._transaction.number

    async def commit_transaction(self, timeout: float = -1) -> None:
        """Send what is left and commit."""
        transaction = await self._finish_transaction()
        transaction.commit()
        self._cluster.hazards.durable("kafka.produce")

    async def abort_transaction(self, timeout: float = -1) -> None:
        """Send what is left and abort."""
        (await self._finish_transaction()).abort()

    async def _finish_transaction(self) -> Transaction:
        await self.flush()
        transaction, self._transaction, self._deliveries.transaction = self._transaction, None, 0
        if transaction is None:
            raise kafka_exception(KafkaError._STATE)
        return transaction

    async def send_offsets_to_transaction(self, *args: Any, **kwargs: Any) -> None:
        """NotImplementedError: offsets within transactions are not part of the fake."""
        raise NotImplementedError(
            "the fake cluster commits no offsets within transactions; use the consumer's commit()"
        )
