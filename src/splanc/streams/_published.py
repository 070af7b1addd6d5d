"""The counts of what was published, sent in the same transaction as what they count."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..packet import Batch


def published_record(batch: Batch, node: str, rejected_nights: npt.NDArray[np.int32], filters: Mapping[str, Any] | None = None) -> bytes:
    """Return the JSON record for the ledger topic: alerts published by night and visit, packets rejected by night, and what filters did.

    Parameters
    ----------
    batch : what the transaction publishes.
    node : name of the node.
    rejected_nights : the night each rejected packet is counted in, shape (n_reject,).
    filters : see `filter_counts`; None when none ran.
    """
    pairs = np.stack([batch.alerts["night"].to_numpy().astype(np.int64), batch.alerts["visit"].to_numpy()], axis=1)
    visits, counts = np.unique(pairs, axis=0, return_counts=True)
    nights, rejected = np.unique(rejected_nights, return_counts=True)
    said: dict[str, Any] = {
        "node": node,
        "published": [[int(night), int(visit), int(n)] for (night, visit), n in zip(visits, counts, strict=True)],
        "rejected": [[int(night), int(n)] for night, n in zip(nights, rejected, strict=True)],
    }
    return json.dumps(said if filters is None else said | {"filters": filters}).encode()
