"""Functions as users call them: which operation a name means, with how many arguments, and what those may be."""

from __future__ import annotations

from sqlglot import exp

from .checking import applied
from .grammar import PLACE
from .operations import FUNCTIONS
from .refusals import refusal_of
from .rules import Rule
from .scope import Scope, nearest
from .spellings import MOST_ARGUMENTS, SPELLINGS, spelt_out
from .tree import Node, Place

SHIFTS = {"date_add": 1, "adddate": 1, "date_sub": -1, "subdate": -1}
"""Functions that take a moment and an INTERVAL, and the sign of that."""


def is_function(name: str) -> bool:
    """Return whether a name is a function's."""
    return name.lower() in FUNCTIONS or name.lower() in SPELLINGS


def read_function(scope: Scope, node: exp.Expr, arguments: list[Node], place: Place) -> Node:
    """Return the operation that a call means.

    Raises
    ------
    FilterError
        If there is no such function, or it does not take these arguments.
    """
    name = node.name.lower()
    if not is_function(name):
        raise _no_function(scope, node, place)
    found = spelt_out(scope, name, arguments, place)
    if found is not None:
        return found
    rules = FUNCTIONS.get(name, [])
    for rule in rules:
        if _takes(rule, len(arguments)):
            return applied(scope, rule, arguments, place)
    raise _wrong_arguments(scope, name, len(arguments), place)


def _takes(rule: Rule, count: int) -> bool:
    return _least(rule) <= count and (rule.repeats or count <= len(rule.takes))


def _least(rule: Rule) -> int:
    return len(rule.takes) - rule.optional


def _wrong_arguments(scope: Scope, name: str, count: int, place: Place) -> Exception:
    rules, spelling = FUNCTIONS.get(name, []), SPELLINGS.get(name)
    examples = [one.example for one in (*rules, spelling) if one is not None and one.example]
    hint = f"Such as `{examples[0]}`." if examples else ""
    if name in SHIFTS:
        return scope.text.error(f"{name}() takes a moment and an INTERVAL", code="arguments", place=place, hint=hint)
    wanted = [_counted(_least(rule), MOST_ARGUMENTS if rule.repeats else len(rule.takes)) for rule in rules]
    if spelling is not None:
        wanted.append(_counted(spelling.counts[0], spelling.counts[-1]))
    why = f"{name}() takes {' or '.join(dict.fromkeys(wanted))}, and {count} are given"
    return scope.text.error(why, code="arguments", place=place, hint=hint)


def _counted(least: int, most: int) -> str:
    number = f"{least} or more" if most >= MOST_ARGUMENTS else str(most) if least == most else f"{least} or {most}"
    return f"{number} argument{'s' * (number != '1')}" if most else "no arguments"


def _no_function(scope: Scope, node: exp.Expr, place: Place) -> Exception:
    name = node.name.lower()
    place = (place[0], place[0] + len(name)) if PLACE in node.meta else place
    refusal = refusal_of(name)
    if refusal is not None:
        return scope.text.error(f"{name}() {refusal.why}", code=refusal.code, place=place, hint=refusal.hint)
    hint = nearest(name, [*FUNCTIONS, *SPELLINGS]) or "The documentation of filters lists all functions."
    return scope.text.error(f"there is no function `{name}`", code="function", place=place, hint=hint)
