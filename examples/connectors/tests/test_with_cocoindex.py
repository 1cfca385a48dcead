# Goal: the connectors do with CocoIndex itself what they do with cocoindex-sim.

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

HERE = Path(__file__).parent
EXPECTED = {"json": {"plums": "3"}, "log": {"A2": "pears"}, "table": {"pears": "2", "plums": "3"}}


@pytest.mark.parametrize("package", ["cocoindex", "cocoindex_sim"])
def test_a_pipeline_over_all_three_follows_what_happens(package: str, tmp_path: Path) -> None:
    if package == "cocoindex":
        try:
            metadata.version("cocoindex")
        except metadata.PackageNotFoundError:
            pytest.skip("CocoIndex is not installed")
    alias = "from cocoindex_sim import alias; alias.install(); " if package == "cocoindex_sim" else ""
    play = f"import asyncio, with_cocoindex; asyncio.run(with_cocoindex.play({EXPECTED!r}))"
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            alias + play,
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent / "src")]),
            "COCOINDEX_DISABLE_USAGE_TRACKING": "1",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert json.loads(run.stdout) == EXPECTED, run.stderr
