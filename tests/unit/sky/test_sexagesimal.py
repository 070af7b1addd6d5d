from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splanc.errors import UserError
from splanc.sky import parse_dec, parse_ra


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 599_999), st.sampled_from(["{}:{:02}:{:07.4f}", "{}h{}m{:.4f}s", "{:02} {:02} {:.4f}"]))
def test_hours(hours, minutes, tenths, form) -> None:
    seconds = tenths / 1e4
    assert parse_ra(form.format(hours, minutes, seconds)) == pytest.approx(15 * (hours + minutes / 60 + seconds / 3600), abs=2e-6)


@given(st.integers(-89, 89), st.integers(0, 59), st.integers(0, 59), st.sampled_from(["{}:{}:{}", "{}d{}m{}s", "{} {} {}", "{}°{}'{}\""]))
def test_degrees(degrees, minutes, seconds, form) -> None:
    expected = (abs(degrees) + minutes / 60 + seconds / 3600) * (-1 if degrees < 0 else 1)
    assert parse_dec(form.format(degrees, minutes, seconds)) == pytest.approx(expected, abs=1e-12)


def test_signs_hold_for_zero_degrees_too() -> None:
    assert parse_dec("-0:30:00") == parse_dec("\N{MINUS SIGN}00 30 00.0") == parse_dec("-0.5") == -0.5
    assert parse_dec("+0:30:00") == 0.5


@pytest.mark.parametrize(
    "text", ["", "x", "nan", "inf", "-1", "360.1", "10:30", "10h30m", "24:30:00", "99:00:00", "10:60:00", "10:00:60", "-10:00:00", "10:00:00 12"]
)
def test_what_is_no_right_ascension(text) -> None:
    with pytest.raises(UserError, match="right ascension") as raised:
        parse_ra(text)
    assert repr(text) in str(raised.value)


@pytest.mark.parametrize("text", ["", "x", "nan", "90.1", "-91", "10:30", "91:00:00", "90:00:01", "10:61:00", "--5:00:00", "5h0m0s"])
def test_what_is_no_declination(text) -> None:
    with pytest.raises(UserError, match="declination") as raised:
        parse_dec(text)
    assert repr(text) in str(raised.value)
