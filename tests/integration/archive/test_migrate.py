from __future__ import annotations

import threading
from pathlib import Path

import psycopg
import pytest

import splanc.archive
from splanc.archive import check, migrate
from splanc.errors import UpstreamError


def test_the_migrations_lead_to_exactly_the_tables(postgres_dsn: str) -> None:
    before = check(postgres_dsn)
    assert (before.revision, before.ok) == (None, False)
    assert migrate(postgres_dsn) == before.newest
    assert check(postgres_dsn).differences == ()
    assert check(postgres_dsn).ok
    assert migrate(postgres_dsn) == before.newest


def test_drift_is_told(archive_dsn: str) -> None:
    with psycopg.connect(archive_dsn) as connection:
        connection.execute("ALTER TABLE objects DROP COLUMN ra; ALTER TABLE diaforcedsources ALTER visit TYPE integer; DROP INDEX alerts_visit")
    report = check(archive_dsn)
    assert not report.ok
    told = "\n".join(report.differences)
    assert "add_column" in told
    assert "ra" in told
    assert "modify_type" in told
    assert "alerts_visit" in told


def test_tables_of_others_are_no_drift(archive_dsn: str) -> None:
    with psycopg.connect(archive_dsn) as connection:
        connection.execute("CREATE TABLE theirs (id integer)")
    assert check(archive_dsn).ok


def test_several_nodes_may_migrate_at_once(postgres_dsn: str) -> None:
    reached: list[str] = []
    threads = [threading.Thread(target=lambda: reached.append(migrate(postgres_dsn))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reached == [check(postgres_dsn).newest] * 4
    assert check(postgres_dsn).ok


def test_partitions_are_made_ahead(archive_dsn: str) -> None:
    with psycopg.connect(archive_dsn) as connection:
        found = connection.execute(
            "SELECT inhparent::regclass::text, count(*) FROM pg_inherits WHERE inhparent::regclass::text LIKE 'dia%sources' GROUP BY 1"
        ).fetchall()
    assert sorted(found) == [("diaforcedsources", 5), ("diasources", 5)]


def test_each_migration_says_when_it_runs() -> None:
    folder = Path(splanc.archive.__file__).parent / "migrations" / "versions"
    names = sorted(path.name for path in folder.glob("*.py"))
    assert [name[:5] for name in names] == [f"{number:04d}_" for number in range(1, len(names) + 1)]
    for name in names:
        stage = name.split("_")[1]
        assert stage in {"pre", "post"}
        assert f'STAGE = "{stage}"' in (folder / name).read_text()


def test_an_unreachable_database_is_an_upstream_error(tmp_path: Path) -> None:
    for call in (migrate, check):
        with pytest.raises(UpstreamError, match="the archive's PostgreSQL"):
            call(f"postgresql://nobody@/none?host={tmp_path}")
