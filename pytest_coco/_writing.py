"""What a session writes beside its scenarios: expectations put right in place, and failures as files of their own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ._limits import limits_of
from ._options import OPTIONS, Options
from ._seeds import derived_seed
from ._selection import SUFFIX

if TYPE_CHECKING:
    from cocoindex_sim.scenario import ExpectationUpdate
    from cocoindex_sim.world import Found, Story

__all__ = ["WRITING", "Writing", "add_writing"]

_BOM = b"\xef\xbb\xbf"
_NAME_CHARS_MAX = 60


@dataclass(frozen=True, slots=True)
class _Performed:
    """A scenario as it was written, and as it is run."""

    written: Story
    story: Story
    path: Path


class Writing:
    """A plugin that collects what is to be written, and in the process that the user has started writes it at the end.

    Nothing is written before: the workers of pytest-xdist run scenarios of one file side by side.
    """

    def __init__(self, config: pytest.Config, options: Options) -> None:
        self._config = config
        self._options = options
        self._performed: dict[str, _Performed] = {}
        self._updates: dict[str, list[list[Any]]] = {}
        self._promoted: dict[str, str] = {}
        self._lines: list[str] = []

    def begin(self, item: pytest.Item, written: Story, seed_name: str, options: Options) -> Story:
        """The scenario as it is to be run: with expectations that hold in order, if they are to be put right.

        What is written in Python stays as it is written.
        """
        story = written
        if options.update and item.path.name.endswith(SUFFIX):
            from cocoindex_sim.values import CocoSimError
            from cocoindex_sim.world import update_expectations

            try:
                seed = derived_seed(options.seed, seed_name, 0)
                story = update_expectations(written, seed, limits=limits_of(options))
                self._differences(written, story)
            except (CocoSimError, ValueError):  # what can't be put right is reported when it is run
                story = written
        self._performed[item.nodeid] = _Performed(written, story, item.path)
        return story

    def end(self, item: pytest.Item) -> None:
        """The scenario went well, in all of its runs."""
        performed = self._performed[item.nodeid]
        found = [list(update) for update in self._differences(performed.written, performed.story)]
        if found:
            self._updates.setdefault(os.fspath(performed.path), []).extend(found)

    @staticmethod
    def _differences(written: Story, story: Story) -> list[ExpectationUpdate]:
        if story is written:
            return []
        from cocoindex_sim.scenario import expectation_updates

        return expectation_updates(written, story)

    def pytest_coco_failure(self, nodeid: str, found: Found) -> list[str]:
        """What became of the file of a scenario that failed."""
        performed = self._performed.get(nodeid)
        if performed is None:
            return []
        lines = []
        if performed.story is not performed.written:
            lines.append("--coco-update has rewritten nothing here: what it would expect does not hold in every run.")
        if self._options.promote:
            if nodeid not in self._promoted:
                self._promoted[nodeid] = self._promote(performed, found)
            lines.append(self._promoted[nodeid])
        return lines

    def _promote(self, performed: _Performed, found: Found) -> str:
        from cocoindex_sim.scenario import promoted_text

        words = re.findall(r"\w+", f"{performed.story.name} {found.oracle}".lower())
        stem = f"{performed.path.name.removesuffix(SUFFIX).removesuffix('.py')}-{'_'.join(words)[:_NAME_CHARS_MAX]}"
        try:
            text = promoted_text(performed.story, found, performed.path.parent / f"{stem}{SUFFIX}")
            path = _written_new(performed.path.parent, stem, text)
        except (ValueError, OSError) as error:
            return f"not promoted: {error}"
        return f"promoted: {self._shown(path)}"

    # -- the end ---------------------------------------------------------------------------------------------------

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker of pytest-xdist has found."""
        output = getattr(node, "workeroutput", {})
        self._promoted |= output.get("coco_promoted", {})
        for path, updates in output.get("coco_updates", {}).items():
            self._updates.setdefault(path, []).extend(updates)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write, or hand over what there is to write."""
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output["coco_updates"], output["coco_promoted"] = self._updates, self._promoted
            return
        for path, updates in sorted(self._updates.items()):
            if not self._rewrite(Path(path), updates):
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
        self._lines += (f"{line}  ({nodeid})" for nodeid, line in sorted(self._promoted.items()))

    def _rewrite(self, path: Path, updates: Iterable[list[Any]]) -> bool:
        from cocoindex_sim.scenario import ExpectationUpdate, updated_text
        from cocoindex_sim.values import CocoSimError

        # A test that was run again tells the same again.
        last = {(name, step, look): ExpectationUpdate(name, step, look, value) for name, step, look, value in updates}
        try:
            data = path.read_bytes()
            text = updated_text(data.decode("utf-8-sig"), last.values(), path=path, base=path.parent)
            _replace(path, (_BOM if data.startswith(_BOM) else b"") + text.encode())
        except (CocoSimError, OSError, ValueError) as error:
            self._lines.append(f"not rewritten: {error}")
            return False
        count = f"{len(last)} expectation{'' if len(last) == 1 else 's'}"
        self._lines.append(f"rewritten: {count} in {self._shown(path)}")
        return True

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was written."""
        if self._lines:
            terminalreporter.section("coco: files")
            for line in self._lines:
                terminalreporter.write_line(line)

    def _shown(self, path: Path) -> str:
        try:
            return os.fspath(path.relative_to(self._config.invocation_params.dir))
        except ValueError:
            return os.fspath(path)


WRITING = pytest.StashKey[Writing]()


def add_writing(config: pytest.Config) -> None:
    """Have a session write what it was asked to. Raises pytest.UsageError."""
    options = config.stash[OPTIONS]
    if options.update and options.replay is not None:
        raise pytest.UsageError(
            "--coco-update needs all runs of a scenario, and --coco-replay makes one; take one of them"
        )
    config.stash[WRITING] = Writing(config, options)
    config.pluginmanager.register(config.stash[WRITING], "coco-writing")


def _written_new(directory: Path, stem: str, text: str) -> Path:
    """A new file with this text; or the one that has it already."""
    number = 1
    while True:
        path = directory / f"{stem}{f'-{number}' if number > 1 else ''}{SUFFIX}"
        try:
            with path.open("x", encoding="utf-8", newline="") as file:
                file.write(text)
        except FileExistsError:
            if path.read_bytes() != text.encode():
                number += 1
                continue
        return path


def _replace(path: Path, data: bytes) -> None:
    """In one step: whoever reads the file meanwhile sees all of the old text or of the new."""
    temp = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temp.write_bytes(data)
        temp.chmod(path.stat().st_mode & 0o777)
        temp.replace(path)
    finally:
        temp.unlink(missing_ok=True)
