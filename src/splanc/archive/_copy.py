"""Columns in and out of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from pgpq import ArrowToPostgresBinaryEncoder
from psycopg import sql

Connection = psycopg.Connection[tuple[Any, ...]]
"""An open connection to the archive."""

CHUNK_ROWS = 20_000
"""Rows that are encoded at a time, so that the first sight of deep histories takes little memory."""

_SENDERS = {"i4": "int4send", "i8": "int8send", "f8": "float8send"}
"""PostgreSQL's functions that turn numbers into network byte order, by numpy type."""


def conform(table: pa.Table, schema: pa.Schema, rows: npt.NDArray[np.int64] | None = None) -> pa.RecordBatch:
    """Return the columns of a schema, in its order and types; those that the table lacks are NULL.

    Parameters
    ----------
    table : any columns; those not in the schema are left out.
    rows : which rows, in which order, shape (n,); None: all as they are.
    """
    names = set(table.column_names)
    present = table.select([name for name in schema.names if name in names])
    if rows is not None:
        present = present.take(pa.array(rows))
    present = present.combine_chunks()
    return pa.RecordBatch.from_arrays([_column(present, field) for field in schema], schema=schema)


def _column(table: pa.Table, field: pa.Field) -> pa.Array:
    at = table.schema.get_field_index(field.name)
    if at < 0 or table.num_rows == 0:
        return pa.nulls(table.num_rows, field.type)
    column = table.column(at).chunk(0)
    return column if column.type == field.type else pc.cast(column, field.type)


def conform_chunks(table: pa.Table, schema: pa.Schema, rows: npt.NDArray[np.int64]) -> Iterator[pa.RecordBatch]:
    """Yield the chosen rows as `conform` does, some at a time."""
    for begin in range(0, len(rows), CHUNK_ROWS):
        yield conform(table, schema, rows[begin : begin + CHUNK_ROWS])


def copy_in(connection: Connection, table: str, schema: pa.Schema, chunks: Iterable[pa.RecordBatch]) -> None:
    """Append rows to a table by binary COPY; its columns of these names must have the matching types."""
    encoder = ArrowToPostgresBinaryEncoder(schema)
    columns = sql.SQL(", ").join(sql.Identifier(name.lower()) for name in schema.names)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(sql.Identifier(table), columns)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(encoder.write_header())
        for rows in chunks:
            copy.write(encoder.write_batch(rows))
        copy.write(encoder.finish())


def fetch_columns(connection: Connection, statement: str, types: Mapping[str, str]) -> Mapping[str, npt.NDArray[Any]]:
    """Return what a statement returns as columns, in no particular order.

    Each column comes as one string of bytes, which costs neither side anything per row.

    Parameters
    ----------
    statement : SQL that returns numbers, none of them NULL.
    types : numpy type of each column, by its name: `i4`, `i8` or `f8`.
    """
    columns = ", ".join(f"coalesce(string_agg({_SENDERS[kind]}({name}), ''), '')" for name, kind in types.items())
    row = connection.execute(f"WITH result AS ({statement}) SELECT {columns} FROM result", binary=True).fetchone()
    assert row is not None
    return {name: np.frombuffer(data, f">{kind}").astype(kind) for data, (name, kind) in zip(row, types.items(), strict=True)}
