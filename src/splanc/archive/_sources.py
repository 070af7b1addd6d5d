"""The sources of a load: only those that the archive lacks are sent (see `_history`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import sqlalchemy as sa

from ..packet import integers_of
from ._copy import Connection, conform, copy_in, fetch_columns
from ._history import ASK, SEND, SKIP, Marks, Sources, judge, no_marks
from ._partitions import PARTITION_DAYS, make_partitions, partition_starts
from ._staging import ASKED, insert_new, times_of, upsert
from ._tables import DIA_FORCED_SOURCES, DIA_SOURCES, HISTORY_COLUMNS, HISTORY_MARK


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """One of the two tables of sources.

    Parameters
    ----------
    record : its name in a batch.
    target : its table.
    key : the column of its id.
    mark_columns : its columns in `history_mark`, in the order of `Marks`: n, digest, last time, last id.
    """

    record: str
    target: sa.Table
    key: str
    mark_columns: tuple[str, str, str, str]


_KINDS = (
    _Kind(
        record="diaSource",
        target=DIA_SOURCES,
        key="diaSourceId",
        mark_columns=("nSources", "sourcesDigest", "sourcesLastMjdTai", "sourcesLastId"),
    ),
    _Kind(
        record="diaForcedSource",
        target=DIA_FORCED_SOURCES,
        key="diaForcedSourceId",
        mark_columns=("nForced", "forcedDigest", "forcedLastMjdTai", "forcedLastId"),
    ),
)

_Result = TypeVar("_Result")

_NUMPY_TYPES = {pa.int32(): "i4", pa.int64(): "i8", pa.float64(): "f8"}


class PartitionsMissing(Exception):
    """A load needs partitions that its node has not seen to; they are made outside of its transaction (`in_transaction`)."""

    def __init__(self, starts: set[int]) -> None:
        super().__init__()
        self.starts = starts


def in_transaction(connection: Connection, dsn: str, partitions: set[int], work: Callable[[], _Result]) -> _Result:
    """Return what some work in a transaction returns; the partitions that it misses are made, and it starts again.

    Parameters
    ----------
    partitions : where the partitions that exist for certain begin; those made are added.
    """
    while True:
        try:
            with connection.transaction():
                return work()
        except PartitionsMissing as missing:
            make_partitions(dsn, missing.starts)
            partitions |= missing.starts


@dataclass(slots=True, kw_only=True)
class SourceCounts:
    """Sources of a load: in the packets, sent to PostgreSQL, and looked up by their keys."""

    seen: int = 0
    sent: int = 0
    asked: int = 0


def insert_sources(
    connection: Connection, alerts: pa.Table, tables: Mapping[str, pa.Table], fresh: npt.NDArray[np.bool_], partitions: set[int]
) -> SourceCounts:
    """Insert the sources that the archive lacks, and the marks that say so; the alerts are in their temporary table.

    Parameters
    ----------
    alerts, tables : as in `Batch`.
    fresh : the alerts whose sources are wanted, shape (n_alert,).
    partitions : where the partitions that exist for certain begin.

    Raises
    ------
    PartitionsMissing
        If others are needed.
    """
    has_object = alerts["diaObjectId"].is_valid().to_numpy()
    alert_objects = integers_of(alerts["diaObjectId"])
    objects = np.unique(alert_objects[has_object])
    mark_rows = np.where(has_object, np.searchsorted(objects, alert_objects), -1)
    marks = _read_marks(connection, objects)
    counts = SourceCounts()
    for kind, kind_marks in zip(_KINDS, marks, strict=True):
        if kind.record in tables:
            table = tables[kind.record]
            sources = Sources(table["alert"].to_numpy().astype(np.int32, copy=False), times_of(table["midpointMjdTai"]), integers_of(table[kind.key]))
            verdicts = judge(sources, mark_rows, fresh, kind_marks)
            counts.asked += _ask(connection, kind, sources, verdicts)
            chosen = _by_key(sources, np.flatnonzero((verdicts == SEND) & table[kind.key].is_valid().to_numpy()))
            _insert(connection, kind, table, chosen, partition_starts(sources.mjd[chosen]) - partitions)
            counts.seen += len(verdicts)
            counts.sent += len(chosen)
    _write_marks(connection, objects, marks)
    return counts


def _insert(connection: Connection, kind: _Kind, table: pa.Table, rows: npt.NDArray[np.int64], missing: set[int]) -> None:
    if missing:
        raise PartitionsMissing(missing)
    if len(rows):
        insert_new(connection, kind.target, table, rows)


def _by_key(sources: Sources, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the rows without repetitions, by partition, id and time: the order in which a COPY fills the indexes, whatever it buffers."""
    mjd, ids = sources.mjd[rows], sources.ids[rows]
    order = np.lexsort((mjd, ids, np.floor(mjd / PARTITION_DAYS)))
    rows, mjd, ids = rows[order], mjd[order], ids[order]
    is_first = np.ones(len(rows), np.bool_)
    is_first[1:] = (ids[1:] != ids[:-1]) | (mjd[1:] != mjd[:-1])
    return rows[is_first]


def _ask(connection: Connection, kind: _Kind, sources: Sources, verdicts: npt.NDArray[np.uint8]) -> int:
    """Turn each `ASK` into `SEND` or `SKIP` by looking the keys up, and return how many there were."""
    rows = np.flatnonzero(verdicts == ASK)
    if len(rows):
        places = pa.array(np.arange(len(rows), dtype=np.int32))
        connection.execute("TRUNCATE stage_asked")
        copy_in(connection, "stage_asked", ASKED, [pa.record_batch([pa.array(sources.ids[rows]), pa.array(sources.mjd[rows]), places], schema=ASKED)])
        there = f"SELECT FROM {kind.target.name} s WHERE s.{kind.key} = a.id AND s.midpointMjdTai = a.mjd"
        lacking = fetch_columns(connection, f"SELECT place FROM stage_asked a WHERE NOT EXISTS ({there})", {"place": "i4"})["place"]
        verdicts[rows] = SKIP
        verdicts[rows[lacking]] = SEND
    return len(rows)


def _read_marks(connection: Connection, objects: npt.NDArray[np.int64]) -> tuple[Marks, ...]:
    """Return the marks of each kind, shape (n_object,), for the objects of the alerts in `stage_alerts`."""
    types = {field.name: _NUMPY_TYPES[field.type] for field in HISTORY_COLUMNS}
    statement = f"SELECT {', '.join(types)} FROM history_mark WHERE diaObjectId IN (SELECT diaObjectId FROM stage_alerts)"
    found = fetch_columns(connection, statement, types)
    at = np.searchsorted(objects, found["diaObjectId"])
    marks = tuple(no_marks(len(objects)) for _ in _KINDS)
    for kind, kind_marks in zip(_KINDS, marks, strict=True):
        for column, values in zip(kind.mark_columns, kind_marks.members(), strict=True):
            values[at] = found[column]
    return marks


def _write_marks(connection: Connection, objects: npt.NDArray[np.int64], marks: tuple[Marks, ...]) -> None:
    changed = np.flatnonzero(np.logical_or.reduce([kind_marks.changed for kind_marks in marks]))
    if not len(changed):
        return
    columns = {"diaObjectId": objects[changed]}
    for kind, kind_marks in zip(_KINDS, marks, strict=True):
        columns |= {column: values[changed] for column, values in zip(kind.mark_columns, kind_marks.members(), strict=True)}
    upsert(connection, HISTORY_MARK, [conform(pa.table(columns), HISTORY_COLUMNS)])
