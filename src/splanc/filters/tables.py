"""The tables that filters may name, with their columns: the same on the stream and in the archive.

On the stream a table has the rows of one batch, joined to the alert they came with; in the archive it has the newest of each object.
Tables that nothing fills yet are declared all the same, so that a filter that names them is valid, and finds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pyarrow as pa

from ..crossmatch import CLASSIFICATION_COLUMNS, CLASSIFICATIONS
from ..features import FEATURE_COLUMNS, MOVING_COLUMNS, MOVING_TABLE, VARIABILITY, VARIABILITY_COLUMNS
from ..packet import RECORDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table that filters may name.

    Parameters
    ----------
    name : as users write it in `tables`, without its parameter.
    columns : spelt as the survey spells them; all may be NULL. Unit and description are in the fields' metadata where they are known.
    rows_of : name of the batch's table that holds its rows on the stream; each has a column `alert`.
    parameter : the column that what follows the colon in `tables` (`watchlist:7`) is compared with; None where nothing follows.
    many : whether an alert may have several rows in it.
    """

    name: str
    columns: pa.Schema
    rows_of: str
    parameter: str | None = None
    many: bool = False


def _schema(**kinds: pa.DataType) -> pa.Schema:
    return pa.schema(list(kinds.items()))


_STRING, _FLOAT, _DOUBLE, _LONG, _INT, _MOMENT = pa.string(), pa.float32(), pa.float64(), pa.int64(), pa.int32(), pa.timestamp("us", "UTC")

_VERSION = (("alertMjdTai", _DOUBLE), ("alertDiaSourceId", _LONG))
"""The alert that a row came with."""

OBJECT_COLUMNS = pa.schema(
    [
        *RECORDS["diaObject"],
        ("healpix29", _LONG),
        *_VERSION,
        *(field for field in FEATURE_COLUMNS if field.name not in RECORDS["diaObject"].names),
        ("survey", _STRING),
        ("objectId", _STRING),
        ("tns_name", _STRING),
    ]
)
"""What is said of an object: the survey's columns, its place, the alert, its features, whose it is, and its name at the TNS."""

TNS_COLUMNS = _schema(
    ra=_DOUBLE,
    decl=_DOUBLE,
    tns_name=_STRING,
    tns_prefix=_STRING,
    disc_mag=_DOUBLE,
    disc_mag_filter=_STRING,
    type=_STRING,
    z=_DOUBLE,
    hostz=_DOUBLE,
    host_name=_STRING,
    ext_catalogs=_STRING,
    disc_int_name=_STRING,
    disc_date=_STRING,
    lastmodified_date=_STRING,
    sender=_STRING,
    reporters=_STRING,
    source_group=_STRING,
    htm16=_LONG,
    lasairmodified_date=_STRING,
)
"""The entry of the Transient Name Server that an object is."""

ANNOTATION_COLUMNS = _schema(
    annotationID=_LONG,
    diaObjectId=_LONG,
    topic=_STRING,
    version=_STRING,
    timestamp=_MOMENT,
    classification=_STRING,
    explanation=_STRING,
    classdict=pa.json_(),
    url=_STRING,
)
"""What an annotator said of an object; one row for each object and topic, the newest."""

WATCHLIST_COLUMNS = _schema(diaObjectId=_LONG, wl_id=_LONG, cone_id=_LONG, arcsec=_FLOAT, name=_STRING)
"""Cones of watchlists that an object lies in."""

AREA_COLUMNS = _schema(diaObjectId=_LONG, ar_id=_LONG)
"""Watchmaps that an object lies in."""

SKYMAP_COLUMNS = _schema(diaObjectId=_LONG, mw_id=_LONG, contour=_FLOAT, distance=_FLOAT, probdens2=_FLOAT, probdens3=_FLOAT)
"""Sky maps of gravitational waves and the like that an object lies in."""

_ALL = (
    Table(name="objects", columns=OBJECT_COLUMNS, rows_of="diaObject"),
    Table(name="objects_ext", columns=OBJECT_COLUMNS, rows_of="diaObject"),
    Table(name=VARIABILITY, columns=pa.schema([("diaObjectId", _LONG), *_VERSION, *VARIABILITY_COLUMNS]), rows_of=VARIABILITY),
    Table(name="alert", columns=RECORDS["diaSource"], rows_of="trigger"),
    Table(name=MOVING_TABLE, columns=pa.schema([*MOVING_COLUMNS, *_VERSION]), rows_of=MOVING_TABLE),
    Table(name="mpc_orbits", columns=RECORDS["mpc_orbits"], rows_of="mpc_orbits"),
    Table(name=CLASSIFICATIONS, columns=pa.schema([("diaObjectId", _LONG), *_VERSION, *CLASSIFICATION_COLUMNS]), rows_of=CLASSIFICATIONS),
    Table(name="crossmatch_tns", columns=TNS_COLUMNS, rows_of="crossmatch_tns"),
    Table(name="annotator", columns=ANNOTATION_COLUMNS, rows_of="annotations", parameter="topic"),
    Table(name="watchlist", columns=WATCHLIST_COLUMNS, rows_of="watchlist_hits", parameter="wl_id", many=True),
    Table(name="area", columns=AREA_COLUMNS, rows_of="area_hits", parameter="ar_id"),
    Table(name="watchmap", columns=AREA_COLUMNS, rows_of="area_hits", parameter="ar_id"),
    Table(name="skymap", columns=SKYMAP_COLUMNS, rows_of="mma_area_hits", parameter="mw_id"),
)

TABLES: Mapping[str, Table] = MappingProxyType({table.name: table for table in _ALL})
"""The tables by name. `objects_ext` is `objects` by another name, and `watchmap` is `area`, as in Lasair."""

_JOINS: Mapping[tuple[str, str], tuple[str, str]] = MappingProxyType(
    {
        ("alert", "objects"): ("diaSourceId", "alertDiaSourceId"),
        ("alert", MOVING_TABLE): ("diaSourceId", "alertDiaSourceId"),
        ("mpc_orbits", MOVING_TABLE): ("designation", "designation"),
        ("crossmatch_tns", "objects"): ("tns_name", "tns_name"),
        (MOVING_TABLE, "objects"): ("alertDiaSourceId", "alertDiaSourceId"),
    }
)


def joining(table: str, base: str) -> tuple[str, str]:
    """Return which column of a table equals which of the base where both are joined.

    >>> joining("alert", "objects"), joining("watchlist", "objects")
    (('diaSourceId', 'alertDiaSourceId'), ('diaObjectId', 'diaObjectId'))
    """
    return _JOINS.get((table, base), ("diaObjectId", "diaObjectId"))
