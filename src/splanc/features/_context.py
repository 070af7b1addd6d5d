"""What catalogues say of objects, as far as features follow from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..packet import Batch, floats_of
from ._blackbody import Floats

CLASSIFICATIONS = "sherlock_classifications"
"""Name of the table of a batch, and of the archive, that classes and hosts are in; the name that users of Lasair know."""

UNCLASSIFIED = "UNCLASSIFIED"
"""Class of an object that the classifier could not be asked about, or only in part; a backfill asks again."""


_READ = ("classification", "best_distance", "z")
"""What is read of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What catalogues say of objects, shape (n_object,) each.

    Parameters
    ----------
    classification : SN, NT, ORPHAN, VS, …; None where nobody has said.
    distance_mpc : best distance of the host, Mpc; NaN: unknown.
    z : redshift of the host; NaN: unknown.
    """

    classification: npt.NDArray[np.object_]
    distance_mpc: Floats
    z: Floats


def unknown_context(n_object: int) -> Context:
    """Return the context of objects that no catalogue was asked about."""
    return Context(classification=np.full(n_object, None, object), distance_mpc=np.full(n_object, np.nan), z=np.full(n_object, np.nan))


def context_of(batch: Batch) -> Context:
    """Return the context of each row of a batch's `diaObject`, from its table `sherlock_classifications`; unknown where that has no row."""
    objects, said = batch.tables["diaObject"], batch.tables.get(CLASSIFICATIONS)
    if said is None or not said.num_rows:
        return unknown_context(objects.num_rows)
    rows = rows_of_alerts(said, len(batch))[objects["alert"].to_numpy()]
    return context_in(said.select(_READ).take(pa.array(rows, mask=rows < 0)))


def context_in(said: pa.Table) -> Context:
    """Return the context in rows of `sherlock_classifications`.

    Parameters
    ----------
    said : with `classification`, `best_distance` (Mpc) and `z`, NULL where unknown.
    """
    classification: npt.NDArray[np.object_] = said["classification"].to_numpy().astype(object)
    classification[classification == UNCLASSIFIED] = None
    return Context(
        classification=classification,
        distance_mpc=floats_of(said["best_distance"]),
        z=floats_of(said["z"]),
    )


def rows_of_alerts(table: pa.Table, n_alert: int) -> npt.NDArray[np.int64]:
    """Return the row that each alert has in a table with at most one an alert, -1 for none, shape (n_alert,)."""
    alert = table["alert"].to_numpy()
    rows = np.full(n_alert, -1, np.int64)
    rows[alert] = np.arange(len(alert))
    return rows
