"""A member of a group that polls by itself and remembers what it was told."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from .story import PARTITIONS, Stage, outcome, shown, until


class Member:
    """A consumer that subscribes to one topic and is polled by a task of its own.

    `events` are the calls of `on_assign`, `on_revoke` and `on_lost` with their partitions; `messages` all messages that
    are no errors, `errors` the names of the others.
    """

    def __init__(self, stage: Stage, topic: str, group: str, *, commits: bool = False, **config: Any) -> None:
        self.stage = stage
        self.consumer = stage.consumer(group, **config)
        self.topic = topic
        self.commits: list[str] | None = [] if commits else None
        self.events: list[tuple[str, list[int]]] = []
        self.messages: list[Any] = []
        self.errors: list[str] = []
        self.owned: set[int] = set()
        self.incremental = config.get("partition_assignment_strategy") == "cooperative-sticky"
        self.task: asyncio.Task[None] | None = None

    async def subscribe(self) -> None:
        """Join the group, without polling."""

        async def on_assign(_: Any, partitions: list[Any]) -> None:
            self.events.append(("assign", sorted(place.partition for place in partitions)))
            self.owned |= {place.partition for place in partitions}

        async def on_revoke(_: Any, partitions: list[Any]) -> None:
            self.events.append(("revoke", sorted(place.partition for place in partitions)))
            if self.commits is not None:
                self.commits.append(await outcome(self.consumer.commit(asynchronous=False)))
            self.owned -= {place.partition for place in partitions}

        async def on_lost(_: Any, partitions: list[Any]) -> None:
            self.events.append(("lost", sorted(place.partition for place in partitions)))
            self.owned -= {place.partition for place in partitions}

        await self.consumer.subscribe([self.topic], on_assign=on_assign, on_revoke=on_revoke, on_lost=on_lost)

    async def join(self) -> None:
        """Subscribe and begin to poll."""
        await self.subscribe()
        self.go_on()

    def go_on(self) -> None:
        """Poll."""
        self.task = asyncio.create_task(self.poll())
        self.stage.tasks.append(self.task)

    async def poll(self) -> None:
        """Take what comes."""
        while True:
            message = await self.consumer.poll(0.1)
            if message is None:
                continue
            if message.error() is None:
                self.messages.append(message)
            else:
                self.errors.append(message.error().name())

    async def stop(self) -> None:
        """Poll no more, and stay a member."""
        assert self.task is not None
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task
        self.task = None

    async def leave(self) -> None:
        """Poll no more and close."""
        if self.task is not None:
            await self.stop()
        await self.stage.close(self.consumer)

    def take_events(self) -> list[list[Any]]:
        """What it was told since the last look."""
        events, self.events = self.events, []
        return [[what, partitions] for what, partitions in events]

    def take_messages(self) -> list[Any]:
        """What it got since the last look."""
        messages, self.messages = self.messages, []
        return [shown(message) for message in messages]


async def balance(*members: Member, partitions: int = PARTITIONS) -> None:
    """Wait until the members share all partitions and each has its part."""

    def balanced() -> bool:
        shares = [member.owned for member in members]
        sizes = sorted(len(share) for share in shares)
        fair = sizes[-1] - sizes[0] <= 1 or partitions < len(members)
        return fair and sum(sizes) == partitions and len(set().union(*shares)) == partitions

    await until(balanced, "the partitions are shared")
    # Callbacks of a rebalance that follows at once still belong to this one.
    await asyncio.sleep(1)
    await until(balanced, "the partitions stay shared")


def sizes(events: list[list[Any]]) -> list[list[Any]]:
    """Events with numbers of partitions, since which ones depends on names the cluster gives.

    A rebalance that changes nothing is left out: any cluster may come to one more, when a member is late.
    """
    told = [[what, len(partitions)] for what, partitions in events if partitions]
    number = 0
    while number + 2 < len(told):
        first, second, third = told[number : number + 3]
        if first == third and second == ["revoke", first[1]]:
            del told[number + 1 : number + 3]
        else:
            number += 1
    return told
