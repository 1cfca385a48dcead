# Goal: every oracle catches bugs of pipelines and connectors by its own name, and passes the same code without the bug.

from pathlib import Path
from textwrap import dedent

import pytest

from cocoindex_sim.scenario import parse_scenarios
from cocoindex_sim.world import Case, Judges, Outcome, SeededRandom, attempt

PIPELINE = """
import asyncio
import pathlib
from collections.abc import Iterator

import cocoindex as coco
from cocoindex.connectors import localfs


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


async def texts() -> dict[str, str]:
    return {name: await file.read_text() async for name, file in localfs.walk_dir("in").items()}


async def count() -> int:
    return len(await texts())


@coco.fn(memo=True)
async def copy(name, file, target):
    target.declare_file(name, await file.read())


def write(name, text, target):
    target.declare_file(name, text)

"""

CONNECTOR = '''
import asyncio

from cocoindex_sim.world import MapFeed, MapView, declare_row


class View:
    """Lists a map, and follows it."""

    def __init__(self, client):
        self.client = client

    async def __aiter__(self):
        self.end = 0
        snapshot = await self.client.scan()
        self.end = snapshot.offset
        for entry in snapshot.entries.items():
            yield entry

    async def follow(self, subscriber, changes):
        async for change in changes:
            await self.tell(subscriber, change)

    async def tell(self, subscriber, change):
        if change.deleted:
            return await subscriber.delete(change.key)
        return await subscriber.update(change.key, change.value)

'''


def run(directory: Path, kind: str, code: str, steps: str, *, given: str = "", seeds: int = 3) -> list[Outcome]:
    """Runs of a story, judged: in order, then by seeds."""
    (directory / "main.py").write_text({"app": PIPELINE, "source": CONNECTOR}[kind] + dedent(code))
    target = {"app": "main.py", "source": "main.py:source"}[kind]
    text = f"{kind}: {target}\n{given}\nsteps:\n{dedent(steps)}"
    (story,) = parse_scenarios(text, path=Path("x.coco.yaml"), base=directory)
    judges = Judges(story)
    cases = [Case(story), *(Case(story, seed, lambda streams: SeededRandom(streams.schedule)) for seed in range(seeds))]
    return [attempt(case, judges=judges) for case in cases]


def verdicts(outcomes: list[Outcome]) -> set[str]:
    """The oracles that were violated; `ok` for a run that went well."""
    for outcome in outcomes:
        assert outcome.failure is None or outcome.oracle, outcome.failure
    return {outcome.oracle or "ok" for outcome in outcomes}


FILES = "{in/a: one, in/b: two}"
ENTRIES = "{a: apples, b: bananas}"
TOPICS = "{orders: {partitions: 2, messages: {a: one, b: two, c: three}}}"

EDIT = """
- update
- advance: 1s
- fs.write: {in/a: changed}
- fs.remove: in/b
- update
"""

FOLLOW = """
- start: {live: true}
- ready
- map.set: {a: apricots, c: cherries}
- settle
- map.delete: b
- settle
"""

# Each: what the bug is, the oracle, app or connector, the code with `BUG`, what is wrong there, what is right, steps.
PLANTED: dict[str, tuple[str, str, str, str, str, str]] = {
    "a memo that ignores what its function reads": (
        "convergence",
        "app",
        """
        @coco.fn(memo=BUG)
        async def shout(name, target):
            target.declare_file(name, (await texts())[name].upper())

        @coco.fn
        async def main():
            target = await localfs.mount_dir_target("out")
            for name in await texts():
                await coco.mount(coco.component_subpath(name), shout, name, target)

        app = coco.App("planted", main)
        """,
        "True",
        "False",
        EDIT,
    ),
    "a change between scan and subscription is lost": (
        "convergence",
        "source",
        """
        class Planted(View):
            async def watch(self, subscriber):
                if BUG:
                    await subscriber.update_all()
                    async with self.client.subscribe() as changes:
                        await subscriber.mark_ready()
                        await self.follow(subscriber, changes)
                else:
                    async with self.client.subscribe() as changes:
                        await subscriber.update_all()
                        await subscriber.mark_ready()
                        await self.follow(subscriber, changes)

        def source(client):
            return Planted(client)
        """,
        "True",
        "False",
        """
        - map.hold: answer
        - start: {live: true}
        - settle
        - map.set: {a: apricots}
        - map.release
        - ready
        - settle
        """,
    ),
    "deletions are not told": (
        "orphans",
        "source",
        """
        class Planted(View):
            async def tell(self, subscriber, change):
                if not (change.deleted and BUG):
                    await super().tell(subscriber, change)

            async def watch(self, subscriber):
                async with self.client.subscribe() as changes:
                    await subscriber.update_all()
                    await subscriber.mark_ready()
                    await self.follow(subscriber, changes)

        def source(client):
            return Planted(client)
        """,
        "True",
        "False",
        FOLLOW,
    ),
    "a sink that removes nothing": (
        "orphans",
        "app",
        """
        from cocoindex_sim.ports import FileSystem

        class Pages:
            def reconcile(self, key, desired, prev, missing, /):
                if coco.is_non_existence(desired) and BUG:
                    return None
                return coco.TargetReconcileOutput((key, desired), SINK, desired)

        async def apply(context, actions):
            await remote_target("pages").apply([RowAction(*action) for action in actions])

        from cocoindex_sim.fakes.targets import RowAction
        from cocoindex_sim.world import remote_target

        SINK = coco.TargetActionSink.from_async_fn(apply)
        pages = coco.register_root_target_states_provider("pages", Pages())

        async def page(name, text):
            coco.declare_target_state(pages.target_state(name, text))

        @coco.fn
        async def main():
            for name, text in (await texts()).items():
                await coco.mount(coco.component_subpath(name), coco.fn(memo=True)(page), name, text)

        app = coco.App("planted", main)
        """,
        "True",
        "False",
        EDIT,
    ),
    "a drop that a sink does not hear of": (
        "orphans",
        "app",
        """
        from cocoindex_sim.fakes.targets import RowAction
        from cocoindex_sim.world import remote_target

        class Pages:
            def reconcile(self, key, desired, prev, missing, /):
                if coco.is_non_existence(desired) and BUG:
                    return None
                return coco.TargetReconcileOutput((key, desired), SINK, desired)

        async def apply(context, actions):
            await remote_target("pages").apply([RowAction(*action) for action in actions])

        SINK = coco.TargetActionSink.from_async_fn(apply)
        pages = coco.register_root_target_states_provider("pages", Pages())

        @coco.fn(memo=True)
        async def page(name, text):
            coco.declare_target_state(pages.target_state(name, text))

        @coco.fn
        async def main():
            for name, text in (await texts()).items():
                await coco.mount(coco.component_subpath(name), page, name, text)

        app = coco.App("planted", main)
        """,
        "True",
        "False",
        "- update\n- drop\n",
    ),
    "a task that applies when the update is over": (
        "stale",
        "app",
        """
        from cocoindex_sim.fakes.targets import RowAction
        from cocoindex_sim.world import declare_row, remote_target

        async def later():
            await asyncio.sleep(5)
            await remote_target("mirror").apply([RowAction("a", "one")])

        @coco.fn(memo=True)
        async def row(text):
            declare_row("a", text)
            if BUG:
                asyncio.get_running_loop().create_task(later())

        @coco.fn
        async def main():
            await coco.mount(coco.component_subpath("a"), row, (await texts())["a"])

        app = coco.App("planted", main)
        """,
        "True",
        "False",
        "- update\n- advance: 10s\n",
    ),
    "a memo key that changes": (
        "idempotence",
        "app",
        """
        numbers = iter(range(1000))

        @coco.fn(memo=True)
        async def work(name, number, target):
            target.declare_file(name, "the same")

        @coco.fn
        async def main():
            target = await localfs.mount_dir_target("out")
            for name in await texts():
                await coco.mount(coco.component_subpath(name), work, name, next(numbers) if BUG else 0, target)

        app = coco.App("planted", main)
        """,
        "True",
        "False",
        EDIT,
    ),
    "a handler that never has nothing to do": (
        "idempotence",
        "app",
        """
        from cocoindex_sim.fakes.targets import RowAction
        from cocoindex_sim.world import remote_target

        class Pages:
            def reconcile(self, key, desired, prev, missing, /):
                if not missing and not BUG and all(before == desired for before in prev):
                    return None
                return coco.TargetReconcileOutput((key, desired), SINK, desired)

        async def apply(context, actions):
            await remote_target("pages").apply([RowAction(*action) for action in actions])

        SINK = coco.TargetActionSink.from_async_fn(apply)
        pages = coco.register_root_target_states_provider("pages", Pages())

        @coco.fn
        async def main():
            for name, text in (await texts()).items():
                coco.declare_target_state(pages.target_state(name, text))

        app = coco.App("planted", main)
        """,
        "True",
        "False",
        EDIT,
    ),
    "ready before the scan": (
        "ready",
        "source",
        """
        class Planted(View):
            async def watch(self, subscriber):
                async with self.client.subscribe() as changes:
                    if BUG:
                        await subscriber.mark_ready()
                    await subscriber.update_all()
                    await subscriber.mark_ready()
                    await self.follow(subscriber, changes)

        def source(client):
            return Planted(client)
        """,
        "True",
        "False",
        FOLLOW,
    ),
    "ready before what was asked for is done": (
        "ready",
        "app",
        """
        class Hasty:
            def __init__(self, target):
                self.target = target

            async def process(self):
                pass

            async def process_live(self, operator):
                handles = []
                for name, text in (await texts()).items():
                    handles.append(await operator.update(coco.component_subpath(name), write, name, text, self.target))
                for handle in handles:
                    if not BUG:
                        await handle.ready()
                await operator.mark_ready()

        @coco.fn
        async def main():
            await coco.mount(Hasty, await localfs.mount_dir_target("out"))

        app = coco.App("planted", main)
        """,
        "True",
        "False",
        "- update\n",
    ),
    "an older value is told after a newer one": (
        "stale",
        "source",
        """
        class Planted(View):
            async def follow(self, subscriber, changes):
                held = None
                async for change in changes:
                    if BUG and held is None:
                        held = change
                        continue
                    await self.tell(subscriber, change)
                    if held is not None and held.key == change.key:
                        await (await self.tell(subscriber, change)).ready()
                        await self.tell(subscriber, held)

            async def watch(self, subscriber):
                async with self.client.subscribe() as changes:
                    await subscriber.update_all()
                    await subscriber.mark_ready()
                    await self.follow(subscriber, changes)

        def source(client):
            return Planted(client)
        """,
        "True",
        "False",
        """
        - start: {live: true}
        - ready
        - map.set: {a: apricots}
        - settle
        - map.set: {a: almonds}
        - settle
        """,
    ),
    "a deletion that is overtaken": (
        "stale",
        "source",
        """
        class Planted(View):
            async def follow(self, subscriber, changes):
                async for change in changes:
                    if change.deleted and BUG:
                        await asyncio.sleep(1)
                        async for newer in changes:
                            await (await self.tell(subscriber, newer)).ready()
                            break
                    await self.tell(subscriber, change)

            async def watch(self, subscriber):
                async with self.client.subscribe() as changes:
                    await subscriber.update_all()
                    await subscriber.mark_ready()
                    await self.follow(subscriber, changes)

        def source(client):
            return Planted(client)
        """,
        "True",
        "False",
        """
        - start: {live: true}
        - ready
        - map.delete: a
        - settle
        - map.set: {a: apples again}
        - advance: 2s
        """,
    ),
    "an offset is committed as it is read": (
        "offsets",
        "source",
        """
        class Planted:
            def __init__(self, client):
                self.client = client

            async def watch(self, subscriber):
                done = await self.client.committed() or 0
                end = await self.client.end()
                if done >= end:
                    await subscriber.mark_ready()
                async with self.client.subscribe(done) as changes:
                    async for change in changes:
                        if BUG:
                            await self.client.commit(change.offset + 1)
                        if change.deleted:
                            handle = await subscriber.delete(change.key)
                        else:
                            handle = await subscriber.update(change.key, change.value)
                        await handle.ready()
                        if not BUG:
                            await self.client.commit(change.offset + 1)
                        if change.offset + 1 >= end:
                            await subscriber.mark_ready()

        def source(client):
            return Planted(client)
        """,
        "True",
        "False",
        FOLLOW,
    ),
    "an offset is committed over a gap": (
        "offsets",
        "app",
        """
        from cocoindex_sim.world import declare_row, remote_map

        class Planted:
            def __init__(self, client):
                self.client = client

            async def watch(self, subscriber):
                done = await self.client.committed() or 0
                end = await self.client.end()
                handles = []
                async with self.client.subscribe(done) as changes:
                    for at in range(done, end):
                        change = await anext(changes)
                        handles.append(await subscriber.update(change.key, change.value))
                    for handle in handles[-1:] if BUG else handles:
                        await handle.ready()
                    if done < end:
                        await self.client.commit(end)
                    for handle in handles:
                        await handle.ready()
                    await subscriber.mark_ready()

        async def store(value):
            if value == "apples":
                await asyncio.sleep(10)
            declare_row(value, len(value))

        @coco.fn
        async def main():
            await coco.mount_each(store, Planted(remote_map()))

        app = coco.App("planted", main)
        """,
        "True",
        "False",
        "- update\n",
    ),
    "an offset of Kafka is committed as the message is polled": (
        "offsets",
        "app",
        """
        from cocoindex.connectors import kafka
        from confluent_kafka.aio import AIOConsumer
        from cocoindex_sim.world import declare_row

        class Eager:
            def __init__(self, consumer):
                self.consumer = consumer

            async def watch(self, subscriber):
                await self.consumer.subscribe(["orders"])
                while True:
                    message = await self.consumer.poll(1.0)
                    if message is None:
                        await subscriber.mark_ready()
                    elif not message.error():
                        await self.consumer.commit(message=message)
                        await subscriber.update(message.key(), message)

        async def store(message):
            await asyncio.sleep(1)
            declare_row(message.key().decode(), message.value().decode())

        @coco.fn
        async def main():
            consumer = AIOConsumer(
                {
                    "bootstrap.servers": "anywhere",
                    "group.id": "stores",
                    "enable.auto.commit": False,
                    "auto.offset.reset": "earliest",
                }
            )
            await coco.mount_each(store, Eager(consumer) if BUG else kafka.topic_as_map(consumer, ["orders"]))

        app = coco.App("planted", main)
        """,
        "True",
        "False",
        """
        - start: {live: true}
        - ready
        - kafka.produce: {orders: {a: changed, d: new}}
        - advance: 5s
        """,
    ),
    "it never says that it is ready": (
        "termination",
        "source",
        """
        class Planted(View):
            async def watch(self, subscriber):
                async with self.client.subscribe() as changes:
                    await subscriber.update_all()
                    if not BUG:
                        await subscriber.mark_ready()
                    await self.follow(subscriber, changes)

        def source(client):
            return Planted(client)
        """,
        "True",
        "False",
        "- update\n",
    ),
    "a subscription that dies ends it without a word": (
        "termination",
        "source",
        """
        from cocoindex_sim.fakes.maps import MapError

        class Planted(View):
            async def watch(self, subscriber):
                while True:
                    try:
                        async with self.client.subscribe() as changes:
                            await subscriber.update_all()
                            await subscriber.mark_ready()
                            await self.follow(subscriber, changes)
                    except MapError:
                        if BUG:
                            return

        def source(client):
            return Planted(client)
        """,
        "True",
        "False",
        """
        - start: {live: true}
        - ready
        - map.watch: dies
        - settle
        - map.set: {a: apricots}
        - settle
        """,
    ),
    "a task that outlives the update": (
        "termination",
        "app",
        """
        @coco.fn
        async def main():
            target = await localfs.mount_dir_target("out")
            await texts()
            task = asyncio.get_running_loop().create_task(asyncio.sleep(1e6), name="forgotten")
            if not BUG:
                task.cancel()

        app = coco.App("planted", main)
        """,
        "True",
        "False",
        "- update\n",
    ),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_caught_by_its_oracle(bug: str, tmp_path: Path) -> None:
    oracle, kind, code, wrong, _, steps = PLANTED[bug]
    given = f"given: {{files: {FILES}, map: {ENTRIES}, kafka: {TOPICS}}}"
    found = run(tmp_path, kind, dedent(code).replace("BUG", wrong), steps, given=given)
    caught = verdicts(found)
    assert oracle in caught, [str(outcome.failure) for outcome in found]
    assert caught <= {oracle, "ok"}, [str(outcome.failure) for outcome in found]


@pytest.mark.parametrize("bug", PLANTED)
def test_without_the_bug_nothing_is_caught(bug: str, tmp_path: Path) -> None:
    _, kind, code, _, right, steps = PLANTED[bug]
    given = f"given: {{files: {FILES}, map: {ENTRIES}, kafka: {TOPICS}}}"
    found = run(tmp_path, kind, dedent(code).replace("BUG", right), steps, given=given, seeds=6)
    assert verdicts(found) == {"ok"}, [str(outcome.failure) for outcome in found]
