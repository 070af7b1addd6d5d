"""VOTable: the first table of a file. Rows written as elements are read one by one; in the binary forms, the file at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from astropy.io.votable import parse_single_table
from astropy.utils.xml import iterparser

from ...errors import UserError
from ._mapping import UNIT
from ._profile import Profile
from ._read import Chunk, numbered, wanted

_BINARY_BYTES = 1 << 30
"""Largest file with rows in a binary form; it takes several times as much memory."""


def read_votable(path: Path, profile: Profile, chunk_rows: int) -> Iterator[Chunk]:
    """Yield the rows of a VOTable."""
    fields: list[dict[str, str]] = []
    with iterparser.get_xml_iterator(str(path)) as events:
        for start, tag, data, _ in events:
            match start, tag.rpartition(":")[2]:
                case True, "FIELD":
                    fields.append(dict(data))
                case True, "VALUES" if fields and "null" in data:
                    fields[-1]["null"] = data["null"]
                case True, "TABLEDATA":
                    yield from _elements(events, fields, profile, chunk_rows)
                    return
                case True, "BINARY" | "BINARY2" | "FITS":
                    break
                case _:
                    pass
        else:
            raise UserError("it has no table")
    yield from _binary(path, profile, chunk_rows)


def _elements(events: Iterator[Any], fields: list[dict[str, str]], profile: Profile, chunk_rows: int) -> Iterator[Chunk]:
    names = [one.get("name") or one.get("ID", "") for one in fields]
    chosen = [names.index(name) for name in wanted(profile, names)]
    first = 1
    rows: list[list[str]] = []
    cells: list[str] = []
    for start, tag, data, _ in events:
        match start, tag.rpartition(":")[2]:
            case True, "TR":
                cells = []
            case False, "TD":
                cells.append(data)
            case False, "TR":
                rows.append(cells)
            case False, "TABLEDATA":
                break
            case _:
                pass
        if len(rows) == chunk_rows and not start:
            yield _chunk(rows, fields, chosen, names, first)
            first, rows = first + len(rows), []
    if rows:
        yield _chunk(rows, fields, chosen, names, first)


def _chunk(rows: list[list[str]], fields: list[dict[str, str]], chosen: list[int], names: list[str], first: int) -> Chunk:
    """Return rows with the columns that are wanted, all text; a row that is too short lacks its last."""
    columns, schema = [], []
    for at in chosen:
        null = fields[at].get("null")
        values = [row[at] if at < len(row) and row[at] != null else None for row in rows]
        columns.append(pa.array(values, pa.string()))
        schema.append(pa.field(names[at], pa.string(), metadata={UNIT: fields[at].get("unit", "")}))
    return Chunk(rows=numbered(pa.table(columns, schema=pa.schema(schema)), first))


def _binary(path: Path, profile: Profile, chunk_rows: int) -> Iterator[Chunk]:
    if path.stat().st_size > _BINARY_BYTES:
        raise UserError("its rows are in a binary form, which is read at once, and it is too large for that; ask for FITS, Parquet or TABLEDATA instead")
    table = parse_single_table(path, verify="ignore")
    names = wanted(profile, [one.name for one in table.fields])
    columns, schema = [], []
    for one in table.fields:
        if one.name in names:
            values = table.array[one.ID]
            plain = np.ma.getdata(values)
            known = [str(value) for value in plain] if plain.dtype.kind in "OSU" else plain
            columns.append(pa.array(known, mask=np.ma.getmaskarray(values)))
            schema.append(pa.field(one.name, columns[-1].type, metadata={UNIT: str(one.unit or "")}))
    rows = pa.table(columns, schema=pa.schema(schema))
    for begin in range(0, rows.num_rows, chunk_rows):
        yield Chunk(rows=numbered(rows.slice(begin, chunk_rows), begin + 1))
