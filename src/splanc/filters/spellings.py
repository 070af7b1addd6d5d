"""Functions that are other operations by another name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ._calendar import pieces
from .checking import applied, stated_count, stated_text
from .fitting import fit, operation, whole
from .intervals import shifted_by
from .operations import OPERATIONS
from .rules import Take
from .scope import Scope
from .tree import Kind, Node, Place, Value

MOST_ARGUMENTS = 100
"""Most arguments of a function that takes any number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Here:
    """The place of a call, where what it means is put together."""

    scope: Scope
    place: Place

    def of(self, name: str, *arguments: Node) -> Node:
        return operation(self.scope, name, arguments, self.place)

    def called(self, name: str, *arguments: Node) -> Node:
        return applied(self.scope, OPERATIONS[name], list(arguments), self.place)

    def value(self, value: int | str | None) -> Value:
        kind = Kind.null if value is None else Kind.text if isinstance(value, str) else Kind.integer
        return Value(value=value, kind=kind, place=self.place)

    def now(self) -> Node:
        return self.of("now")


def _nullif(here: _Here, one: Node, other: Node) -> Node:
    return here.of("case", here.of("=", one, other), here.value(None), one)


def _nvl2(here: _Here, asked: Node, known: Node, unknown: Node) -> Node:
    return here.of("case", here.of("is_null", asked), unknown, known)


def _field(here: _Here, wanted: Node, *listed: Node) -> Node:
    branches = [part for number, one in enumerate(listed, 1) for part in (here.of("=", wanted, one), here.value(number))]
    return here.of("case", *branches, here.value(0))


def _elt(here: _Here, number: Node, *listed: Node) -> Node:
    asked = whole(here.scope, number)
    branches = [part for at, one in enumerate(listed, 1) for part in (here.of("=", asked, here.value(at)), one)]
    return here.of("case", *branches, here.value(None))


def _strcmp(here: _Here, one: Node, other: Node) -> Node:
    texts = [fit(here.scope, Take.text, node) for node in (one, other)]
    signs = [part for sign, number in (("<", -1), (">", 1), ("=", 0)) for part in (here.of(sign, *texts), here.value(number))]
    return here.of("case", *signs, here.value(None))


def _locate_from(here: _Here, part: Node, text: Node, start: Node) -> Node:
    found = here.called("locate", part, here.called("substring", text, start))
    place = here.of("as_integer", here.of("+", found, here.value(stated_count(start) - 1)))
    return here.of("case", here.of("=", found, here.value(0)), found, place)


def _substring(here: _Here, text: Node, start: Node, *count: Node) -> Node | None:
    """Return a text from a place on that is counted from its end; the operation itself counts from the beginning."""
    if stated_count(start) >= 0:
        return None
    length = here.value(-stated_count(start))
    end = here.called("right", text, length)
    wanted = here.called("left", end, *count) if count else end
    return here.of("case", here.of("<", here.of("char_length", text), length), here.value(""), wanted)


def _dated(form: str) -> Callable[[_Here, Node], Node]:
    return lambda here, moment: here.of("date_format", moment, here.value(form))


def _date_format(here: _Here, moment: Node, form: Node) -> Node:
    """Return a moment as text: what engines know of a form at once, and the rest of it from other operations."""
    here.called("date_format", moment, form)
    parts: list[Node] = []
    known = ""
    for piece in pieces(stated_text(form)):
        if piece[1:] not in _COMPOSED:
            known += piece
            continue
        parts += [_dated(known)(here, moment)] if known else []
        parts.append(_COMPOSED[piece[1:]](here, moment))
        known = ""
    parts += [_dated(known)(here, moment)] if known else []
    return here.of("concat", *parts) if len(parts) > 1 else parts[0]


def _ordinal(here: _Here, moment: Node) -> Node:
    day = here.of("day", moment)
    endings = (((1, 21, 31), "st"), ((2, 22), "nd"), ((3, 23), "rd"))
    branches = [part for days, ending in endings for part in (here.of("in", day, *map(here.value, days)), here.value(ending))]
    return here.of("concat", day, here.of("case", *branches, here.value("th")))


def _weekday(here: _Here, moment: Node) -> Node:
    return _elt(here, here.of("dayofweek", moment), *(here.value(str(number)) for number in range(7)))


def _week(mode: int) -> Callable[[_Here, Node], Node]:
    return lambda here, moment: _padded(here, here.of("week", moment, here.value(mode)), 2)


def _year_of_week(mode: int) -> Callable[[_Here, Node], Node]:
    return lambda here, moment: here.of("left", _padded(here, here.of("yearweek", moment, here.value(mode)), 6), here.value(4))


def _padded(here: _Here, number: Node, digits: int) -> Node:
    return here.of("right", here.of("concat", here.value("0" * (digits - 1)), number), here.value(digits))


_COMPOSED: Mapping[str, Callable[[_Here, Node], Node]] = MappingProxyType(
    {
        "D": _ordinal,
        "w": _weekday,
        "U": _week(0),
        "u": _week(1),
        "V": _week(2),
        "v": _week(3),
        "X": _year_of_week(2),
        "x": _year_of_week(3),
    }
)
"""Letters of a form that not all engines know, and what they are made of."""


def _added(sign: int, unit: str) -> Callable[[_Here, Node, Node], Node]:
    return lambda here, moment, count: _timestampadd(here, here.value(unit), count, moment, sign)


def _timestampadd(here: _Here, unit: Node, count: Node, moment: Node, sign: int = 1) -> Node:
    number = stated_count(fit(here.scope, Take.given_count, count))
    return shifted_by(here.scope, moment, sign * number, stated_text(unit), here.place)


def _only_as_operator(_here: _Here, *_arguments: Node) -> None:
    """Return nothing: INTERVAL is read before this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """A function that is other operations.

    Parameters
    ----------
    make : puts them together, from a place and the arguments; None where these are for the operation of the same name, or wrong.
    counts : how many arguments there may be.
    example, means : for the documentation; empty where an operation's own line says it.
    """

    make: Callable[..., Node | None]
    counts: range
    example: str = ""
    means: str = ""


def _spelling(make: Callable[..., Node | None], least: int, most: int = 0, *, example: str = "", means: str = "") -> Spelling:
    return Spelling(make=make, counts=range(least, (most or least) + 1), example=example, means=means)


def _today(here: _Here) -> Node:
    return here.of("date", here.now())


_TODAY = _spelling(_today, 0)

SPELLINGS: Mapping[str, Spelling] = MappingProxyType(
    {
        "if": _spelling(lambda here, *x: here.of("case", *x), 3, example="if(x > 1, 2, 3)", means="CASE WHEN x > 1 THEN 2 ELSE 3 END"),
        "nullif": _spelling(_nullif, 2, example="nullif(x, 0)", means="NULL if both are equal, else the first"),
        "nvl2": _spelling(_nvl2, 3, example="nvl2(x, 2, 3)", means="the second, and the third if the first is NULL"),
        "elt": _spelling(_elt, 2, MOST_ARGUMENTS, example='elt(n, "a", "b")', means="that of the list which the number says, from 1; NULL if there is none"),
        "field": _spelling(_field, 2, MOST_ARGUMENTS, example='field(band, "g", "r")', means="the place in the list, from 1; 0 if it is not there, or NULL"),
        "strcmp": _spelling(_strcmp, 2, example='strcmp(name, "SN")', means="-1, 0 or 1, as the first text is less, equal or greater"),
        "instr": _spelling(
            lambda here, text, part: here.called("locate", part, text),
            2,
            example='instr(name, "SN")',
            means="`locate` with its arguments the other way round",
        ),
        "locate": _spelling(_locate_from, 3),
        "substring": _spelling(_substring, 2, 3),
        "json_unquote": _spelling(
            lambda here, document: fit(here.scope, Take.text, document), 1, example="json_unquote(classdict->'$.a')", means="the value as text"
        ),
        "curdate": _spelling(_today, 0, example="curdate()", means="`date(now())`; also `current_date`, `utc_date`"),
        "current_date": _TODAY,
        "utc_date": _TODAY,
        "timestamp": _spelling(
            lambda here, moment: fit(here.scope, Take.moment, moment), 1, example="timestamp('2026-11-25 08:30:00')", means="a text as the moment that it is"
        ),
        "date_add": _spelling(_only_as_operator, 2, example="date_add(now(), INTERVAL 1 DAY)", means="`now() + INTERVAL 1 DAY`"),
        "date_sub": _spelling(_only_as_operator, 2, example="date_sub(now(), INTERVAL 1 DAY)", means="`now() - INTERVAL 1 DAY`"),
        "adddate": _spelling(_added(1, "day"), 2, example="adddate(now(), 3)", means="`now() + INTERVAL 3 DAY`; also as `date_add`"),
        "subdate": _spelling(_added(-1, "day"), 2, example="subdate(now(), 3)", means="`now() - INTERVAL 3 DAY`; also as `date_sub`"),
        "add_months": _spelling(_added(1, "month"), 2, example="add_months(now(), 3)", means="`now() + INTERVAL 3 MONTH`"),
        "timestampadd": _spelling(_timestampadd, 3, example="timestampadd(hour, 3, now())", means="`now() + INTERVAL 3 HOUR`"),
        "date_format": _spelling(_date_format, 2),
        "dayname": _spelling(_dated("%W"), 1, example="dayname(now())", means='`date_format(now(), "%W")`, such as Monday'),
        "monthname": _spelling(_dated("%M"), 1, example="monthname(now())", means='`date_format(now(), "%M")`, such as January'),
        "weekofyear": _spelling(lambda here, moment: here.of("week", moment, here.value(3)), 1, example="weekofyear(now())", means="`week(now(), 3)`"),
        "from_unixtime": _spelling(lambda here, number, form: _date_format(here, here.of("from_unixtime", number), form), 2),
        "unix_timestamp": _spelling(lambda here: here.of("unix_timestamp", here.now()), 0),
    }
)
"""Functions that are other operations, with some numbers of arguments."""


def spelt_out(scope: Scope, name: str, arguments: list[Node], place: Place) -> Node | None:
    """Return what a function that is other operations means; None if it is none, or has other arguments.

    Raises
    ------
    FilterError
        If the operations do not take the arguments.
    """
    spelling = SPELLINGS.get(name)
    if spelling is None or len(arguments) not in spelling.counts:
        return None
    return spelling.make(_Here(scope=scope, place=place), *arguments)
