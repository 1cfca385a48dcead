# Goal: an external map tells its clients what happened, or what a trouble makes of it, on any event loop and without an engine.

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cocoindex_sim.fakes import Hazard, Hazards, ProcessCut, RecordedHazards
from cocoindex_sim.fakes.maps import BARRIERS, TROUBLES, MapChange, MapClient, MapError, RemoteMap, Subscription
from cocoindex_sim.world import VirtualLoop

Scripted = Callable[[RemoteMap, MapClient], Awaitable[Any]]


def run(script: Scripted, kernel: RemoteMap | None = None) -> Any:
    """What a script over a map and a client of it gives, in virtual time."""
    kernel = kernel or RemoteMap()
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(script(kernel, MapClient(kernel)))
    finally:
        loop.close()


async def told(changes: Subscription, count: int) -> list[str]:
    return [str(await anext(changes)) for _ in range(count)]


async def nothing_more(changes: Subscription) -> bool:
    try:
        async with asyncio.timeout(3600):
            await anext(changes)
    except TimeoutError:
        return True
    return False


def test_the_log_holds_every_change_and_the_entries_their_outcome() -> None:
    kernel = RemoteMap()
    kernel.set("a", 1)
    kernel.set("b", 2)
    kernel.set("a", 3)
    kernel.delete("b")
    kernel.delete("never there")
    assert kernel.entries == {"a": 3}
    assert kernel.end == 5
    assert kernel.history("a") == [MapChange(0, "a", 1), MapChange(2, "a", 3)]
    assert [str(change) for change in kernel.log[3:]] == ["'b' deleted at 3", "'never there' deleted at 4"]
    assert kernel.snapshot() == (5, {"a": 3})
    other = RemoteMap()
    other.replay(kernel.log)
    assert (other.log, other.entries) == (kernel.log, kernel.entries)


def test_what_a_map_gives_away_is_a_copy() -> None:
    kernel = RemoteMap()
    kernel.set("a", 1)
    kernel.entries["b"] = 2
    kernel.snapshot().entries.clear()
    assert kernel.entries == {"a": 1}


def test_a_client_scans_and_follows_on_any_loop() -> None:
    kernel = RemoteMap()
    kernel.set("a", 1)

    async def script() -> list[str]:
        client = MapClient(kernel)
        async with client.subscribe() as changes:
            assert changes.start == 1
            assert await client.scan() == (1, {"a": 1})
            assert (await client.keys(), await client.get("a"), await client.end()) == (["a"], 1, 1)
            kernel.set("b", 2)
            kernel.delete("a")
            return await told(changes, 2)

    assert asyncio.run(script()) == ["'b' = 2 at 1", "'a' deleted at 2"]


def test_a_key_that_is_not_there_has_no_value() -> None:
    async def script(kernel: RemoteMap, client: MapClient) -> None:
        with pytest.raises(KeyError, match="'a'"):
            await client.get("a")

    run(script)


def test_what_happens_after_arming_and_before_the_scan_is_in_both() -> None:
    async def script(kernel: RemoteMap, client: MapClient) -> None:
        async with client.subscribe() as changes:
            kernel.set("a", 1)
            snapshot = await client.scan()
            assert snapshot == (1, {"a": 1})
            [change] = [await anext(changes)]
            assert change.offset < snapshot.offset

    run(script)


def test_a_subscription_from_an_offset_tells_the_past_from_there() -> None:
    async def script(kernel: RemoteMap, client: MapClient) -> None:
        for number in range(4):
            kernel.set("a", number)
        async with client.subscribe(2) as changes:
            kernel.set("a", 4)
            assert await told(changes, 3) == ["'a' = 2 at 2", "'a' = 3 at 3", "'a' = 4 at 4"]

    run(script)


def test_who_left_is_told_nothing_and_waits_for_nothing() -> None:
    async def script(kernel: RemoteMap, client: MapClient) -> None:
        async with client.subscribe() as changes:
            pass
        kernel.set("a", 1)
        assert kernel.subscriptions == []
        assert kernel.undelivered == 0
        assert [change async for change in changes] == []

    run(script)


def test_a_group_finds_the_offset_it_committed_last_and_every_commit_is_kept() -> None:
    heard: list[tuple[str, int]] = []

    async def script(kernel: RemoteMap, client: MapClient) -> None:
        kernel.on_commit.append(heard.append)
        assert await client.committed() is None
        await client.commit(3)
        await client.commit(2)
        assert await client.committed() == 2
        assert await MapClient(kernel, group="others").committed() is None
        assert kernel.commits == heard == [("default", 3), ("default", 2)]
        assert kernel.hazards.durable_steps == 2

    run(script)


def test_who_listens_to_the_map_hears_of_a_change_before_anybody_is_told() -> None:
    kernel = RemoteMap()
    kernel.on_change.append(lambda change: seen.append((change.offset, kernel.undelivered)))
    seen: list[tuple[int, int]] = []

    async def script(kernel: RemoteMap, client: MapClient) -> None:
        async with client.subscribe():
            kernel.set("a", 1)
            assert kernel.undelivered == 1

    run(script, kernel)
    assert seen == [(0, 0)]


def test_changes_that_are_held_come_when_they_are_released() -> None:
    async def script(kernel: RemoteMap, client: MapClient) -> None:
        async with client.subscribe() as changes:
            kernel.hold()
            kernel.set("a", 1)
            assert kernel.undelivered == 0  # nobody has to wait for them
            assert await nothing_more(changes)
            kernel.release()
            assert await told(changes, 1) == ["'a' = 1 at 0"]

    run(script)


@pytest.mark.parametrize(("barrier", "seen"), [("scan", {"a": 1}), ("answer", {})])
def test_a_barrier_stops_a_scan_before_or_after_it_looks(barrier: str, seen: dict[str, int]) -> None:
    async def script(kernel: RemoteMap, client: MapClient) -> None:
        kernel.hold(barrier)
        scanning = asyncio.ensure_future(client.scan())
        await asyncio.sleep(1)
        assert kernel.waiting_at(barrier) == 1
        kernel.set("a", 1)
        kernel.release(barrier)
        assert (await scanning).entries == seen
        assert kernel.waiting_at(barrier) == 0

    run(script)


def test_arming_and_committing_can_be_held_too() -> None:
    async def script(kernel: RemoteMap, client: MapClient) -> None:
        kernel.hold("arm")
        kernel.hold("commit")
        armed = asyncio.ensure_future(client.subscribe().__aenter__())
        committing = asyncio.ensure_future(client.commit(1))
        await asyncio.sleep(1)
        kernel.set("a", 1)
        assert (kernel.subscriptions, kernel.commits) == ([], [])
        kernel.release()
        await committing
        assert (await armed).start == 1
        assert kernel.committed() == 1

    run(script)


def test_a_scan_takes_its_time_and_shows_the_moment_in_its_middle() -> None:
    async def script(kernel: RemoteMap, client: MapClient) -> None:
        loop = asyncio.get_running_loop()
        kernel.scan_s = 4.0
        loop.call_later(1, kernel.set, "a", 1)
        loop.call_later(3, kernel.set, "b", 2)
        assert await client.scan() == (1, {"a": 1})
        assert loop.time() == 4.0
        kernel.inject("slow", call="scan")
        await client.scan()
        assert loop.time() == 18.0

    run(script)


DELIVERIES = {
    "duplicate": (["a", "a", "b", "a"], 0.0),
    "rewind": (["a", "a", "b", "a"], 0.0),
    "reorder": (["b", "a", "a"], 0.0),
    "late": (["a", "b", "a"], 1.0),
}


@pytest.mark.parametrize("kind", DELIVERIES)
def test_a_delivery_that_goes_wrong_still_tells_everything(kind: str) -> None:
    expected, takes_s = DELIVERIES[kind]

    async def script(kernel: RemoteMap, client: MapClient) -> None:
        async with client.subscribe() as changes:
            trouble = kernel.inject(kind)
            for key in ("a", "b", "a"):
                kernel.set(key, key)
            assert [(await anext(changes)).key for _ in expected] == expected
            assert asyncio.get_running_loop().time() == takes_s
            assert trouble.fired == 1
            assert await nothing_more(changes)

    run(script)


def test_changes_of_one_key_never_overtake_each_other() -> None:
    async def script(kernel: RemoteMap, client: MapClient) -> None:
        async with client.subscribe() as changes:
            kernel.inject("reorder", times=2)
            for number in range(3):
                kernel.set("a", number)
            assert [(await anext(changes)).value for _ in range(3)] == [0, 1, 2]

    run(script)


def test_a_change_that_nobody_overtakes_comes_in_the_end() -> None:
    async def script(kernel: RemoteMap, client: MapClient) -> None:
        async with client.subscribe() as changes:
            kernel.inject("reorder")
            kernel.set("a", 1)
            assert (kernel.undelivered, kernel.next_delivery_s) == (1, 1.0)
            assert await told(changes, 1) == ["'a' = 1 at 0"]
            assert (kernel.undelivered, kernel.next_delivery_s) == (0, None)

    run(script)


def test_a_rewound_subscription_tells_old_values_after_new_ones() -> None:
    async def script(kernel: RemoteMap, client: MapClient) -> None:
        async with client.subscribe() as changes:
            for number in range(4):
                kernel.set("a", number)
            kernel.rewind()
            assert [(await anext(changes)).value for _ in range(7)] == [0, 1, 2, 3, 1, 2, 3]

    run(script)


def test_a_subscription_that_dies_loses_what_was_on_its_way_and_says_so() -> None:
    async def script(kernel: RemoteMap, client: MapClient) -> None:
        async with client.subscribe() as changes:
            kernel.set("a", 1)
            kernel.kill()
            kernel.set("b", 2)
            with pytest.raises(MapError, match="the subscription to map 'map' has died"):
                await anext(changes)
        async with client.subscribe() as changes:
            kernel.set("c", 3)
            assert await told(changes, 1) == ["'c' = 3 at 2"]

    run(script)


def test_a_subscription_that_goes_silent_says_nothing_and_the_next_one_does() -> None:
    async def script(kernel: RemoteMap, client: MapClient) -> None:
        async with client.subscribe() as changes:
            kernel.set("a", 1)
            kernel.silence()
            kernel.set("b", 2)
            assert kernel.undelivered == 0
            assert await nothing_more(changes)
        async with client.subscribe() as changes:
            kernel.set("c", 3)
            assert await told(changes, 1) == ["'c' = 3 at 2"]

    run(script)


@pytest.mark.parametrize("call", ["arm", "scan", "get", "commit"])
def test_a_call_that_fails_has_had_no_effect(call: str) -> None:
    async def script(kernel: RemoteMap, client: MapClient) -> None:
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "arm": lambda: client.subscribe().__aenter__(),
            "scan": client.scan,
            "get": lambda: client.get("a"),
            "commit": lambda: client.commit(1),
        }
        kernel.set("a", 1)
        trouble = kernel.inject("fails", call=call, nth=2)
        await calls[call]()
        with pytest.raises(MapError, match=f"does not answer: {call} failed"):
            await calls[call]()
        assert (trouble.seen, trouble.fired) == (2, 1)
        assert len(kernel.subscriptions) == (call == "arm")
        assert len(kernel.commits) == (call == "commit")

    run(script)


def test_a_commit_whose_answer_is_lost_counts() -> None:
    async def script(kernel: RemoteMap, client: MapClient) -> None:
        kernel.inject("ack_lost", call="commit")
        with pytest.raises(MapError, match="no answer from map 'map' to a commit"):
            await client.commit(1)
        assert kernel.committed() == 1

    run(script)


def test_hazards_strike_where_no_script_does() -> None:
    hazards = RecordedHazards(
        [
            Hazard("feed.orders", 2, "duplicate"),
            Hazard("feed.orders.scan", 1, "fails"),
            Hazard("feed.orders", 1, "late"),
        ]
    )

    async def script(kernel: RemoteMap, client: MapClient) -> None:
        kernel.inject("duplicate")
        async with client.subscribe() as changes:
            with pytest.raises(MapError):
                await client.scan()
            kernel.set("a", 1)  # by script, and so no call of the site
            kernel.set("b", 2)  # late
            kernel.set("c", 3)  # behind it, so nothing can happen to it
            assert [(await anext(changes)).key for _ in range(4)] == ["a", "a", "b", "c"]
            kernel.set("d", 4)
            assert [(await anext(changes)).key for _ in range(2)] == ["d", "d"]

    run(script, RemoteMap("orders", hazards=hazards))
    assert [str(hazard) for hazard in hazards.fired] == [
        "feed.orders.scan:1:fails",
        "feed.orders:1:late",
        "feed.orders:2:duplicate",
    ]


def test_every_trouble_is_offered_to_the_hazards() -> None:
    class Listening(Hazards):
        def meet(self, site: str, kinds: Any) -> None:
            offered[site] = kinds

    offered: dict[str, Any] = {}

    async def script(kernel: RemoteMap, client: MapClient) -> None:
        kernel.set("a", 1)
        async with client.subscribe(0):
            await client.scan()
            await client.get("a")
            await client.commit(1)

    run(script, RemoteMap(hazards=Listening()))
    assert offered == {
        "feed.map" if call == "deliver" else f"feed.map.{call}": kinds for call, kinds in TROUBLES.items()
    }


def test_a_client_of_a_dead_process_does_nothing_any_more() -> None:
    async def script(kernel: RemoteMap, client: MapClient) -> None:
        kernel.hold("scan")
        scanning = asyncio.ensure_future(client.scan())
        async with client.subscribe() as changes:
            client.cut()
            kernel.release()
            for work in (scanning, anext(changes), client.commit(1), client.get("a"), client.subscribe().__aenter__()):
                with pytest.raises(ProcessCut, match="belongs to a process that has ended"):
                    await work
        assert (kernel.commits, kernel.subscriptions) == ([], [])

    run(script)


def test_a_commit_may_be_the_last_thing_a_process_does() -> None:
    class Crashing(Hazards):
        def _crashes(self, nth: int, what: str) -> bool:
            return what == "feed.map"

    async def script(kernel: RemoteMap, client: MapClient) -> None:
        with pytest.raises(ProcessCut):
            await client.commit(1)
        assert kernel.committed() == 1

    run(script, RemoteMap(hazards=Crashing()))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "fails"}, "'fails' can't happen at 'deliver'; known: duplicate, rewind, reorder, late, dies, silent"),
        ({"kind": "fails", "call": "scam"}, "unknown call 'scam'; known: deliver, arm, scan, get, commit"),
        ({"kind": "late", "nth": 0}, "`nth` is 0; the least is 1"),
        ({"kind": "late", "times": -1}, "`times` is -1; the least is 1"),
    ],
)
def test_a_trouble_that_can_not_happen_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        RemoteMap().inject(**arguments)
    assert str(caught.value) == message


def test_an_unknown_barrier_is_refused() -> None:
    with pytest.raises(ValueError) as caught:
        RemoteMap().hold("gate")
    assert str(caught.value) == f"unknown barrier 'gate'; known: {', '.join(BARRIERS)}"


def test_the_notes_say_what_happened_to_the_map_and_to_its_clients() -> None:
    notes: list[str] = []

    async def script(kernel: RemoteMap, client: MapClient) -> None:
        async with client.subscribe():
            kernel.inject("duplicate")
            kernel.inject("slow", call="scan")
            kernel.set("a", 1)
            await client.scan()
            await client.commit(1)
            kernel.rewind()
            kernel.silence()
            kernel.kill()

    run(script, RemoteMap("orders", note=notes.append))
    assert notes == [
        "map orders: 'a' = 1 at 0",
        "map orders: duplicate, at 'a' = 1 at 0",
        "map orders: scan slow",
        "map orders: default committed 1",
        "map orders: all subscriptions rewind",
        "map orders: all subscriptions fall silent",
        "map orders: all subscriptions die",
    ]
