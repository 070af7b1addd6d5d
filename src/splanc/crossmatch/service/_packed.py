"""Answers as they are kept and sent: texts that many rows share are written once."""

from __future__ import annotations

import pyarrow as pa

from .._answers import CLASSIFICATION_COLUMNS

_SHARED = frozenset(
    {
        "classification",
        "association_type",
        "catalogue_table_name",
        "catalogue_object_type",
        "best_distance_flag",
        "best_distance_source",
        "MagFilter",
        "annotator",
        "rules_version",
        "catalogue_versions",
        "software_version",
    }
)
"""Columns of few different texts; the versions alone would be half of an answer."""

_DICTIONARY = pa.dictionary(pa.int32(), pa.string())

PACKED_COLUMNS = pa.schema([field.with_type(_DICTIONARY) if field.name in _SHARED else field for field in CLASSIFICATION_COLUMNS])
"""`CLASSIFICATION_COLUMNS` with those texts as dictionaries."""


def pack(answers: pa.Table) -> pa.Table:
    """Return a table of answers, and what other columns it has, with shared texts written once."""
    return _encoded(answers, _DICTIONARY)


def unpack(packed: pa.Table) -> pa.Table:
    """Return what `pack` was given."""
    return _encoded(packed, pa.string())


def _encoded(table: pa.Table, kind: pa.DataType) -> pa.Table:
    for number, name in enumerate(table.column_names):
        if name in _SHARED:
            column = table[name]
            texts = column.dictionary_encode() if kind == _DICTIONARY else column.cast(kind)
            table = table.set_column(number, table.field(number).with_type(kind), texts)
    return table
