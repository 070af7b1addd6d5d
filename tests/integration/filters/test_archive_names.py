"""Filters on past data name what the archive has."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest

from splanc.filters.language import parse_filter
from splanc.filters.tables import TABLES
from splanc.filters.to_sql import as_sql

NOW = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.mark.parametrize(
    "tables",
    ["objects", "objects, alert, objects_variability", "ss_objects_latest, mpc_orbits", "ss_objects_latest, alert"],
)
def test_every_column_is_in_the_archive(archive_dsn: str, tables: str) -> None:
    base = tables.split(",")[0]
    tree = parse_filter("*", tables, f"{base}.ra > 5 AND mjdnow() > 5 ORDER BY {base}.decl LIMIT 3")
    with psycopg.connect(archive_dsn) as connection:
        cursor = connection.execute(as_sql(tree, "postgresql", NOW, most_rows=2).encode())
        assert [column.name for column in cursor.description] == [item.name for item in tree.selected]
        assert len(tree.selected) >= len(TABLES[tree.joined[0].table].columns)
        assert cursor.fetchall() == []
