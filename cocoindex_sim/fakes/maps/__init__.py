"""An external system of keys and values that can be listed and followed: its state, and the client a connector uses."""

from ._change import MapChange as MapChange
from ._change import MapSnapshot as MapSnapshot
from ._client import MapClient as MapClient
from ._error import MapError as MapError
from ._kernel import BARRIERS as BARRIERS
from ._kernel import MapCommit as MapCommit
from ._kernel import RemoteMap as RemoteMap
from ._subscription import Subscription as Subscription
from ._troubles import TROUBLES as TROUBLES
