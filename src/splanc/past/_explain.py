"""Explain: why a filter passed an alert, or did not: its conditions as a tree, with what was true of that alert.

A comparison of numbers that is not true also says by how much: the difference of its sides, and that as a share of the second side,
which is mostly the bound that the filter states.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..filters.tree import Column, Kind, Node, Operation, Tree, nodes
from ..packet import Batch
from ._joined import JoinedRows, as_written, frame_of, is_between, join, named, spelt

_BRANCHES = frozenset({"and", "or", "xor", "not"})
"""Operations whose arguments are conditions, which are drawn below them."""

_COMPARISONS = frozenset({"<", "<=", ">", ">=", "=", "<=>", "in"})
"""Operations of which it can be said how far they are from being true."""

_NUMBERS = frozenset({Kind.integer, Kind.number, Kind.boolean})


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """How far a comparison is from being true: the difference of its sides, and that divided by the second; None where that is 0."""

    absolute: float
    relative: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A condition and what came of it.

    Parameters
    ----------
    text : as the filter has it.
    operation : `and`, `or`, `xor`, `not`; None for a condition that is not made of others.
    is_true : None: NULL, which does not pass.
    values : of the columns in it, by the names that the filter gives them; only where it is not made of others.
    distance : of a comparison of numbers that is not true.
    below : what it is made of.
    """

    text: str
    is_true: bool | None
    operation: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    distance: Distance | None = None
    below: tuple[Verdict, ...] = ()

    def record(self) -> dict[str, Any]:
        """Return it for JSON."""
        distance = None if self.distance is None else {"absolute": self.distance.absolute, "relative": self.distance.relative}
        below = [one.record() for one in self.below]
        return {"text": self.text, "operation": self.operation, "is_true": self.is_true, "values": dict(self.values), "distance": distance, "below": below}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a filter passed an alert, or did not.

    Parameters
    ----------
    alert : what identifies it: diaObjectId, ssObjectId, diaSourceId, visit, midpointMjdTai.
    matched : whether the filter passes it.
    tables : the tables that it joins, and whether the alert is in each.
    conditions : all of which must be true.
    rows : combinations of rows that the alert has in these tables, at least one; explained is that in which most is true.
    """

    alert: Mapping[str, Any]
    matched: bool
    tables: Mapping[str, bool]
    conditions: tuple[Verdict, ...]
    rows: int

    def record(self) -> dict[str, Any]:
        """Return it for JSON."""
        conditions = [one.record() for one in self.conditions]
        return {"matched": self.matched, "alert": dict(self.alert), "tables": dict(self.tables), "conditions": conditions, "rows": self.rows}


def explain(tree: Tree, alert: Batch, *, text: str) -> Explanation:
    """Return why a filter passes an alert, or does not.

    Parameters
    ----------
    tree : the filter.
    alert : a batch of one.
    text : the filter's conditions, as its owner wrote them.
    """
    conjuncts = as_written(tree.conjuncts())
    joined = join(frame_of(alert), tree.joined, conjuncts)
    truth = np.stack([*joined.found.values(), *(joined.verdicts(node).fill_null(value=False).to_numpy() for node in conjuncts)], axis=1)
    row = int(truth.sum(axis=1).argmax())
    best = JoinedRows(
        rows=joined.rows[row : row + 1],
        alerts=joined.alerts[row : row + 1],
        found={alias: found[row : row + 1] for alias, found in joined.found.items()},
        sources=joined.sources,
    )
    columns = ("diaObjectId", "ssObjectId", "diaSourceId", "visit", "midpointMjdTai")
    return Explanation(
        alert={name: alert.alerts[name][0].as_py() for name in columns if name in alert.alerts.column_names},
        matched=bool(truth[row].all()),
        tables={named(one): bool(best.found[one.alias][0]) for one in tree.joined},
        conditions=tuple(_verdict(node, best, text) for node in conjuncts),
        rows=len(joined.alerts),
    )


def _verdict(node: Node, row: JoinedRows, text: str) -> Verdict:
    is_true = row.verdicts(node)[0]
    if isinstance(node, Operation) and node.name in _BRANCHES and not is_between(node):
        below = tuple(_verdict(argument, row, text) for argument in (as_written(node.arguments) if node.name == "and" else node.arguments))
        return Verdict(text=spelt(node, text), operation=node.name, is_true=is_true, below=below)
    columns = {(one.source, one.name): one for one in nodes(node) if isinstance(one, Column)}
    values = {f"{alias}.{name}": row.values(column)[0] for (alias, name), column in sorted(columns.items())}
    return Verdict(text=spelt(node, text), is_true=is_true, values=values, distance=_distance(node, row))


def _distance(node: Node, row: JoinedRows) -> Distance | None:
    """Return how far a comparison is from being true; None if it is true, or none of numbers, or a side is NULL."""
    if is_between(node):
        return next(filter(None, (_distance(argument, row) for argument in node.arguments)), None)
    if not isinstance(node, Operation) or node.name not in _COMPARISONS or row.verdicts(node)[0]:
        return None
    if any(argument.kind not in _NUMBERS for argument in node.arguments):
        return None
    value, *bounds = (row.values(argument)[0] for argument in node.arguments)
    near = [bound for bound in bounds if bound is not None]
    if value is None or not near:
        return None
    nearest = min(near, key=lambda bound: abs(value - bound))
    absolute = abs(float(value) - float(nearest))
    return Distance(absolute=absolute, relative=absolute / abs(nearest) if nearest else None)
