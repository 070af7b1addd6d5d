"""What nodes and classifier servers say to each other: columns, by Arrow Flight.

A node asks with one table of positions; the command that goes with it says whether all matches are wanted. The server answers with one table:
what it says of each position, packed, its matches as a list, and its version in the schema.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ...errors import UserError
from ..classifier import Classified
from ._asked import Asked
from ._packed import PACKED_COLUMNS, pack, unpack

ASKED_COLUMNS = pa.schema([("diaObjectId", pa.int64()), ("ra_deg", pa.float64()), ("dec_deg", pa.float64()), ("mjd_tai", pa.float64())])
"""Columns of a question; without objects, `diaObjectId` is NULL."""

MATCHES = "matches"
"""Column of an answer with the list of a position's matches, in order of rank."""

_POSITION = "position"
"""Column of `Classified.matches` with the row of the position."""

_VERSION = b"splanc.version"
"""Where the version stands in the schema of an answer."""


def question(asked: Asked) -> pa.Table:
    """Return what is asked, as it is sent."""
    ids = pa.nulls(len(asked), pa.int64()) if asked.object_id is None else asked.object_id
    return pa.table([ids, asked.ra_deg, asked.dec_deg, asked.mjd_tai], schema=ASKED_COLUMNS)


def asked_in(table: pa.Table) -> Asked:
    """Return what a question asks.

    Raises
    ------
    UserError
        If it has other columns than a question.
    """
    if not table.schema.equals(ASKED_COLUMNS):
        wanted, given = (", ".join(f"{field.name}: {field.type}" for field in schema) for schema in (ASKED_COLUMNS, table.schema))
        raise UserError(f"a question has the columns {wanted}; this one has {given}")
    ids, *places = (column.combine_chunks() for column in table.columns)
    numbers = [column.to_numpy(zero_copy_only=False) for column in places]
    return Asked(object_id=None if ids.null_count else ids.to_numpy(), ra_deg=numbers[0], dec_deg=numbers[1], mjd_tai=numbers[2])


def command(*, matches: bool) -> bytes:
    """Return the command of a question."""
    return json.dumps({"matches": matches}).encode()


def wants_matches(text: bytes) -> bool:
    """Return whether a command asks for all matches.

    Raises
    ------
    UserError
        If it is no command.
    """
    known = {command(matches=matches): matches for matches in (False, True)}
    if text not in known:
        raise UserError(f"a command is one of {', '.join(map(repr, known))}, not {text[:100]!r}")
    return known[text]


def answer(classified: Classified, version: str) -> pa.Table:
    """Return an answer, as it is sent."""
    packed = pack(classified.classifications)
    if classified.matches is not None:
        packed = packed.append_column(MATCHES, as_lists(classified.matches, packed.num_rows))
    return packed.replace_schema_metadata({_VERSION: version})


def check_answer(table: pa.Table, n_positions: int) -> None:
    """Check that a table answers a question about so many positions.

    Raises
    ------
    ValueError
        If it has other columns than this splanc's answers, as a server has that is of another one, or another number of rows.
    """
    said = table.drop_columns([MATCHES]) if MATCHES in table.column_names else table
    if not said.schema.equals(PACKED_COLUMNS):
        raise ValueError("its answers have other columns than those of this splanc: it is of another version")
    if table.num_rows != n_positions:
        raise ValueError(f"it answered about {table.num_rows} positions when asked about {n_positions}")


def version_of(table: pa.Table) -> str:
    """Return the version of the server that an answer is from."""
    said: Mapping[bytes, bytes] = table.schema.metadata or {}
    return said.get(_VERSION, b"").decode()


def classified_in(table: pa.Table) -> Classified:
    """Return what an answer says."""
    answers = unpack(table.replace_schema_metadata(None))
    if MATCHES not in answers.column_names:
        return Classified(classifications=answers, matches=None)
    lists = answers[MATCHES].combine_chunks()
    matches = pa.Table.from_struct_array(lists.flatten())
    position = np.repeat(np.arange(len(lists), dtype=np.int32), lists.value_lengths().fill_null(0).to_numpy())
    return Classified(classifications=answers.drop_columns([MATCHES]), matches=matches.add_column(0, _POSITION, pa.array(position)))


def as_lists(matches: pa.Table, n_positions: int) -> pa.Array:
    """Return the matches of each position as one list, in order of rank, shape (n_position,)."""
    matches = matches.sort_by([(_POSITION, "ascending"), ("rank", "ascending")])
    ends = np.searchsorted(matches[_POSITION].to_numpy(), np.arange(n_positions + 1)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(ends), matches.drop_columns([_POSITION]).to_struct_array().combine_chunks())


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What a server says of itself.

    Parameters
    ----------
    version : of what it answers.
    software : version of splanc.
    catalogues : that it searches, each with its version.
    """

    version: str
    software: str
    catalogues: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {"version": self.version, "software_version": self.software, "catalogues": dict(self.catalogues)}


def health_in(text: bytes) -> Health:
    """Return the health that a server sent."""
    said = json.loads(text)
    return Health(version=said["version"], software=said["software_version"], catalogues=said["catalogues"])
