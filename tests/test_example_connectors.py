# Goal: the tests of the package of sample connectors pass, as its author would run them.

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "examples" / "connectors"


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["-k", "not (OverHttp or OnDisk or with_cocoindex)"], id="in simulated worlds"),
        pytest.param(["-k", "OverHttp or OnDisk or with_cocoindex"], id="in wall time", marks=pytest.mark.real),
        pytest.param(["--coco-scenarios"], id="scenarios"),
    ],
)
def test_the_package_of_sample_connectors_passes_its_own_tests(arguments: list[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COCOINDEX_", "PYTEST_"))}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=PACKAGE,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"^\d+ passed", run.stdout, re.MULTILINE), run.stdout
