"""What the pytest plugin costs: to import, for each trivial scenario, and to collect many files.

python -m benchmarks.plugin [ROUNDS]

Every figure is CPU time, each in a process of its own, the best of ROUNDS (default 5). `import` is that of the plugin
after pytest's, in milliseconds. `scenario` is from the end of collection to the end of the session, for 100 scenarios
that do nothing but update a pipeline that does nothing, once each and judged; in milliseconds for one of them.
`collect` is the collection of 1,000 files of one scenario each, in seconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SCENARIOS = 100
FILES = 1_000
LIMITS = {"import_ms": 20.0, "scenario_ms": 3.0, "collect_s": 2.0}

PIPELINE = """\
import pathlib

import cocoindex as coco


@coco.lifespan
def environment(builder):
    builder.settings.db_path = pathlib.Path("state")
    yield


@coco.fn
async def main() -> None:
    pass


app = coco.App("Nothing", main)
"""

CONFTEST = """\
import json
import time


def pytest_sessionstart(session):
    session.began_s = time.process_time()


def pytest_collection_finish(session):
    session.collected_s = time.process_time()


def pytest_sessionfinish(session):
    ended_s = time.process_time()
    figures = {"run_s": ended_s - session.collected_s, "collect_s": session.collected_s - session.began_s}
    print("\\n" + json.dumps(figures))
"""

IMPORT = """\
import json, time
import pytest
start = time.process_time()
import pytest_coco.plugin
print(json.dumps({"import_ms": (time.process_time() - start) * 1e3}))
"""


def write_project(directory: Path) -> None:
    """A pipeline that does nothing, 100 scenarios for it in one file, and as many files as are collected."""
    (directory / "app").mkdir()
    (directory / "app/main.py").write_text(PIPELINE)
    (directory / "pytest.ini").write_text("[pytest]\n")
    (directory / "conftest.py").write_text(CONFTEST)
    (directory / "scenarios").mkdir()
    stories = "".join(f"  - name: trivial {number}\n    steps:\n      - update\n" for number in range(SCENARIOS))
    (directory / "scenarios/trivial.coco.yaml").write_text(f"app: ../app/main.py\nscenarios:\n{stories}")
    (directory / "many").mkdir()
    for number in range(FILES):
        (directory / f"many/story_{number}.coco.yaml").write_text(
            f"app: ../app/main.py\ngiven:\n  files:\n    docs/{number}.txt: text\nsteps:\n  - update\n"
            "  - fs.write: {docs/b.txt: b}\n  - update\n  - expect:\n      stats: {main: {num_errors: 0}}\n"
        )


def figures(command: list[str], directory: Path) -> dict[str, float]:
    """What a child prints in its last line of JSON. Exits, with all it printed, when it fails."""
    # Compiled once, as packages are when they are installed; in a place of their own, whatever the caller's shell says.
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(directory / "compiled")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, *command], cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        sys.exit(f"{' '.join(command)} gave no figures, exit {done.returncode}\n{done.stdout}{done.stderr}")
    found: dict[str, float] = json.loads(lines[-1])
    return found


def measure(directory: Path, rounds: int) -> dict[str, float]:
    """The best of some rounds of each."""
    pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--coco-scenarios"]
    once = ["--coco-runs=0", "--coco-crashes=none", "scenarios"]
    return {
        "import_ms": min(figures(["-c", IMPORT], directory)["import_ms"] for _ in range(rounds)),
        "scenario_ms": min(figures([*pytest, *once], directory)["run_s"] for _ in range(rounds)) / SCENARIOS * 1e3,
        "collect_s": min(
            figures([*pytest, "--collect-only", "-q", "many"], directory)["collect_s"] for _ in range(rounds)
        ),
    }


def main() -> int:
    """Entry point; returns 1 when a figure is beyond what is promised."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as directory:
        write_project(Path(directory))
        found = measure(Path(directory), rounds)
    for name, figure in found.items():
        print(f"  {name:12} {figure:8.2f}   promised: at most {LIMITS[name]:g}")
    return int(any(figure > LIMITS[name] for name, figure in found.items()))


if __name__ == "__main__":
    sys.exit(main())
