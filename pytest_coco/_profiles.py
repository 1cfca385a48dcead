"""The profiles: how much is tried when nothing says otherwise."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["PROFILE", "PROFILES", "Profile"]


class Profile(NamedTuple):
    """What is tried when nothing says otherwise. `fresh_seed`: the base seed is drawn anew for each session."""

    runs: int
    crashes: str
    faults: frozenset[str] | None
    check_determinism: bool
    fresh_seed: bool = False

    def __str__(self) -> str:
        parts = [f"{self.runs} runs", f"crashes {self.crashes}", f"faults {'all' if self.faults is None else 'none'}"]
        parts += ["each twice"] if self.check_determinism else []
        parts += ["another seed each time"] if self.fresh_seed else []
        return ", ".join(parts)


PROFILE = "dev"
"""The one that is taken when none is named."""

PROFILES = {
    "dev": Profile(runs=3, crashes="one", faults=frozenset(), check_determinism=False),
    "ci": Profile(runs=100, crashes="sweep", faults=None, check_determinism=True),
    "nightly": Profile(runs=2_000, crashes="all", faults=None, check_determinism=True, fresh_seed=True),
}
