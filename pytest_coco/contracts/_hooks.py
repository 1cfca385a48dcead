"""What an author of a view or a feed writes, and says that it can't do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ._contract import Contract
from ._items import Items
from ._stage import Stage
from ._subscriber import ItemSubscriber

__all__ = ["LiveMapHooks"]


class LiveMapHooks(Contract):
    """The hooks and flags that `LiveMapViewContract` and `LiveMapFeedContract` share."""

    deletes: ClassVar[bool] = True
    """Whether keys can be deleted."""
    distinguishes_empty: ClassVar[bool] = True
    """Whether a key can have an empty value, and that is no deletion."""
    refuses_second_watcher: ClassVar[bool] = True
    """Whether a second `watch()` of one object at the same time raises a RuntimeError."""
    survives_trouble: ClassVar[bool] = True
    """Whether `disturb` can make something go wrong, after which the source is followed again."""
    tells_history: ClassVar[bool] = True
    """Whether a watch also tells of what was there, or happened, before it began."""
    tells_values: ClassVar[bool] = True
    """Whether a value is what it was when it was told. Off for one that is read when its item is processed, as files
    are: then nobody can say whether an item has gone back."""

    capabilities: ClassVar[tuple[str, ...]] = (
        "deletes",
        "distinguishes_empty",
        "refuses_second_watcher",
        "survives_trouble",
        "tells_history",
        "tells_values",
    )

    # -- hooks -----------------------------------------------------------------------------------------------------

    def make(self) -> Any:
        """A new object that follows the system which `open` put in place. May be async. Called again for a restart."""
        raise NotImplementedError(f"{type(self).__name__} needs make(): return the source to be tested")

    def put(self, key: Any, value: Any) -> Any:
        """Give a key of the system this value, whether it is there or not. May be async."""
        raise NotImplementedError(f"{type(self).__name__} needs put(key, value): change the system as others do")

    def delete(self, key: Any) -> Any:
        """Remove a key of the system; one that is not there is no error. May be async."""
        raise NotImplementedError(f"{type(self).__name__} needs delete(key), or deletes = False")

    def disturb(self) -> Any:
        """Have what follows the system now lose its connection, once; what is made later works. May be async."""
        raise NotImplementedError(f"{type(self).__name__} needs disturb(), or survives_trouble = False")

    def plain(self, value: Any) -> Any:
        """What `put` was given, from a value that the source told. May be async, and read what the value leads to."""
        return value

    def keys(self) -> Sequence[Any]:
        """At least five keys that the system may have, as the source tells them."""
        return ("alpha", "Beta", "gamma delta", "größe", "9")

    def value(self, number: int) -> Any:
        """A value that `put` takes, another one for each number."""
        return f"value {number}"

    def empty_value(self) -> Any:
        """A value that is easily taken for none."""
        return ""

    def subscriber(self, stage: Stage, items: Items, source: Any, *, is_live: bool) -> ItemSubscriber:
        """What `watch` gets."""
        return ItemSubscriber(stage, items, is_live=is_live)
