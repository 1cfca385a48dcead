"""Hundreds of runs without hundreds of log messages."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["SILENCED", "silent_logs"]

SILENCED: Final = ("cocoindex_sim", "asyncio")


@contextmanager
def silent_logs() -> Iterator[None]:
    """Keep back what the engine and asyncio log; the loggers of others go on."""
    loggers = [logging.getLogger(name) for name in SILENCED]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled
