"""Independent random streams of one seed: a draw from one never moves another."""

from __future__ import annotations

import random

__all__ = ["Streams"]


class Streams:
    """The random streams of a run, made when first asked for.

    The stream `name` is `random.Random(f"{seed}:{name}")`: the same in every process, under any `PYTHONHASHSEED`.
    """

    def __init__(self, seed: int | str) -> None:
        self.seed = seed
        self._streams: dict[str, random.Random] = {}

    def stream(self, name: str) -> random.Random:
        """The one stream of this name; asking again gives the same object, wherever it has got to."""
        found = self._streams.get(name)
        if found is None:
            # Not for secrets. A string seed is hashed with SHA-512, so neighbouring seeds share nothing.
            found = self._streams[name] = random.Random(f"{self.seed}:{name}")
        return found

    @property
    def schedule(self) -> random.Random:
        """What the schedule draws from."""
        return self.stream("schedule")

    @property
    def faults(self) -> random.Random:
        """What fault plans draw from."""
        return self.stream("faults")

    @property
    def fs(self) -> random.Random:
        """What the file system draws from."""
        return self.stream("fs")

    @property
    def user(self) -> random.Random:
        """What `random` and `uuid4` of user code draw from."""
        return self.stream("user")
