"""What goes wrong by itself in a run: drawn from a seed, or repeated from a recording."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, NamedTuple

from ._cut import ProcessCut

__all__ = ["CRASH_SITE", "DrawnHazards", "Hazard", "Hazards", "RecordedHazards"]

CRASH_SITE: Final = "crash"
"""The site of crashes: its calls are the durable steps of the run."""


class Hazard(NamedTuple):
    """One thing that went wrong, or is to: `kind`, at the `nth` call (from 1) that the run makes at a site.

    A site is named by what is called, such as `fs.read` or `target.rows`. At the site `crash` the calls are the durable
    steps, and the kind says what was durable.
    """

    site: str
    nth: int
    kind: str

    def __str__(self) -> str:
        return f"{self.site}:{self.nth}:{self.kind}"


class Hazards:
    """What goes wrong in one run. This one lets nothing go wrong, and counts only durable steps.

    The fakes ask at each call (`meet`) and tell of each effect that outlives the process (`durable`). What they are
    asked is counted over the whole run, through crashes.
    """

    def __init__(self) -> None:
        self.fired: list[Hazard] = []
        """What went wrong, in order."""
        self.met: Counter[tuple[str, str]] = Counter()
        """How often each (site, kind) could have struck."""
        self.durable_steps = 0
        """How many effects outlived the process, whichever process it was."""
        self.on_crash: Callable[[Hazard], object] = lambda _: None
        """Called when the process is to die: it must end it before it returns."""
        self.on_fault: Callable[[Hazard], object] = lambda _: None
        """Called when a fault strikes, before the fake acts on it."""
        self.on_call: Callable[[str], object] | None = None
        """Called with the site of each call, before anything strikes it."""
        self._lifted = False

    def meet(self, site: str, kinds: Sequence[str]) -> str | None:
        """Which of these kinds, if any, strikes this call of a site."""
        if self.on_call is not None:
            self.on_call(site)
        return None

    def durable(self, what: str) -> None:
        """Take note of an effect that outlives the process. Raises ProcessCut when the process dies of it."""
        self.durable_steps += 1
        if not self._lifted and self._crashes(self.durable_steps, what):
            crash = Hazard(CRASH_SITE, self.durable_steps, what)
            self.fired.append(crash)
            self.on_crash(crash)
            raise ProcessCut(f"the process was killed right after {what}, durable step {self.durable_steps} of the run")

    def lift(self) -> None:
        """Let nothing go wrong any more; what did stays known."""
        self._lifted = True

    def _crashes(self, nth: int, what: str) -> bool:
        return False


class _CountingHazards(Hazards):
    """Hazards with something to tell: they count the calls of each site."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: Counter[str] = Counter()

    def meet(self, site: str, kinds: Sequence[str]) -> str | None:
        """Which of these kinds, if any, strikes this call of a site."""
        if self.on_call is not None:
            self.on_call(site)
        if self._lifted:
            return None
        self._calls[site] += 1
        for kind in kinds:
            self.met[site, kind] += 1
        struck_by = self._choose(site, self._calls[site], kinds)
        if struck_by is not None:
            hazard = Hazard(site, self._calls[site], struck_by)
            self.fired.append(hazard)
            self.on_fault(hazard)
        return struck_by

    def _choose(self, site: str, nth: int, kinds: Sequence[str]) -> str | None:
        raise NotImplementedError


class DrawnHazards(_CountingHazards):
    """Hazards drawn from a random stream: at each call with probability `rate`, at most `faults_max` in the run.

    `kinds`: only these (None: all that a fake offers). `crash_at`: the durable step after which the process dies; 0 for
    none.
    """

    def __init__(
        self,
        rng: random.Random,
        *,
        rate: float = 0.02,
        faults_max: int = 2,
        kinds: Collection[str] | None = None,
        crash_at: int = 0,
    ) -> None:
        super().__init__()
        self._rng = rng
        self._rate = rate
        self._left = faults_max
        self._kinds = kinds
        self._crash_at = crash_at

    def _choose(self, site: str, nth: int, kinds: Sequence[str]) -> str | None:
        if not self._left or self._rng.random() >= self._rate:
            return None
        wanted = kinds if self._kinds is None else [kind for kind in kinds if kind in self._kinds]
        if not wanted:
            return None
        self._left -= 1
        return self._rng.choice(wanted)

    def _crashes(self, nth: int, what: str) -> bool:
        return nth == self._crash_at


class RecordedHazards(_CountingHazards):
    """The hazards of an earlier run, or some of them: each where and when it was.

    One whose call does not come, or no longer offers its kind, does not fire.
    """

    def __init__(self, hazards: Iterable[Hazard]) -> None:
        super().__init__()
        self._recorded = {(hazard.site, hazard.nth): hazard.kind for hazard in hazards}

    def _choose(self, site: str, nth: int, kinds: Sequence[str]) -> str | None:
        kind = self._recorded.get((site, nth))
        return kind if kind in kinds else None

    def _crashes(self, nth: int, what: str) -> bool:
        return (CRASH_SITE, nth) in self._recorded
