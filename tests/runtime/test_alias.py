"""Goal: with the alias, `import cocoindex` means this package, and never anything else."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import cocoindex_sim
from cocoindex_sim import alias


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No alias, and nothing imported under the reference's name."""
    monkeypatch.setattr(
        sys, "meta_path", [finder for finder in sys.meta_path if type(finder).__module__ != alias.__name__]
    )
    before = dict(sys.modules)
    for name in [name for name in sys.modules if name.split(".")[0] == "cocoindex"]:
        del sys.modules[name]
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "cocoindex"]:
        del sys.modules[name]
    sys.modules.update(before)


MODULES = [
    "cocoindex_sim",
    "cocoindex_sim.inspect",
    "cocoindex_sim.connectors",
    "cocoindex_sim.connectors.localfs",
    "cocoindex_sim.connectorkits.fingerprint",
    "cocoindex_sim.resources.file",
]


@pytest.mark.parametrize("ours", MODULES)
def test_both_names_are_one_module(clean: None, ours: str) -> None:
    with alias.installed():
        theirs = importlib.import_module("cocoindex" + ours.removeprefix("cocoindex_sim"))
    mine = importlib.import_module(ours)
    assert theirs is mine
    assert mine.__name__ == ours
    assert mine.__spec__ is not None
    assert mine.__spec__.name == ours
    assert importlib.util.find_spec(ours) is mine.__spec__


def test_every_form_of_import_works(clean: None) -> None:
    with alias.installed():
        namespace: dict[str, ModuleType] = {}
        exec(
            "import cocoindex as coco\n"
            "import cocoindex.connectors.localfs\n"
            "from cocoindex.connectors import localfs\n"
            "from cocoindex.resources.file import PatternFilePathMatcher\n"
            "from cocoindex import fn, inspect\n",
            namespace,
        )
    assert namespace["coco"] is namespace["cocoindex"] is cocoindex_sim
    assert namespace["localfs"] is importlib.import_module("cocoindex_sim.connectors.localfs")
    assert vars(cocoindex_sim)["fn"] is namespace["fn"]


@pytest.mark.parametrize(
    "name", ["cocoindex.connectors.postgres", "cocoindex.ops.text", "cocoindex.nothing", "cocoindex._internal.app"]
)
def test_what_is_not_here_never_comes_from_elsewhere(clean: None, tmp_path: Path, name: str) -> None:
    package = tmp_path / "cocoindex"
    for directory in (package, package / "connectors", package / "ops", package / "_internal"):
        directory.mkdir()
        (directory / "__init__.py").write_text("")
    package.joinpath(*name.split(".")[1:]).with_suffix(".py").write_text("raise AssertionError")
    sys.path.insert(0, str(tmp_path))
    try:
        with alias.installed(), pytest.raises(ImportError, match="is not in cocoindex-sim yet"):
            importlib.import_module(name)
    finally:
        sys.path.remove(str(tmp_path))


def test_names_that_only_begin_alike_are_left_alone(clean: None) -> None:
    with alias.installed(), pytest.raises(ModuleNotFoundError):
        importlib.import_module("cocoindex_other")
    assert importlib.import_module("json").__name__ == "json"


def test_the_alias_ends_with_its_block(clean: None) -> None:
    with alias.installed():
        importlib.import_module("cocoindex.inspect")
        with alias.installed():
            pass
        assert "cocoindex.inspect" in sys.modules  # an inner block leaves the outer one alone
    assert [name for name in sys.modules if name.split(".")[0] == "cocoindex"] == []
    assert "cocoindex_sim.inspect" in sys.modules
    with pytest.raises(ImportError):
        importlib.import_module("cocoindex.not_installed_anywhere")


def test_installing_again_is_fine(clean: None) -> None:
    alias.install()
    alias.install()
    assert importlib.import_module("cocoindex") is cocoindex_sim
    alias.install()
    alias.uninstall()
    alias.uninstall()
    assert "cocoindex" not in sys.modules


def test_the_real_package_is_not_replaced_once_imported(clean: None, monkeypatch: pytest.MonkeyPatch) -> None:
    real = ModuleType("cocoindex")
    real.__file__ = "/somewhere/cocoindex/__init__.py"
    monkeypatch.setitem(sys.modules, "cocoindex", real)
    with pytest.raises(RuntimeError, match="the real cocoindex is imported already, from /somewhere"):
        alias.install()
    assert sys.modules["cocoindex"] is real


def test_threads_import_at_once(clean: None) -> None:
    names = [name.replace("cocoindex_sim", "cocoindex") for name in MODULES] * 3
    together, found = threading.Barrier(len(names)), []

    def load(name: str) -> None:
        together.wait(10)
        found.append((name, importlib.import_module(name)))

    with alias.installed():
        threads = [threading.Thread(target=load, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert len(found) == len(names)
    for name, module in found:
        assert module.__name__ == name.replace("cocoindex", "cocoindex_sim")
        assert module.__spec__ is not None
        assert module.__spec__.name == module.__name__


def test_installing_imports_nothing_and_a_first_import_finds_us(tmp_path: Path) -> None:
    script = """
import sys
from cocoindex_sim import alias
alias.install()
assert "cocoindex" not in sys.modules
import cocoindex.connectors.localfs as localfs
import cocoindex_sim.connectors.localfs
assert localfs is cocoindex_sim.connectors.localfs
import cocoindex
assert cocoindex is cocoindex_sim
"""
    root = Path(cocoindex_sim.__file__).parents[1]
    subprocess.run([sys.executable, "-c", script], check=True, cwd=root)
