"""A classifier that remembers what it said of an object."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import structlog

from ...metrics import Metrics
from ...packet import NO_OBJECT
from .._answers import CLASSIFICATION_COLUMNS, UNCLASSIFIED
from ..classifier import Classified
from ._answers import Answers, Holds
from ._asked import Asked, Floats, asked
from ._classifies import Classifies
from ._router import Router

_log = structlog.get_logger()

_DAMAGED = '"damaged":['
"""What an explanation says of searches that could not be made."""


class CachedClassifier:
    """Classifies objects, and each only once: what was said of an object holds where it was, and for some time.

    It may be asked by several threads at once, if its source may.

    Parameters
    ----------
    source : what is asked about objects that are new, or that have moved.
    folder : where answers are kept for all processes of this machine, and for the next start; None: nowhere.
    holds : how long an answer holds.
    max_bytes : bound of that folder.
    metrics : where hits and misses are counted.

    Raises
    ------
    OSError
        If the folder cannot be made.
    """

    def __init__(self, source: Classifies, folder: Path | None, *, holds: Holds, max_bytes: int, metrics: Metrics) -> None:
        self.source = source
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._holds = holds
        self._max_bytes = max_bytes
        self._metrics = metrics
        self._answers: tuple[str, Answers] | None = None
        self._at_answers = threading.Lock()

    @property
    def version(self) -> str:
        """What its answers depend on; empty as long as it is not known."""
        return self.source.version

    def classify(self, ra_deg: Floats, dec_deg: Floats, mjd_tai: Floats | None = None, *, matches: bool = False) -> Classified:
        """Return what the source says of positions; nothing is remembered of them, since they are of no objects."""
        return self.source.classify(ra_deg, dec_deg, mjd_tai, matches=matches)

    def classify_objects(self, object_id: npt.NDArray[np.int64], ra_deg: Floats, dec_deg: Floats, mjd_tai: Floats | None = None) -> pa.Table:
        """Return what is near objects, `CLASSIFICATION_COLUMNS`, in order.

        Parameters
        ----------
        object_id : diaObjectId, shape (n,).
        ra_deg, dec_deg : ICRS, degrees, shape (n,).
        mjd_tai : when it was seen there, MJD (TAI), days, shape (n,); None: unknown.
        """
        objects = asked(object_id, ra_deg, dec_deg, mjd_tai)
        version = self.version
        rows, known = self._find(version, objects)
        missing = np.ones(len(objects), np.bool_)
        missing[rows] = False
        others = objects.take(missing)
        new = self._ask(others)
        self._keep(version, others, new)
        self._metrics.classify_hits.inc(len(rows))
        self._metrics.classify_misses.inc(len(others))
        order = np.argsort(np.concatenate([rows, np.flatnonzero(missing)]), kind="stable")
        return pa.concat_tables([known, new]).take(pa.array(order))

    def close(self) -> None:
        """Write what is not written yet, and let go of servers."""
        with self._at_answers:
            if self._answers is not None:
                self._answers[1].write()
        if isinstance(self.source, Router):
            self.source.close()

    def _find(self, version: str, objects: Asked) -> tuple[npt.NDArray[np.int64], pa.Table]:
        """Return which of the objects have an answer, and the answers."""
        with self._at_answers:
            answers = self._answers_of(version)
            return (np.zeros(0, np.int64), CLASSIFICATION_COLUMNS.empty_table()) if answers is None else answers.find(objects)

    def _ask(self, objects: Asked) -> pa.Table:
        if not len(objects):
            return CLASSIFICATION_COLUMNS.empty_table()
        if isinstance(self.source, Router):  # its servers remember objects too
            return self.source.classify_objects(objects)
        return self.source.classify(objects.ra_deg, objects.dec_deg, objects.mjd_tai).classifications

    def _keep(self, version: str, objects: Asked, new: pa.Table) -> None:
        """Remember answers; not those that are incomplete, nor any when the version has changed while they were made."""
        complete = is_complete(new)
        assert objects.object_id is not None
        known = complete & (objects.object_id != NO_OBJECT)
        self._metrics.classify_incomplete.inc(int(len(complete) - complete.sum()))
        with self._at_answers:
            answers = self._answers_of(version)
            if answers is None:
                return
            if version == self.version:
                answers.add(objects.take(known), new.filter(pa.array(known)))
            answers.keep()
            self._metrics.classify_cache_objects.set(answers.n_objects)
            self._metrics.classify_cache_bytes.set(answers.size_bytes)

    def _answers_of(self, version: str) -> Answers | None:
        """Return the answers of a version, those of another being let go; None if none are kept, or the version is not known."""
        if self._folder is None or not version:
            return None
        if self._answers is None or self._answers[0] != version:
            if self._answers is not None:
                self._answers[1].write()
            try:
                self._answers = version, Answers(self._folder, version, self._holds, self._max_bytes)
            except OSError as error:
                _log.warning("answers not kept", folder=str(self._folder), why=str(error), then="all objects are searched until the next start")
                self._folder = None
                return None
        return self._answers[1]


def is_complete(answers: pa.Table) -> npt.NDArray[np.bool_]:
    """Return which answers rest on all searches that were to be made, shape (n,)."""
    damaged = pc.match_substring(answers["explanation"], _DAMAGED).fill_null(False)
    complete = pc.and_(pc.not_equal(answers["classification"], UNCLASSIFIED), pc.invert(damaged))
    return np.asarray(complete.to_numpy())
