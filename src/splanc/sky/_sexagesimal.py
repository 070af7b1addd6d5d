"""Positions as people write them."""

from __future__ import annotations

import re

from ..errors import UserError

_HOURS = re.compile(r"(\d{1,2})(?::|h| )\s*(\d{1,2})(?::|m| )\s*(\d{1,2}(?:\.\d*)?)s?")
"""Right ascension in hours, minutes and seconds."""

_DEGREES = re.compile(r"([+-]?)(\d{1,3})(?::|d|°| )\s*(\d{1,2})(?::|m|'| )\s*(\d{1,2}(?:\.\d*)?)(?:s|\")?")
"""Declination in degrees, minutes and seconds."""


def parse_ra(text: str) -> float:
    """Return a right ascension in degrees, from 0 to 360, that is written in degrees, or in hours, minutes and seconds.

    Raises
    ------
    UserError
        If it is neither. Two parts, as in 10:30, may mean either, and are refused.

    >>> parse_ra("154.5"), parse_ra("10:18:00"), parse_ra("10h18m0.0s"), parse_ra("10 18 0")
    (154.5, 154.5, 154.5, 154.5)
    """
    ra_deg = _number(text)
    match = _HOURS.fullmatch(text.strip())
    if ra_deg is None and match is not None:
        hours, minutes, seconds = map(float, match.groups())
        ra_deg = _sum(text, "right ascension", hours, minutes, seconds) * 15.0
    if ra_deg is None or not 0.0 <= ra_deg <= 360.0:
        raise UserError(f"the right ascension {text!r} is neither degrees from 0 to 360, nor hours, minutes and seconds such as 10:18:00 or 10h18m00s")
    return ra_deg


def parse_dec(text: str) -> float:
    """Return a declination in degrees, within ±90, that is written in degrees, or in degrees, minutes and seconds.

    Raises
    ------
    UserError
        If it is neither.

    >>> parse_dec("-0.5"), parse_dec("-00:30:00"), parse_dec("-0d30m0s"), parse_dec("+12 30 00")
    (-0.5, -0.5, -0.5, 12.5)
    """
    text = text.replace("\N{MINUS SIGN}", "-")
    dec_deg = _number(text)
    match = _DEGREES.fullmatch(text.strip())
    if dec_deg is None and match is not None:
        sign, *parts = match.groups()
        degrees, minutes, seconds = map(float, parts)
        dec_deg = _sum(text, "declination", degrees, minutes, seconds) * (-1.0 if sign == "-" else 1.0)
    if dec_deg is None or not abs(dec_deg) <= 90.0:
        raise UserError(f"the declination {text!r} is neither degrees within ±90, nor degrees, minutes and seconds such as -05:12:30 or -5d12m30s")
    return dec_deg


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _sum(text: str, what: str, whole: float, minutes: float, seconds: float) -> float:
    if minutes >= 60.0 or seconds >= 60.0:
        raise UserError(f"the {what} {text!r} has 60 minutes or seconds, or more; they are below 60")
    return whole + minutes / 60.0 + seconds / 3600.0
