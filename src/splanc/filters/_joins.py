"""Inner joins of filters: which alerts each begins with, and which rows come of an alert that has several in a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ._evaluate import Places, computed, inputs_of
from ._terms import Expression
from .frames import Frame, Integers, Source


def joined_alerts(frame: Frame, sources: Sequence[Source]) -> Integers:
    """Return the alerts that have a row in each of these sources, ascending."""
    fewest, *others = sorted((frame.rows(source).alerts for source in sources), key=len)
    alerts = fewest[np.diff(fewest, prepend=-1) != 0]
    for other in others:
        if len(alerts) and not len(alerts) == len(other) == len(frame):
            alerts = alerts[other[np.minimum(np.searchsorted(other, alerts), len(other) - 1)] == alerts]
    return alerts


def spread(frame: Frame, alerts: Integers, sources: Sequence[Source]) -> Places:
    """Return the rows that a join makes of alerts: each as often as it has rows in the sources, in their order."""
    places: dict[Source | None, Integers] = {None: alerts}
    for source in sources:
        found = frame.rows(source)
        begins, ends = (np.searchsorted(found.alerts, places[None], side) for side in ("left", "right"))
        counts = ends - begins
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        places = {name: np.repeat(rows, counts) for name, rows in places.items()}
        places[source] = found.rows[np.repeat(begins, counts) + within]
    return places


def kept(frame: Frame, places: Places, conditions: Sequence[Expression]) -> Places:
    """Return the rows of a join for which conditions are true."""
    if not conditions or not len(places[None]):
        return places
    true = np.ones(len(places[None]), np.bool_)
    for values in computed(conditions, inputs_of(conditions, frame, places), len(true)):
        true &= values.fill_null(value=False).to_numpy()
    return {name: rows[true] for name, rows in places.items()}
