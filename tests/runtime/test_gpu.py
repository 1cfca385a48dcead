"""Goal: bodies share GPUs in the order they came, are told which, and give them back whatever happens (BAT-07)."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cocoindex_sim as coco
from cocoindex_sim.engine import Process, current_process
from cocoindex_sim.world import VirtualLoop


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    """A virtual loop in a process of its own."""
    with Process(current_process().ports).active():
        loop = VirtualLoop()
        yield loop
        loop.close()


def run(loop: VirtualLoop, *calls: Any) -> list[Any]:
    async def all_calls() -> list[Any]:
        return await asyncio.gather(*calls, return_exceptions=True)

    return loop.run_until_complete(all_calls())


def at_once(loop: VirtualLoop, runner: coco.Runner, calls: int) -> tuple[int, list[int]]:
    """How many bodies were running at once at most, and the GPU of each in the order they began."""
    running, most, gpus = 0, 0, []

    @coco.fn.as_async(runner=runner)
    async def body() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        gpus.extend(coco.current_gpus())
        await asyncio.sleep(1)
        running -= 1

    run(loop, *(body() for _ in range(calls)))
    return most, gpus


def test_one_body_at_a_time_by_default(loop: VirtualLoop) -> None:
    # BAT-07
    assert at_once(loop, coco.GPU, 3) == (1, [0, 0, 0])


def test_bodies_share_a_gpu_by_their_fractions(loop: VirtualLoop) -> None:
    # BAT-07
    assert at_once(loop, coco.GPU(0.5), 3) == (2, [0, 0, 0])
    assert at_once(loop, coco.GPU(0.1), 12)[0] == 10  # ten tenths are one, not less
    assert at_once(loop, coco.GPU(0.6), 2)[0] == 1


def test_more_gpus_run_more_bodies_the_lowest_with_room_first(loop: VirtualLoop) -> None:
    # BAT-07
    coco.configure_gpu_pool(2)
    assert at_once(loop, coco.GPU, 4) == (2, [0, 1, 0, 1])
    assert at_once(loop, coco.GPU(0.5), 5)[1][:4] == [0, 0, 1, 1]


def test_a_sync_body_runs_on_a_gpu_thread_and_knows_its_share() -> None:
    # BAT-07
    with Process(current_process().ports).active():

        def told() -> tuple[str, int | None, list[int], float | None]:
            name = threading.current_thread().name
            return name, coco.current_gpu(), coco.current_gpus(), coco.current_gpu_fraction()

        async def main() -> list[Any]:
            return [await coco.fn.as_async(runner=runner)(told)() for runner in (coco.GPU, coco.GPU(0.5))]

        (thread, *whole), (_, *half) = asyncio.run(main())
        assert thread.startswith("gpu_")
        assert whole == [0, [0], 1.0]
        assert half == [0, [0], 0.5]
        assert told()[1:] == (None, [], None)


def test_a_batch_takes_one_gpu(loop: VirtualLoop) -> None:
    # BAT-06, BAT-07
    seen: list[tuple[list[int], list[int]]] = []

    @coco.fn.as_async(runner=coco.GPU, batching=True)
    def body(items: list[int]) -> list[int]:
        seen.append((items, coco.current_gpus()))
        return items

    assert run(loop, *(body(n) for n in range(3))) == [0, 1, 2]
    assert seen == [([0], [0]), ([1, 2], [0])]


@pytest.mark.parametrize("fraction", [0, -1, 1.5, float("nan")])
def test_a_share_is_more_than_nothing_and_at_most_everything(fraction: float) -> None:
    # BAT-07
    with pytest.raises(ValueError, match=r"fraction must be in \(0, 1\.0\], got"):
        coco.GPU(fraction)


def test_a_pool_has_gpus() -> None:
    # BAT-07
    for number in (0, -1):
        with pytest.raises(ValueError, match=f"num_gpus must be > 0, got {number}"):
            coco.configure_gpu_pool(number)
    with pytest.raises(TypeError, match="cannot be interpreted as an integer"):
        coco.GPUPool(1.5)  # type: ignore[arg-type]
    assert coco.GPUPool(3).num_gpus == 3
    assert coco.GPUPool.default().num_gpus == 1


def test_a_pool_hands_out_shares_in_the_order_they_were_asked_for(loop: VirtualLoop) -> None:
    # BAT-07
    async def story() -> None:
        pool = coco.GPUPool(2)
        assert [await pool.acquire(0.5), await pool.acquire(0.5), await pool.acquire(0.6)] == [0, 0, 1]
        both = pool.acquire_full(2)
        small = pool.acquire(0.1)  # would fit, but is not its turn
        pool.release(0, 0.5)
        pool.release(0, 0.5)
        await asyncio.sleep(0)
        assert not both.done()
        assert not small.done()
        pool.release(1, 0.6)
        assert await both == [0, 1]
        pool.release(0, 1.0)
        assert await small == 0

    loop.run_until_complete(story())


def test_who_gives_up_does_not_block_those_behind(loop: VirtualLoop) -> None:
    async def story() -> None:
        pool = coco.GPUPool(1)
        await pool.acquire(0.5)
        whole, half = pool.acquire(1.0), pool.acquire(0.5)
        await asyncio.sleep(0)
        assert not half.done()
        whole.cancel()
        assert await half == 0

    loop.run_until_complete(story())


def test_a_cancelled_body_gives_its_gpu_back(loop: VirtualLoop) -> None:
    @coco.fn.as_async(runner=coco.GPU)
    async def body(n: int) -> int:
        await asyncio.sleep(100)
        return n

    async def story() -> int:
        calls = [asyncio.ensure_future(body(n)) for n in range(4)]
        await asyncio.sleep(1)
        calls[1].cancel()  # waits for the GPU
        calls[0].cancel()  # has it
        await asyncio.sleep(0)
        calls[2].cancel()  # about to get it
        return await calls[3]

    assert loop.run_until_complete(story()) == 3
    assert loop.time() < 200


def test_a_pool_says_what_it_can_not_do(loop: VirtualLoop) -> None:
    # BAT-07
    async def story() -> None:
        pool = coco.GPUPool(2)
        for fraction in (0, 1.5):
            with pytest.raises(ValueError, match=r"must be above 0\.0 and at most 1\.0"):
                pool.acquire(fraction)
        with pytest.raises(ValueError, match="gpu_count must be > 0, got 0"):
            pool.acquire_full(0)
        with pytest.raises(ValueError, match="Attempted to acquire 3 GPUs but only has 2"):
            pool.acquire_full(3)
        with pytest.raises(ValueError, match="gpu_id that does not exist: 7"):
            pool.release(7, 1.0)
        with pytest.raises(ValueError, match=r"Releasing 0\.5 of GPU 0, of which 0\.0 is handed out"):
            pool.release(0, 0.5)

    loop.run_until_complete(story())


def test_one_pool_serves_several_threads() -> None:
    with Process(current_process().ports).active():
        pool, order = coco.GPUPool(1), []

        async def use(name: str, hold: threading.Event | None, held: threading.Event) -> None:
            gpu = await pool.acquire(1.0)
            order.append(name)
            held.set()
            if hold is not None:
                await asyncio.to_thread(hold.wait)
            pool.release(gpu, 1.0)

        first_has_it, go_on, second_has_it = threading.Event(), threading.Event(), threading.Event()
        first = threading.Thread(target=lambda: asyncio.run(use("first", go_on, first_has_it)))
        first.start()
        first_has_it.wait()

        async def second() -> None:
            waiting = asyncio.ensure_future(use("second", None, second_has_it))
            await asyncio.sleep(0)
            go_on.set()
            await waiting

        asyncio.run(second())
        first.join()
        assert order == ["first", "second"]


def test_processes_have_gpus_of_their_own(loop: VirtualLoop) -> None:
    coco.configure_gpu_pool(3)
    with Process(current_process().ports).active():
        assert at_once(VirtualLoop(), coco.GPU, 2)[0] == 1
    assert at_once(loop, coco.GPU, 3)[0] == 3


PROGRAM = """
import asyncio, os
import {package} as coco

@coco.fn.as_async(runner=coco.GPU)
def sync(x): return os.getpid(), x, coco.current_gpu()

@coco.fn.as_async(runner=coco.GPU(0.5))
async def waiting(x): return os.getpid(), x, coco.current_gpu_fraction()

@coco.fn.as_async(runner=coco.GPU, batching=True)
def batched(items): return [(os.getpid(), item) for item in items]

class Model:
    @coco.fn.as_async(runner=coco.GPU)
    def method(self, x): return os.getpid(), x

@coco.fn.as_async(runner=coco.GPU)
def failing(): raise KeyError("boom")

async def main():
    results = [await sync(1), await waiting(2), await Model().method(3), *await asyncio.gather(batched(4), batched(5))]
    assert os.getpid() not in {{pid for pid, *_ in results}}, results
    assert len({{pid for pid, *_ in results}}) == 1, results
    assert [rest for _, *rest in results] == [[1, 0], [2, 0.5], [3], [4], [5]], results
    try:
        await failing()
    except KeyError as error:
        assert error.args == ("boom",)

    @coco.fn.as_async(runner=coco.GPU)
    def nested(): pass
    try:
        await nested()
    except ValueError as error:
        print(error)
"""


@pytest.mark.parametrize("package", ["cocoindex_sim", "cocoindex"])
def test_bodies_run_in_a_child_process_when_asked_to(tmp_path: Path, package: str) -> None:
    # BAT-07
    (tmp_path / "pipeline.py").write_text(PROGRAM.format(package=package))
    (tmp_path / "start.py").write_text(
        "if __name__ == '__main__':\n"
        "    from cocoindex_sim import alias\n"
        f"    {'alias.install()' if package == 'cocoindex' else ''}\n"
        "    import asyncio, pipeline\n"
        "    asyncio.run(pipeline.main())\n"
    )
    done = subprocess.run(
        [sys.executable, "start.py"],
        cwd=tmp_path,
        env={**os.environ, "COCOINDEX_RUN_GPU_IN_SUBPROCESS": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "define it at the top of its module, or unset COCOINDEX_RUN_GPU_IN_SUBPROCESS" in done.stdout
