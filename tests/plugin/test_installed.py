# Goal: scenarios run alike when the package is installed among others, and not where it is developed.

import os
import shutil
import subprocess
import sys
from pathlib import Path

from .plugin_project import PASSING, PIPELINE

ROOT = Path(__file__).resolve().parent.parent.parent


def test_an_installed_package_runs_scenarios(tmp_path: Path) -> None:
    packages, project = tmp_path / "site-packages", tmp_path / "project"
    for name in ("cocoindex_sim", "pytest_coco"):
        shutil.copytree(ROOT / name, packages / name, ignore=shutil.ignore_patterns("__pycache__"))
    (project / "app").mkdir(parents=True)
    (project / "app" / "main.py").write_text(PIPELINE)
    (project / "scenarios").mkdir()
    (project / "scenarios" / "passing.coco.yaml").write_text(PASSING)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--coco-scenarios"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "2 passed" in run.stdout
