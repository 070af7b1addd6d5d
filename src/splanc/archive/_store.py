"""The archive as a node sees it."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self

import psycopg
import structlog

from ..errors import UpstreamError
from ..packet import Partition
from ._copy import Connection
from ._load import ArchiveLoad, Loaded, run
from ._pack_rows import PackFate, mark_stored, pack_fate
from ._read import CONNECT_SECONDS, read_rows
from ._sources import in_transaction
from ._staging import prepare
from .footers import Place

ATTEMPTS = 5
"""Times that a load is tried before the archive counts as failed; the caller then waits and tries again for as long as it likes."""

FIRST_PAUSE_SECONDS = 0.05
"""Pause before the second attempt, seconds; it doubles from one to the next."""

_TRANSIENT = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure, psycopg.errors.LockNotAvailable, psycopg.OperationalError)
"""Failures after which the same load may succeed: it waited in a circle with another, or the connection broke."""

_log = structlog.get_logger()


class Archive:
    """The archive in PostgreSQL, for one node.

    Loads use one connection, kept open, and one thread; the other methods may be called from any thread.

    Parameters
    ----------
    dsn : a database that `migrate` has brought up to date.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: Connection | None = None
        self._partitions: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; a load that has not been committed is rolled back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def marks(self, partitions: Iterable[Partition]) -> dict[Partition, int | None]:
        """Return the next offset to archive of each partition; None where nothing has been archived.

        Raises
        ------
        UpstreamError
            If PostgreSQL cannot be reached.
        """
        wanted = list(partitions)
        topics, numbers = [p.topic for p in wanted], [p.number for p in wanted]
        statement = "SELECT topic, partition, next_offset FROM ingest_mark JOIN unnest(%s::text[], %s::int[]) AS w (topic, partition) USING (topic, partition)"
        found = {Partition(row["topic"], row["partition"]): row["next_offset"] for row in read_rows(self._dsn, statement, (topics, numbers))}
        return {partition: found.get(partition) for partition in wanted}

    def pack_fate(self, name: str, places: Iterable[Place]) -> PackFate:
        """Return what has become of the load that a pack was written for.

        Raises
        ------
        UpstreamError
            If PostgreSQL cannot be reached.
        """
        return pack_fate(self._dsn, name, places)

    def mark_stored(self, name: str) -> None:
        """Note that the blob store has a pack.

        Raises
        ------
        UpstreamError
            If PostgreSQL cannot be reached.
        """
        mark_stored(self._dsn, name)

    def load(self, load: ArchiveLoad) -> Loaded:
        """Archive a batch and move the marks of its partitions, in one transaction.

        Raises
        ------
        Superseded
            If a mark is not where the load expects it: read the marks again and drop what is done. This may be the
            load's own doing, when the connection broke while it was being committed.
        UpstreamError
            If PostgreSQL refuses, or fails several times.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._load_once(load)
            except _TRANSIENT as error:
                if attempt == ATTEMPTS:
                    raise UpstreamError(f"the archive's PostgreSQL failed {ATTEMPTS} times: {str(error).strip()}") from error
                _log.warning("load is tried again", node=load.node, attempt=attempt, why=str(error).strip())
                time.sleep(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))
            except psycopg.Error as error:
                raise UpstreamError(f"the archive's PostgreSQL refused a load: {str(error).strip()}; see `splanc archive check`") from error
        raise AssertionError

    def _load_once(self, load: ArchiveLoad) -> Loaded:
        connection = self._open()
        try:
            return in_transaction(connection, self._dsn, self._partitions, lambda: run(connection, load, self._partitions))
        except psycopg.OperationalError:
            self.close()
            raise

    def _open(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._dsn, connect_timeout=CONNECT_SECONDS, application_name="splanc load")
            prepare(self._connection)
        return self._connection
