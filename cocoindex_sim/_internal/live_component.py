"""Live components and the protocols of what they follow; those of streams have no other public place."""

from ..engine import (
    LiveComponent,
    LiveComponentOperator,
    LiveMapFeed,
    LiveMapSubscriber,
    LiveMapView,
    LiveStream,
    LiveStreamSubscriber,
    ReadyAwaitable,
    auto_refresh,
)

__all__ = [
    "LiveComponent",
    "LiveComponentOperator",
    "LiveMapFeed",
    "LiveMapSubscriber",
    "LiveMapView",
    "LiveStream",
    "LiveStreamSubscriber",
    "ReadyAwaitable",
    "auto_refresh",
]
