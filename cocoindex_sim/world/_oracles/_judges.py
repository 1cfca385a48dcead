"""The judges of one story, and their attendance at one run of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ...values import ROOT_PATH, DivergenceError, LimitError, RunStarted, StablePath
from .._policy import Replay
from .._silence import silent_logs
from .._story import Story
from ._changes import Commit, Witness
from ._convergence import convergence
from ._idempotence import idempotence
from ._offsets import offsets
from ._orphans import orphans, orphans_of_a_drop
from ._ready import ready
from ._reference import STEPS_MAX, TIME_NS_MAX, Reference, References
from ._reports import Reports, keys_of, reports_in
from ._stale import Regression, applied_late, regressions, stale
from ._targets import is_message, topic_of
from ._termination import ended_early, is_endless, left_tasks, never_ready, no_end
from ._violation import ORACLES, OracleViolated, Violation

if TYPE_CHECKING:
    from .._world import World

__all__ = ["Attendance", "Judges"]

_GRACE_S: Final = (3, 5, 15, 40, 60)
"""How long, step by step, a live update may take to bring about what it was told of, and no less than the first."""

_FIRST_TOLD: Final = ("termination", "stale", "offsets", "orphans", "convergence", "idempotence", "ready")
"""Which oracle speaks when a run breaks several rules: the one that says most. What never comes right is not called
late."""


_PREFIXES_MAX: Final = 30
"""How many messages are looked at one by one; of more, all that are done together."""


class Judges:
    """The oracles for all runs of one story; what the runs are compared with is computed once.

    `off`: oracles that don't speak, each with the reason, besides those that the story itself switches off. Raises
    ValueError for a name that is no oracle, or an empty reason.
    """

    def __init__(self, story: Story, *, off: Mapping[str, str] | None = None) -> None:
        self.story = story
        self.off: dict[str, str] = {**dict(story.oracles_off), **(off or {})}
        for name, reason in self.off.items():
            if name not in ORACLES:
                raise ValueError(f"no oracle is called {name!r}; there are {', '.join(ORACLES)}")
            if not reason.strip():
                raise ValueError(f"the oracle {name!r} is off without a reason; say why it can't hold here")
        self.references = References(story)

    def attend(self, world: World) -> Attendance:
        """Watch a world in which nothing has happened yet, to judge it when the story is over."""
        return Attendance(self, world)


class Attendance:
    """Watches one run, and judges it when the story is over."""

    def __init__(self, judges: Judges, world: World) -> None:
        self._judges = judges
        self._world = world
        self._witness = Witness(world)
        self._found: list[Violation] = []
        self.excepted: list[str] = []
        """What was not judged because its failure was reported: component and error, one a line."""

    def source_changed(self) -> None:
        """The sources are in place, or something in them has changed."""
        self._witness.source_changed()

    def ending(self) -> None:
        """The story is over and a live update still runs: leave it alone for a while, then compare the targets.

        Nothing goes wrong any more. It is skipped while watches are held back or silent.
        """
        with silent_logs():
            self._end()

    def _end(self) -> None:
        world = self._world
        troubled = world.is_troubled
        self._lift()
        if not world.live or world.killed or troubled:
            return
        found: list[Violation] = []
        for grace_s in _GRACE_S:
            try:
                world.settle()
                world.advance(grace_s)
            except LimitError as error:
                self._found.append(no_end("the live update", error))
                return
            if not world.live:
                return
            if world.ready:
                found = self._differences("when a live update has been left alone for two minutes")
                if all(violation.oracle in self._judges.off for violation in found):
                    return
        self._found += found if world.ready else [never_ready(world.loop.waiting())]

    def judge(self, *, supervised: bool = False) -> None:
        """Judge the run: end what goes on, update once to catch up and once more, and look at all of it.

        A world that crashed is restarted. Raises OracleViolated.
        """
        with silent_logs():
            self._judge()

    def _judge(self) -> None:
        world = self._world
        world.trace.note("the story is over; the oracles judge it")
        if world.live:
            self.ending()
            self._try("the stopped live update", world.stop)
        self._lift()
        world.loop.policy = Replay(())  # asyncio's own order: what is judged is the story
        if world.down or world.killed:
            world.restart()
        elif world.ended_by_itself:
            self._judge_end()
        # One that the story left running without an end is what it is about, and nothing can come after it.
        if not world.running and not self._has_ended_badly() and self._catch_up():
            self._once_more()
        self._look_back()
        self._speak()

    # -- what is done ----------------------------------------------------------------------------------------------

    def _lift(self) -> None:
        """From now on nothing goes wrong, and what does not end is soon told."""
        loop = self._world.loop
        loop.steps_max = min(loop.steps_max, loop.steps + STEPS_MAX)
        time_ns_max = loop.now_ns + TIME_NS_MAX
        loop.time_ns_max = time_ns_max if loop.time_ns_max is None else min(loop.time_ns_max, time_ns_max)
        self._world.calm()

    def _try(self, what: str, action: Callable[[], object]) -> BaseException | None:
        """The error of an action, if any; noted when it says that something does not end."""
        try:
            action()
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, DivergenceError):
                raise
            if is_endless(error):
                self._found.append(no_end(what, error))
            return error
        return None

    def _has_ended_badly(self) -> bool:
        return any(violation.oracle == "termination" for violation in self._found)

    def _catch_up(self) -> bool:
        """One update to catch up. Whether another one is worth a look."""
        error = None if self._is_caught_up() else self._try("the update to catch up", self._world.update)
        if is_endless(error):
            return False
        reference = self._reference()
        if error is not None or reference.error is not None:
            if error is None or reference.error is None:
                self._found.append(_one_raised(error, reference.error))
            return False
        self._world.settle()
        left = left_tasks([task.get_name() for task in self._world.loop.pending_tasks()])
        if left is not None:
            self._found.append(left)
        self._found += self._differences("after one update to catch up")
        return True

    def _is_caught_up(self) -> bool:
        """Whether the story has ended with an update to catch up, and nothing has been in its way."""
        world, witness = self._world, self._witness
        if witness.caught_up != witness.version or world.hazards.fired or world.faults.injected:
            return False
        return not self._reports().failed

    def _once_more(self) -> None:
        if "idempotence" in self._judges.off:
            return
        world, witness = self._world, self._witness
        before = self._reports()
        entry, change = len(world.trace.entries), len(witness.applied)
        error = self._try("one more update", world.update)
        if error is not None:
            if not is_endless(error):
                self._found.append(_one_raised(error, None))
            return
        after = self._reports()
        done = idempotence(
            [entry.what for entry in world.trace.entries[entry:] if not isinstance(entry.what, str)],
            witness.applied[change:],
            idle=after.idle(),
            declared=after.declared,
            failed=before.failed.keys() | after.failed.keys(),
        )
        self._note(done)

    # -- what is compared ------------------------------------------------------------------------------------------

    def _note(self, violation: Violation | None) -> None:
        if violation is not None:
            self._found.append(violation)

    def _reference(self) -> Reference:
        witness = self._witness
        return self._version(witness.version)

    def _version(self, number: int) -> Reference:
        return self._judges.references.of(self._witness.versions[number])

    def _reports(self, until: int | None = None) -> Reports:
        return reports_in(self._world.trace.entries, until)

    def _differences(self, when: str) -> list[Violation]:
        reference = self._reference()
        if reference.error is not None:
            return []
        actual = self._witness.targets()
        if actual == reference.targets:
            return []
        excepted = self._excepted(self._reports(), [reference], actual) | _left_in_topics(actual, reference.targets)
        found = (
            convergence(reference.targets, actual, excepted, when=when),
            orphans(reference.targets, actual, excepted, when=when),
        )
        return [violation for violation in found if violation is not None]

    def _excepted(self, reports: Reports, references: Iterable[Reference], actual: Mapping[str, object]) -> set[str]:
        """The keys that a reported failure leaves in doubt, here or in a reference run."""
        references = list(references)
        everyone = [reports, *(reference.reports for reference in references)]
        if not any(each.failed for each in everyone):
            return set()
        keys = set(actual).union(*(reference.targets for reference in references))
        found: set[str] = set()
        for each in everyone:
            found |= each.concerned(keys, *(other for other in everyone if other is not each))
            for path, error in each.failed.items():
                line = f"{path}: {error}"
                if line not in self.excepted:
                    self.excepted.append(line)
        return found

    def _judge_end(self) -> None:
        reference = self._reference()
        if reference.error is None:
            actual = self._witness.targets()
            self._note(ended_early(reference.targets, actual, self._excepted(self._reports(), [reference], actual)))

    def _look_back(self) -> None:
        off, witness = self._judges.off, self._witness
        entries = self._world.trace.entries
        if "orphans" not in off:
            for drop in witness.drops:
                reports = self._reports(drop.entry)
                excepted = reports.concerned(drop.targets) | _left_in_topics(drop.targets, {})
                self._note(orphans_of_a_drop(drop.targets, excepted))
        if "ready" not in off:
            for moment in witness.ready:
                self._note(self._judge_ready(moment.path, moment.begun, moment.version, moment.entry, moment.targets))
        if "offsets" not in off:
            for commit in witness.commits:
                self._note(self._judge_commit(commit))
        if "stale" not in off:
            self._note(applied_late(entries, witness.applied))
            times = Counter(change.key for change in witness.applied)
            if not any(count > 1 for count in times.values()):
                return  # nothing can have gone back, and fresh runs of every version are what costs most
            references = [self._version(number) for number in range(len(witness.versions))]
            versions = [None if each.error is not None else each.targets for each in references]
            # What is read by offsets comes at least once: after a restart, from the offset that was committed.
            runs = (at for at, entry in enumerate(entries) if isinstance(entry.what, RunStarted))
            gone_back = regressions(witness.applied, versions, told_again=runs if witness.commits else ())
            found = [each for each in gone_back if not self._is_in_doubt(each, references)]
            self._note(stale(found, versions))

    def _is_in_doubt(self, found: Regression, references: Sequence[Reference]) -> bool:
        key = found.applied.key
        return key in self._excepted(self._reports(found.applied.entry), references, {key: None})

    def _judge_ready(
        self, path: StablePath, begun: int, version: int, entry: int, actual: Mapping[str, object]
    ) -> Violation | None:
        references: list[Reference] = []
        for number in range(version, begun - 1, -1):  # mostly the last one is enough
            reference = self._version(number)
            if reference.error is not None or actual == reference.targets:
                return None
            references.insert(0, reference)
        keys = set().union(*(reference.targets for reference in references))
        who = "the update"
        if path != ROOT_PATH:
            keys = set().union(
                *(keys_of(path, reference.reports.declared, reference.targets) for reference in references)
            )
            who = f"the live component {path}"
        expected = [reference.targets for reference in references]
        if all(actual.get(key) == expected[-1].get(key) for key in keys):
            return None
        excepted = self._excepted(self._reports(entry), references, actual)
        return ready(who, actual, expected, keys, excepted)

    def _judge_commit(self, commit: Commit) -> Violation | None:
        sources = self._witness.versions[commit.version]
        if commit.targets == self._version(commit.version).targets:
            return None
        log = sources.log(commit.log)
        done = sum(offset < commit.offset for offset in log)
        if not done:
            return None
        counts: Sequence[int] = range(len(log) + 1)
        if len(log) > _PREFIXES_MAX:
            counts, done = sorted({0, done, len(log)}), 1
        references = [self._judges.references.of(sources.until(commit.log, count)) for count in counts]
        prefixes = [None if each.error is not None else each.targets for each in references]
        excepted = self._excepted(self._reports(commit.entry), references, commit.targets)
        who = f"the group {commit.group!r} of {commit.log!r}"
        return offsets(who, done, commit.targets, prefixes, excepted)

    def _speak(self) -> None:
        found = [violation for violation in self._found if violation.oracle not in self._judges.off]
        if not found:
            return
        found.sort(key=lambda violation: _FIRST_TOLD.index(violation.oracle))
        also = {violation.oracle: violation for violation in found}
        del also[found[0].oracle]
        raise OracleViolated(found[0], place=self._judges.story.place, also=list(also.values()), excepted=self.excepted)


def _left_in_topics(actual: Mapping[str, object], expected: Mapping[str, object]) -> set[str]:
    """The messages of topics that nothing is declared in any more: they are left there (KFK-23)."""
    declared = {topic_of(key) for key in expected if is_message(key)}
    return {key for key in actual if is_message(key) and topic_of(key) not in declared}


def _one_raised(actual: BaseException | None, reference: BaseException | None) -> Violation:
    error = actual or reference
    which = "the update to catch up raised" if reference is None else "a fresh run on the same sources raises"
    other = "a fresh run on the same sources does not" if reference is None else "the update to catch up did not"
    first, *lines = str(error).splitlines() or [""]
    return Violation("convergence", f"{which} {type(error).__name__}: {first}; {other}", lines)
