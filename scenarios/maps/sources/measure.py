"""Two connectors to an external map that do what is asked of them."""

from cocoindex_sim.fakes.maps import MapClient
from cocoindex_sim.world import MapFeed, MapView


def view(client: MapClient) -> MapView:
    return MapView(client)


def feed(client: MapClient) -> MapFeed:
    return MapFeed(client)
