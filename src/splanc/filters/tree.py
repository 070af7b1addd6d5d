"""The tree of a filter: what its text means, and nothing else can be said in it.

A text is parsed once into nodes of three kinds: a column, a value, and an operation on nodes. Operators and functions alike are
operations; those that exist stand in one table (`operations`), with what each takes and gives and how each engine does it. So what
is not in the table cannot be in a tree, and no engine is ever given a user's text.

Nodes are equal where they mean the same, wherever they stand in a text: what several filters have in common is found by comparing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias


class Kind(StrEnum):
    """What a node's values are. Integers are 64 bits and compared exactly; all arithmetic is done in double precision."""

    boolean = "boolean"
    integer = "integer"
    number = "number"
    text = "text"
    moment = "moment"
    json = "json"
    null = "null"


Place: TypeAlias = tuple[int, int]
"""Where a node stands in its text: the first character and the one after its last."""

NOWHERE: Place = (0, 0)
"""The place of what the user did not write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table that the filter joins.

    Parameters
    ----------
    source : the alias of the `Joined` that it is of.
    name : spelt as the survey spells it.
    """

    source: str
    name: str
    kind: Kind
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A value that the filter states; None is NULL."""

    value: int | float | str | bool | None
    kind: Kind
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operator or a function with what it is applied to; `and` and `or` have two arguments or more."""

    name: str
    arguments: tuple[Node, ...]
    kind: Kind
    place: Place = field(default=NOWHERE, compare=False)


Node: TypeAlias = Column | Value | Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A table as a filter joins it, inner, by the alert (on the stream) or by its id (in the archive).

    Parameters
    ----------
    table : its name in `tables.TABLES`.
    alias : how columns refer to it, unique in the filter.
    parameter : what the table's parameter column must equal; None for a table without one.
    """

    table: str
    alias: str
    parameter: int | str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """What a filter returns: a node under the key that it has in the record."""

    name: str
    node: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A filter, understood.

    Parameters
    ----------
    selected : in the order of the record's keys.
    joined : the tables; the first is the base, `objects` or, for moving objects, `ss_objects_latest`.
    conditions : what must be true of a row; None where there are none.
    order, limit, offset : for past data only: nodes with whether they descend, most rows, and how many before them are left out.
    notes : what the user should be told, such as that ORDER BY means nothing on the stream.
    """

    selected: tuple[Selected, ...]
    joined: tuple[Joined, ...]
    conditions: Node | None
    order: tuple[tuple[Node, bool], ...] = ()
    limit: int | None = None
    offset: int = 0
    notes: tuple[str, ...] = ()

    def conjuncts(self) -> tuple[Node, ...]:
        """Return the conditions that must all be true."""
        if isinstance(self.conditions, Operation) and self.conditions.name == "and":
            return self.conditions.arguments
        return () if self.conditions is None else (self.conditions,)


def nodes(node: Node) -> Iterator[Node]:
    """Yield a node and all below it, the node first."""
    yield node
    if isinstance(node, Operation):
        for argument in node.arguments:
            yield from nodes(argument)


def columns_of(*trees: Node) -> set[tuple[str, str]]:
    """Return the columns that nodes use, as (alias, name)."""
    return {(node.source, node.name) for tree in trees for node in nodes(tree) if isinstance(node, Column)}
