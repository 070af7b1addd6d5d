"""The seam between surveys: what `packet/` must know of one to map its packets onto the common record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import pyarrow as pa

Columns: TypeAlias = Mapping[str, pa.Array]
"""Columns by name, all of one length."""


class Unfit(Exception):
    """A field's values do not fit into the common record's column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """One survey's knowledge; its module makes the one instance.

    Parameters
    ----------
    name : as in `alerts.survey`, and as it stands in the names of its schemas.
    trigger : the field of the packet that holds the trigger.
    first_id : the id of version 0.0 of its schema; that of a version is 100 · major + minor more.
    required : for each record, by its name, the fields without which a schema of this survey is none.
    tables : table of each field of the packet that holds a record or an array of records; others make a table of their own.
    used : of tables that do not stay but are made into others, the fields that are used; of other tables all are.
    columns : for each table, the common record's name of each field that an older version called otherwise.
    record : the tables of the common record from the packets' tables (which have `alert`, the row of each record's alert) and own fields.
    alert_columns : the trigger's columns of `alerts`, from the common record and the number of alerts.
    complaints : from those columns, what makes a trigger unusable, by row; nothing for good ones.
    """

    name: str
    trigger: str
    first_id: int
    tables: Mapping[str, str]
    used: Mapping[str, frozenset[str]]
    columns: Mapping[str, Mapping[str, str]]
    record: Callable[[Mapping[str, Columns], Columns], Mapping[str, Columns]]
    alert_columns: Callable[[Mapping[str, pa.Table], int], dict[str, pa.Array]]
    complaints: Callable[[Columns], dict[int, str]]
    required: Mapping[str, frozenset[str]]

    def schema_id(self, major: int, minor: int) -> int:
        """Return the id of a version of the schema."""
        return self.first_id + 100 * major + minor
