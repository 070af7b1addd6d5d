"""One load: a batch's rows and the marks of its partitions, in one transaction.

Every statement takes its rows in the order of their key, and the tables are always taken in the same order, so that
loads of several nodes wait for each other but do not deadlock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from psycopg.types.json import Jsonb

from ..errors import Superseded
from ..features import CLASSIFICATIONS, MOVING_TABLE, VARIABILITY
from ..packet import Partition, floats_of, integers_of
from ..sky import cells_of
from ._copy import Connection, conform, fetch_columns
from ._ledger_rows import ledger_rows
from ._sources import SourceCounts, insert_sources
from ._staging import SENT, insert_missing, stage, times_of, upsert
from ._tables import ALERTS, LEDGER, MPC_ORBITS, OBJECTS, OBJECTS_VARIABILITY, SHERLOCK_CLASSIFICATIONS, SS_OBJECTS, SS_OBJECTS_LATEST, SS_SOURCES


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveLoad:
    """What is to be archived in one transaction.

    Parameters
    ----------
    alerts, tables : as in `Batch`.
    spans : for each partition, the mark that must be found and the mark to set; empty for files.
    node : who loads.
    index : the cutout index, of schema `packs.INDEX`, aligned with `alerts`; None without cutouts.
    packs : rows of the packs that the index names (`Pack.row`).
    packs_on : the host on whose disk these packs wait to be uploaded; None: they are in the blob store.
    rejects : of schema `REJECTS`: the packets of these spans that cannot be read.
    """

    alerts: pa.Table
    tables: Mapping[str, pa.Table]
    spans: Mapping[Partition, tuple[int, int]]
    node: str
    index: pa.Table | None = None
    packs: Sequence[Mapping[str, Any]] = ()
    packs_on: str | None = None
    rejects: pa.Table | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Counts of one load.

    Parameters
    ----------
    received : alerts and rejected packets; the sum of the next three.
    archived, repeated, rejected : alerts new to the archive, alerts it had, packets that cannot be read.
    cutouts : cutouts of the archived alerts.
    sources_in : diaSources and diaForcedSources in the packets.
    sources_sent : those that were sent to PostgreSQL.
    sources_asked : those whose keys were asked for.
    """

    received: int = 0
    archived: int = 0
    repeated: int = 0
    rejected: int = 0
    cutouts: int = 0
    sources_in: int = 0
    sources_sent: int = 0
    sources_asked: int = 0


_MOVE_MARKS = """
WITH span AS (SELECT * FROM unnest(%s::text[], %s::int[], %s::bigint[], %s::bigint[]) AS s (topic, partition, first_offset, next_offset))
INSERT INTO ingest_mark AS m (topic, partition, next_offset)
SELECT topic, partition, next_offset FROM span ORDER BY topic, partition
ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset
WHERE m.next_offset = (SELECT first_offset FROM span WHERE span.topic = m.topic AND span.partition = m.partition)
"""

_OF_ALERT = {"midpointMjdTai": "alertMjdTai", "diaSourceId": "alertDiaSourceId", "survey": "survey", "objectId": "objectId"}
"""What a version has from the alert it came with, and under which name."""

_INSERT_PACK = """
INSERT INTO packs (name, node, bytes, checksum, n_cutouts, places, night, host, stored)
VALUES (%(name)s, %(node)s, %(bytes)s, %(checksum)s, %(n_cutouts)s, %(places)s, %(night)s, %(host)s, CASE WHEN %(host)s::text IS NULL THEN now() END)
ON CONFLICT DO NOTHING
"""

_OF_OBJECTS = ((OBJECTS_VARIABILITY, VARIABILITY), (SHERLOCK_CLASSIFICATIONS, CLASSIFICATIONS))
"""Tables of what is said of the newest versions of diaObjects, and their records in a batch."""

_SOLAR_SYSTEM = ((MPC_ORBITS, "mpc_orbits", "designation"), (SS_OBJECTS, "ssObject", "ssObjectId"), (SS_OBJECTS_LATEST, MOVING_TABLE, "ssObjectId"))
"""Tables of the newest versions of what moves: their records in a batch, and their keys."""

_NEWER = "(coalesce(old.alertMjdTai, '-infinity'), old.alertDiaSourceId) < (coalesce(excluded.alertMjdTai, '-infinity'), excluded.alertDiaSourceId)"
"""Whether a version came with a newer alert than the one in the archive."""


def run(connection: Connection, load: ArchiveLoad, partitions: set[int]) -> Loaded:
    """Do a load inside the open transaction of a prepared connection.

    Parameters
    ----------
    partitions : where the partitions that exist for certain begin.

    Raises
    ------
    Superseded
        If a mark is not where the load expects it.
    PartitionsMissing
        If it needs other partitions.
    """
    _move_marks(connection, load.spans)
    fresh = _insert_alerts(connection, load)
    sources = SourceCounts()
    if fresh.any():
        _upsert_objects(connection, load, fresh)
        sources = insert_sources(connection, load.alerts, load.tables, fresh, partitions)
        _insert_solar_system(connection, load, fresh)
    rows = ledger_rows(load.alerts, fresh, load.index, load.rejects)
    if any(row["cutouts"] for row in rows):
        _insert_packs(connection, load)
    _insert_ledger(connection, load.node, rows)
    totals = {name: sum(row[name] for row in rows) for name in ("received", "archived", "repeated", "rejected", "cutouts")}
    return Loaded(**totals, sources_in=sources.seen, sources_sent=sources.sent, sources_asked=sources.asked)


def _move_marks(connection: Connection, spans: Mapping[Partition, tuple[int, int]]) -> None:
    """Set the marks by compare-and-set. First of all, so that a node that lost a partition stops before it has done much."""
    if not spans:
        return
    columns = [(p.topic, p.number, first, following) for p, (first, following) in spans.items()]
    moved = connection.execute(_MOVE_MARKS, [list(column) for column in zip(*columns, strict=True)]).rowcount
    if moved != len(spans):
        raise Superseded(f"{len(spans) - moved} of {len(spans)} partitions were archived further by another node; read the marks again")


def _insert_alerts(connection: Connection, load: ArchiveLoad) -> npt.NDArray[np.bool_]:
    """Insert the alerts, and return which of them are fresh: neither there before nor earlier in the batch, shape (n_alert,)."""
    ids, first = np.unique(integers_of(load.alerts["diaSourceId"]), return_index=True)
    fresh = np.zeros(load.alerts.num_rows, np.bool_)
    if not len(ids):
        return fresh
    renamed = load.alerts.rename_columns({"partition": "kafkaPartition", "offset": "kafkaOffset", "timestamp": "kafkaTimestamp"})
    if load.index is not None:
        renamed = pa.table([*renamed.columns, *load.index.columns], [*renamed.column_names, *load.index.column_names])
    insert = stage(connection, ALERTS, [conform(renamed, SENT[ALERTS], first)])
    inserted = fetch_columns(connection, f"{insert} ON CONFLICT DO NOTHING RETURNING diaSourceId", {"diaSourceId": "i8"})["diaSourceId"]
    fresh[first[np.isin(ids, inserted, assume_unique=True)]] = True
    return fresh


def _upsert_objects(connection: Connection, load: ArchiveLoad, fresh: npt.NDArray[np.bool_]) -> None:
    table = _newest(load, "diaObject", "diaObjectId", fresh)
    if table is not None:
        indexed = table.append_column("healpix29", cells_of(floats_of(table["ra"]), floats_of(table["decl"])))
        upsert(connection, OBJECTS, [conform(indexed, SENT[OBJECTS])], _NEWER)
    for target, record in _OF_OBJECTS:
        newest = _newest(load, record, "diaObjectId", fresh)
        if newest is not None:
            upsert(connection, target, [conform(newest, SENT[target])], _NEWER)


def _insert_solar_system(connection: Connection, load: ArchiveLoad, fresh: npt.NDArray[np.bool_]) -> None:
    sources = load.tables.get("ssSource")
    if sources is not None and sources.num_rows:
        ids = integers_of(sources["diaSourceId"])
        rows = np.flatnonzero(fresh[sources["alert"].to_numpy()] & sources["diaSourceId"].is_valid().to_numpy())
        insert_missing(connection, SS_SOURCES, sources, rows[np.argsort(ids[rows], kind="stable")])
    for target, record, key in _SOLAR_SYSTEM:
        newest = _newest(load, record, key, fresh)
        if newest is not None:
            upsert(connection, target, [conform(newest, SENT[target])], _NEWER)


def _newest(load: ArchiveLoad, record: str, key: str, fresh: npt.NDArray[np.bool_]) -> pa.Table | None:
    """Return the newest row of each key, in the order of the keys, with the alert it came with; None without any."""
    table = load.tables.get(record)
    if table is None or table.num_rows == 0:
        return None
    alert = table["alert"].to_numpy()
    version = pa.table([load.alerts[name] for name in _OF_ALERT], list(_OF_ALERT.values())).take(pa.array(alert))
    keys = pc.rank(table[key], tiebreaker="dense").to_numpy().astype(np.int64)
    rows = np.flatnonzero(fresh[alert] & table[key].is_valid().to_numpy())
    if not len(rows):
        return None
    rows = rows[np.lexsort((integers_of(version["alertDiaSourceId"])[rows], times_of(version["alertMjdTai"])[rows], keys[rows]))]
    is_last = np.append(np.diff(keys[rows]) != 0, True)
    return pa.table([*table.columns, *version.columns], [*table.column_names, *version.column_names]).take(pa.array(rows[is_last]))


def _insert_packs(connection: Connection, load: ArchiveLoad) -> None:
    night = int(integers_of(load.alerts["night"]).max())
    for pack in load.packs:
        connection.execute(_INSERT_PACK, {**pack, "places": Jsonb(pack["places"]), "night": night, "node": load.node, "host": load.packs_on})


def _insert_ledger(connection: Connection, node: str, rows: Sequence[Mapping[str, Any]]) -> None:
    columns = [name for name in LEDGER.columns.keys() if name not in {"id", "at"}]  # noqa: SIM118
    values = ", ".join(f"%({name})s" for name in columns)
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO ledger ({', '.join(columns)}) VALUES ({values})", [{**row, "node": node} for row in rows])
