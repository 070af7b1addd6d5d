"""A small classifier for tests of what lies around one: its only catalogue has a star at each whole degree of right ascension and declination."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from splanc import __version__
from splanc.crossmatch import CLASSIFICATION_COLUMNS, UNCLASSIFIED
from splanc.crossmatch.classifier import Classified
from splanc.crossmatch.service import CachedClassifier, Health, Holds, serve
from splanc.errors import UserError
from splanc.logs import configure_logs
from splanc.metrics import Metrics

RADIUS_ARCSEC = 5.0
"""Within this of a star, an object is the star."""


@dataclass
class Whole:
    """Classifies by the nearest whole degrees.

    Parameters
    ----------
    version : of its answers.
    damaged_deg : declinations from this on are in a tile that is damaged.
    wait_seconds : how long it takes.
    """

    version: str = "whole-1"
    damaged_deg: float = 100.0
    wait_seconds: float = 0.0
    searched: list[int] = field(default_factory=list)

    def classify(self, ra_deg, dec_deg, mjd_tai=None, *, matches=False) -> Classified:
        time.sleep(self.wait_seconds)
        self.searched.append(len(ra_deg))
        star_ra, star_dec = np.round(ra_deg) % 360.0, np.round(dec_deg)
        north = (dec_deg - star_dec) * 3600.0
        east = ((ra_deg - star_ra + 180.0) % 360.0 - 180.0) * np.cos(np.radians(dec_deg)) * 3600.0
        apart = np.hypot(north, east)
        near, unsearched = apart <= RADIUS_ARCSEC, ~(dec_deg < self.damaged_deg)
        kind = np.where(unsearched, UNCLASSIFIED, np.where(near, "VS", "ORPHAN"))
        names = [f"star {ra:.0f} {dec:.0f}" for ra, dec in zip(star_ra, star_dec, strict=True)]
        known = ~(near & ~unsearched)
        said = {
            "classification": pa.array(kind.tolist()),
            "association_type": pa.array(kind.tolist()),
            "catalogue_table_name": pa.array(["whole"] * len(near), mask=known),
            "catalogue_object_id": pa.array(names, mask=known),
            "raDeg": pa.array(star_ra, mask=known),
            "decDeg": pa.array(star_dec, mask=known),
            "separationArcsec": pa.array(apart, mask=known),
            "northSeparationArcsec": pa.array(north, mask=known),
            "eastSeparationArcsec": pa.array(east, mask=known),
            "classificationReliability": pa.array(np.ones(len(near), np.int32), mask=known),
            "description": pa.array([f"The nearest is <em>{name}</em>." for name in names]),
            "summary": pa.array([f"The nearest is {name}." for name in names]),
            "explanation": pa.array([json.dumps({"nearest": name, "arcsec": round(float(a), 3)}) for name, a in zip(names, np.nan_to_num(apart), strict=True)]),
            "catalogue_versions": pa.array([f"whole {self.version}"] * len(near)),
            "software_version": pa.array([__version__] * len(near)),
        }
        columns = [said.get(column.name, pa.nulls(len(near))).cast(column.type) for column in CLASSIFICATION_COLUMNS]
        classifications = pa.table(columns, schema=CLASSIFICATION_COLUMNS)
        return Classified(classifications=classifications, matches=self._matches(classifications, ~known) if matches else None)

    def _matches(self, answers, has) -> pa.Table:
        """Two matches of each position that has any: the star, and its companion."""
        position = np.flatnonzero(has).astype(np.int32)
        rows = answers.take(pa.array(position))
        of_rank = [pa.table({"position": position, "rank": np.full(len(position), rank, np.int32), **{name: rows[name] for name in LITE}}) for rank in (1, 2)]
        return pa.concat_tables(of_rank)


LITE = ("association_type", "catalogue_table_name", "catalogue_object_id", "raDeg", "decDeg", "separationArcsec", "classificationReliability")
"""Columns of its matches."""


def main(arguments: list[str]) -> None:
    """Serve it: the first arguments are the port of Arrow Flight, that of HTTP, its version, its seconds, and a folder for its answers or nothing."""
    port, http_port, version, seconds, folder = arguments
    configure_logs()
    metrics = Metrics()
    holds = Holds(arcsec=0.05, days=30.0)
    source = Whole(version=version, wait_seconds=float(seconds))
    classifier = CachedClassifier(source, Path(folder) if folder else None, holds=holds, max_bytes=1 << 24, metrics=metrics)
    health = Health(version=version, software=__version__, catalogues={"whole": version})
    serve(classifier, health, metrics, host="127.0.0.1", port=int(port), http_port=int(http_port), places_of=places_of)


def places_of(names):
    """Object N is at N degrees of right ascension, on the equator; there are 360."""
    unfit = [name for name in names if not name.isdigit()]
    if unfit:
        raise UserError(f"names: {unfit[0]!r} is no diaObjectId")
    return {name: (float(name), 0.0, 61000.0) for name in names if int(name) < 360}


if __name__ == "__main__":
    main(sys.argv[1:])
