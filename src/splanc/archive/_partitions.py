"""The partitions of the source tables: spans of time, made ahead and on demand.

A missing partition is never an error: rows without one go to the table's default partition and are found there as well.
Hence partitions are made outside of loads, each in a short transaction that gives up rather than waits for long.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import psycopg
import structlog
from psycopg import sql

from ._advisory import PARTITIONING
from ._read import refusal

PARTITION_SCHEMA = "splanc_partitions"
"""The PostgreSQL schema of the partitions; only their parents are meant for reading."""

PARTITION_DAYS = 30
"""Width of a partition, days: some hundred of them in ten years, and a month is what backups and moves are made by."""

FIRST_MJD, LAST_MJD = 60_600, 66_600
"""Partitions are made between these times, MJD: from before Rubin's first alerts to after the survey; all else goes to the default."""

AHEAD = 3
"""Partitions made ahead of the present one."""

_PARTITIONED = ("diasources", "diaforcedsources")
_MJD_OF_1970 = 40_587

_PATIENCE = "5s"
"""How long the making of a partition waits for readers and loads to let it in."""

_log = structlog.get_logger()


def partition_starts(mjd_tai: npt.NDArray[np.float64]) -> set[int]:
    """Return where the partitions of these times (MJD, shape (n,)) begin, without those that are the default's."""
    inside = mjd_tai[(mjd_tai >= FIRST_MJD) & (mjd_tai < LAST_MJD)]
    return {int(start) for start in np.unique(inside // PARTITION_DAYS) * PARTITION_DAYS}


def make_ahead(dsn: str) -> None:
    """Make the partitions of now and of the next months."""
    now = np.datetime64("now", "D").astype(np.int64) + _MJD_OF_1970
    make_partitions(dsn, partition_starts(now + PARTITION_DAYS * np.arange(AHEAD + 1, dtype=np.float64)))


def make_partitions(dsn: str, starts: set[int]) -> None:
    """Make those partitions that begin at these times and do not exist; several may call it at once.

    Raises
    ------
    UpstreamError
        If PostgreSQL cannot be reached. One that only refuses leaves the rows to the default partition.
    """
    try:
        with psycopg.connect(dsn, autocommit=True) as connection:
            for start in sorted(starts):
                for table in _PARTITIONED:
                    _make_partition(connection, table, start)
    except psycopg.OperationalError as error:
        raise refusal(error) from error


def _make_partition(connection: psycopg.Connection[tuple[object, ...]], table: str, start: int) -> None:
    name = sql.Identifier(PARTITION_SCHEMA, f"{table}_{start}")
    parent = sql.Identifier(table)
    try:
        with connection.transaction():
            connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(_PATIENCE))
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (PARTITIONING,))
            if connection.execute("SELECT to_regclass(%s)", (name.as_string(connection),)).fetchone() != (None,):
                return
            connection.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(name, parent))
            # ATTACH lets loads go on, which CREATE TABLE … PARTITION OF would not.
            attach = sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})")
            connection.execute(attach.format(parent, name, sql.Literal(start), sql.Literal(start + PARTITION_DAYS)))
    except (psycopg.errors.LockNotAvailable, psycopg.errors.CheckViolation, psycopg.errors.DeadlockDetected) as error:
        _log.warning("partition not made; its rows stay in the default partition", table=table, start_mjd=start, why=str(error).strip())
