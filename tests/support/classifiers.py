"""Classifiers that say what a test wants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from splanc.crossmatch import CLASSIFICATION_COLUMNS, UNCLASSIFIED

PROVENANCE = {"rules_version": "r1", "catalogue_versions": '{"gaia_dr3": "c1"}', "software_version": "1"}


class Oracle:
    """Says of each object what it was told to; of all others that they are orphans.

    Parameters
    ----------
    said : columns by diaObjectId.
    provenance : of all answers.
    """

    def __init__(self, said: Mapping[int, Mapping[str, Any]] | None = None, **provenance: str) -> None:
        self.said = dict(said or {})
        self.provenance: dict[str, Any] = PROVENANCE | provenance
        self.asked: list[int] = []
        self.away = False
        self.meanwhile: Callable[[], None] = lambda: None

    def classify_objects(self, object_id: Any, ra_deg: Any, dec_deg: Any, mjd_tai: Any) -> pa.Table:
        assert len(object_id) == len(ra_deg) == len(dec_deg) == len(mjd_tai)
        if self.away:
            return answers([{"classification": UNCLASSIFIED, "explanation": "no server answers"}] * len(object_id))
        self.asked += object_id.tolist()
        self.meanwhile()
        return answers([self.provenance | dict(self.said.get(number, {"classification": "ORPHAN"})) for number in np.asarray(object_id).tolist()])


def answers(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return answers, NULL where a row says nothing."""
    return pa.Table.from_pylist([{name: row.get(name) for name in CLASSIFICATION_COLUMNS.names} for row in rows], CLASSIFICATION_COLUMNS)
