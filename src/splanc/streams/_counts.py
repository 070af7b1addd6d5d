"""Counts of filters, by night, as the ledger topic carries them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..metrics import LatencyHistogram
from ..packet import Batch
from ._fates import Fate, in_ranges
from ._matches import Matches


def filter_counts(
    batch: Batch, matches: Matches, fates: npt.NDArray[np.int8], sizes: npt.NDArray[np.int64], *, ran: Iterable[int], cpu_us: Mapping[int, float], now_ms: float
) -> dict[str, Any]:
    """Return what the filters did with a batch, as JSON holds it: only of those with matches, and of all which they were.

    Parameters
    ----------
    fates : of the matches, `Fate`, shape (n_match,).
    sizes : of the records that are published, bytes; 0 for others, shape (n_match,).
    ran : ids of the filters that the batch's alerts were tried against.
    cpu_us : processor time of filters, µs, that was not told yet.
    now_ms : moment of publication, UTC milliseconds since 1970.
    """
    nights, alerts = np.unique(batch.alerts["night"].to_numpy(), return_counts=True)
    counts = []
    for number, rows in matches.by_filter().items():
        for night in np.unique(matches.nights[rows]).tolist():
            here = matches.nights[rows] == night
            found = np.bincount(fates[rows][here], minlength=len(Fate)).tolist()
            latency = LatencyHistogram()
            latency.add((now_ms - matches.timestamps_ms[rows][here & (fates[rows] == Fate.published)]) / 1000)
            said = {"filter": number, "night": night, "matched": int(here.sum()), **{fate.name: found[fate] for fate in Fate if found[fate]}}
            counts.append(said | {"bytes": int(sizes[rows][here].sum()), "latency": latency.report()})
    return {
        "ran": in_ranges(ran),
        "evaluated": [[int(night), int(n)] for night, n in zip(nights, alerts, strict=True)],
        "counts": counts,
        "cpu_us": [[number, int(batch.alerts["night"][-1].as_py()), round(us)] for number, us in cpu_us.items()] if len(batch) else [],
    }
