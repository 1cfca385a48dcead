"""Goal: the pipeline that `mypy` checks also runs, with all its annotations evaluated."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest


@pytest.mark.parametrize("package", ["cocoindex_sim", "cocoindex"])
def test_the_typed_pipeline_runs(tmp_path: Path, package: str) -> None:
    if find_spec(package) is None:
        pytest.skip("CocoIndex is not installed (extra `peer`)")
    text = Path(__file__).with_name("pipeline.py").read_text()
    (tmp_path / "pipeline.py").write_text(text.replace("cocoindex_sim", package))
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "one.md").write_text("One\ntwo three")
    done = subprocess.run(
        [sys.executable, "pipeline.py"],
        cwd=tmp_path,
        env={**os.environ, "COCOINDEX_DISABLE_USAGE_TRACKING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
    assert (tmp_path / "out" / "one.txt").read_text() == "ONE"
