"""Goal: the connectors of the zoo that are right keep their contracts."""

from __future__ import annotations

from .zoo import FeedOfATable, RowsOfATarget, ViewOfATable


class TestZooView(ViewOfATable):
    pass


class TestZooFeed(FeedOfATable):
    pass


class TestZooRows(RowsOfATarget):
    pass
