"""The upkeep of past nights: a child process compacts those that are over, and deletes those that are too long ago.

Each node looks whether there is something to do, and the first to look has it done. The child has the lowest priority: it runs when the
node leaves a core idle, in a memory of its own, and takes nothing from a night that is running.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from ..errors import UpstreamError
from ..metrics import Metrics

_log = structlog.get_logger()

STAGE = "upkeep"
"""The label of what this counts."""

_LOOK_SECONDS = 60.0
"""Between two looks whether there is something to do."""

_AGAIN_SECONDS = 1800.0
"""After a failure, until the next try: it starts from the beginning, and what failed was mostly the disk."""

_STOP_SECONDS = 1.0
"""A child has so long to end after SIGTERM; then it is killed. What it leaves is deleted by the next one."""


class Upkeep:
    """Looks again and again, in a thread, and runs the child.

    Parameters
    ----------
    is_due : whether there is something to do, and nobody is at it.
    command : does it, and ends with 0 if it could.
    metrics : where it counts.
    patience : factor of all waits; tests have little.
    """

    def __init__(self, is_due: Callable[[], bool], command: Sequence[str], *, metrics: Metrics, patience: float = 1.0) -> None:
        self._is_due = is_due
        self._command = command
        self._metrics = metrics
        self._patience = patience
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._repeat, name="upkeep", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and the child with it."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(2 * _STOP_SECONDS)

    def look(self) -> bool:
        """Have done what is to be done, and return whether it could be."""
        try:
            if not self._is_due():
                return True
            self._child = subprocess.Popen(self._command)
        except (OSError, UpstreamError) as error:
            return self._failed(type(error).__name__, str(error))
        while self._child.poll() is None:
            if self._stopping.wait(self._patience):
                self._end(self._child)
                return True
        return self._child.returncode == 0 or self._failed("exit", f"the child ended with {self._child.returncode}; its log says why")

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        child.terminate()
        with suppress(subprocess.TimeoutExpired):
            child.wait(_STOP_SECONDS)
        child.kill()
        child.wait()

    def _failed(self, kind: str, why: str) -> bool:
        self._metrics.errors.labels(STAGE, kind).inc()
        _log.error("past nights not kept in order", why=why, then="trying again; filters can be tried on them all the same")
        return False

    def _repeat(self) -> None:
        seconds = 0.0
        while not self._stopping.wait(self._patience * seconds):
            try:
                seconds = _LOOK_SECONDS if self.look() else _AGAIN_SECONDS
            except Exception:  # noqa: BLE001 - counted and said
                # A mistake of ours must not end the stream.
                self._metrics.errors.labels(STAGE, "unexpected").inc()
                _log.exception("past nights not kept in order")
                seconds = _AGAIN_SECONDS


def upkeep_command(data_dir: str, config: str | None) -> list[str]:
    """Return the command line of the child."""
    options = ["--config", config] if config else []
    return [sys.executable, "-m", "splanc", "filter", "compact", "--background", "--data-dir", data_dir, *options]
