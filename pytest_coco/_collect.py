"""Scenario files as pytest sees them: a module for each file, a function for each scenario."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import pytest
from _pytest._code.code import ExceptionInfo, TerminalRepr

from cocoindex_sim.arms import ArmError
from cocoindex_sim.scenario import SUFFIX, StoryBuilder, read_scenarios
from cocoindex_sim.values import ScenarioError
from cocoindex_sim.world import (
    ExpectationFailed,
    Outcome,
    Recording,
    Run,
    Story,
    shared_references,
    virtual_surroundings,
)

from ._columns import wrapped
from ._elsewhere import SIM, arms_of, elsewhere_report, run_elsewhere
from ._faults import FAULTS
from ._marker import has_faults_of_its_own, options_of
from ._options import OPTIONS
from ._registry import register_all
from ._report import failure_report, replay_command
from ._run import NotTried, ScenarioFailed, check_replay, run_story
from ._seeds import seed_name
from ._session import teller
from ._writing import WRITING

__all__ = ["ElsewhereItem", "ScenarioFile", "ScenarioItem", "check_replayed", "items_of_builder"]


def check_replayed(items: Sequence[pytest.Item], text: str) -> None:
    """Whether these tests are the one scenario, or test with a world, that it can be of. Raises pytest.UsageError."""
    replayed = [item for item in items if isinstance(item, ScenarioItem) or "coco_world" in _fixtures_of(item)]
    if len(replayed) != 1:
        raise pytest.UsageError(
            f"--coco-replay repeats one run of one scenario, and {len(replayed)} are selected; name it by its node id"
        )
    try:
        if isinstance(replayed[0], ScenarioItem):
            check_replay(replayed[0].story, text)
        else:
            Recording.parse(text)
    except ValueError as error:
        raise pytest.UsageError(f"--coco-replay: {error}") from None


def _fixtures_of(item: pytest.Item) -> Sequence[str]:
    return getattr(item, "fixturenames", ())


def _shown(path: Path, config: pytest.Config) -> Path:
    try:
        return path.relative_to(config.invocation_params.dir)
    except ValueError:
        return path


class ScenarioFile(pytest.Module):
    """One scenario file. A `Module`, so that module fixtures and plugins that ask for the module find one."""

    def _getobj(self) -> ModuleType:
        module = ModuleType(self.path.name.removesuffix(SUFFIX))
        module.__file__ = os.fspath(self.path)
        return module

    def collect(self) -> Iterable[pytest.Item]:
        """The scenarios, in the order of the file.

        Raises: CollectError with the message alone when the file can't be run as written.
        """
        try:
            register_all(self.config)
        except ValueError as error:
            raise self.CollectError(str(error)) from None
        try:
            stories = read_scenarios(self.path, shown_as=_shown(self.path, self.config))
        except (ScenarioError, OSError) as error:
            raise self.CollectError(str(error)) from None
        return _items(self, [(story.name, story) for story in stories])

    _surroundings: ExitStack | None = None

    def hold_surroundings(self) -> None:
        """From the first scenario that runs to the end of the file: each start would cost 8 ms."""
        if self._surroundings is None:
            self._surroundings = ExitStack()
            self._surroundings.enter_context(virtual_surroundings())
            self._surroundings.enter_context(shared_references())
            self.addfinalizer(self._release_surroundings)

    def _release_surroundings(self) -> None:
        assert self._surroundings is not None
        self._surroundings.close()
        self._surroundings = None


def items_of_builder(module: pytest.Module, name: str, builder: StoryBuilder) -> list[pytest.Item]:
    """The scenario that a module attribute of this name is.

    Raises: CollectError with the message alone when it can't be run as written.
    """
    try:
        story = builder.build(name)
    except ScenarioError as error:
        raise module.CollectError(str(error)) from None
    return _items(module, [(name, story)])


def _items(module: pytest.Module, stories: Iterable[tuple[str, Story]]) -> list[pytest.Item]:
    items = [
        ScenarioItem.of(module, name, story) if arm == SIM else ElsewhereItem.at(module, name, story, arm)
        for arm in arms_of(module.config.stash[OPTIONS])
        for name, story in stories
    ]
    for item in items:
        module.ihook.pytest_coco_scenario_loaded(config=module.config, story=item.story, nodeid=item.nodeid)
    return list(items)


class ScenarioItem(pytest.Function):
    """One scenario. A `Function`, so that fixtures, marks and other plugins work as they do on tests."""

    story: Story

    @classmethod
    def of(cls, parent: pytest.Module, name: str, story: Story) -> ScenarioItem:
        """The item that runs `story`."""

        def scenario() -> None:
            if isinstance(parent, ScenarioFile):
                parent.hold_surroundings()
            item.perform()

        scenario.__doc__ = story.description or None
        item = cls.from_parent(parent, name=name, callobj=scenario)
        item.story = story
        return item

    def perform(self) -> None:
        """Run the scenario as its options say, tell what came of it, and let hooks watch.

        Raises: ScenarioFailed, NotTried.
        """
        config, nodeid, hooks = self.config, self.nodeid, self.ihook
        options, tell = options_of(self, self.story), teller(self)

        def watch(run: Run, outcome: Outcome) -> None:
            hooks.pytest_coco_after_run(config=config, nodeid=nodeid, run=run, outcome=outcome)

        writing = config.stash.get(WRITING, None)
        story = self.story if writing is None else writing.begin(self, self.story, seed_name(self), options)
        try:
            run_story(
                story,
                seed_name(self),
                options,
                config.stash[FAULTS],
                faults_of_its_own=has_faults_of_its_own(self, self.story),
                watch=watch,
                tell=tell,
            )
        except ScenarioFailed as failure:
            found = failure.found
            tell("oracle", found.oracle or "expectation")
            tell("verdict", found.verdict.partition("\n")[0])
            tell("replay", replay_command(found, nodeid, options))
            raise
        if writing is not None:
            writing.end(self)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the scenario is written; pytest counts lines from 0."""
        return self.path, self.story.place.line - 1, self.name

    def repr_failure(  # type: ignore[override]  # as pytest.Function itself, which leaves `style` out
        self, excinfo: ExceptionInfo[BaseException]
    ) -> str | TerminalRepr:
        """The report of a scenario that failed; anything else, such as a failing fixture, as pytest shows it."""
        if isinstance(excinfo.value, ScenarioFailed):
            failure = excinfo.value
            added = self.ihook.pytest_coco_failure(config=self.config, nodeid=self.nodeid, found=failure.found)
            more = [line for lines in added for line in lines]
            return failure_report(failure, self.nodeid, options_of(self, self.story), more)
        if isinstance(excinfo.value, NotTried):
            return "\n".join(wrapped(str(excinfo.value)))
        return super().repr_failure(excinfo)


class ElsewhereItem(pytest.Function):
    """One scenario on another arm, `name[real]` or `name[cocoindex]`: a test of its own, run once."""

    story: Story
    arm: str

    @classmethod
    def at(cls, parent: pytest.Module, name: str, story: Story, arm: str) -> ElsewhereItem:
        """The item that runs `story` there."""

        def scenario() -> None:
            run_elsewhere(story, arm, item.config)

        scenario.__doc__ = story.description or None
        item = cls.from_parent(parent, name=f"{name}[{arm}]", callobj=scenario)
        item.story, item.arm = story, arm
        return item

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the scenario is written; pytest counts lines from 0."""
        return self.path, self.story.place.line - 1, self.name

    def repr_failure(  # type: ignore[override]  # as pytest.Function itself, which leaves `style` out
        self, excinfo: ExceptionInfo[BaseException]
    ) -> str | TerminalRepr:
        """What is not as the scenario says; anything else as pytest shows it."""
        if isinstance(excinfo.value, ExpectationFailed | ArmError):
            return elsewhere_report(excinfo.value, self.nodeid, self.arm, self.config.stash[OPTIONS])
        return super().repr_failure(excinfo)
