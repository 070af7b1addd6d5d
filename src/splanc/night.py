"""Nights: the local observing night as an integer YYYYMMDD, the date at the observatory when it began.

For Rubin that is day_obs, the date of UTC minus 12 hours.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

VISITS_PER_NIGHT = 100_000
"""An LSST visit number is night · 100,000 + sequence number."""

MJD_1970 = 40_587
"""What lies between MJD and days since 1970."""

MJD_1900, MJD_2100 = 15_020.0, 88_069.0
"""The years that an alert may be of, and that have dates; MJD, days."""

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
    return _as_numbers((timestamp_ms - 43_200_000) // 86_400_000)


def mjd_now() -> float:
    """Return the time that it is, MJD (UTC), days."""
    return time.time() / 86_400 + MJD_1970


def nights_of_mjd(mjd_utc: npt.NDArray[np.float64], noon_utc_hours: float) -> npt.NDArray[np.int32]:
    """Return the night of each time at an observatory, shape (n,); 0 for times that are not between the years 1900 and 2100.

    Parameters
    ----------
    mjd_utc : MJD (UTC), days; TAI does as well, the difference being seconds about noon.
    noon_utc_hours : noon at the observatory, hours UTC: there one night ends and the next one begins.

    >>> nights_of_mjd(np.array([60229.43, 60229.84, np.nan]), 20.0).tolist()
    [20231011, 20231012, 0]
    """
    inside = (mjd_utc >= MJD_1900) & (mjd_utc <= MJD_2100)
    days = np.floor(np.where(inside, mjd_utc, MJD_1900) - noon_utc_hours / 24).astype(np.int64) - MJD_1970
    return np.where(inside, _as_numbers(days), 0).astype(np.int32)


def _as_numbers(days: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Return dates as YYYYMMDD, given the days since 1970."""
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    day = (dates - months).astype(np.int64) + 1
    year_month = months.astype(np.int64)
    return ((1970 + year_month // 12) * 10_000 + (year_month % 12 + 1) * 100 + day).astype(np.int32)
