"""The archive's tables, in one definition.

Columns that the survey has come from the common record; their names are the survey's. PostgreSQL folds names that are
not quoted to lower case, so columns are *made* in lower case and *spelt* as here: `SPELLING` is the one registry of names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from ..crossmatch import CLASSIFICATION_COLUMNS, CLASSIFICATIONS, UNCLASSIFIED
from ..features import FEATURE_COLUMNS, MOVING_COLUMNS, MOVING_TABLE, VARIABILITY, VARIABILITY_COLUMNS
from ..filters.tables import ANNOTATION_COLUMNS, AREA_COLUMNS, SKYMAP_COLUMNS, TNS_COLUMNS, WATCHLIST_COLUMNS
from ..packet.record import RECORDS
from .packs import INDEX

UPDATED_FILLFACTOR = 50
"""Percent of a page that is filled at first in tables whose rows change with every alert, so that an update finds room beside the old row."""

ALERT_COLUMNS = pa.schema(
    [
        ("diaSourceId", pa.int64()),
        ("diaObjectId", pa.int64()),
        ("ssObjectId", pa.int64()),
        ("night", pa.int32()),
        ("visit", pa.int64()),
        ("detector", pa.int32()),
        ("band", pa.string()),
        ("midpointMjdTai", pa.float64()),
        ("healpix29", pa.int64()),
        ("topic", pa.string()),
        ("kafkaPartition", pa.int32()),
        ("kafkaOffset", pa.int64()),
        ("kafkaTimestamp", pa.timestamp("ms", "UTC")),
        ("survey", pa.string()),
    ]
)
"""What `alerts` keeps of an alert, besides the cutout index and the time of archiving."""

VERSION_EXTRAS = pa.schema([("alertMjdTai", pa.float64()), ("alertDiaSourceId", pa.int64())])
"""The alert that a version of an object or of an orbit came with: its time, MJD (TAI), and its id."""

SURVEY_EXTRAS = pa.schema([("survey", pa.string()), ("objectId", pa.string())])
"""Whose an object is (`lsst`, `ztf`), and the name that the survey gives it besides its diaObjectId; NULL for LSST."""

OBJECT_COLUMNS = pa.schema(
    [
        *RECORDS["diaObject"],
        ("healpix29", pa.int64()),
        *VERSION_EXTRAS,
        *(field for field in FEATURE_COLUMNS if field.name not in RECORDS["diaObject"].names),
        *SURVEY_EXTRAS,
    ]
)
"""What `objects` keeps of a version of an object: the survey's columns, where it is, the alert that it came with, its features, and whose it is."""

OBJECT_VARIABILITY_COLUMNS = pa.schema([("diaObjectId", pa.int64()), *VERSION_EXTRAS, *VARIABILITY_COLUMNS])
"""What `objects_variability` keeps of a version of an object: the alert that it came with, and the variability set."""

OBJECT_CLASSIFICATION_COLUMNS = pa.schema([("diaObjectId", pa.int64()), *VERSION_EXTRAS, *CLASSIFICATION_COLUMNS])
"""What `sherlock_classifications` keeps of a version of an object: the alert that it came with, and what is near."""

SS_OBJECT_COLUMNS = pa.schema([*RECORDS["ssObject"], *VERSION_EXTRAS])
"""What `ssObjects` keeps of a version of a solar-system object."""

MPC_ORBIT_COLUMNS = pa.schema([*RECORDS["mpc_orbits"], *VERSION_EXTRAS])
"""What `mpc_orbits` keeps of a version of an orbit."""

SS_LATEST_COLUMNS = pa.schema([*MOVING_COLUMNS, *VERSION_EXTRAS])
"""What `ss_objects_latest` keeps of the newest alert of a moving object."""

HISTORY_COLUMNS = pa.schema(
    [
        ("diaObjectId", pa.int64()),
        ("nSources", pa.int32()),
        ("sourcesDigest", pa.int64()),
        ("sourcesLastMjdTai", pa.float64()),
        ("sourcesLastId", pa.int64()),
        ("nForced", pa.int32()),
        ("forcedDigest", pa.int64()),
        ("forcedLastMjdTai", pa.float64()),
        ("forcedLastId", pa.int64()),
    ]
)
"""See `_history`."""

_SQL_TYPES: Mapping[pa.DataType, sa.types.TypeEngine[Any]] = MappingProxyType(
    {
        pa.bool_(): sa.Boolean(),
        pa.int32(): sa.Integer(),
        pa.int64(): sa.BigInteger(),
        pa.float32(): sa.REAL(),
        pa.float64(): sa.Double(),
        pa.string(): sa.Text(),
        pa.timestamp("us", "UTC"): postgresql.TIMESTAMP(timezone=True),
        pa.timestamp("ms", "UTC"): postgresql.TIMESTAMP(timezone=True),
        pa.json_(): postgresql.JSONB(),
    }
)
"""Arrow type to PostgreSQL type."""

_NOW = sa.text("now()")

_SPELT_BEFORE: Mapping[str, str] = MappingProxyType({"Mag": "mag", "MagErr": "magErr"})
"""Columns of Sherlock's that `ss_objects_latest` has as well: PostgreSQL folds both, and a folded name has one spelling."""

METADATA = sa.MetaData()
"""All tables; the migrations must lead to exactly this (`check`)."""


def _column(name: str, kind: sa.types.TypeEngine[Any], *more: sa.schema.SchemaItem, **options: Any) -> sa.Column[Any]:
    return sa.Column(name.lower(), kind, *more, key=_SPELT_BEFORE.get(name, name), **options)


def _columns(schema: pa.Schema, key: Iterable[str] = (), required: Iterable[str] = ()) -> list[sa.Column[Any]]:
    """Return the columns of a table; those of its primary key and the required ones are not NULL."""
    keys = set(key)
    fixed = keys | set(required)
    return [
        _column(field.name, _SQL_TYPES[field.type], primary_key=field.name in keys, nullable=field.name not in fixed, autoincrement=False) for field in schema
    ]


_FLUXES = ("band", "psfFlux", "psfFluxErr", "scienceFlux", "scienceFluxErr")


def _source_table(name: str, record: str, key: str, points: Iterable[str]) -> sa.Table:
    """Return a table of sources: partitioned by time, each source once, light curves by diaObjectId.

    Light curves have the columns `points` besides object, time and key.
    The key is a unique constraint rather than a primary key since packets may lack the time, which then is NULL.
    """
    return sa.Table(
        name.lower(),
        METADATA,
        *_columns(RECORDS[record], required=[key]),
        sa.UniqueConstraint(key, "midpointMjdTai", name=f"{name.lower()}_key", postgresql_nulls_not_distinct=True),
        # A light curve is read from the index alone, its points being scattered over as many pages of the table.
        sa.Index(f"{name.lower()}_lightcurve", "diaObjectId", "midpointMjdTai", postgresql_include=[point.lower() for point in (key, *points)]),
        postgresql_partition_by="RANGE (midpointmjdtai)",
        info={"spelling": name},
    )


OBJECTS = sa.Table(
    "objects",
    METADATA,
    *_columns(OBJECT_COLUMNS, key=["diaObjectId"]),
    _column("tns_name", sa.Text()),
    _column("timestamp", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.Index("objects_objectid", "objectId", postgresql_where=sa.text("objectid IS NOT NULL")),
    postgresql_with={"fillfactor": str(UPDATED_FILLFACTOR)},
)
"""The newest version of each diaObject; `timestamp` is when its row was last changed."""

OBJECTS_VARIABILITY = sa.Table(
    VARIABILITY,
    METADATA,
    *_columns(OBJECT_VARIABILITY_COLUMNS, key=["diaObjectId"]),
    postgresql_with={"fillfactor": str(UPDATED_FILLFACTOR)},
)
"""How the light curve of the newest version of each diaObject varies."""

DIA_SOURCES = _source_table("diaSources", "diaSource", "diaSourceId", (*_FLUXES, "reliability"))
"""Each diaSource seen in any packet, once."""

DIA_FORCED_SOURCES = _source_table("diaForcedSources", "diaForcedSource", "diaForcedSourceId", _FLUXES)
"""Each diaForcedSource seen in any packet, once."""

SS_SOURCES = sa.Table(
    "sssources",
    METADATA,
    *_columns(RECORDS["ssSource"], key=["diaSourceId"]),
    sa.Index("sssources_object", "ssObjectId"),
    info={"spelling": "ssSources"},
)
"""What is known of the solar-system object of a diaSource."""

MPC_ORBITS = sa.Table(
    "mpc_orbits",
    METADATA,
    *_columns(MPC_ORBIT_COLUMNS, key=["designation"]),
)
"""The newest orbit of each solar-system object."""

SS_OBJECTS = sa.Table("ssobjects", METADATA, *_columns(SS_OBJECT_COLUMNS, key=["ssObjectId"]), info={"spelling": "ssObjects"})
"""The newest version of each ssObject, of packets that carry one."""

SS_OBJECTS_LATEST = sa.Table(
    MOVING_TABLE,
    METADATA,
    *_columns(SS_LATEST_COLUMNS, key=["ssObjectId"]),
    _column("timestamp", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    postgresql_with={"fillfactor": str(UPDATED_FILLFACTOR)},
)
"""The newest alert of each moving object; `timestamp` is when its row was last changed."""

ALERTS = sa.Table(
    "alerts",
    METADATA,
    *_columns(pa.schema([*ALERT_COLUMNS, *INDEX]), key=["diaSourceId"], required=["night", "topic", "kafkaPartition", "kafkaOffset"]),
    _column("archivedAt", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.Index("alerts_visit", "visit"),
)
"""One row an alert received, with its place in the log and the cutout index."""

PACKS = sa.Table(
    "packs",
    METADATA,
    _column("name", sa.Text(), primary_key=True),
    _column("node", sa.Text(), nullable=False),
    _column("bytes", sa.BigInteger(), nullable=False),
    _column("checksum", sa.BigInteger(), nullable=False),
    _column("n_cutouts", sa.Integer(), nullable=False),
    _column("places", postgresql.JSONB(), nullable=False),
    _column("created", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    _column("night", sa.Integer(), nullable=False),
    _column("host", sa.Text()),
    _column("stored", sa.DateTime(timezone=True)),
    _column("expired", sa.DateTime(timezone=True)),
    sa.Index("packs_night", "night"),
)
"""The packs of cutouts, and where each is: on the disk of `host` until it is `stored` in the blob store, and nowhere once it is `expired`.

`night` is that of its newest alert; `places` says which messages it can be made from again.
"""

INGEST_MARK = sa.Table(
    "ingest_mark",
    METADATA,
    _column("topic", sa.Text(), primary_key=True),
    _column("partition", sa.Integer(), primary_key=True, autoincrement=False),
    _column("next_offset", sa.BigInteger(), nullable=False),
    postgresql_with={"fillfactor": str(UPDATED_FILLFACTOR)},
)
"""How far each partition is archived."""

LEDGER = sa.Table(
    "ledger",
    METADATA,
    sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
    _column("night", sa.Integer(), nullable=False),
    _column("visit", sa.BigInteger()),
    _column("node", sa.Text(), nullable=False),
    _column("topic", sa.Text(), nullable=False),
    *[_column(name, sa.Integer(), nullable=False) for name in ("received", "archived", "rejected", "repeated", "cutouts")],
    _column("first_arrival", sa.DateTime(timezone=True)),
    _column("last_arrival", sa.DateTime(timezone=True)),
    _column("at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.Index("ledger_night", "night"),
)
"""What the archive took in, append-only: one row a batch, topic and visit; visit is NULL for packets that cannot be read."""

HISTORY_MARK = sa.Table(
    "history_mark",
    METADATA,
    *_columns(HISTORY_COLUMNS, key=["diaObjectId"], required=HISTORY_COLUMNS.names),
    postgresql_with={"fillfactor": str(UPDATED_FILLFACTOR)},
)
"""For each object, a set of sources that the archive has for certain (see `_history`)."""

FILTERS = sa.Table(
    "filters",
    METADATA,
    sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
    _column("version", sa.Integer(), nullable=False),
    *[_column(name, sa.Text(), nullable=False) for name in ("owner", "name", "description", "selected", "tables", "conditions")],
    _column("run", sa.Integer(), nullable=False),
    _column("output", sa.Integer(), nullable=False),
    _column("public", sa.Boolean(), nullable=False),
    *[_column(name, sa.Text(), nullable=False) for name in ("target", "topic", "state", "reason")],
    _column("cost_us", sa.Double(), nullable=False),
    _column("bytes_per_day", sa.BigInteger()),
    _column("records_per_visit", sa.BigInteger()),
    _column("created", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    _column("changed", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    _column("change", sa.BigInteger(), nullable=False),
    sa.Index("filters_name", "owner", sa.text("lower(name)"), unique=True, postgresql_where=sa.text("state <> 'deleted'")),
    # Kafka takes names that differ in these two characters for the same.
    sa.Index("filters_topic", sa.text("replace(topic, '.'::text, '_'::text)"), unique=True),
    sa.Index("filters_change", "change", unique=True),
)
"""One row a filter, deleted ones too; `change` numbers what was done to filters, in the order in which it was committed (`filter_store`)."""

FILTER_VERSIONS = sa.Table(
    "filter_versions",
    METADATA,
    _column("filter", sa.BigInteger(), sa.ForeignKey("filters.id"), primary_key=True, autoincrement=False),
    _column("version", sa.Integer(), primary_key=True, autoincrement=False),
    *[_column(name, sa.Text(), nullable=False) for name in ("name", "description", "selected", "tables", "conditions")],
    _column("run", sa.Integer(), nullable=False),
    _column("output", sa.Integer(), nullable=False),
    _column("public", sa.Boolean(), nullable=False),
    _column("target", sa.Text(), nullable=False),
    _column("bytes_per_day", sa.BigInteger()),
    _column("records_per_visit", sa.BigInteger()),
    _column("author", sa.Text(), nullable=False),
    _column("created", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
)
"""What each version of a filter said, who wrote it, and when."""

SHERLOCK_CLASSIFICATIONS = sa.Table(
    CLASSIFICATIONS,
    METADATA,
    *_columns(OBJECT_CLASSIFICATION_COLUMNS, key=["diaObjectId"]),
    sa.Index("sherlock_classifications_unclassified", "diaObjectId", postgresql_where=sa.text(f"classification = '{UNCLASSIFIED}'::text")),
    postgresql_with={"fillfactor": str(UPDATED_FILLFACTOR)},
)
"""What catalogues say of the surroundings of the newest version of each diaObject."""

CLASSIFY_WAITING = sa.Table(
    "classify_waiting", METADATA, *_columns(pa.schema([("healpix29", pa.int64()), ("diaObjectId", pa.int64())]), key=["healpix29", "diaObjectId"])
)
"""Objects that `splanc classify backfill` has yet to do, in the order of the sky."""

CROSSMATCH_TNS = sa.Table("crossmatch_tns", METADATA, *_columns(TNS_COLUMNS, key=["tns_name"]))
"""The entries of the Transient Name Server."""

ANNOTATIONS = sa.Table(
    "annotations",
    METADATA,
    _column("annotationID", sa.BigInteger(), sa.Identity(), primary_key=True),
    *_columns(ANNOTATION_COLUMNS, required=["diaObjectId", "topic"])[1:],
    sa.UniqueConstraint("diaObjectId", "topic", name="annotations_object"),
    sa.Index("annotations_topic", "topic"),
)
"""What annotators said of objects; one row for each object and topic, the newest."""

WATCHLIST_HITS = sa.Table("watchlist_hits", METADATA, *_columns(WATCHLIST_COLUMNS, key=["diaObjectId", "cone_id"]), sa.Index("watchlist_hits_list", "wl_id"))
"""Cones of watchlists that objects lie in."""

AREA_HITS = sa.Table("area_hits", METADATA, *_columns(AREA_COLUMNS, key=["diaObjectId", "ar_id"]), sa.Index("area_hits_area", "ar_id"))
"""Watchmaps that objects lie in."""

MMA_AREA_HITS = sa.Table("mma_area_hits", METADATA, *_columns(SKYMAP_COLUMNS, key=["diaObjectId", "mw_id"]), sa.Index("mma_area_hits_map", "mw_id"))
"""Sky maps of gravitational waves and the like that objects lie in."""


def spelling(table: sa.Table) -> str:
    """Return a table's name as the survey's users spell it."""
    return str(table.info.get("spelling", table.name))


SPELLING: Mapping[str, str] = MappingProxyType(
    {table.name: spelling(table) for table in METADATA.tables.values()}
    | {column.name: column.key for table in METADATA.tables.values() for column in table.columns}
)
"""Name in PostgreSQL to name as the survey spells it, for all tables and columns."""
