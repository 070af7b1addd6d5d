"""What a node says of itself, once a second, on the nodes topic."""

from __future__ import annotations

import json
import os
import socket
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from ..metrics import Metrics

RATE_SECONDS = 10.0
"""Rates are means over this long."""


class NodeReport:
    """Counts of one life of a node; `record()` is the message that `splanc status` and the demo read.

    Parameters
    ----------
    node : name of the node.
    metrics : whose latencies it tells.
    """

    def __init__(self, node: str, metrics: Metrics) -> None:
        self.node = node
        self.incarnation = f"{node}@{time.time_ns()}"
        self.counts = dict.fromkeys(("received", "published", "archived", "rejected", "repeated"), 0)
        self._metrics = metrics
        self.newest_ms: dict[str, int | None] = {"publish": None, "archive": None}
        self._history: deque[tuple[float, dict[str, int]]] = deque()

    def count(self, **counts: int) -> None:
        """Add to the counts."""
        for name, n in counts.items():
            self.counts[name] += n

    def record(self, *, state: str, partitions: dict[str, list[int | None]], waiting: Mapping[str, int]) -> bytes:
        """Return the message, JSON.

        Parameters
        ----------
        state : what the node is doing, in words.
        partitions : see `Marks.report`.
        waiting : batches for the archive and packs for the blob store, with their bytes.
        """
        said: dict[str, Any] = {
            "node": self.node,
            "incarnation": self.incarnation,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "at": time.time(),
            "state": state,
            "partitions": partitions,
            **waiting,
            "newest_ms": self.newest_ms,
            "rates": self._rates(),
            "cpu_seconds": {"process": time.process_time(), **self._metrics.cpu_by_stage},
            "latency": {side: histogram.report() for side, histogram in self._metrics.latency.items()},
            **self.counts,
        }
        return json.dumps(said).encode()

    def _rates(self) -> dict[str, float]:
        """Return alerts a second by count, over the last seconds."""
        now = time.monotonic()
        self._history.append((now, dict(self.counts)))
        while len(self._history) > 2 and now - self._history[0][0] > RATE_SECONDS:
            self._history.popleft()
        then, before = self._history[0]
        seconds = max(now - then, 1.0)
        return {name: round((n - before[name]) / seconds, 1) for name, n in self.counts.items()}
