"""What is logged while a story is performed, for its expectations."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ._silence import SILENCED

__all__ = ["Logs", "captured_logs"]


class Logs(logging.Handler):
    """Keeps the records that reach it."""

    def __init__(self) -> None:
        super().__init__()
        self._records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self._records.append(record)

    def take(self) -> list[logging.LogRecord]:
        """The records since the last call."""
        taken, self._records = self._records, []
        return taken


@contextmanager
def captured_logs() -> Iterator[Logs]:
    """Keep all that is logged meanwhile, also by loggers that are silenced; these tell nobody else."""
    logs = Logs()
    root = logging.getLogger()
    silent = [logger for logger in map(logging.getLogger, SILENCED) if logger.disabled]
    before = [logger.propagate for logger in silent]
    root.addHandler(logs)
    for logger in silent:
        logger.disabled, logger.propagate = False, False
        logger.addHandler(logs)
    try:
        yield logs
    finally:
        root.removeHandler(logs)
        for logger, propagate in zip(silent, before, strict=True):
            logger.removeHandler(logs)
            logger.disabled, logger.propagate = True, propagate
