"""Kinds made to fit: what an operation takes of what it is given, and what cannot be one is refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from ._calendar import EPOCH, FIRST_YEAR, LAST_YEAR
from ._polars_forms import NUMERIC
from .operations import OPERATIONS, taken
from .rules import Rule, Take
from .scope import Scope
from .tree import Column, Kind, Node, Operation, Place, Value

_NUMBERS = (Kind.integer, Kind.number)
_TOGETHER = frozenset({Take.alike, Take.ordered})
_NUMERIC = re.compile(NUMERIC.replace("$", r"\Z"))

_NAMES = {
    Kind.boolean: "a condition",
    Kind.integer: "a number",
    Kind.number: "a number",
    Kind.text: "a text",
    Kind.moment: "a moment",
    Kind.json: "a JSON document",
    Kind.null: "NULL",
}
"""Kinds as errors name them."""


def operation(scope: Scope, name: str, arguments: Sequence[Node], place: Place) -> Operation:
    """Return an operation on arguments, each made what the operation takes.

    Raises
    ------
    FilterError
        If one cannot be that.
    """
    rule = OPERATIONS[name]
    takes = taken(rule, len(arguments))
    together = iter(alike(scope, [node for node, take in zip(arguments, takes, strict=True) if take in _TOGETHER], ordered=Take.ordered in takes))
    made = tuple(next(together) if take in _TOGETHER else fit(scope, take, node) for node, take in zip(arguments, takes, strict=True))
    return Operation(name=name, arguments=made, kind=_given(rule, made, takes), place=place)


def _given(rule: Rule, arguments: Sequence[Node], takes: Sequence[Take]) -> Kind:
    if rule.gives is not None:
        return rule.gives
    kinds = [node.kind for node, take in zip(arguments, takes, strict=True) if take in _TOGETHER]
    return Kind.number if Kind.number in kinds else kinds[0]


def fit(scope: Scope, take: Take, node: Node) -> Node:
    """Return a node as an argument of a sort.

    Raises
    ------
    FilterError
        If it cannot be that.
    """
    if take is Take.condition:
        return _condition(scope, node)
    if take in (Take.number, Take.numeric):
        return _number(scope, node)
    if take is Take.whole:
        return whole(scope, node)
    if take is Take.text:
        return _text(scope, node)
    if take is Take.moment:
        return _moment(scope, node)
    if take is Take.json and not (node.kind is Kind.json and isinstance(node, Column)):
        raise _unfit(scope, node, "a column with JSON documents, such as `classdict` of an annotator,")
    return node if take in (Take.json, Take.any) else _stated(scope, take, node)


def alike(scope: Scope, nodes: Sequence[Node], *, ordered: bool = False) -> list[Node]:
    """Return nodes of one kind; integers and numbers count as one.

    Raises
    ------
    FilterError
        If they cannot be compared.
    """
    kinds = {node.kind for node in nodes} - {Kind.null}
    if not kinds:
        return [_null_of(node, Kind.text) for node in nodes]
    if kinds == {Kind.boolean} and not ordered:
        return [_null_of(node, Kind.boolean) for node in nodes]
    if Kind.moment in kinds:
        return [_moment(scope, node) for node in nodes]
    if kinds <= {Kind.text, Kind.json}:
        if ordered:
            raise _unfit(scope, next(node for node in nodes if node.kind in kinds), "a number or a moment")
        return [_text(scope, node) for node in nodes]
    column = next((node for node in nodes if node.kind is Kind.text and not _is_numeric(node)), None)
    if column is not None:
        raise _mixed(scope, column)
    numbers = [_number(scope, node) for node in nodes]
    kind = Kind.number if any(node.kind is Kind.number for node in numbers if not _is_null(node)) else Kind.integer
    return [replace(node, kind=kind) if _is_null(node) else node for node in numbers]


def _mixed(scope: Scope, node: Node) -> Exception:
    why = "a text is compared with a number here" if not isinstance(node, Value) else f"{node.value!r} is compared with a number, and is none"
    hint = "Put the number in quotes to compare texts, or write CAST(… AS DOUBLE) to compare numbers."
    return scope.text.error(why, code="type", place=node.place, hint=hint)


def _unfit(scope: Scope, node: Node, wanted: str, hint: str = "") -> Exception:
    return scope.text.error(f"{wanted} is needed here, and this is {_NAMES[node.kind]}", code="type", place=node.place, hint=hint)


def _is_null(node: Node) -> bool:
    return isinstance(node, Value) and node.value is None


def _is_numeric(node: Node) -> bool:
    return isinstance(node, Value) and isinstance(node.value, str) and _NUMERIC.match(node.value.strip()) is not None


def _null_of(node: Node, kind: Kind) -> Node:
    return replace(node, kind=kind) if node.kind is Kind.null else node


def _condition(scope: Scope, node: Node) -> Node:
    if node.kind in (Kind.boolean, Kind.null):
        return _null_of(node, Kind.boolean)
    if node.kind in (Kind.text, Kind.moment) and not _is_numeric(node):
        raise scope.text.error(f"a condition is needed here, and this is {_NAMES[node.kind]}", code="type", place=node.place, hint="Compare it with something.")
    number = _number(scope, node)
    zero = Value(value=0, kind=Kind.integer) if number.kind is Kind.integer else Value(value=0.0, kind=Kind.number)
    return Operation(name="<>", arguments=(number, zero), kind=Kind.boolean, place=node.place)


def _number(scope: Scope, node: Node) -> Node:
    if node.kind in _NUMBERS:
        return node
    if node.kind is Kind.null:
        return _null_of(node, Kind.number)
    if node.kind is Kind.boolean:
        if isinstance(node, Value):
            return replace(node, value=None if node.value is None else int(bool(node.value)), kind=Kind.integer)
        return Operation(name="as_count", arguments=(node,), kind=Kind.integer, place=node.place)
    if node.kind is Kind.json:
        _check_extracted(scope, node)
        return Operation(name="as_number", arguments=(node,), kind=Kind.number, place=node.place)
    if isinstance(node, Value) and isinstance(node.value, str) and _is_numeric(node):
        return _as_written(node, node.value.strip())
    raise _unfit(scope, node, "a number")


def whole(scope: Scope, node: Node) -> Node:
    """Return a node as an integer; other numbers are rounded.

    Raises
    ------
    FilterError
        If it is no number.
    """
    if node.kind is Kind.null:
        return _null_of(node, Kind.integer)
    number = _number(scope, node)
    return number if number.kind is Kind.integer else operation(scope, "as_integer", [number], node.place)


def _check_extracted(scope: Scope, node: Node) -> None:
    if isinstance(node, Column):
        hint = f"Such as `json_extract({node.name}, '$.score')`."
        raise scope.text.error("a value in the JSON document is needed here, not all of it", code="type", place=node.place, hint=hint)


def _as_written(node: Value, text: str) -> Value:
    if text.lstrip("+-").isdigit() and abs(int(text)) < 2**63:
        return replace(node, value=int(text), kind=Kind.integer)
    return replace(node, value=float(text), kind=Kind.number)


def _text(scope: Scope, node: Node) -> Node:
    if node.kind is Kind.text:
        return node
    if node.kind is Kind.null:
        return _null_of(node, Kind.text)
    if node.kind is Kind.json:
        _check_extracted(scope, node)
        return Operation(name="plain", arguments=(node,), kind=Kind.text, place=node.place)
    if node.kind in (Kind.integer, Kind.boolean):
        return Operation(name="as_text", arguments=(_number(scope, node),), kind=Kind.text, place=node.place)
    raise _unfit(scope, node, "a text", "date_format() makes one of it, such as `date_format(now(), '%Y-%m-%d')`." if node.kind is Kind.moment else "")


def _moment(scope: Scope, node: Node) -> Node:
    if node.kind is Kind.moment:
        return node
    if node.kind is Kind.null:
        return _null_of(node, Kind.moment)
    if isinstance(node, Value) and isinstance(node.value, str):
        return replace(node, value=microseconds_of(scope, node.value, node.place), kind=Kind.moment)
    if node.kind in (Kind.text, Kind.json):
        return operation(scope, "as_moment", [node], node.place)
    raise _unfit(scope, node, "a moment")


def microseconds_of(scope: Scope, text: str, place: Place) -> int:
    """Return a date and time as µs since 1970; without a zone it is UTC.

    Raises
    ------
    FilterError
        If the text is none.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
        since = (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment) - EPOCH
    except (ValueError, OverflowError):
        why = f"{text!r} is not a date, nor a date with a time"
        raise scope.text.error(why, code="value", place=place, hint="Such as '2026-11-25' or '2026-11-25 08:30:00', in UTC.") from None
    if moment.year < FIRST_YEAR:
        why = f"{text!r} is before all moments"
        raise scope.text.error(why, code="value", place=place, hint=f"They lie in the years {FIRST_YEAR} to {LAST_YEAR}.")
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


_MOST_COUNT = 10_000


def _stated(scope: Scope, take: Take, node: Node) -> Node:
    kind, wanted = (Kind.text, "a text in quotes") if take is not Take.given_count else (Kind.integer, "a whole number as such")
    if not isinstance(node, Value) or node.kind is not kind or node.value is None:
        raise scope.text.error(f"{wanted} is needed here", code="type", place=node.place, hint="It must be known before the filter runs.")
    if isinstance(node.value, int) and abs(node.value) > _MOST_COUNT:
        raise scope.text.error(f"this number may be {_MOST_COUNT} at most", code="limit", place=node.place)
    return node
