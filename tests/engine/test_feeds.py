"""Goal: mount_each follows feeds and views as the contract says, in live and catch-up mode (FEED)."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import pytest

import cocoindex_sim as coco
from cocoindex_sim._internal.live_component import LiveStream, LiveStreamSubscriber, ReadyAwaitable
from cocoindex_sim.connectorkits import SingleWatcherGuard, default_subpath_name
from cocoindex_sim.inspect import list_stable_paths

from .field import Field, until_told

sub = coco.component_subpath
Watch = Callable[[Any], Awaitable[None]]


class Feed:
    """A source that only tells of changes."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    async def watch(self, subscriber: coco.LiveMapSubscriber[Any, Any]) -> None:
        await self._watch(subscriber)


class View(Feed):
    """A source that can be read as a whole, too: `items` is what it holds."""

    def __init__(self, items: dict[Any, Any], watch: Watch | None = None) -> None:
        super().__init__(watch or scan_and_stay)
        self.items = items

    async def __aiter__(self) -> AsyncIterator[tuple[Any, Any]]:
        for pair in list(self.items.items()):
            yield pair


async def scan_and_stay(subscriber: Any) -> None:
    await subscriber.update_all()
    await subscriber.mark_ready()
    await until_told()


def delivering(**items: Any) -> Feed:
    """A feed that delivers these, waits for them, and stays."""

    async def watch(subscriber: Any) -> None:
        for key, value in items.items():
            await (await subscriber.update(key, value)).ready()
        await subscriber.mark_ready()
        await until_told()

    return Feed(watch)


def following(field: Field, items: Any, handler: coco.ExceptionHandler | None = None) -> Callable[[], Any]:
    """A root function with one `mount_each` at `items`, whose function declares key and value of each item."""

    async def item(value: tuple[Any, Any]) -> None:
        field.say(value)
        coco.declare_target_state(field.provider.target_state(*value))

    return each(item, items, handler)


def each(fn: Any, items: Any, handler: coco.ExceptionHandler | None = None) -> Callable[[], Any]:
    async def main() -> None:
        if handler is None:
            await (await coco.mount_each(sub("items"), fn, items)).ready()
        else:
            async with coco.exception_handler(handler):
                await (await coco.mount_each(sub("items"), fn, items)).ready()

    return main


def paths(field: Field, app: coco.App[..., Any]) -> list[str]:
    return sorted(map(str, field.bench.run(list_stable_paths(app))))


# -- kinds of items -------------------------------------------------------------------------------------------------------


def test_feeds_and_views_are_told_by_their_methods() -> None:  # FEED-01
    feed, view = delivering(), View({})
    assert isinstance(feed, coco.LiveMapFeed)
    assert not isinstance(feed, coco.LiveMapView)
    assert isinstance(view, coco.LiveMapFeed)
    assert isinstance(view, coco.LiveMapView)
    assert not isinstance({}, coco.LiveMapFeed)


def test_what_has_both_methods_is_followed_and_what_only_iterates_is_read_once(field: Field) -> None:  # FEED-01
    class Plain:
        async def __aiter__(self) -> AsyncIterator[tuple[Any, Any]]:
            yield "a", ("a", 1)

    field.update(following(field, Plain()), live=True)  # it ends
    assert field.content == {"a": 1}
    field.begin(field.app(following(field, View({"b": ("b", 1)})), "other"))
    field.let()
    assert field.content == {"a": 1, "b": 1}


@pytest.mark.parametrize("live", [False, True])
def test_an_item_keeps_its_history_when_the_kind_of_items_changes(field: Field, live: bool) -> None:  # FEED-02
    @coco.fn(memo=True)
    async def item(value: int) -> None:
        field.say(value)

    async def returning(subscriber: Any) -> None:
        await subscriber.update_all()

    kinds: list[Any] = [
        [("a", 1)],
        View({"a": 1}, returning),
        Feed(lambda subscriber: ready_after(subscriber.update("a", 1))),
    ]

    async def ready_after(scheduled: Any) -> None:
        await (await scheduled).ready()

    for items in (*kinds, *kinds):
        field.update(each(item, items), live=live)
    assert field.log == [1]  # its memo stood five times


def test_items_live_below_the_name_of_the_function_or_below_the_subpath(field: Field) -> None:  # FEED-02
    async def item(value: int) -> None:
        pass

    async def main() -> None:
        await coco.mount_each(item, View({"a": 1}))
        await coco.mount_each(sub("x"), item, View({"b": 1}))

    app = field.app(main)
    field.bench.update(app)
    assert paths(field, app) == ["/", '/"x"', '/"x"/"b"', "/@item", '/@item/"a"']


def test_a_function_without_a_name_needs_a_subpath(field: Field) -> None:  # FEED-02
    async def item(value: int) -> None:
        field.say(value)

    nameless = functools.partial(item)

    async def main() -> None:
        with pytest.raises(TypeError, match="requires a ComponentSubpath"):
            await coco.mount_each(nameless, View({"a": 1}))

    field.update(main)


def test_the_default_name_is_the_one_that_was_set_or_the_functions() -> None:  # FEED-02
    def plain() -> None: ...

    class Named:
        __coco_subpath_name__ = "shown"

    assert default_subpath_name(plain) == "plain"
    assert default_subpath_name(coco.fn(plain)) == "plain"
    assert default_subpath_name(Named) == default_subpath_name(Named()) == "shown"
    assert default_subpath_name(functools.partial(plain)) is None
    plain.__coco_subpath_name__ = 7  # type: ignore[attr-defined]  # no name
    assert default_subpath_name(plain) == "plain"


@pytest.mark.parametrize("kind", ["static", "view", "feed"])
def test_the_function_gets_the_value_then_the_other_arguments(field: Field, kind: str) -> None:  # FEED-03
    async def item(value: int, factor: int, *, unit: str) -> None:
        field.say((value, factor, unit))

    items: Any = {"static": [("a", 1)], "view": View({"a": 1}), "feed": delivering(a=1)}[kind]

    async def main() -> None:
        await (await coco.mount_each(item, items, 10, unit="m")).ready()

    field.update(main)
    assert field.log == [(1, 10, "m")]


@pytest.mark.parametrize("kind", ["static", "view", "feed"])
def test_a_live_class_has_one_instance_for_each_item(field: Field, kind: str) -> None:  # FEED-03
    class Item:
        def __init__(self, value: int, extra: str) -> None:
            field.say((value, extra))
            self.value = value

        def process(self) -> None:
            coco.declare_target_state(field.provider.target_state("k", self.value))

        async def process_live(self, operator: coco.LiveComponentOperator) -> None:
            await operator.update_full()

    items: Any = {"static": [("a", 1)], "view": View({"a": 1}), "feed": delivering(a=1)}[kind]

    async def main() -> None:
        await (await coco.mount_each(Item, items, "x")).ready()

    field.update(main)
    assert field.log == [(1, "x")]
    assert field.content == {"k": 1}


# -- reading a view, watching ---------------------------------------------------------------------------------------------


def test_update_all_removes_what_the_view_has_no_more(field: Field) -> None:  # FEED-04
    items = {"a": ("a", 1), "b": ("b", 1)}

    async def watch(subscriber: Any) -> None:
        await subscriber.update_all()
        assert field.content == {"a": 1, "b": 1}  # it waited
        await (await subscriber.update("c", ("c", 1))).ready()
        assert field.content == {"a": 1, "b": 1, "c": 1}
        del items["a"]
        items["b"] = ("b", 2)
        await subscriber.update_all()
        field.say("read twice")

    field.update(following(field, View(items, watch)), live=True)
    assert field.content == {"b": 2}
    assert field.log[-1] == "read twice"


@pytest.mark.parametrize("kind", [Feed, functools.partial(View, {})])
def test_a_catch_up_watches_until_ready(field: Field, kind: Any) -> None:  # FEED-05
    async def watch(subscriber: Any) -> None:
        try:
            await (await subscriber.update("a", ("a", 1))).ready()
            await subscriber.mark_ready()
            field.say("went on")
        finally:
            field.say("ended")

    field.update(following(field, kind(watch) if kind is Feed else View({}, watch)))
    assert field.log == [("a", 1), "ended"]
    assert field.content == {"a": 1}


@pytest.mark.parametrize("options", [{}, {"live": True}, {"full_reprocess": True}])
def test_a_feed_keeps_items_of_earlier_runs_until_it_deletes_them(
    field: Field, options: dict[str, bool]
) -> None:  # FEED-06
    field.update(following(field, delivering(a=("a", 1), b=("b", 1))))

    async def nothing(subscriber: Any) -> None:
        pass

    async def delete(subscriber: Any) -> None:
        await (await subscriber.delete("a")).ready()

    field.update(following(field, Feed(nothing)), **options)
    assert field.content == {"a": 1, "b": 1}
    field.update(following(field, Feed(delete)), **options)
    assert field.content == {"b": 1}


@pytest.mark.parametrize("live", [False, True])
def test_a_mere_feed_cannot_be_read_as_a_whole(field: Field, live: bool) -> None:  # FEED-07
    async def watch(subscriber: Any) -> None:
        await subscriber.update_all()
        await (await subscriber.update("a", ("a", 1))).ready()

    field.update(following(field, Feed(watch), field.hear), live=live)
    [(path, error, context)] = field.heard
    assert isinstance(error, TypeError)
    assert "LiveMapFeed sources require live mode" in str(error)
    assert (path, context.mount_kind) == ('/"items"', "process_live")
    assert field.content == {"a": 1}


def test_a_failing_scan_removes_nothing_and_watching_goes_on(field: Field) -> None:  # FEED-08
    class Breaking(View):
        async def __aiter__(self) -> AsyncIterator[tuple[Any, Any]]:
            yield "new", ("new", 1)
            raise OSError("unreadable")

    async def watch(subscriber: Any) -> None:
        await subscriber.update_all()
        await (await subscriber.update("late", ("late", 1))).ready()
        field.say("went on")

    field.update(following(field, View({"old": ("old", 1)})))
    field.update(following(field, Breaking({}, watch), field.hear))
    [(path, error, context)] = field.heard
    assert (path, repr(error), context.mount_kind) == ('/"items"', "OSError('unreadable')", "process_live")
    assert field.content == {"old": 1, "new": 1, "late": 1}
    assert field.log[-1] == "went on"


def test_a_watch_that_raises_before_it_is_ready_breaks_the_mounting_component(field: Field) -> None:  # FEED-09
    async def watch(subscriber: Any) -> None:
        raise OSError("no connection")

    with pytest.raises(RuntimeError, match="Child component build cancelled") as failed:
        field.update(following(field, Feed(watch)))
    assert repr(failed.value.__cause__) == "OSError('no connection')"


def test_a_watch_that_raises_later_is_logged_and_returning_is_ready(
    field: Field, caplog: pytest.LogCaptureFixture
) -> None:  # FEED-09
    async def watch(subscriber: Any) -> None:
        await subscriber.mark_ready()
        raise OSError("connection lost")

    async def done(subscriber: Any) -> None:
        pass

    field.update(following(field, Feed(watch), field.hear), live=True)
    assert [(one.levelno, "after mark_ready" in one.getMessage()) for one in caplog.records] == [(logging.ERROR, True)]
    assert field.heard == []
    field.update(following(field, Feed(done)), live=True)  # it ends


# -- order, failures ------------------------------------------------------------------------------------------------------


def test_a_key_burst_ends_at_the_last_value_with_bounded_work(field: Field) -> None:  # FEED-10 EDGE-22
    async def item(value: int) -> None:
        await asyncio.sleep(1)
        field.say(value)
        coco.declare_target_state(field.provider.target_state("k", value))

    async def watch(subscriber: Any) -> None:
        first = await subscriber.update("k", 0)
        await asyncio.sleep(0.5)
        handles = [await subscriber.update("k", value) for value in range(1, 1001)]
        await first.ready()
        for handle in handles:
            await handle.ready()

    field.update(each(item, Feed(watch)), live=True)
    assert field.log == [0, 1000]
    assert field.content == {"k": 1000}


def test_different_keys_run_side_by_side(field: Field) -> None:  # FEED-10
    async def item(value: int) -> None:
        await asyncio.sleep(value)
        field.say(value)

    async def watch(subscriber: Any) -> None:
        handles = [await subscriber.update(key, key) for key in (3, 1, 2)]
        for handle in handles:
            await handle.ready()
        field.say(asyncio.get_running_loop().time() - began)

    began = field.bench.loop.time()
    field.update(each(item, Feed(watch)), live=True)
    assert field.log == [1, 2, 3, 3.0]


def test_an_update_then_a_delete_leaves_nothing_and_the_other_way_round_the_item(field: Field) -> None:  # FEED-10
    async def watch(subscriber: Any) -> None:
        await subscriber.update("a", ("a", 1))
        await subscriber.delete("a")
        await subscriber.delete("b")
        await subscriber.update("b", ("b", 1))

    field.update(following(field, Feed(watch)), live=True)
    assert field.content == {"b": 1}


@pytest.mark.parametrize(
    ("items", "kind"),
    [([("k", 1)], "mount_each"), (View({"k": 1}), "mount"), (delivering(k=1), "process_live")],
    ids=["static", "scanned", "incremental"],
)
def test_a_failing_item_is_reported_by_how_it_came(field: Field, items: Any, kind: str) -> None:  # FEED-11
    async def item(value: int) -> None:
        raise OSError("bad item")

    field.update(each(item, items, field.hear))
    [(path, error, context)] = field.heard
    assert (path, repr(error), context.mount_kind) == ('/"items"/"k"', "OSError('bad item')", kind)
    if kind != "mount_each":
        assert context.parent_stable_path == '/"items"'


# -- before the first commit ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("live", [False, True])
def test_what_a_feed_delivered_before_readiness_stays(field: Field, live: bool) -> None:  # FEED-12 EDGE-01
    # On a fresh database, through readiness, a restart, and a later catch-up without news.
    async def backlog(subscriber: Any) -> None:
        for number in range(3):
            await (await subscriber.update(number, (number, "data"))).ready()
        await subscriber.write_committed_state("offset", 3)

    async def nothing(subscriber: Any) -> None:
        field.say(await subscriber.read_committed_state("offset"))

    field.update(following(field, Feed(backlog)), live=live)
    assert field.content == {0: "data", 1: "data", 2: "data"}
    field.bench.crash()
    field.provider = field.journal.provider()
    field.log.clear()
    field.update(following(field, Feed(nothing)), live=not live)
    assert field.log == [3]
    assert field.content == {0: "data", 1: "data", 2: "data"}


def test_it_stays_when_the_parent_is_memoized_and_deep(field: Field) -> None:  # FEED-12
    feed = delivering(a=("a", 1))

    @coco.fn(memo=True)
    async def inner() -> None:
        await following(field, feed)()

    async def outer() -> None:
        await (await coco.mount(inner)).ready()

    async def main() -> None:
        await (await coco.mount(outer)).ready()

    for options in ({}, {}, {"full_reprocess": True}):
        field.update(main, **options)
        assert field.content == {"a": 1}


def test_what_is_killed_before_readiness_is_there_after_the_next_run(field: Field) -> None:  # FEED-12
    field.bench.update_until(field.app(following(field, delivering(a=("a", 1), b=("b", 1)))), "committed", 1)
    field.bench.crash()
    field.provider = field.journal.provider()
    assert field.content == {"a": 1}

    async def rest(subscriber: Any) -> None:
        await (await subscriber.update("b", ("b", 1))).ready()

    field.update(following(field, Feed(rest)))
    assert field.content == {"a": 1, "b": 1}


def test_a_change_during_the_scan_of_a_watching_view_is_not_lost(field: Field) -> None:  # FEED-13
    items = {key: (key, 1) for key in "abc"}
    news: asyncio.Queue[str] = asyncio.Queue()

    class Slow(View):
        async def __aiter__(self) -> AsyncIterator[tuple[Any, Any]]:
            for pair in list(self.items.items()):
                await asyncio.sleep(1)
                yield pair

    async def watch(subscriber: Any) -> None:
        await subscriber.update_all()  # `news` is there already
        await subscriber.mark_ready()
        while True:
            key = await news.get()
            await subscriber.update(key, items[key])

    field.begin(field.app(following(field, Slow(items, watch))))
    field.let(1.5)
    items["a"] = ("a", 2)
    news.put_nowait("a")
    field.let(10)
    assert field.content == {"a": 2, "b": 1, "c": 1}


# -- one watcher ----------------------------------------------------------------------------------------------------------


def test_a_second_watch_at_the_same_time_is_refused() -> None:  # FEED-14
    guard = SingleWatcherGuard("Topic 'orders'")
    with guard:
        for _ in range(2):  # the refusal does not open it
            with pytest.raises(RuntimeError) as refused, guard:
                pass
            assert str(refused.value) == "Topic 'orders' supports a single active watch() at a time."


def test_the_next_watch_may_follow_a_return_an_exception_and_a_cancellation() -> None:  # FEED-14
    guard = SingleWatcherGuard("feed")
    with guard:
        pass
    with pytest.raises(OSError, match="lost"), guard:
        raise OSError("lost")

    async def watch() -> None:
        with guard:
            await asyncio.sleep(60)

    async def cancelled() -> None:
        task = asyncio.create_task(watch())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError), guard:
            pass
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    with guard:
        pass


def test_a_second_follower_of_one_feed_breaks_what_mounts_it(field: Field) -> None:  # FEED-14 EDGE-03
    guard = SingleWatcherGuard("MyFeed")

    async def watch(subscriber: Any) -> None:
        with guard:
            await subscriber.mark_ready()
            await until_told()

    async def item(value: Any) -> None: ...

    feed = Feed(watch)

    async def main() -> None:
        await (await coco.mount_each(sub("one"), item, feed)).ready()
        await coco.mount_each(sub("two"), item, feed)

    with pytest.raises(RuntimeError, match="Child component build cancelled") as failed:
        field.update(main, live=True)
    assert str(failed.value.__cause__) == "MyFeed supports a single active watch() at a time."


def test_a_feed_may_be_followed_again_in_the_next_update(field: Field) -> None:  # FEED-14
    guard = SingleWatcherGuard("MyFeed")

    async def watch(subscriber: Any) -> None:
        with guard:
            await (await subscriber.update("a", ("a", 1))).ready()
            await subscriber.mark_ready()

    feed = Feed(watch)
    for _ in range(2):
        field.update(following(field, feed))
    field.begin(field.app(following(field, feed)))
    field.let()
    assert field.content == {"a": 1}


# -- streams --------------------------------------------------------------------------------------------------------------


class Message:
    """A message at work."""

    def __init__(self, done: asyncio.Event) -> None:
        self._done = done

    async def ready(self) -> None:
        await self._done.wait()


class Reader:
    """A subscriber of a stream that takes a second for each message, and another one to be done with it."""

    def __init__(self, say: Callable[[Any], None]) -> None:
        self._say = say

    async def send(self, message: int) -> Message:
        await asyncio.sleep(1)
        done = asyncio.Event()
        asyncio.get_running_loop().call_later(1, done.set)
        self._say(f"took {message}")
        return Message(done)

    async def mark_ready(self) -> None:
        self._say("ready")


class Stream:
    """A stream of numbers that acknowledges each once it is ready."""

    def __init__(self, say: Callable[[Any], None]) -> None:
        self._say = say

    async def watch(self, subscriber: LiveStreamSubscriber[int]) -> None:
        sent = []
        for number in range(2):
            sent.append(await subscriber.send(number))
        await subscriber.mark_ready()
        for number, message in enumerate(sent):
            await message.ready()
            await message.ready()  # as often as one likes
            self._say(f"acknowledged {number}")


def test_a_stream_waits_for_each_message_to_be_taken_and_acknowledges_what_is_ready(field: Field) -> None:  # FEED-15
    stream: LiveStream[int] = Stream(field.say)
    field.bench.run(stream.watch(Reader(field.say)))
    assert field.log == ["took 0", "took 1", "ready", "acknowledged 0", "acknowledged 1"]
    assert field.bench.loop.time() == 3.0


def test_subscribers_of_streams_and_what_they_give_are_told_by_their_methods() -> None:  # FEED-16
    class OnlySend:
        async def send(self, message: int) -> None: ...

    reader = Reader(print)
    assert isinstance(reader, LiveStreamSubscriber)
    assert not isinstance(OnlySend(), LiveStreamSubscriber)
    assert isinstance(Message(asyncio.Event()), ReadyAwaitable)
    assert not isinstance(reader, ReadyAwaitable)
    assert isinstance(Stream(print), LiveStream)


def test_a_durable_feed_bootstraps_once(field: Field) -> None:  # FEED-17 EDGE-18
    items = {"a": ("a", 1)}

    async def watch(subscriber: Any) -> None:
        offset = await subscriber.read_committed_state("offset")
        if offset is None:
            field.say("bootstrap")
            await subscriber.update_all()
        else:
            await (await subscriber.update("c", ("c", offset))).ready()
        await subscriber.write_committed_state("offset", (offset or 0) + 1)
        await subscriber.mark_ready()

    for _ in range(3):
        field.update(following(field, View(items, watch)))
        field.bench.crash()
        field.provider = field.journal.provider()
    assert field.log == ["bootstrap", ("a", 1), ("c", 1), ("c", 2)]
    assert field.content == {"a": 1, "c": 2}


# -- growth ---------------------------------------------------------------------------------------------------------------


def test_an_edit_costs_the_same_among_few_items_as_among_many() -> None:  # FEED-02
    few, many = edit_among(10), edit_among(2_000)
    assert few.content == "edited"
    assert many == few


class Edited(NamedTuple):
    """What one edit took: steps of the loop, calls of functions, and what the target has then."""

    steps: int
    calls: int
    content: Any


def edit_among(count: int) -> Edited:
    field = Field()
    items = {f"{n:05}": (n, "new") for n in range(count)}
    edited: asyncio.Queue[str] = asyncio.Queue()

    async def watch(subscriber: Any) -> None:
        await subscriber.update_all()
        await subscriber.mark_ready()
        while True:
            key = await edited.get()
            await subscriber.update(key, items[key])

    @coco.fn(memo=True)
    async def item(value: tuple[int, str]) -> None:
        coco.declare_target_state(field.provider.target_state(*value))

    field.begin(field.app(each(item, View(items, watch))))
    field.let()
    calls = 0

    def profile(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    for word in ("once", "edited"):  # the first time, things are made that stay
        items["00007"] = 7, word
        steps, calls = field.bench.loop.steps, 0
        edited.put_nowait("00007")
        gc.collect()  # or what other tests left might be collected meanwhile, by calls of functions
        before = sys.getprofile()
        sys.setprofile(profile)
        try:
            field.let()
        finally:
            sys.setprofile(before)
    steps = field.bench.loop.steps - steps
    field.bench.close()
    return Edited(steps, calls, field.content[7])
