"""Stand-ins for what is outside: state machines without an event loop, and thin shims that speak the real API."""

from ._clock import EPOCH_NS as EPOCH_NS
from ._clock import VirtualClock as VirtualClock
from ._cut import ProcessCut as ProcessCut
