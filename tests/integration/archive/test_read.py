from __future__ import annotations

from pathlib import Path

import pytest

from splanc.archive import Archive, NotMigrated, read_rows
from splanc.errors import UpstreamError
from splanc.packet import Partition


def test_rows_come_by_the_names_of_their_columns(postgres_dsn: str) -> None:
    statement = "SELECT n, n * 2.5::float8 AS more, NULL AS nothing FROM generate_series(%(first)s::bigint, 2) AS n ORDER BY n"
    assert read_rows(postgres_dsn, statement, {"first": 1}) == [{"n": 1, "more": 2.5, "nothing": None}, {"n": 2, "more": 5.0, "nothing": None}]
    assert read_rows(postgres_dsn, "SELECT 1 AS one WHERE false") == []


@pytest.mark.parametrize("statement", ["SELECT * FROM alerts", "SELECT nights FROM (SELECT 1 AS night) AS older"])
def test_tables_that_are_not_there_say_how_to_make_them(postgres_dsn: str, statement: str) -> None:
    with pytest.raises(NotMigrated, match="`splanc archive migrate`"):
        read_rows(postgres_dsn, statement)


def test_a_node_is_told_to_migrate(postgres_dsn: str) -> None:
    with Archive(postgres_dsn) as archive, pytest.raises(NotMigrated, match="`splanc archive migrate`"):
        archive.marks([Partition("alerts", 0)])


def test_what_postgresql_refuses_and_its_absence_are_upstream_errors(postgres_dsn: str, tmp_path: Path) -> None:
    with pytest.raises(UpstreamError, match="the archive's PostgreSQL: division by zero"):
        read_rows(postgres_dsn, "SELECT 1 / 0")
    with pytest.raises(UpstreamError, match="the archive's PostgreSQL: connection"):
        read_rows(f"postgresql://nobody@/none?host={tmp_path}", "SELECT 1")
