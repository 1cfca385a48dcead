"""Fingerprints for tracking records: 16 bytes, the same in every process and on every platform."""

import uuid
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from ..engine import Fingerprint, fingerprint_bytes, fingerprint_object, fingerprint_str

Fingerprintable: TypeAlias = (
    bool
    | int
    | float
    | str
    | bytes
    | uuid.UUID
    | Fingerprint
    | Sequence["Fingerprintable"]
    | Mapping["Fingerprintable", "Fingerprintable"]
    | set["Fingerprintable"]
    | None
)
"""What fingerprints without further ado."""

__all__ = ["Fingerprint", "Fingerprintable", "fingerprint_bytes", "fingerprint_object", "fingerprint_str"]
