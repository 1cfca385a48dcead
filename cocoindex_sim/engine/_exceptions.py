"""Who hears of background failures: handlers, scoped and environment-wide (ERR)."""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from ..values import StablePath
from ._component import Component, _current, current_context

if TYPE_CHECKING:
    from ._run import Run

__all__ = [
    "ExceptionContext",
    "ExceptionHandler",
    "Failure",
    "MountKind",
    "Reporter",
    "exception_handler",
    "is_passed_over",
    "no_handlers",
    "report",
    "report_failure",
    "reporter_of",
    "scoped_handlers",
    "scoped_to",
]

logger = logging.getLogger("cocoindex_sim")

MountKind: TypeAlias = Literal["mount", "mount_each", "delete_background", "process_live"]


@dataclass(frozen=True)
class ExceptionContext:
    """What failed. Paths are text; `source` is "handler" for an exception that a handler raised while handling."""

    env_name: str
    stable_path: str
    processor_name: str | None
    mount_kind: MountKind
    parent_stable_path: str | None
    is_background: bool
    source: Literal["component", "handler"]
    original_exception: BaseException | None


ExceptionHandler: TypeAlias = Callable[[BaseException, ExceptionContext], Awaitable[None] | None]
"""Takes the exception as it was raised, and the facts. Returning swallows it; raising passes it on."""

# The scoped handlers of the running component's code, innermost first. A component begins without any (ERR-04).
_scoped: ContextVar[tuple[ExceptionHandler, ...]] = ContextVar("coco_exception_handlers", default=())


@asynccontextmanager
async def exception_handler(handler: ExceptionHandler) -> AsyncIterator[None]:
    """Route failures of what is mounted inside the block to `handler`, before the handlers outside it.

    It covers mounts of this component, also in functions it calls, not the mounts of the mounted components.
    RuntimeError outside a component.
    """
    current_context()
    token = _scoped.set((handler, *_scoped.get()))
    try:
        yield
    finally:
        _scoped.reset(token)


def scoped_handlers() -> tuple[ExceptionHandler, ...]:
    """The handlers that cover a mount made here, innermost first."""
    return _scoped.get()


def no_handlers() -> None:
    """Begin the code of a component: what covers its own mount does not cover what it mounts."""
    if _scoped.get():
        _scoped.set(())


def scoped_to(handlers: tuple[ExceptionHandler, ...]) -> None:
    """Begin code that stands for the mount call it was given to: what covered that call covers what it mounts."""
    _scoped.set(handlers)


class Failure(NamedTuple):
    """A background failure that no handler took: the component, its processor, and the exception."""

    path: StablePath
    processor: str
    error: BaseException


class Reporter(NamedTuple):
    """What an exception handler is told of whatever failed, and the handlers to tell, innermost first."""

    path: StablePath
    processor: str | None
    mount_kind: MountKind
    parent: StablePath | None
    handlers: tuple[ExceptionHandler, ...]


def reporter_of(component: Component) -> Reporter:
    """Reports the failures of a component, or of removals below it."""
    parent = None if component.parent is None else component.parent.path
    return Reporter(component.path, component.processor, component.mount_kind, parent, component.handlers)


def is_passed_over(error: BaseException) -> bool:
    """Whether a component ended because its item is gone, which is no failure: its source tells of it, too (FS-24).

    Connectors mark such exceptions with a true `__coco_passed_over__`. The component keeps what it had until then.
    """
    return getattr(error, "__coco_passed_over__", False) is True


async def report_failure(component: Component, error: BaseException) -> BaseException | None:
    """Tell the handlers of a component that it, or the removal of something below it, failed in the background."""
    return await report(component.run, reporter_of(component), error)


async def report(run: Run, reporter: Reporter, error: BaseException) -> BaseException | None:
    """Tell exception handlers of a failure in the background. Without any it is logged (ERR-02).

    Gives None once a handler returned, else what the last one raised (ERR-06).
    """
    if is_passed_over(error):
        return None
    raised: BaseException | None = error
    if reporter.handlers:
        context = ExceptionContext(
            env_name=run.environment_name,
            stable_path=str(reporter.path),
            processor_name=reporter.processor,
            mount_kind=reporter.mount_kind,
            parent_stable_path=None if reporter.parent is None else str(reporter.parent),
            is_background=True,
            source="component",
            original_exception=None,
        )
        token = _current.set(None)
        try:
            raised = await _route(error, reporter.handlers, context)
        finally:
            _current.reset(token)
    else:
        logger.error("component %s (%s) failed: %r", reporter.path, reporter.processor, error, exc_info=error)
    if raised is not None:
        run.failures.append(Failure(reporter.path, reporter.processor or "", raised))
    return raised if reporter.handlers else None


async def _route(
    error: BaseException, handlers: tuple[ExceptionHandler, ...], context: ExceptionContext
) -> BaseException | None:
    """Offer a failure to handlers, innermost first; each next one gets what the one before raised (ERR-05)."""
    raised = error
    for handler in handlers:
        try:
            outcome = handler(raised, context)
            if inspect.isawaitable(outcome):
                await outcome
            return None
        except GeneratorExit:
            raise
        except BaseException as next_error:
            raised = next_error
            context = replace(context, source="handler", original_exception=error)
    return raised
