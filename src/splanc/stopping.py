"""How a process that runs until it is told to end hears of it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType


def stop_signal() -> Callable[[], bool]:
    """Return what says whether SIGTERM or SIGINT has come since; for a process's first thread."""
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    return lambda: stopping
