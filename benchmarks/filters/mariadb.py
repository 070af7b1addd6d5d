"""The present way: a MariaDB on the node, loaded row by row with each batch, and each filter as SQL."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pymysql

from splanc.filters import Filter
from splanc.packet import Batch

START_SECONDS = 30.0

LOADED = {"objects": "diaObject", "sherlock_classifications": "sherlock_classifications", "watchlist_hits": "watchlist_hits"}
"""The database's tables, and the batch's."""


class MariaDb:
    """A MariaDB server of this benchmark's own, with one connection.

    Parameters
    ----------
    process : the server.
    connection : over its socket.
    """

    def __init__(self, process: subprocess.Popen[bytes], connection: pymysql.Connection[pymysql.cursors.Cursor]) -> None:
        self._process = process
        self._connection = connection

    def cpu_seconds(self) -> float:
        """Return the CPU that server and client have used so far, seconds."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") + time.process_time()

    def create(self, batch: Batch) -> None:
        """Create the tables, with the keys that Lasair's have."""
        with self._connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE broker")
            cursor.execute("USE broker")
            for name, of_batch in LOADED.items():
                columns = ", ".join(f"`{field.name}` {_sql_type(field)}" for field in batch.tables[of_batch].schema if field.name != "alert")
                keys = "PRIMARY KEY (diaObjectId, cone_id), KEY (wl_id)" if name == "watchlist_hits" else "PRIMARY KEY (diaObjectId)"
                cursor.execute(f"CREATE TABLE {name} ({columns}, {keys}) ENGINE=InnoDB")

    def load(self, batch: Batch) -> None:
        """Load a batch row by row, as Lasair does."""
        for name, of_batch in LOADED.items():
            table = batch.tables[of_batch].drop_columns("alert")
            names = ", ".join(f"`{column}`" for column in table.column_names)
            with self._connection.cursor() as cursor:
                for row in zip(*(_printed(column) for column in table.columns), strict=True):
                    cursor.execute(f"REPLACE INTO {name} ({names}) VALUES ({', '.join(row)})")
            self._connection.commit()

    def run(self, filters: Sequence[Filter]) -> dict[int, list[int]]:
        """Run filters, and return the diaObjectIds that each finds, in order."""
        found = {}
        with self._connection.cursor() as cursor:
            for one in filters:
                cursor.execute(statement(one))
                found[one.id] = sorted(row[0] for row in cursor.fetchall())
        return found


def statement(one: Filter) -> str:
    """Return the SQL that Lasair makes of a filter."""
    definition = one.definition
    tables, joins = ["objects"], []
    if "sherlock_classifications" in definition.tables:
        tables.append("sherlock_classifications")
        joins.append("objects.diaObjectId = sherlock_classifications.diaObjectId")
    if "watchlist:" in definition.tables:
        tables.append("watchlist_hits")
        joins.append(f"objects.diaObjectId = watchlist_hits.diaObjectId AND watchlist_hits.wl_id = {definition.tables.rpartition(':')[2]}")
    return f"SELECT {definition.selected} FROM {', '.join(tables)} WHERE {' AND '.join([*joins, f'({definition.conditions})'])}"


@contextmanager
def running() -> Iterator[MariaDb]:
    """Yield a server in a temporary folder, on a socket there and no port; it is stopped at the end."""
    with tempfile.TemporaryDirectory() as folder:
        data, socket = Path(folder, "data"), Path(folder, "socket")
        here = [f"--datadir={data}", "--user=root"]
        subprocess.run(["mariadb-install-db", "--no-defaults", *here, "--auth-root-authentication-method=normal"], check=True, capture_output=True)
        server = ["/usr/sbin/mariadbd", "--no-defaults", *here, f"--socket={socket}", "--skip-networking", "--innodb-buffer-pool-size=1G"]
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen(server, stdout=log, stderr=log)
        try:
            yield MariaDb(process, _connect(socket, process))
        finally:
            process.terminate()
            process.wait(START_SECONDS)


def _connect(socket: Path, process: subprocess.Popen[bytes]) -> pymysql.Connection[pymysql.cursors.Cursor]:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return pymysql.connect(unix_socket=str(socket), user="root", charset="utf8mb4")
        except pymysql.err.OperationalError:
            if time.monotonic() > deadline or process.poll() is not None:
                raise
            time.sleep(0.1)


def _sql_type(field: pa.Field) -> str:
    kinds = {pa.float32(): "float", pa.float64(): "double", pa.int64(): "bigint", pa.int32(): "int", pa.bool_(): "tinyint"}
    if pa.types.is_timestamp(field.type):
        return "varchar(40)"
    return kinds.get(field.type, "varchar(80)") + (" NOT NULL" if field.name in {"diaObjectId", "cone_id"} else "")


def _printed(column: pa.ChunkedArray) -> list[str]:
    """Return values as SQL has them."""
    values = column.cast(pa.string()).to_pylist()
    is_text = not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type))
    return ["NULL" if value is None else f"'{value}'" if is_text else value for value in values]
