"""Objects that are to be classified again: which, in the order of the sky, and what comes of it, beside a stream that goes on.

The list of them is a table, so that whoever works it off may be killed anywhere and started again: what is done leaves the list
in the transaction that writes it. Each answer is of the version of its object that was read, and is written only if the archive has
no newer one by then.
"""

from __future__ import annotations

from enum import StrEnum
from types import TracebackType
from typing import NamedTuple, Self

import psycopg
import pyarrow as pa

from ..errors import UserError
from ..features import CONTEXT_FEATURES, UNCLASSIFIED
from ._advisory import CLASSIFYING
from ._copy import Connection, conform, copy_in, fetch_columns, fetch_table
from ._read import CONNECT_SECONDS, read_rows, upstream_errors
from ._staging import SENT, prepare, upsert
from ._tables import CLASSIFY_WAITING, OBJECTS, SHERLOCK_CLASSIFICATIONS, VERSION_EXTRAS

_LOCK_SECONDS = 3
"""How long the lock is waited for: PostgreSQL takes a moment to notice that a process which held it has been killed."""

OBJECTS_READ = pa.schema(
    [
        ("diaObjectId", pa.int64()),
        ("ra", pa.float64()),
        ("decl", pa.float64()),
        ("ebv", pa.float32()),
        *VERSION_EXTRAS,
        ("classification", pa.string()),
        ("best_distance", pa.float64()),
        ("z", pa.float64()),
    ]
)
"""What is read of an object: where it is, the alert that its version came with, and what was said of it so far (NULL: nothing)."""

FEATURES_WRITTEN = pa.schema([OBJECTS_READ.field("diaObjectId"), *VERSION_EXTRAS, *CONTEXT_FEATURES])
"""Features that follow from class and distance, of a version of an object."""


class Which(StrEnum):
    """Which objects are classified again."""

    stale = "stale"
    """Those without a class, and those whose class is of other rules, catalogues or software."""

    unclassified = "unclassified"
    """Those without a class."""

    everything = "all"
    """All of them."""


class Provenance(NamedTuple):
    """What classes follow from."""

    rules_version: str
    catalogue_versions: str
    software_version: str


_CONDITIONS = {
    Which.stale: "c.classification IS NULL OR c.classification = %(unclassified)s OR (c.rules_version, c.catalogue_versions, c.software_version) "
    "IS DISTINCT FROM (%(rules_version)s, %(catalogue_versions)s, %(software_version)s)",
    Which.unclassified: "c.classification IS NULL OR c.classification = %(unclassified)s",
    Which.everything: "true",
}

_LIST = f"""
INSERT INTO {CLASSIFY_WAITING.name} (healpix29, diaObjectId)
SELECT o.healpix29, o.diaObjectId FROM {OBJECTS.name} o LEFT JOIN {SHERLOCK_CLASSIFICATIONS.name} c USING (diaObjectId)
WHERE o.healpix29 IS NOT NULL AND ({{condition}}) ORDER BY 1, 2
ON CONFLICT DO NOTHING
"""

_NEXT = f"SELECT healpix29, diaObjectId FROM {CLASSIFY_WAITING.name} WHERE (healpix29, diaObjectId) > ({{}}, {{}}) ORDER BY 1, 2 LIMIT {{}}"

_READ = f"""
SELECT o.diaObjectId, o.ra, o.decl, o.ebv, o.alertMjdTai, coalesce(o.alertDiaSourceId, 0) AS alertDiaSourceId, c.classification, c.best_distance, c.z
FROM {OBJECTS.name} o LEFT JOIN {SHERLOCK_CLASSIFICATIONS.name} c USING (diaObjectId) WHERE o.diaObjectId = ANY(%(ids)s::bigint[])
"""

_DONE = f"DELETE FROM {CLASSIFY_WAITING.name} WHERE (healpix29, diaObjectId) <= (%s, %s)"

_NOT_OLDER = (
    "(coalesce(old.alertMjdTai, '-infinity'), coalesce(old.alertDiaSourceId, 0)) <= (coalesce(excluded.alertMjdTai, '-infinity'), excluded.alertDiaSourceId)"
)
"""Whether the archive's row is of this version of the object, or of an older one."""

_SET_FEATURES = f"""
UPDATE {OBJECTS.name} AS o SET {", ".join(f"{name} = s.{name}" for name in CONTEXT_FEATURES.names)}, timestamp = DEFAULT
FROM stage_features s WHERE o.diaObjectId = s.diaObjectId AND coalesce(o.alertDiaSourceId, 0) = s.alertDiaSourceId
AND coalesce(o.alertMjdTai, '-infinity') = coalesce(s.alertMjdTai, '-infinity')
"""


class ClassifyWork:
    """The objects that are to be classified again; one process at a time works them off.

    Parameters
    ----------
    dsn : a database that `migrate` has brought up to date.

    Raises
    ------
    UserError
        If somebody is at it.
    UpstreamError
        If PostgreSQL cannot be reached, or fails; so do all methods. Started again, the work goes on where it was.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._last = (-1, 0)
        with upstream_errors():
            self._connection: Connection = psycopg.connect(dsn, connect_timeout=CONNECT_SECONDS, application_name="splanc classify backfill")
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._connection.close()

    def count(self) -> int:
        """Return how many objects are on the list."""
        return int(read_rows(self._dsn, f"SELECT count(*) AS n FROM {CLASSIFY_WAITING.name}")[0]["n"])

    def add(self, which: Which, provenance: Provenance) -> None:
        """Put objects on the list; those without a position on the sky cannot be classified, and are left out.

        Parameters
        ----------
        provenance : what classes would follow from now.
        """
        parameters = {**provenance._asdict(), "unclassified": UNCLASSIFIED}
        with upstream_errors(), psycopg.connect(self._dsn, connect_timeout=CONNECT_SECONDS, application_name="splanc classify list") as connection:
            connection.execute(_LIST.format(condition=_CONDITIONS[which]), parameters)

    def take(self, n: int) -> pa.Table:
        """Return the next objects in the order of the sky, of `OBJECTS_READ`, by diaObjectId; none when all are done.

        Parameters
        ----------
        n : at most so many.
        """
        with upstream_errors(), self._connection.transaction():
            found = fetch_columns(self._connection, _NEXT.format(*self._last, n), {"healpix29": "i8", "diaObjectId": "i8"})
            if not len(found["healpix29"]):
                return OBJECTS_READ.empty_table()
            self._last = max(zip(found["healpix29"].tolist(), found["diaObjectId"].tolist(), strict=True))
            return fetch_table(self._connection, _READ, OBJECTS_READ, {"ids": found["diaObjectId"].tolist()}).sort_by("diaObjectId")

    def write(self, said: pa.Table, features: pa.Table) -> None:
        """Write what came of the objects that were taken last, and take them off the list.

        Parameters
        ----------
        said : rows of `sherlock_classifications`, by diaObjectId, each with the version of its object that was read; what is left out stays as it is.
        features : of those of them whose features are others now, of `FEATURES_WRITTEN`, by diaObjectId.
        """
        with upstream_errors(), self._connection.transaction():
            # In the order in which loads take the tables, so that they wait for each other and do not deadlock.
            copy_in(self._connection, "stage_features", FEATURES_WRITTEN, [conform(features, FEATURES_WRITTEN)])
            self._connection.execute(_SET_FEATURES)
            upsert(self._connection, SHERLOCK_CLASSIFICATIONS, [conform(said, SENT[SHERLOCK_CLASSIFICATIONS])], _NOT_OLDER)
            self._connection.execute(_DONE, self._last)

    def _prepare(self) -> None:
        self._connection.execute(f"SET lock_timeout = '{_LOCK_SECONDS} s'")
        try:
            self._connection.execute("SELECT pg_advisory_lock(%s)", [CLASSIFYING])
        except psycopg.errors.LockNotAvailable as error:
            raise UserError("objects are being classified again already; wait for that `splanc classify backfill` to end, or stop it") from error
        self._connection.execute("SET lock_timeout = 0")
        prepare(self._connection)
        columns = ", ".join(FEATURES_WRITTEN.names)
        self._connection.execute(f"CREATE TEMP TABLE stage_features ON COMMIT DELETE ROWS AS SELECT {columns} FROM {OBJECTS.name} WITH NO DATA")
        self._connection.commit()
