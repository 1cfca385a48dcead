"""Dates and clocks by freezegun: `datetime.now()`, `date.today()`, `time.time()` and so on follow the virtual clock.

freezegun finds every module that has taken one of these names and puts a stand-in there; this says what the stand-ins
answer. They make real dates, because libraries in C refuse others. So only the classes are not the real ones; they
count as equal to them, and have their names. asyncio's own loops keep their clock.

In a world local time is UTC. Where it is another one outside, the process changes its time zone while a world is at a
step.
"""

from __future__ import annotations

import copyreg
import inspect
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC
from typing import Any

from ..ports import Clock
from ._outside import present, when_fenced

__all__ = ["replace_dates"]


def _clock() -> Clock | None:
    """The clock of the world that is at a step in this thread."""
    inside = present()
    return None if inside is None else inside.clock


def _seconds(clock: Clock) -> float:
    """Since the epoch, exact to the microsecond, and never ahead."""
    return clock.time_ns() // 1000 / 1_000_000


def replace_dates(undo: ExitStack) -> None:
    """Make dates and clocks follow the worlds. `undo` gets what makes them real again."""
    from freezegun import api

    frozen = api.freeze_time(api.real_datetime(1970, 1, 1), real_asyncio=True)
    # A test may have frozen its time itself, and that holds outside of the worlds. freezegun has its stand-ins in
    # place then.
    starts = not api.freeze_factories
    stand_ins = _StandIns(undo, own_factories=1 if starts else 0)
    stand_ins.replace_clocks()
    stand_ins.replace_classes()
    _have_utc(undo)
    if starts:
        frozen.start()
        undo.callback(frozen.stop)
        for fake, real in ((api.FakeDatetime, api.real_datetime), (api.FakeDate, api.real_date)):
            copyreg.dispatch_table[real] = _reducer(fake)  # as a pickle of the real class, to the byte


def _reducer(fake: type) -> Callable[[Any], tuple[Any, ...]]:
    return lambda value: (fake, value.__reduce_ex__(4)[1])


class _StandIns:
    """What freezegun's functions and classes answer, for one time that they are in place."""

    def __init__(self, undo: ExitStack, own_factories: int) -> None:
        from freezegun import api

        self._api: Any = api
        self._undo = undo
        self._own_factories = own_factories

    def _replace(self, owner: Any, name: str, value: Any) -> None:
        if name in owner.__dict__:
            self._undo.callback(setattr, owner, name, owner.__dict__[name])
        else:
            self._undo.callback(delattr, owner, name)
        setattr(owner, name, value)

    def _is_frozen_outside(self) -> bool:
        return len(self._api.freeze_factories) > self._own_factories

    def replace_clocks(self) -> None:
        """The functions of `time`."""
        api = self._api
        should_use_real_time, current_time = api._should_use_real_time, api.get_current_time

        # What freezegun's own stand-ins ask. They are in use where it was started before.
        def asks_the_real_one() -> bool:
            return _clock() is None and (not self._is_frozen_outside() or should_use_real_time())

        def now() -> Any:
            clock = _clock()
            return (
                current_time()
                if clock is None
                else api.real_datetime.fromtimestamp(_seconds(clock), UTC).replace(tzinfo=None)
            )

        self._replace(api, "_should_use_real_time", asks_the_real_one)
        self._replace(api, "get_current_time", now)

        def replace(owner: Any, name: str, reading: Callable[..., Any]) -> None:
            outside = getattr(owner, name)

            def read(*args: Any) -> Any:
                clock = _clock()
                return outside(*args) if clock is None else reading(clock, *args)

            read.__name__ = name
            self._replace(owner, name, read)

        def at(convert: Callable[[float], Any]) -> Callable[..., Any]:
            return lambda clock, seconds=None: convert(clock.time_ns() / 1e9 if seconds is None else seconds)

        def text(clock: Clock, moment: Any = None) -> str:
            return asctime(api.real_gmtime(_seconds(clock)) if moment is None else moment)

        def formatted(clock: Clock, form: str, moment: Any = None) -> Any:
            return api.real_strftime(form, api.real_localtime(_seconds(clock)) if moment is None else moment)

        def by_number(clock: Clock, number: int) -> int:
            if number == time.CLOCK_REALTIME:
                return clock.time_ns()
            return clock.monotonic_ns() if number in uptime else gettime_ns(number)  # CPU time stays what it is

        asctime = time.asctime
        replace(api, "fake_time", lambda clock: clock.time_ns() / 1e9)
        replace(api, "fake_time_ns", lambda clock: clock.time_ns())
        for name in ("fake_monotonic", "fake_perf_counter"):
            replace(api, name, lambda clock: clock.monotonic_ns() / 1e9)
            replace(api, f"{name}_ns", lambda clock: clock.monotonic_ns())
        replace(api, "fake_localtime", at(api.real_localtime))
        replace(api, "fake_gmtime", at(api.real_gmtime))
        replace(api, "fake_strftime", formatted)
        # Those that freezegun leaves out.
        replace(time, "ctime", at(time.ctime))
        replace(time, "asctime", text)
        if hasattr(time, "clock_gettime"):
            gettime_ns = time.clock_gettime_ns
            names = ("CLOCK_MONOTONIC", "CLOCK_MONOTONIC_RAW", "CLOCK_BOOTTIME", "CLOCK_UPTIME_RAW")
            uptime = {getattr(time, name) for name in names if hasattr(time, name)}
            replace(time, "clock_gettime", lambda clock, number: by_number(clock, number) / 1e9)
            replace(time, "clock_gettime_ns", by_number)

    def replace_classes(self) -> None:
        """The two classes of `datetime` that tell the time."""
        api = self._api
        real_datetime, real_date = api.real_datetime, api.real_date
        reals = {api.FakeDatetime: real_datetime, api.FakeDate: real_date}

        for fake, real in reals.items():
            self._replace(fake, "__new__", _maker(fake, real))
            self._replace(fake, "min", real.min)
            self._replace(fake, "max", real.max)
            self._replace(fake, "__module__", "datetime")
            for name in ("__name__", "__qualname__"):
                self._undo.callback(setattr, fake, name, getattr(fake, name))
                setattr(fake, name, real.__name__)

        def replace(fake: Any, name: str, reading: Callable[..., Any]) -> None:
            frozen = getattr(fake, name).__func__
            real = inspect.getattr_static(reals[fake], name)

            def read(cls: type, *args: Any, **kwargs: Any) -> Any:
                clock = _clock()
                if clock is not None:
                    return reading(cls, clock, *args, **kwargs)
                if self._is_frozen_outside():
                    return frozen(cls, *args, **kwargs)
                return real.__get__(None, cls)(*args, **kwargs)

            self._replace(fake, name, classmethod(read))

        def from_seconds(cls: type, *args: Any) -> Any:
            real = real_datetime if issubclass(cls, real_datetime) else real_date
            return real.__dict__["fromtimestamp"].__get__(None, cls)(*args)

        replace(api.FakeDatetime, "now", lambda cls, clock, tz=None: from_seconds(cls, _seconds(clock), tz))
        replace(api.FakeDatetime, "today", lambda cls, clock: from_seconds(cls, _seconds(clock)))
        replace(
            api.FakeDatetime, "utcnow", lambda cls, clock: from_seconds(cls, _seconds(clock), UTC).replace(tzinfo=None)
        )
        replace(api.FakeDatetime, "fromtimestamp", lambda cls, _, seconds, tz=None: from_seconds(cls, seconds, tz))
        replace(api.FakeDate, "today", lambda cls, clock: from_seconds(cls, _seconds(clock)))

        by_id = {id(fake): real for fake, real in reals.items()}

        def equal(cls: type, other: object) -> Any:
            return (cls is other or by_id.get(id(cls), cls) is other) or NotImplemented

        self._replace(api.FakeDateMeta, "__eq__", equal)
        self._replace(api.FakeDateMeta, "__hash__", lambda cls: type.__hash__(by_id.get(id(cls), cls)))


def _maker(fake: type, real: type) -> Callable[..., Any]:
    def make(cls: type, *args: Any, **kwargs: Any) -> Any:
        return real(*args, **kwargs) if cls is fake else real.__new__(cls, *args, **kwargs)

    return make


def _have_utc(undo: ExitStack) -> None:
    """Make local time UTC while a world is at a step."""
    if not hasattr(time, "tzset") or (time.timezone == 0 and not time.daylight):
        return
    outside: list[str | None] = []

    def switch(fenced: bool) -> None:
        if fenced:
            outside.append(os.environ.get("TZ"))
            os.environ["TZ"] = "UTC"
        elif outside:
            before = outside.pop()
            if before is None:
                os.environ.pop("TZ", None)
            else:
                os.environ["TZ"] = before
        time.tzset()

    if present() is not None:
        switch(True)
    when_fenced.append(switch)
    undo.callback(switch, False)
    undo.callback(when_fenced.remove, switch)
