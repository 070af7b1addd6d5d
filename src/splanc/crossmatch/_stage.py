"""The stage: a batch with what is near its objects."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..packet import Batch, floats_of, integers_of
from ._answers import CLASSIFICATIONS


class ClassifiesObjects(Protocol):
    """What can be asked about objects: a classifier, in this process or far away, that remembers what it has said of each."""

    def classify_objects(
        self,
        object_id: npt.NDArray[np.int64],
        ra_deg: npt.NDArray[np.float64],
        dec_deg: npt.NDArray[np.float64],
        mjd_tai: npt.NDArray[np.float64],
    ) -> pa.Table:
        """Return one row of `CLASSIFICATION_COLUMNS` for each object, in order.

        Parameters
        ----------
        object_id : diaObjectId, shape (n,).
        ra_deg, dec_deg : ICRS, degrees, shape (n,); NaN where unknown.
        mjd_tai : when it is there, MJD (TAI), days, shape (n,); NaN where unknown.
        """


class Classify:
    """Says what is near the objects of batches.

    Parameters
    ----------
    classifier : asked about all objects of a batch at once.
    """

    def __init__(self, classifier: ClassifiesObjects) -> None:
        self._classifier = classifier

    def classify(self, batch: Batch) -> Batch:
        """Return the batch with the table `sherlock_classifications`: `alert`, `diaObjectId` and `CLASSIFICATION_COLUMNS`, a row for each of `diaObject`."""
        objects = batch.tables["diaObject"]
        if not objects.num_rows:
            return batch
        mjd_tai = batch.alerts["midpointMjdTai"].take(objects["alert"])
        places = (floats_of(column) for column in (objects["ra"], objects["decl"], mjd_tai))
        said = self._classifier.classify_objects(integers_of(objects["diaObjectId"]), *places)
        table = pa.table([objects["alert"], objects["diaObjectId"], *said.columns], ["alert", "diaObjectId", *said.column_names])
        return replace(batch, tables={**batch.tables, CLASSIFICATIONS: table})


def classes_of(batch: Batch) -> pa.ChunkedArray | pa.Array:
    """Return the class of each alert's object, shape (n_alert,); NULL for an alert without an object, or in a batch that was not classified."""
    table = batch.tables.get(CLASSIFICATIONS)
    if table is None:
        return pa.nulls(len(batch), pa.string())
    return table["classification"].take(pc.index_in(pa.array(np.arange(len(batch), dtype=np.int32)), table["alert"]))
