"""GPUs: runners that give each call a share of one, on a thread of its own or in a child process (BAT-07)."""

from __future__ import annotations

import asyncio
import importlib
import math
import multiprocessing
import operator
import os
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import ContextVar, copy_context
from fractions import Fraction
from functools import partial, reduce
from types import MethodType
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast

from ..engine import Runner, current_process, outlast, run_blocking
from ..values import UsageError

__all__ = [
    "GPU",
    "GPUPool",
    "GPURunner",
    "configure_gpu_pool",
    "current_gpu",
    "current_gpu_fraction",
    "current_gpus",
]

P = ParamSpec("P")
R = TypeVar("R")

_PACKAGE = __name__.partition(".")[0]
_THREADS_MAX = 64
_SUBPROCESS_VARIABLE = "COCOINDEX_RUN_GPU_IN_SUBPROCESS"


class _Assigned(NamedTuple):
    gpus: tuple[int, ...]
    fraction: float


_assigned: ContextVar[_Assigned | None] = ContextVar("coco_gpu", default=None)


def current_gpu() -> int | None:
    """The first GPU that the running body was given; None outside a GPU runner."""
    assigned = _assigned.get()
    return None if assigned is None else assigned.gpus[0]


def current_gpus() -> list[int]:
    """The GPUs that the running body was given; empty outside a GPU runner."""
    assigned = _assigned.get()
    return [] if assigned is None else list(assigned.gpus)


def current_gpu_fraction() -> float | None:
    """The share of each of its GPUs that the running body was given; None outside a GPU runner."""
    assigned = _assigned.get()
    return None if assigned is None else assigned.fraction


class _Waiting(NamedTuple):
    granted: asyncio.Future[Any]
    share: Fraction
    gpus: int | None  # so many whole ones; None for a share of one


class GPUPool:
    """So many GPUs, handed out in shares: first come, first served, the lowest number that has room. Thread-safe.

    ValueError unless `num_gpus` is 1 or more.
    """

    def __init__(self, num_gpus: int) -> None:
        num_gpus = operator.index(num_gpus)
        if num_gpus < 1:
            raise ValueError(f"num_gpus must be > 0, got {num_gpus}")
        self._lock = threading.Lock()
        self._free = [Fraction(1)] * num_gpus
        self._waiting: deque[_Waiting] = deque()

    @staticmethod
    def default() -> GPUPool:
        """A new pool of one GPU."""
        return GPUPool(1)

    @property
    def num_gpus(self) -> int:
        """How many GPUs there are."""
        return len(self._free)

    def acquire(self, fraction: float) -> asyncio.Future[int]:
        """A future of the number of a GPU with this share of it, to `release`. ValueError unless 0 < fraction <= 1."""
        if not 0 < fraction <= 1:
            raise UsageError(f"Acquired fraction must be above 0.0 and at most 1.0, got {fraction!r}")
        return self._ask(_exact(fraction), None)

    def acquire_full(self, gpu_count: int) -> asyncio.Future[list[int]]:
        """A future of the numbers of so many whole GPUs, each to `release`. ValueError for more than there are."""
        if gpu_count < 1:
            raise ValueError(f"gpu_count must be > 0, got {gpu_count!r}")
        if gpu_count > self.num_gpus:
            raise UsageError(f"Attempted to acquire {gpu_count} GPUs but only has {self.num_gpus}.")
        return self._ask(Fraction(1), gpu_count)

    def release(self, gpu_id: int, fraction: float) -> None:
        """Give a share back. ValueError for a GPU that does not exist, or for more than was handed out."""
        with self._lock:
            if not 0 <= gpu_id < len(self._free):
                raise UsageError(f"Releasing to a gpu_id that does not exist: {gpu_id!r}")
            free = self._free[gpu_id] + _exact(fraction)
            if free > 1:
                raise UsageError(
                    f"Releasing {fraction!r} of GPU {gpu_id}, of which {float(1 - self._free[gpu_id])} is handed out"
                )
            self._free[gpu_id] = free
        self._grant()

    def _ask(self, share: Fraction, gpus: int | None) -> asyncio.Future[Any]:
        waiting = _Waiting(asyncio.get_running_loop().create_future(), share, gpus)
        waiting.granted.add_done_callback(self._given_up)
        with self._lock:
            self._waiting.append(waiting)
        self._grant()
        return waiting.granted

    def _given_up(self, granted: asyncio.Future[Any]) -> None:
        if granted.cancelled():
            self._grant()  # it may have been first in the line

    def _grant(self) -> None:
        with self._lock:
            while self._waiting:
                waiting = self._waiting[0]
                if not waiting.granted.done():
                    fitting = [number for number, free in enumerate(self._free) if free >= waiting.share]
                    fitting = fitting[: waiting.gpus or 1]
                    if len(fitting) < (waiting.gpus or 1):
                        return
                    for number in fitting:
                        self._free[number] -= waiting.share
                    self._hand_over(waiting, fitting)
                self._waiting.popleft()

    def _hand_over(self, waiting: _Waiting, gpus: list[int]) -> None:
        loop = waiting.granted.get_loop()
        if loop is asyncio._get_running_loop():
            waiting.granted.set_result(gpus[0] if waiting.gpus is None else gpus)
            return
        try:
            loop.call_soon_threadsafe(self._hand_over_there, waiting, gpus)
        except RuntimeError:  # that loop is closed, and nobody waits there any more
            for number in gpus:
                self._free[number] += waiting.share

    def _hand_over_there(self, waiting: _Waiting, gpus: list[int]) -> None:
        if not waiting.granted.done():
            waiting.granted.set_result(gpus[0] if waiting.gpus is None else gpus)
            return
        for number in gpus:
            self.release(number, float(waiting.share))


def _exact(fraction: float) -> Fraction:
    """Ten times a tenth is one."""
    return Fraction(fraction).limit_denominator(1_000_000)


class _Gpus:
    """The GPUs of one process, and where bodies that use them run."""

    def __init__(self) -> None:
        self.pool = GPUPool.default()
        self.threads = ThreadPoolExecutor(_THREADS_MAX, thread_name_prefix="gpu")
        self._child: ProcessPoolExecutor | None = None

    @property
    def child(self) -> ProcessPoolExecutor:
        """The one child process, started on first use: a device can't be shared with a forked parent."""
        if self._child is None:
            self._child = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        return self._child


def _gpus() -> _Gpus:
    process = current_process()
    if process.gpus is None:
        process.gpus = _Gpus()
    found: _Gpus = process.gpus
    return found


def configure_gpu_pool(num_gpus: int) -> None:
    """Say how many GPUs there are, one by default. Bodies that run already keep theirs. ValueError below 1."""
    _gpus().pool = GPUPool(num_gpus)


class GPURunner(Runner):
    """Gives each call a GPU, or a share of one: `coco.GPU` a whole one, `coco.GPU(0.5)` half of one.

    Sync bodies run on threads named `gpu_*`, async ones on the event loop; with `COCOINDEX_RUN_GPU_IN_SUBPROCESS=1` in
    the environment, both run in one child process, and so does the module they come from. ValueError unless
    0 < fraction <= 1.
    """

    def __init__(self, fraction: float = 1.0) -> None:
        if not 0 < fraction <= 1 or math.isnan(fraction):
            raise ValueError(f"fraction must be in (0, 1.0], got {fraction!r}")
        self._fraction = fraction

    def __call__(self, fraction: float = 1.0) -> GPURunner:
        """A runner that gives this share of a GPU."""
        return GPURunner(fraction)

    async def run(self, fn: Callable[P, Coroutine[Any, Any, R]], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an async body once its GPU is free."""
        async with self._share() as gpus:
            if _in_child_process():
                return cast(R, await self._run_there(gpus, fn, args, kwargs))
            return await fn(*args, **kwargs)

    async def run_sync_fn(self, fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a sync body once its GPU is free."""
        async with self._share() as gpus:
            if _in_child_process():
                return cast(R, await self._run_there(gpus, fn, args, kwargs))
            loop, work = asyncio.get_running_loop(), partial(fn, *args, **kwargs)
            return await outlast(run_blocking(loop, copy_context(), work, gpus.threads))

    @asynccontextmanager
    async def _share(self) -> AsyncIterator[_Gpus]:
        gpus = _gpus()
        pool, granted = gpus.pool, gpus.pool.acquire(self._fraction)
        try:
            gpu = await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                pool.release(granted.result(), self._fraction)
            raise
        token = _assigned.set(_Assigned((gpu,), self._fraction))
        try:
            yield gpus
        finally:
            _assigned.reset(token)
            pool.release(gpu, self._fraction)

    async def _run_there(self, gpus: _Gpus, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        work = _Work(_named(fn), args, kwargs, _assigned.get(), _is_aliased())
        return await outlast(asyncio.get_running_loop().run_in_executor(gpus.child, work.run))


GPU = GPURunner()
"""A whole GPU per call; `GPU(0.5)` is a runner that gives half of one."""


def _is_aliased() -> bool:
    """Whether `import cocoindex` means this package, which a new process has to be told."""
    return any(type(finder).__module__ == f"{_PACKAGE}.alias" for finder in sys.meta_path)


def _in_child_process() -> bool:
    return os.environ.get(_SUBPROCESS_VARIABLE) == "1"


class _Named(NamedTuple):
    """A body by name, which the decorated function hides from pickle: `depth` times `__wrapped__` below it."""

    module: str
    qualname: str
    depth: int
    receiver: Any
    has_receiver: bool

    def find(self) -> Callable[..., Any]:
        found: Any = importlib.import_module(self.module)
        for name in self.qualname.split("."):
            found = getattr(found, name)
        found = reduce(lambda function, _: function.__wrapped__, range(self.depth), found)
        return MethodType(found, self.receiver) if self.has_receiver else found


def _named(fn: Any) -> _Named:
    receiver, has_receiver = None, isinstance(fn, MethodType)
    if has_receiver:
        receiver, fn = fn.__self__, fn.__func__
    for depth in range(10):
        named = _Named(fn.__module__, fn.__qualname__, depth, receiver, has_receiver)
        try:
            found = named._replace(has_receiver=False).find()
        except (AttributeError, ImportError):
            break
        if found is fn:
            return named
    raise UsageError(
        f"{fn!r} can't run in a child process: {fn.__module__}.{fn.__qualname__} is not its name;"
        f" define it at the top of its module, or unset {_SUBPROCESS_VARIABLE}"
    )


class _Work(NamedTuple):
    """One call, on its way to the child process."""

    body: _Named
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    assigned: _Assigned | None
    aliased: bool

    def run(self) -> Any:
        """Do it, there."""
        if self.aliased:
            importlib.import_module(f"{_PACKAGE}.alias").install()
        token = _assigned.set(self.assigned)
        try:
            result = self.body.find()(*self.args, **self.kwargs)
            return asyncio.run(_awaited(result)) if asyncio.iscoroutine(result) else result
        finally:
            _assigned.reset(token)


async def _awaited(work: Coroutine[Any, Any, R]) -> R:
    return await work
