"""Seeds: one base for the session, and from it one for each test and run."""

from __future__ import annotations

from hashlib import blake2b

__all__ = ["derived_seed"]


def derived_seed(base: int, nodeid: str, run: int) -> int:
    """The seed of one run of a test: the same in every process, below 2**32, and far from that of any other run."""
    return int.from_bytes(blake2b(f"{base}:{nodeid}:{run}".encode(), digest_size=4).digest(), "big")
