"""Goal: following a topic takes the same memory whatever its length.

With a longer one: `KAFKA_MEMORY_MESSAGES=2000000 pytest -m real tests/real/test_kafka_memory.py`
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.real

FOLLOW = Path(__file__).with_name("kafka_endless.py")
MESSAGES = int(os.environ.get("KAFKA_MEMORY_MESSAGES", "100000"))


def peak_kib(messages: int) -> int:
    run = subprocess.run([sys.executable, str(FOLLOW), str(messages)], capture_output=True, text=True, check=True)
    return int(run.stdout)


def test_five_times_the_messages_take_no_more_memory() -> None:
    assert peak_kib(MESSAGES) < 1.1 * peak_kib(20_000)
