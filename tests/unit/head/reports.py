"""What nodes say of themselves, made by hand."""

from __future__ import annotations

import json
import time

import numpy as np

from splanc.metrics import SIDES, LatencyHistogram


def record(node: str, life: int, *, ago: float = 0.0, state: str = "running", published: int = 0, latency: float | None = None, **more: object) -> bytes:
    """Return a report of a node's life, said some seconds ago."""
    histogram = LatencyHistogram()
    if latency is not None:
        histogram.add(np.array([latency]))
    said = {
        "node": node,
        "incarnation": f"{node}@{life}",
        "at": time.time() - ago,
        "state": state,
        "partitions": {},
        "published": published,
        "local_packs": 1,
        "local_bytes": 50,
        "latency": {side: histogram.report() for side in SIDES},
    }
    return json.dumps(said | more).encode()
