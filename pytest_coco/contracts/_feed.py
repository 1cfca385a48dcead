"""Sources that only tell of changes: `LiveMapFeed`."""

from __future__ import annotations

from typing import ClassVar, Final

from cocoindex_sim.values import encode_key

from ._contract import claim
from ._live_map import LiveMapContract
from ._source import Source
from ._stage import Stage

__all__ = ["LiveMapFeedContract"]

_ACKNOWLEDGE_LAST: Final = (
    "acknowledge a change, or note that you are past it, only when ready() of its handle has returned, and that of"
    " every change before it; who dies before tells of it again"
)


class LiveMapFeedContract(LiveMapContract):
    """Inherit this to have a `LiveMapFeed` tested: `make`, `put`, `delete` and `disturb` are yours to write.

    The hooks act on the system that the feed follows, as others do who use it. See `Contract` for what is around them.
    """

    redelivers: ClassVar[bool] = True
    """Whether what was told and not finished when the process died is told again."""

    capabilities: ClassVar[tuple[str, ...]] = (*LiveMapContract.capabilities, "redelivers")
    _made_has: ClassVar[tuple[str, ...]] = ("watch",)

    @claim("FEED-15", "KFK-07", needs="redelivers")
    def test_what_was_not_finished_comes_again(self, stage: Stage) -> None:
        """A change whose item was not processed when the process died is told by the next one."""
        source = Source(stage, self)
        source.fill(2)
        source.follow()
        held = self.keys()[0]
        source.items.held.add(encode_key(held))
        source.put(held)
        source.put(self.keys()[1])
        stage.let_quiet()
        stage.crash()
        source.items.held.clear()
        watch = source.watch()
        source.check_converges(watch, _ACKNOWLEDGE_LAST)
        watch.cancel()

    @claim("FEED-15", "KFK-08", needs="redelivers")
    def test_what_finished_out_of_order_skips_nothing(self, stage: Stage) -> None:
        """Later changes that are finished do not acknowledge an earlier one that is not."""
        source = Source(stage, self)
        keys = self.keys()
        source.items.held.add(encode_key(keys[0]))
        for key in keys:
            source.put(key)
        source.watch()
        stage.let_quiet()
        source.put(keys[1])
        source.delete(keys[2])
        stage.let_quiet()
        stage.crash()
        source.items.held.clear()
        watch = source.follow()
        source.check_converges(watch, _ACKNOWLEDGE_LAST)
        stage.check("ready")
        watch.cancel()

    @claim("FEED-15", "KFK-09", needs="redelivers")
    def test_what_a_handler_raised_is_not_acknowledged(self, stage: Stage) -> None:
        """A change whose `ready()` raised is not finished: when the process is started again, it comes again."""
        source = Source(stage, self)
        source.fill(2)
        source.follow()
        raising = self.keys()[0]
        source.items.raising.add(encode_key(raising))
        source.put(raising)
        for key in self.keys()[1:4]:
            source.put(key)
        stage.let_quiet()
        stage.crash()
        source.items.raising.clear()
        watch = source.watch()
        source.check_converges(watch, _ACKNOWLEDGE_LAST)
        watch.cancel()

    @claim("FEED-07")
    def test_it_tells_of_every_item_by_itself(self, stage: Stage) -> None:
        """A feed can't be read as a whole, so it does not ask for that, in no kind of update."""
        source = Source(stage, self)
        source.fill()
        source.follow(is_live=False).check_ended()
        watch = source.follow()
        source.put(self.keys()[0])
        stage.let_quiet()
        stage.check("protocol")
        watch.cancel()
