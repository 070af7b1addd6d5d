"""Nearest misses: which condition of a filter, left out, would have let most alerts of a night through."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..filters.tree import Tree
from ..packet import Batch
from ._joined import as_written, frame_of, join, named, spelt, wanted_by
from ._nights import OnDamage, read_night


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """A condition, and the alerts that it kept out.

    Parameters
    ----------
    condition : as the filter has it, or the table that the alert must be in.
    failed : alerts for which it was not true, in none of their rows.
    alone : those of them that the filter would have passed without it.
    """

    condition: str
    failed: int
    alone: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Misses:
    """What kept alerts out: the conditions, those first that kept most out alone; and how many alerts there were, and passed."""

    night: int
    alerts: int
    matched: int
    conditions: tuple[Miss, ...]


def misses(folder: Path, tree: Tree, night: int, on_damage: OnDamage, *, text: str) -> Misses:
    """Count what each condition of a filter kept out in a night; that an alert is in a table that the filter joins is a condition too.

    Parameters
    ----------
    folder : of all nights.
    tree : the filter.
    text : its conditions, as its owner wrote them.
    """
    names = [*(f"in {named(one)}" for one in tree.joined), *(spelt(node, text) for node in as_written(tree.conjuncts()))]
    failed, alone = np.zeros(len(names), np.int64), np.zeros(len(names), np.int64)
    alerts = matched = 0
    for batch in read_night(folder, night, on_damage, wanted=wanted_by([tree])):
        of_alert, is_true = _truth(tree, batch)
        n_false = (~is_true).sum(axis=1)
        passed = _any(n_false == 0, of_alert, len(batch))
        for place, column in enumerate(is_true.T):
            failed[place] += len(batch) - _any(column, of_alert, len(batch)).sum()
            alone[place] += (_any((n_false == 1) & ~column, of_alert, len(batch)) & ~passed).sum()
        alerts += len(batch)
        matched += int(passed.sum())
    counted = [Miss(condition=name, failed=int(f), alone=int(a)) for name, f, a in zip(names, failed, alone, strict=True)]
    ordered = tuple(sorted(counted, key=lambda miss: (-miss.alone, -miss.failed)))
    return Misses(night=night, alerts=alerts, matched=matched, conditions=ordered)


def _truth(tree: Tree, batch: Batch) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return of each row of the joined tables its alert, and which conditions are true, shape (n_row, n_condition)."""
    conditions = as_written(tree.conjuncts())
    rows = join(frame_of(batch), tree.joined, conditions)
    verdicts = [rows.verdicts(node).fill_null(value=False).to_numpy() for node in conditions]
    return rows.alerts, np.stack([*rows.found.values(), *verdicts], axis=1)


def _any(of_row: npt.NDArray[np.bool_], of_alert: npt.NDArray[np.int64], n_alert: int) -> npt.NDArray[np.bool_]:
    """Return for which alerts it is true in any of their rows, shape (n_alert,)."""
    return np.bincount(of_alert[of_row], minlength=n_alert) > 0
