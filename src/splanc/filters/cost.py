"""What a filter costs, measured before it may run."""

from __future__ import annotations

from ..errors import FilterError
from ._compiled import compile_filter
from ._program import Program
from ._terms import Expressions
from .frames import Frame
from .synthetic import synthetic_frame
from .tree import Tree

COST_ALERTS = 10_000
"""Costs are for so many alerts, which is the largest batch."""

COST_LIMIT_US = 25_000.0
"""A filter may cost so much CPU per `COST_ALERTS`, µs: fifty times what one in a thousand may take in the mean."""

_ROUNDS = 3


def measure_cost(tree: Tree, frame: Frame | None = None) -> float:
    """Return what a filter costs alone, µs of CPU per 10,000 alerts: the least of three rounds.

    Parameters
    ----------
    frame : what to measure on; None: made rows.

    Raises
    ------
    FilterError
        If it cannot be run.
    """
    program = Program.of([compile_filter(tree, Expressions())])
    rows = frame or synthetic_frame(COST_ALERTS, tree.joined)
    least = float("inf")
    for _ in range(_ROUNDS + 1):  # the first finds columns and threads cold
        outcome = program.run(rows)
        if outcome.failed:
            raise FilterError(f"the filter cannot be run: {outcome.failed[0]}", code="cost")
        least = min(least, float(outcome.seconds[0]))
    return 1e6 * least * COST_ALERTS / max(1, len(rows))


def check_cost(tree: Tree, *, limit_us: float = COST_LIMIT_US) -> float:
    """Return what a filter costs, if it is within the limit.

    Raises
    ------
    FilterError
        If it costs more, or cannot be run.
    """
    cost_us = measure_cost(tree)
    if cost_us > limit_us:
        why = f"the filter takes {cost_us:,.0f} µs of CPU per {COST_ALERTS:,} alerts, {limit_us:,.0f} are allowed"
        raise FilterError(why, code="cost", hint="Compare columns with values where you can; LIKE and functions of texts cost most.")
    return cost_us
