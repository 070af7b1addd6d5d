"""What the engines' forms of moments have in common: units of time, how weeks are counted, and the letters of a date's form.

All of it as MariaDB has it. Moments are in UTC, and lie in the years that MariaDB's dates do: what would be beyond them is NULL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

from .patterns import literal

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""What moments are counted from."""

MICROSECONDS = 1_000_000
SECONDS_A_DAY = 86_400
DAY_US = SECONDS_A_DAY * MICROSECONDS

UNIT_US: Mapping[str, int] = MappingProxyType(
    {"microsecond": 1, "second": MICROSECONDS, "minute": 60 * MICROSECONDS, "hour": 3600 * MICROSECONDS, "day": DAY_US, "week": 7 * DAY_US}
)
"""Units of time that are always of the same length, µs."""

UNIT_MONTHS: Mapping[str, int] = MappingProxyType({"month": 1, "quarter": 3, "year": 12})
"""The others, months."""

FIRST_YEAR, LAST_YEAR = 1000, 9999
"""Moments lie in these years and those between."""

_YEAR_ZERO = 365
"""Days are numbered from one more than Python's ordinals and a year."""

UNIX_DAY = date(1970, 1, 1).toordinal() + _YEAR_ZERO
FIRST_DAY, LAST_DAY = date(FIRST_YEAR, 1, 1).toordinal() + _YEAR_ZERO, date(LAST_YEAR, 12, 31).toordinal() + _YEAR_ZERO
"""Numbers of days: of 1970's first, and between which moments lie."""

MOST_DAYS = LAST_DAY
"""The largest day of a year that is counted on into the next years."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weeks:
    """One of MariaDB's eight ways of counting weeks.

    Parameters
    ----------
    from_monday : whether weeks begin on Monday, else on Sunday.
    of_its_year : whether the number is that of the moment's own year, 0 to 53; else it is 1 to 53, and that of the year the week belongs to.
    deciding : the day of a week, from 0, whose year the week belongs to: the first, or the fourth.
    """

    from_monday: bool
    of_its_year: bool
    deciding: int

    @classmethod
    def of(cls, mode: int) -> Weeks:
        """Return a mode, 0 to 7.

        >>> Weeks.of(3)
        Weeks(from_monday=True, of_its_year=False, deciding=3)
        """
        from_monday = bool(mode & 1)
        return cls(from_monday=from_monday, of_its_year=not mode & 2, deciding=3 if bool(mode & 4) != from_monday else 0)


Engine: TypeAlias = Literal["polars", "postgresql", "duckdb"]


class _Letter(NamedTuple):
    polars: str
    postgresql: str
    duckdb: str


LETTERS: Mapping[str, _Letter] = MappingProxyType(
    {
        "a": _Letter("%a", "Dy", "%a"),
        "b": _Letter("%b", "Mon", "%b"),
        "c": _Letter("%-m", "FMMM", "%-m"),
        "d": _Letter("%d", "DD", "%d"),
        "e": _Letter("%-d", "FMDD", "%-d"),
        "f": _Letter("%6f", "US", "%f"),
        "H": _Letter("%H", "HH24", "%H"),
        "h": _Letter("%I", "HH12", "%I"),
        "I": _Letter("%I", "HH12", "%I"),
        "i": _Letter("%M", "MI", "%M"),
        "j": _Letter("%j", "DDD", "%j"),
        "k": _Letter("%-H", "FMHH24", "%-H"),
        "l": _Letter("%-I", "FMHH12", "%-I"),
        "M": _Letter("%B", "FMMonth", "%B"),
        "m": _Letter("%m", "MM", "%m"),
        "p": _Letter("%p", "AM", "%p"),
        "S": _Letter("%S", "SS", "%S"),
        "s": _Letter("%S", "SS", "%S"),
        "W": _Letter("%A", "FMDay", "%A"),
        "Y": _Letter("%Y", "YYYY", "%Y"),
        "y": _Letter("%y", "YY", "%y"),
    }
)
"""Letters of a form that all engines know, by MariaDB's: names are English everywhere."""

COMPOSED = "DTUVXruvwx"
"""Letters that are made of others, or of other operations."""

SHORT: Mapping[str, str] = MappingProxyType({"%r": "%h:%i:%s %p", "%T": "%H:%i:%s"})
"""Letters that stand for several."""

_PIECE = re.compile("%.|.|%", re.DOTALL)

_PLAIN = " -:/.,"
"""Characters that PostgreSQL passes on as they are."""

READ: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        **{letter: (name, "([0-9]{1,2})") for name, letters in (("m", "mc"), ("d", "de"), ("H", "Hk"), ("i", "i"), ("s", "sS")) for letter in letters},
        "Y": ("Y", "([1-9][0-9]{3})"),
        "f": ("f", "([0-9]{1,6})"),
    }
)
"""Letters that a text can be read by: which part it is, and what stands for it."""

ZONELESS = (
    "^([1-9][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
    "|([1-9][0-9](0[48]|[2468][048]|[13579][26])|([2468][048]|[13579][26])00)-02-29)"
    r"([ T]([01][0-9]|2[0-3])(:[0-5][0-9]){2}(\.[0-9]{1,6})?)?$"
)
"""Texts that are moments, leap days among them: what matches can be cast, and no engine fails."""

LONG, SHORTENED = "([-: ])0([0-9]{2})", r"\1\2"
"""A zero too many before two digits, and how it is left away."""


def in_braces(replacement: str) -> str:
    r"""Return a replacement as Polars wants it.

    >>> in_braces(r"\1-\2")
    '${1}-${2}'
    """
    return re.sub(r"\\(\d)", r"${\1}", replacement)


class Reading(NamedTuple):
    r"""How texts of a form are read.

    Parameters
    ----------
    pattern : a regular expression that matches them, with a group for each part.
    spelt : the groups, as `\1`, spelt as `ZONELESS` wants them, with a zero before each of what may have one digit or two.
    """

    pattern: str
    spelt: str


def letters(form: str) -> list[tuple[int, str]]:
    """Return where a form has a `%`, and the letter after it; no letter at its end.

    >>> letters("%Y%%%m%")
    [(0, 'Y'), (2, '%'), (4, 'm'), (6, '')]
    """
    return [(found.start(), found.group()[1:]) for found in _PIECE.finditer(form) if found.group()[0] == "%"]


def pieces(form: str) -> list[str]:
    """Return the pieces of a form: `%` and a letter, or another character.

    >>> pieces("%Y at %T")
    ['%Y', ' ', 'a', 't', ' ', '%H', ':', '%i', ':', '%s']
    """
    return [inner for piece in _PIECE.findall(form) for inner in _PIECE.findall(SHORT.get(piece, piece))]


def written(form: str, engine: Engine) -> str:
    """Return a form of `LETTERS` as an engine's function wants it.

    >>> written("%d%d %%", "duckdb"), written("%d%d %% on", "postgresql")
    ('%d%d %%', 'DD""DD "%" "o""n"')
    """
    text = ""
    for piece in pieces(form):
        spelt = getattr(LETTERS[piece[1]], engine) if piece[1:] in LETTERS else piece
        if engine != "postgresql":
            text += spelt
        elif spelt is not piece:
            text += '""' * text[-1:].isalnum() + spelt  # two patterns side by side could be read as a longer one
        else:
            text += piece if piece in _PLAIN else '"\\""' if piece == '"' else f'"{piece[-1]}"'
    return text


def parts_read(form: str) -> list[str]:
    """Return the parts of a date and time that a form reads, in its order.

    >>> parts_read("%e.%c.%Y")
    ['d', 'm', 'Y']
    """
    return [READ[piece[1]][0] for piece in pieces(form) if piece[1:] in READ]


def reading(form: str) -> Reading:
    r"""Return how texts of a form are read.

    >>> reading("%e.%c.%Y")
    Reading(pattern='^([0-9]{1,2})\\.([0-9]{1,2})\\.([1-9][0-9]{3})$', spelt='\\3-0\\2-0\\1 00:00:00')
    """
    parts = parts_read(form)
    group = {part: rf"\{number}" for number, part in enumerate(parts, 1)}
    time = ":".join(f"0{group[part]}" if part in group else "00" for part in "His")
    fraction = f".{group['f']}" if "f" in group else ""
    pattern = "".join(READ[piece[1]][1] if piece[1:] in READ else literal(piece[-1]) for piece in pieces(form))
    return Reading(f"^{pattern}$", f"{group['Y']}-0{group['m']}-0{group['d']} {time}{fraction}")
