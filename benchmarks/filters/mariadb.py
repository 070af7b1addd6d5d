"""The present way: a MariaDB on the node, loaded row by row with each batch, and each filter as SQL."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from splanc.filters import Filter
from splanc.packet import Batch

from ..mariadb import MariaDb

LOADED = {"objects": "diaObject", "sherlock_classifications": "sherlock_classifications", "watchlist_hits": "watchlist_hits"}
"""The database's tables, and the batch's."""


class FilterDatabase:
    """The tables that filters select from, on a MariaDB.

    Parameters
    ----------
    server : of this benchmark's own.
    """

    def __init__(self, server: MariaDb) -> None:
        self._connection = server.connection

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
