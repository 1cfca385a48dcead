"""Stand-ins for what is outside: state machines without an event loop, and thin shims that speak the real API."""

from ._clock import EPOCH_NS as EPOCH_NS
from ._clock import VirtualClock as VirtualClock
from ._cut import ProcessCut as ProcessCut
from ._hazards import CRASH_SITE as CRASH_SITE
from ._hazards import DrawnHazards as DrawnHazards
from ._hazards import Hazard as Hazard
from ._hazards import Hazards as Hazards
from ._hazards import RecordedHazards as RecordedHazards
from ._kafka_calls import KAFKA_TROUBLES as KAFKA_TROUBLES
from ._troubles import InjectedTrouble as InjectedTrouble
