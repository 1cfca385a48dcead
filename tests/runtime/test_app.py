# Goal: an update that could only wait for itself is refused, from wherever in the run it is asked for.

from collections.abc import Iterator

import pytest

import cocoindex_sim as coco

from ..engine.bench import Bench, Journal

ITSELF = "app 'app' can't run from inside itself"


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


def test_an_app_is_not_updated_from_its_own_component(bench: Bench) -> None:
    # APP-17, SE-16
    async def child() -> None:
        await app.update()

    async def main() -> None:
        await coco.use_mount(child)

    app = bench.app(main)
    with pytest.raises(RuntimeError, match=ITSELF):
        bench.update(app)


def test_an_app_is_not_updated_from_an_app_it_waits_for(bench: Bench) -> None:
    # APP-17, SE-16
    async def main() -> None:
        await other.update()

    async def other_main() -> None:
        await app.update()

    app, other = bench.app(main), bench.app(other_main, name="other")
    with pytest.raises(RuntimeError, match=ITSELF):
        bench.update(app)


def test_an_app_is_not_updated_from_its_own_sink(bench: Bench) -> None:
    # APP-17, SE-16
    async def apply(context: coco.ContextProvider, actions: object) -> None:
        await app.update()

    journal = Journal()
    journal.sink = coco.TargetActionSink.from_async_fn(apply)
    provider = journal.provider("test/journal")

    def main() -> None:
        coco.declare_target_state(provider.target_state("k", 1))

    app = bench.app(main)
    with pytest.raises(RuntimeError, match=ITSELF):
        bench.update(app)


def test_another_app_may_be_updated_and_this_one_afterwards(bench: Bench) -> None:
    # APP-17
    async def main() -> int:
        value: int = await other.update()
        return value

    async def other_main() -> int:
        return 1

    app, other = bench.app(main), bench.app(other_main, name="other")

    async def one_after_the_other() -> list[int]:
        return [await app.update(), await other.update(), await app.update()]

    assert bench.run(one_after_the_other()) == [1, 1, 1]
