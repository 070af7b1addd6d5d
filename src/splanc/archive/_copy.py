"""Columns in and out of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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

_SENDERS = {"i4": "int4send", "i8": "int8send", "f4": "float4send", "f8": "float8send"}
"""PostgreSQL's functions that turn numbers into network byte order, by numpy type."""

_NUMPY_TYPES = {pa.int32(): "i4", pa.int64(): "i8", pa.float32(): "f4", pa.float64(): "f8"}


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
    row = _fetch_joined(connection, statement, [f"{_SENDERS[kind]}({name})" for name, kind in types.items()], None)
    return {name: _numbers(data, kind) for data, (name, kind) in zip(row, types.items(), strict=True)}


def fetch_table(connection: Connection, statement: str, schema: pa.Schema, parameters: Mapping[str, Any]) -> pa.Table:
    """Return what a statement returns as a table, in no particular order; the statement is prepared.

    As with `fetch_columns`, each column comes as one string of bytes, a column of texts as two.

    Parameters
    ----------
    statement : SQL that returns columns of these names: integers, none of them NULL; floats, where NaN counts as NULL; texts.
    schema : names and types.
    parameters : of the statement.
    """
    row = iter(_fetch_joined(connection, statement, [sender for field in schema for sender in _senders(field)], parameters))
    return pa.table([_received(field, row) for field in schema], schema=schema)


def _fetch_joined(connection: Connection, statement: str, senders: Sequence[str], parameters: Mapping[str, Any] | None) -> tuple[bytes, ...]:
    """Return the bytes that each sender makes of a row, those of all rows put together, in one order for all senders."""
    columns = ", ".join(f"coalesce(string_agg({sender}, ''), '')" for sender in senders)
    prepared = None if parameters is None else True
    row = connection.execute(f"WITH result AS ({statement}) SELECT {columns} FROM result", parameters, binary=True, prepare=prepared).fetchone()
    assert row is not None
    return row


def _senders(field: pa.Field) -> list[str]:
    """Return the SQL that makes bytes of a column."""
    if field.type == pa.string():
        return [f"int4send(coalesce(octet_length({field.name}), -1))", f"convert_to(coalesce({field.name}, ''), 'UTF8')"]
    value = f"coalesce({field.name}, 'NaN')" if pa.types.is_floating(field.type) else field.name
    return [f"{_SENDERS[_NUMPY_TYPES[field.type]]}({value})"]


def _received(field: pa.Field, row: Iterator[bytes]) -> pa.Array:
    """Return the column that a field's senders have sent."""
    if field.type == pa.string():
        return _texts(_numbers(next(row), "i4"), next(row))
    return pa.array(_numbers(next(row), _NUMPY_TYPES[field.type]), field.type, from_pandas=True)


def _numbers(data: bytes, kind: str) -> npt.NDArray[Any]:
    return np.frombuffer(data, f">{kind}").astype(kind)


def _texts(lengths: npt.NDArray[np.int32], letters: bytes) -> pa.Array:
    """Return texts, given the bytes of each (-1: NULL), shape (n,), and all of them in a row."""
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(np.maximum(lengths, 0), out=offsets[1:])
    is_there = np.packbits(lengths >= 0, bitorder="little")
    return pa.Array.from_buffers(pa.string(), len(lengths), [pa.py_buffer(is_there), pa.py_buffer(offsets), pa.py_buffer(letters)])
