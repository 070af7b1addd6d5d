"""Which night an unreadable packet is counted in: nobody can read its visit, so its neighbours tell."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..night import nights_of_timestamps
from ._batch import Batch


def rejected_nights(batch: Batch) -> npt.NDArray[np.int32]:
    """Return the night of each rejected packet, shape (n_reject,).

    It is the night of the nearest readable alert before it in the batch, or else of the first one after it; in a batch
    without any, the night of Kafka's timestamp.
    """
    rows = np.array([row for row, _ in batch.rejects], dtype=np.int64)
    if len(batch) == 0:
        return nights_of_timestamps(batch.messages.timestamps_ms[rows])
    before = np.searchsorted(batch.alerts["message"].to_numpy(), rows) - 1
    return batch.alerts["night"].to_numpy()[np.maximum(before, 0)]
