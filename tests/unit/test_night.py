from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from splanc.night import night_now, night_of, night_of_visit, nights_of_timestamps

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CHILE = timezone(timedelta(hours=-3))

moments = st.datetimes(datetime(1900, 1, 1), datetime(2100, 12, 31), timezones=st.sampled_from([UTC, CHILE]))  # noqa: DTZ001 - hypothesis adds the zone


def milliseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


def number(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day


@given(moment=moments)
@example(moment=datetime(1969, 12, 31, 12, tzinfo=UTC))
@example(moment=datetime(1970, 1, 1, 11, 59, 59, 999_999, tzinfo=UTC))
def test_both_ways_of_counting_agree_with_the_calendar(moment: datetime) -> None:
    expected = number((moment.astimezone(UTC) - timedelta(hours=12)).date())
    assert night_of(moment) == expected
    assert nights_of_timestamps(np.array([milliseconds(moment)])).tolist() == [expected]


@pytest.mark.parametrize(
    ("noon", "night", "before"),
    [
        (datetime(2024, 2, 29, 12, tzinfo=UTC), 20240229, 20240228),
        (datetime(2024, 3, 1, 12, tzinfo=UTC), 20240301, 20240229),
        (datetime(2000, 3, 1, 12, tzinfo=UTC), 20000301, 20000229),
        (datetime(2100, 3, 1, 12, tzinfo=UTC), 21000301, 21000228),
        (datetime(2026, 1, 1, 12, tzinfo=UTC), 20260101, 20251231),
    ],
)
def test_a_night_begins_at_noon(noon: datetime, night: int, before: int) -> None:
    moments = [noon, noon - timedelta(milliseconds=1), noon + timedelta(hours=24, milliseconds=-1)]
    assert [night_of(moment) for moment in moments] == [night, before, night]
    nights = nights_of_timestamps(np.array([milliseconds(moment) for moment in moments]))
    assert nights.tolist() == [night, before, night]
    assert nights.dtype == np.int32


def test_the_zone_of_a_moment_does_not_matter_but_it_must_have_one() -> None:
    assert night_of(datetime(2026, 3, 1, 8, 59, tzinfo=CHILE)) == 20260228
    assert night_of(datetime(2026, 3, 1, 9, 0, tzinfo=CHILE)) == 20260301
    with pytest.raises(ValueError, match="aware"):
        night_of(datetime(2026, 3, 1))  # noqa: DTZ001 - this is what must not be


def test_the_present_night_is_that_of_now() -> None:
    before = night_of(datetime.now(UTC))
    assert before <= night_now() <= night_of(datetime.now(UTC))


def test_a_visit_begins_with_its_night() -> None:
    nights = night_of_visit(np.array([2025123100000, 2025123199999, 2026010100000]))
    assert nights.tolist() == [20251231, 20251231, 20260101]
    assert nights.dtype == np.int32


def test_no_timestamps_have_no_nights() -> None:
    assert nights_of_timestamps(np.zeros(0, np.int64)).tolist() == []
