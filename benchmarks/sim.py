"""How much the simulator does in a second of one core, beside three other simulators of asyncio from PyPI.

python -m benchmarks.sim [SECONDS]

Every figure comes from a process of its own, in CPU time, so that what else the machine does counts little: the best
of five batches of SECONDS (default 1) each. Rates are runs a second, but for `hour`, which is simulated time over CPU
time.

asyncio's own loop is the yardstick for `race`: it chooses and records nothing. The peers come with the extra `bench`,
and two of them need Python 3.12. looptime has no schedules to choose from: it runs things in asyncio's order.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .sim_workloads import WORKLOADS, Workload

_ROOT = Path(__file__).resolve().parent.parent
_BATCHES = 5
_ENOUGH_S = 15
_PIPELINES = ("plain", "markdown")

Run = Callable[[int], object]
"""One run, given its seed."""


def _virtual_loop(workload: Workload) -> Run:
    from random import Random

    from cocoindex_sim.world import SeededRandom, Trace, VirtualLoop

    def run(seed: int) -> None:
        loop = VirtualLoop(SeededRandom(Random(seed)))
        Trace(loop)
        loop.run_until_complete(workload())
        loop.close()

    return run


def _world(workload: Workload) -> Run:
    from random import Random

    from cocoindex_sim.world import SeededRandom, World

    def run(seed: int) -> None:
        with World(seed, policy=SeededRandom(Random(seed))) as world:
            world.run(workload())

    return run


def _simloop(workload: Workload) -> Run:
    simloop: Any = importlib.import_module("simloop")

    def run(seed: int) -> None:
        loop = simloop.SimLoop(seed)
        loop.run_until_complete(workload())
        loop.close()

    return run


def _simloop_explore(workload: Workload) -> Run:
    simloop: Any = importlib.import_module("simloop")
    return lambda seed: simloop.explore(workload, [seed])


def _simloom(workload: Workload) -> Run:
    simloom: Any = importlib.import_module("simloom")
    return lambda seed: simloom.run(workload, seed=seed)


def _looptime(workload: Workload) -> Run:
    looptime: Any = importlib.import_module("looptime")

    def run(seed: int) -> None:
        loop = looptime.new_event_loop()
        loop.run_until_complete(workload())
        loop.close()

    return run


def _asyncio(workload: Workload) -> Run:
    loop = asyncio.new_event_loop()  # one for all runs: making it takes longer than `race`
    return lambda seed: loop.run_until_complete(workload())


_SIMULATORS: dict[str, tuple[str, Callable[[Workload], Run]]] = {
    "VirtualLoop": ("cocoindex-sim", _virtual_loop),
    "World": ("cocoindex-sim", _world),
    "simloop.SimLoop": ("simloop", _simloop),
    "simloop.explore": ("simloop", _simloop_explore),
    "simloom.run": ("simloom", _simloom),
    "looptime": ("looptime", _looptime),
    "asyncio": ("", _asyncio),
}


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _rate(run: Run, seconds: float) -> float:
    """Runs per second of CPU time, at best."""
    seed, best = 0, 0.0
    for _ in range(_BATCHES):
        runs, start = 0, time.process_time()
        if start > _ENOUGH_S:  # some take ten seconds for a run
            break
        while (passed := time.process_time() - start) < seconds or not runs:
            run(seed)
            seed, runs = seed + 1, runs + 1
        best = max(best, runs / passed)
    return best


def _measure(what: str, of: str, seconds: float) -> float:
    if what in _PIPELINES:
        from cocoindex_sim.world import virtual_surroundings

        from .sim_pipeline import runner

        with virtual_surroundings():  # once for all runs, as `explore` does
            return _rate(runner(what, oracles=of == "oracles"), seconds)
    return _rate(_SIMULATORS[what][1](WORKLOADS[of]), seconds)


def _in_a_process(what: str, of: str, seconds: float) -> float | None:
    """The figure, or None if there is none; then it has been said why."""
    command = [sys.executable, "-m", "benchmarks.sim", what, of, str(seconds)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{what} has no figure for {of}: {done.stderr.strip().rpartition(chr(10))[2]}", flush=True)
        return None
    figure: float = json.loads(done.stdout)["rate"]
    return figure


def _cell(rate: float | None) -> str:
    return f"{'-' if rate is None else format(rate, ',.0f' if rate >= 10 else '.1f'):>12}"


def main() -> None:
    """Entry point."""
    if len(sys.argv) == 4:
        print(json.dumps({"rate": _measure(sys.argv[1], sys.argv[2], float(sys.argv[3]))}))
        return
    seconds = float(sys.argv[1]) if len(sys.argv) == 2 else 1.0
    print(f"Python {platform.python_version()}, best of {_BATCHES} batches of {seconds:g} s of CPU time")
    print(f"{'':28}" + "".join(f"{name:>12}" for name in WORKLOADS))
    for name, (distribution, _) in _SIMULATORS.items():
        version = _version(distribution) if distribution else ""
        if version is None:
            print(f"{name:28}  not installed; pip install -e '.[bench]'")
            continue
        workloads = WORKLOADS if distribution else ["race"]  # the others wait, and here in real time
        rates = [_in_a_process(name, workload, seconds) for workload in workloads]
        if len(rates) == len(WORKLOADS) and rates[-1] is not None:
            rates[-1] *= 3600
        print(f"{name + ' ' + version:28}" + "".join(map(_cell, rates)), flush=True)
    print(f"\n{'whole runs of a pipeline':28}{'alone':>12}{'oracles':>12}")
    for name in _PIPELINES:
        rates = [_in_a_process(name, of, seconds) for of in ("alone", "oracles")]
        print(f"{name:28}" + "".join(map(_cell, rates)), flush=True)


if __name__ == "__main__":
    main()
