"""What views and feeds have in common: a source of keys and values that is followed."""

from __future__ import annotations

from ._arrivals import ArrivalChecks
from ._endings import EndingChecks
from ._readiness import ReadinessChecks
from ._recoveries import RecoveryChecks

__all__ = ["LiveMapContract"]


class LiveMapContract(RecoveryChecks, EndingChecks, ArrivalChecks, ReadinessChecks):
    """The checks that `LiveMapViewContract` and `LiveMapFeedContract` share. Inherit one of these."""
