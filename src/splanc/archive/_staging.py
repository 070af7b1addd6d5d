"""Rows into tables: by binary COPY into a temporary table and one statement from there, or straight.

A temporary table is filled in the order of its target's key and scanned in the order it was filled, so that loads of
several nodes take their row locks in the same order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import psycopg
import pyarrow as pa
import sqlalchemy as sa

from ..packet import floats_of
from ..packet.record import RECORDS
from ._copy import Connection, conform_chunks, copy_in
from ._tables import (
    ALERT_COLUMNS,
    ALERTS,
    DIA_FORCED_SOURCES,
    DIA_SOURCES,
    HISTORY_COLUMNS,
    HISTORY_MARK,
    MPC_ORBIT_COLUMNS,
    MPC_ORBITS,
    OBJECT_CLASSIFICATION_COLUMNS,
    OBJECT_COLUMNS,
    OBJECT_VARIABILITY_COLUMNS,
    OBJECTS,
    OBJECTS_VARIABILITY,
    SHERLOCK_CLASSIFICATIONS,
    SS_LATEST_COLUMNS,
    SS_OBJECT_COLUMNS,
    SS_OBJECTS,
    SS_OBJECTS_LATEST,
    SS_SOURCES,
)
from .packs import INDEX

SENT: Mapping[sa.Table, pa.Schema] = {
    ALERTS: pa.schema([*ALERT_COLUMNS, *INDEX]),
    OBJECTS: OBJECT_COLUMNS,
    OBJECTS_VARIABILITY: OBJECT_VARIABILITY_COLUMNS,
    SHERLOCK_CLASSIFICATIONS: OBJECT_CLASSIFICATION_COLUMNS,
    DIA_SOURCES: RECORDS["diaSource"],
    DIA_FORCED_SOURCES: RECORDS["diaForcedSource"],
    SS_SOURCES: RECORDS["ssSource"],
    MPC_ORBITS: MPC_ORBIT_COLUMNS,
    SS_OBJECTS: SS_OBJECT_COLUMNS,
    SS_OBJECTS_LATEST: SS_LATEST_COLUMNS,
    HISTORY_MARK: HISTORY_COLUMNS,
}
"""The columns that are sent to each table, and those of its temporary table `stage_…`."""

ASKED = pa.schema([("id", pa.int64()), ("mjd", pa.float64()), ("place", pa.int32())])
"""Columns of the temporary table `stage_asked`: keys of sources to look up."""

_SETTINGS = "SET temp_buffers = '128MB'; SET enable_hashjoin = off; SET enable_mergejoin = off"
"""Of a loading connection. All its joins go from a temporary table, about which the planner knows nothing, to a key."""


def prepare(connection: Connection) -> None:
    """Make the temporary tables of a new connection."""
    connection.execute(_SETTINGS)
    for table, schema in SENT.items():
        columns = ", ".join(schema.names)
        connection.execute(f"CREATE TEMP TABLE stage_{table.name} ON COMMIT DELETE ROWS AS SELECT {columns} FROM {table.name} WITH NO DATA")
    connection.execute("CREATE TEMP TABLE stage_asked (id bigint, mjd double precision, place integer) ON COMMIT DELETE ROWS")
    connection.commit()


def stage(connection: Connection, target: sa.Table, chunks: Iterable[pa.RecordBatch]) -> str:
    """Fill the temporary table of a target, and return the SQL that inserts all of it as `new`, up to its conflict clause."""
    copy_in(connection, f"stage_{target.name}", SENT[target], chunks)
    columns = ", ".join(SENT[target].names)
    return f"INSERT INTO {target.name} AS old ({columns}) SELECT {columns} FROM stage_{target.name}"


def upsert(connection: Connection, target: sa.Table, chunks: Iterable[pa.RecordBatch], condition: str = "true") -> None:
    """Insert rows, or replace those with the same key where the condition on `old` and `excluded` holds; no key twice.

    What the database itself gives new rows, such as the time, it gives replaced ones again.
    """
    (key,) = target.primary_key.columns
    changes = [f"{name} = excluded.{name}" for name in SENT[target].names if name != key.key]
    changes += [f"{column.name} = DEFAULT" for column in target.columns if column.server_default is not None]
    connection.execute(f"{stage(connection, target, chunks)} ON CONFLICT ({key.name}) DO UPDATE SET {', '.join(changes)} WHERE {condition}")


def insert_missing(connection: Connection, target: sa.Table, table: pa.Table, rows: npt.NDArray[np.int64]) -> None:
    """Insert rows, in this order, unless the archive has them."""
    connection.execute(f"{stage(connection, target, conform_chunks(table, SENT[target], rows))} ON CONFLICT DO NOTHING")


def insert_new(connection: Connection, target: sa.Table, table: pa.Table, rows: npt.NDArray[np.int64]) -> None:
    """Insert rows that the archive most likely lacks, in this order: straight into the table, at half the server's time."""
    try:
        with connection.transaction():
            copy_in(connection, target.name, SENT[target], conform_chunks(table, SENT[target], rows))
    except psycopg.errors.UniqueViolation:
        insert_missing(connection, target, table, rows)


def times_of(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """Return a column of times to sort by, shape (n,): -inf, before all others, where it is NULL or NaN."""
    times = floats_of(column)
    unknown = np.isnan(times)
    return np.where(unknown, -np.inf, times) if unknown.any() else times
