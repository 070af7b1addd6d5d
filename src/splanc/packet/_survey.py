"""The seam between surveys: what `packet/` must know of one to map its packets onto the common record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """One survey's knowledge; its module makes the one instance.

    Parameters
    ----------
    name : as it stands in the names of its schemas.
    trigger : the field of the packet that holds the trigger.
    tables : table of each field of the packet that holds a record or an array of records; others make a table of their own.
    columns : for each table, the common record's name of each field that an older version called otherwise.
    alert_columns : the trigger's columns of `alerts`, from the tables and the number of alerts.
    complaints : from those columns, what makes a trigger unusable, by row; nothing for good ones.
    """

    name: str
    trigger: str
    tables: Mapping[str, str]
    columns: Mapping[str, Mapping[str, str]]
    alert_columns: Callable[[Mapping[str, pa.Table], int], dict[str, pa.Array]]
    complaints: Callable[[Mapping[str, pa.Array]], dict[int, str]]
