"""What must stand in a filter as such, and be known before it runs: numbers, texts, paths, units, and forms of dates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from ._calendar import COMPOSED, LETTERS, READ, UNIT_MONTHS, UNIT_US, letters, parts_read
from .fitting import operation
from .jsonpath import is_path
from .rules import Rule
from .scope import Scope
from .tree import Kind, Node, Operation, Place, Value

MOST_DIGITS = 15
"""Most digits that round() and truncate() keep, or make zero."""

LARGEST_MODE = 7
"""Modes of weeks are 0 to this."""


def applied(scope: Scope, rule: Rule, arguments: list[Node], place: Place) -> Operation:
    """Return an operation on arguments, after a look at those that are stated.

    Raises
    ------
    FilterError
        If one cannot be what the operation takes.
    """
    exact = rule.name == "%" and all(argument.kind in (Kind.integer, Kind.boolean) for argument in arguments)
    found = operation(scope, "%_integers" if exact else rule.name, arguments, place)
    check = _CHECKS.get(rule.name)
    if check is not None:
        check(scope, *found.arguments)
    return found


def stated_text(node: Node) -> str:
    """Return the text that a node states; empty if it states none."""
    return node.value if isinstance(node, Value) and isinstance(node.value, str) else ""


def stated_count(node: Node) -> int:
    """Return the whole number that a node states; 0 if it states none."""
    return node.value if isinstance(node, Value) and isinstance(node.value, int) else 0


def check_form(scope: Scope, form: Node, known: str) -> None:
    """Refuse a form of a date that is empty, or has a letter that is not among those known.

    Raises
    ------
    FilterError
        With the place of the letter.
    """
    text, hint = stated_text(form), f"Letters are {', '.join(f'%{letter}' for letter in sorted(known))} and %%."
    if not text:
        raise _wrong(scope, form, "this is no form of a date", hint)
    for at, letter in letters(text):
        if letter not in (*known, "%"):
            # In the filter's text quotes stand around the form, and those inside are doubled.
            first = form.place[0] + 1 + at + text[:at].count(scope.text.text[form.place[0]])
            why = f"`%{letter}` is no letter of such a form" if letter else "a letter is missing after `%`"
            raise scope.text.error(why, code="value", place=(first, first + 1 + len(letter)), hint=hint)


def _wrong(scope: Scope, node: Node, why: str, hint: str = "") -> Exception:
    return scope.text.error(why, code="value", place=node.place, hint=hint)


def _check_path(scope: Scope, _document: Node, path: Node) -> None:
    if not is_path(stated_text(path)):
        hint = "Such as '$.scores.\"SN Ia\"[0]'; names with other signs than letters stand in quotes."
        raise _wrong(scope, path, f"`{stated_text(path)}` is not a path", hint)


def _check_digits(scope: Scope, _value: Node, *digits: Node) -> None:
    for count in digits:
        if abs(stated_count(count)) > MOST_DIGITS:
            raise _wrong(scope, count, f"there are {MOST_DIGITS} digits at most")


def _check_count(scope: Scope, _text: Node, count: Node) -> None:
    if stated_count(count) < 0:
        raise _wrong(scope, count, "this number may not be negative")


def _check_part(scope: Scope, text: Node, start: Node, *count: Node) -> None:
    if stated_count(start) < 1:
        raise _wrong(scope, start, "places in a text count from 1, or from -1 for its end")
    for one in count:
        _check_count(scope, text, one)


def _check_replacement(scope: Scope, _text: Node, old: Node, new: Node) -> None:
    if not 0 < len(stated_text(old)) >= len(stated_text(new)):
        raise _wrong(scope, new, "what replaces may not be longer than what is replaced, and that may not be empty")


def _check_search(scope: Scope, part: Node, *_others: Node) -> None:
    if not stated_text(part):
        raise _wrong(scope, part, "this text may not be empty")


def _check_second(scope: Scope, _text: Node, part: Node, *_others: Node) -> None:
    _check_search(scope, part)


def _check_unit(scope: Scope, unit: Node, _one: Node, _other: Node) -> None:
    if stated_text(unit) not in {*UNIT_US, *UNIT_MONTHS}:
        raise _wrong(scope, unit, "this is no unit of time", f"Units are {', '.join((*UNIT_US, *UNIT_MONTHS))}.")


def _check_mode(scope: Scope, _moment: Node, *mode: Node) -> None:
    for one in mode:
        if not 0 <= stated_count(one) <= LARGEST_MODE:
            raise _wrong(scope, one, f"the mode of weeks is a number from 0 to {LARGEST_MODE}")


def _check_written(scope: Scope, _moment: Node, form: Node) -> None:
    check_form(scope, form, "".join(LETTERS) + COMPOSED)


def _check_read(scope: Scope, _text: Node, form: Node) -> None:
    check_form(scope, form, "".join(READ) + "T")
    parts = parts_read(stated_text(form))
    if not {"Y", "m", "d"} <= set(parts) or len(parts) != len(set(parts)):
        raise _wrong(scope, form, "a form that is read has %Y, %m and %d, and nothing twice", "Such as '%Y-%m-%d %H:%i:%s'.")


_CHECKS: Mapping[str, Callable[..., None]] = MappingProxyType(
    {
        "json_value": _check_path,
        "round": _check_digits,
        "truncate": _check_digits,
        "left": _check_count,
        "right": _check_count,
        "substring": _check_part,
        "replace": _check_replacement,
        "locate": _check_search,
        "trim_leading": _check_second,
        "trim_trailing": _check_second,
        "trim_both": _check_second,
        "substring_index": _check_second,
        "timestampdiff": _check_unit,
        "week": _check_mode,
        "yearweek": _check_mode,
        "date_format": _check_written,
        "str_to_date": _check_read,
    }
)
"""Looks at what is stated, by the operation's name."""
