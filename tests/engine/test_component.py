"""The component tree: paths, children, failures, removal (CMP)."""

from __future__ import annotations

import cocoindex_sim as coco

from .bench import Bench, Journal


def test_an_unchanged_second_update_does_nothing(bench: Bench) -> None:
    journal = Journal()
    provider = journal.provider()

    @coco.fn(memo=True)
    async def one(value: int) -> None:
        coco.declare_target_state(provider.target_state("k", value))

    @coco.fn
    async def main() -> None:
        await coco.mount(coco.component_subpath("a"), one, 1)

    app = bench.app(main)
    bench.update(app)
    assert journal.content == {"k": 1}
    bench.events()
    bench.update(app)
    assert bench.events("component_started", "component_reused") == ["component_started /", 'component_reused /"a"']
    assert journal.calls == [[("k", 1)]]


def test_a_child_that_is_no_longer_mounted_goes_with_its_states(bench: Bench) -> None:  # CMP-18
    journal = Journal()
    provider = journal.provider()
    names = ["a", "b"]

    @coco.fn
    async def one(name: str) -> None:
        coco.declare_target_state(provider.target_state(name, 1))

    @coco.fn
    async def main() -> None:
        await coco.mount_each(one, [(name, name) for name in names])

    app = bench.app(main)
    bench.update(app)
    names.remove("a")
    bench.update(app)
    assert journal.content == {"b": 1}


def test_a_kill_before_the_sink_leaves_the_target_untouched_and_converges(bench: Bench) -> None:  # DUR-03
    content: dict[str, int] = {}

    def make() -> coco.App[None]:
        provider = Journal(content).provider()

        @coco.fn
        async def main() -> None:
            coco.declare_target_state(provider.target_state("k", 1))

        return bench.app(main)

    bench.update_until(make(), "pre_committed")
    assert content == {}
    bench.crash()
    bench.update(make())
    assert content == {"k": 1}
