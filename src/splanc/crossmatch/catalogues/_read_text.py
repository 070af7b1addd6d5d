"""Text: separated by commas, bars, tabs, semicolons or blanks, with a line of names or without; or in columns of fixed width."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv

from ...errors import UserError
from ._mapping import ROW, UNIT, columns_for, lacking, without
from ._profile import Profile
from ._read import Chunk, wanted
from ._readme import place_of, read_byte_by_byte

_BLOCK_BYTES = 32 << 20
"""Text that is read at a time."""

_SEPARATORS = ("|", "\t", ";", ",")
_HEAD_LINES = 200
"""The line of names is among so many first lines, or there is none."""

_SHOWN = 200
"""Characters of a line that an error shows."""

_RULE = re.compile(r"^[-\s|\t;,]*-[-\s|\t;,]*$")
"""A line of dashes, which VizieR puts between the names and the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """How the lines are divided: by a separator into named columns, or by bytes; and the lines before the first row."""

    names: Sequence[str]
    separator: str = ""
    places: Mapping[str, tuple[int, int]] | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    skip: int = 0


def read_text(path: Path, profile: Profile, chunk_rows: int) -> Iterator[Chunk]:
    """Yield the rows of a file of text; lines that begin with # and empty ones are none."""
    layout: _Layout | None = None
    first = 1
    with pa.input_stream(str(path), compression="detect") as stream:
        for lines in _blocks(stream):
            if layout is None:
                layout = _layout(lines[:_HEAD_LINES], profile, path)
            numbers = np.arange(first, first + len(lines))
            kept = [at for at, line in enumerate(lines) if line.strip() and not line.startswith("#") and numbers[at] > layout.skip]
            for begin in range(0, len(kept), chunk_rows):
                some = kept[begin : begin + chunk_rows]
                yield _chunk([lines[at] for at in some], numbers[some], layout, profile)
            first += len(lines)
    if layout is None:
        raise UserError("it is empty")


def _blocks(stream: Any) -> Iterator[list[str]]:
    """Yield whole lines, block by block."""
    rest = b""
    while block := stream.read(_BLOCK_BYTES):
        whole, _, rest = (rest + block).rpartition(b"\n")
        if whole:
            yield _decoded(whole)
    if rest:
        yield _decoded(rest)


def _decoded(block: bytes) -> list[str]:
    try:
        text = block.decode("utf-8")
    except UnicodeDecodeError:  # older catalogues; each byte is a character then
        text = block.decode("latin-1")
    return [line.removesuffix("\r") for line in text.split("\n")]


def _layout(head: Sequence[str], profile: Profile, path: Path) -> _Layout:
    """Return how a file is divided: as its line of names says, or the ReadMe beside it, or the profile of how the catalogue is published.

    Raises
    ------
    UserError
        If neither tells.
    """
    missing = lacking(profile, {})
    for at, line in enumerate(head):
        for separator in _SEPARATORS if line and not line.startswith("#") else ():
            names = [name.strip().strip('"') for name in line.split(separator)]
            missing = min(missing, lacking(profile, columns_for(profile, names)), key=len)
            if not missing:
                rule = next((at + 1 + place for place, other in enumerate(head[at + 1 : at + 3]) if _RULE.match(other)), at)
                return _Layout(names=names, separator=separator, skip=rule + 1)
    described = read_byte_by_byte(path)
    if described:
        return _Layout(names=list(described), places={name: one.place for name, one in described.items()}, units={n: one.unit for n, one in described.items()})
    said = profile.document.get("layout")
    if said is None:
        begin = next((line for line in head if line.strip() and not line.startswith("#")), "")
        raise UserError(
            f"no line of names among its first lines, which begin with {begin[:_SHOWN]!r}: {without(profile, missing)}; "
            "if its columns have fixed widths, put the ReadMe that describes them into the same folder"
        )
    if "bytes" in said:
        places = {name: place_of(given) for name, given in said["bytes"].items()}
        return _Layout(names=list(places), places=places)
    return _Layout(names=said["columns"], separator=said["separator"])


def _chunk(lines: Sequence[str], numbers: np.ndarray, layout: _Layout, profile: Profile) -> Chunk:
    if layout.places is not None:
        text = pl.Series(lines, dtype=pl.String)
        columns = {name: text.str.slice(*place).str.strip_chars().to_arrow() for name, place in layout.places.items()}
        schema = pa.schema([pa.field(name, one.type, metadata={UNIT: layout.units.get(name, "")}) for name, one in columns.items()])
        return Chunk(rows=pa.table(list(columns.values()), schema=schema).append_column(ROW, pa.array(numbers)))
    wrong: dict[int, pyarrow.csv.InvalidRow] = {}

    def note(row: pyarrow.csv.InvalidRow) -> str:
        wrong[row.number - 1] = row
        return "skip"

    # Numbers keep their text, so that one that is none is found and named.
    table = pyarrow.csv.read_csv(
        pa.BufferReader("\n".join(lines).encode()),
        read_options=pyarrow.csv.ReadOptions(use_threads=False, column_names=list(_unique(layout.names)), block_size=2 * _BLOCK_BYTES),
        parse_options=pyarrow.csv.ParseOptions(delimiter=layout.separator, invalid_row_handler=note, ignore_empty_lines=False),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=wanted(profile, list(layout.names)), column_types=dict.fromkeys(layout.names, pa.string()), strings_can_be_null=False
        ),
    )
    good = np.delete(numbers, list(wrong))
    bad = [(int(numbers[at]), f"it has {row.actual_columns} columns instead of {row.expected_columns}", row.text) for at, row in sorted(wrong.items())]
    return Chunk(rows=table.append_column(ROW, pa.array(good)), bad=bad)


def _unique(names: Sequence[str]) -> Iterator[str]:
    """Yield names, a later one of the same spelling with its number, since a table knows each but once."""
    seen: set[str] = set()
    for number, name in enumerate(names):
        yield f"{name}#{number}" if name in seen else name
        seen.add(name)
