"""Nights: the local observing night as an integer YYYYMMDD, Rubin's day_obs (date of UTC minus 12 hours)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

VISITS_PER_NIGHT = 100_000
"""An LSST visit number is night · 100,000 + sequence number."""

_ROLLOVER = timedelta(hours=12)
"""A night begins at noon UTC, before sunset in Chile."""


def night_of(moment: datetime) -> int:
    """Return the night of a moment.

    >>> night_of(datetime(2025, 12, 31, 5, 30, tzinfo=UTC))
    20251230
    """
    if moment.tzinfo is None:
        raise ValueError(f"night_of needs an aware datetime, not {moment!r}")
    return int((moment.astimezone(UTC) - _ROLLOVER).strftime("%Y%m%d"))


def night_now() -> int:
    """Return the present night."""
    return night_of(datetime.now(UTC))


def night_of_visit(visit: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Return the night of each LSST visit, shape (n,).

    >>> night_of_visit(np.array([2025123100245])).tolist()
    [20251231]
    """
    return (visit // VISITS_PER_NIGHT).astype(np.int32)


def nights_of_timestamps(timestamp_ms: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Return the night of each Kafka timestamp (UTC milliseconds since 1970), shape (n,)."""
    days = ((timestamp_ms - 43_200_000) // 86_400_000).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    day = (days - months).astype(np.int64) + 1
    year_month = months.astype(np.int64)
    return ((1970 + year_month // 12) * 10_000 + (year_month % 12 + 1) * 100 + day).astype(np.int32)
