"""How large an expression gets when engines write it out: their forms mention arguments more than once."""

from __future__ import annotations

from .grammar import Text
from .operations import OPERATIONS
from .reach import COLUMN_REACH, INTEGER_REACH, Reach, is_safe
from .rules import Rule
from .tree import Column, Kind, Node, Operation, Value

DEEPEST_NODES = 60
"""Most operations inside one another."""

HEAVIEST = 20_000
"""Most mentions of columns, values and operations in the longest form of a filter's expression: some megabytes of SQL."""


def value_reach(value: Value) -> Reach:
    """Return the reach of a value."""
    magnitude = abs(value.value) if isinstance(value.value, int | float) and value.value else 1.0
    return float(magnitude), float(magnitude)


def reach_of(node: Node, below: tuple[Reach, ...] = ()) -> Reach:
    """Return the reach of a node's values, given those of its arguments."""
    if isinstance(node, Value):
        return value_reach(node)
    if node.kind is Kind.integer:
        return INTEGER_REACH
    if isinstance(node, Column):
        return COLUMN_REACH
    return OPERATIONS[node.name].reach(*below)


def is_careful(rule: Rule, below: tuple[Reach, ...]) -> bool:
    """Return whether an operation must check its result, given the reaches of its arguments."""
    return rule.careful is not None and not (is_safe(rule.reach(*below)) and all(map(is_safe, below)))


def _weigh(node: Node) -> tuple[int, Reach]:
    if not isinstance(node, Operation):
        return 1, reach_of(node)
    rule = OPERATIONS[node.name]
    parts = [_weigh(argument) for argument in node.arguments]
    below = tuple(reach for _, reach in parts)
    times = rule.careful_weight if is_careful(rule, below) else rule.weight
    return 1 + times * sum(weight for weight, _ in parts), reach_of(node, below)


def check_weight(text: Text, node: Node) -> None:
    """Refuse a node whose forms would be too large.

    Raises
    ------
    FilterError
        If they would.
    """
    if _weigh(node)[0] > HEAVIEST:
        why = "this nests too many functions that each need their arguments several times"
        raise text.error(why, code="limit", place=node.place, hint="Say it in fewer steps.")
