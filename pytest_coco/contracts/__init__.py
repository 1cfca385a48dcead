"""Classes to inherit: write a few hooks, and have the whole protocol of a connector checked."""

from ._broken import ContractBroken as ContractBroken
from ._broken import HookFailed as HookFailed
from ._contract import Contract as Contract
from ._contract import claim as claim
from ._contract import claims as claims
from ._contract import rejections as rejections
from ._feed import LiveMapFeedContract as LiveMapFeedContract
from ._source import Source as Source
from ._stage import Stage as Stage
from ._store import StateStoreContract as StateStoreContract
from ._stream import LiveStreamContract as LiveStreamContract
from ._target import TargetContract as TargetContract
from ._view import LiveMapViewContract as LiveMapViewContract
