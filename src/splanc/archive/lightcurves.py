"""Light curves by diaObjectId: one interface, so that they can move to another database without their readers noticing."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

import numpy as np
import psycopg
import pyarrow as pa
from typing_extensions import override

from ..packet import Batch
from ._copy import Connection, conform, fetch_table
from ._read import CONNECT_SECONDS, upstream_errors
from ._sources import in_transaction, insert_sources
from ._staging import SENT, prepare, stage
from ._tables import ALERTS

_POINT = pa.schema(
    [
        ("diaObjectId", pa.int64()),
        ("sourceId", pa.int64()),
        ("midpointMjdTai", pa.float64()),
        ("band", pa.string()),
        ("psfFlux", pa.float32()),
        ("psfFluxErr", pa.float32()),
        ("scienceFlux", pa.float32()),
        ("scienceFluxErr", pa.float32()),
        ("reliability", pa.float32()),
    ]
)
"""What is read of a source."""

LIGHTCURVE = _POINT.insert(1, pa.field("isForced", pa.bool_()))
"""Light curves: diaSources and diaForcedSources (`isForced`, without a reliability); MJD (TAI); fluxes on the difference and on the science image, nJy."""

_STATEMENTS = tuple(
    f"SELECT diaobjectid, {key} AS sourceid, midpointmjdtai, band, psfflux, psffluxerr, scienceflux, sciencefluxerr, {reliability} AS reliability "
    f"FROM {table} WHERE diaobjectid = ANY(%(ids)s::bigint[])"
    for table, key, reliability in (("diasources", "diasourceid", "reliability"), ("diaforcedsources", "diaforcedsourceid", "NULL::real"))
)
"""What reads the two tables of sources."""

_SINCE = " AND midpointmjdtai >= %(since)s::float8"

_SETTINGS = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off"
"""Of the reading connection. The sources have many partitions, and to plan for all of them takes longer than to read a light curve: one plan serves all
calls. It must not be a scan of tables that happened to be empty when it was made."""


class LightcurveStore(Protocol):
    """Where sources are kept by object."""

    def get(self, diaObjectIds: Sequence[int], since: float | None = None) -> pa.Table:
        """Return the light curves of objects, of schema `LIGHTCURVE`, by object and time; objects that have none are left out.

        Parameters
        ----------
        diaObjectIds : in any order.
        since : MJD (TAI), days; earlier points and those without a time are left out. None: all, those without a time last.

        Raises
        ------
        UpstreamError
            If the store cannot be reached.
        """

    def put(self, batch: Batch) -> None:
        """Keep the sources in a batch's packets; those that are there already stay as they are, so that a batch may be put again.

        Raises
        ------
        UpstreamError
            If the store cannot be reached.
        """


class PostgresLightcurves(LightcurveStore):
    """The archive's tables `diaSources` and `diaForcedSources` as a store of light curves, for one thread.

    Parameters
    ----------
    dsn : a database that `migrate` has brought up to date.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._reading: Connection | None = None
        self._partitions: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._reading is not None:
            self._reading.close()
            self._reading = None

    @override
    def get(self, diaObjectIds: Sequence[int], since: float | None = None) -> pa.Table:
        wanted = {"ids": np.unique(np.asarray(diaObjectIds, np.int64)).tolist(), "since": since}
        with upstream_errors():
            was_open = self._reading is not None
            try:
                found = self._fetch(wanted)
            except psycopg.OperationalError:
                self.close()
                if not was_open:
                    raise
                # It may have broken since it was last used.
                found = self._fetch(wanted)
        return _in_order(pa.concat_tables(found))

    @override
    def put(self, batch: Batch) -> None:
        """Keep the sources in a batch's packets.

        A node does not call it: its load (`Archive.load`) runs the same `insert_sources` in the one transaction that also moves the marks.
        This is that code for sources that come without alerts to be counted.
        """
        with upstream_errors(), psycopg.connect(self._dsn, connect_timeout=CONNECT_SECONDS, application_name="splanc put") as connection:
            prepare(connection)
            in_transaction(connection, self._dsn, self._partitions, lambda: self._insert(connection, batch))

    def _insert(self, connection: Connection, batch: Batch) -> None:
        stage(connection, ALERTS, [conform(batch.alerts, SENT[ALERTS])])
        insert_sources(connection, batch.alerts, batch.tables, np.ones(len(batch), np.bool_), self._partitions)

    def _fetch(self, wanted: dict[str, object]) -> list[pa.Table]:
        connection = self._open()
        parts = []
        for is_forced, statement in zip((False, True), _STATEMENTS, strict=True):
            points = fetch_table(connection, statement if wanted["since"] is None else statement + _SINCE, _POINT, wanted)
            parts.append(points.add_column(1, LIGHTCURVE.field("isForced"), pa.array(np.full(points.num_rows, is_forced))))
        return parts

    def _open(self) -> Connection:
        if self._reading is None or self._reading.closed:
            self._reading = psycopg.connect(self._dsn, connect_timeout=CONNECT_SECONDS, application_name="splanc lightcurves", autocommit=True)
            self._reading.execute(_SETTINGS)
        return self._reading


def _in_order(points: pa.Table) -> pa.Table:
    """Return the points by object, time (none last), kind and id."""
    keys = [points[name].to_numpy() for name in ("sourceId", "isForced", "midpointMjdTai", "diaObjectId")]
    return points.take(pa.array(np.lexsort(keys))).combine_chunks()
