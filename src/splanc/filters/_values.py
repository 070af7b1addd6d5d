"""What parts of a filter are on each row: what explaining a filter, and counting what its conditions let through, are made of."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from ._evaluate import computed, inputs_of
from ._joins import joined_alerts, spread
from ._terms import Expressions
from .frames import Frame, sources_of, with_sources
from .tree import Node, Tree


def values_of(tree: Tree, wanted: Sequence[Node], frame: Frame) -> pl.DataFrame:
    """Return the values of nodes of a filter on the rows that its joins make, whether or not its conditions are true of them.

    Parameters
    ----------
    wanted : conditions, columns or any other nodes of the tree.

    Returns
    -------
    table : `alert`, and a column for each of the nodes: `0`, `1`, …; rows in the order that matches have.
    """
    named = sources_of(tree.joined)
    sources = tuple(named.values())
    known = Expressions()
    expressions = [known.of(with_sources(node, named), sources) for node in wanted]
    places = spread(frame, joined_alerts(frame, sources), [source for source in sources if source.many])
    values = computed(expressions, inputs_of(expressions, frame, places), len(places[None]))
    return pl.DataFrame([pl.Series("alert", places[None]), *values])
