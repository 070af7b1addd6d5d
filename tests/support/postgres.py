"""A real PostgreSQL for tests: one embedded server a session, a fresh database a test."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from splanc.archive import migrate, start_postgres, stop_postgres

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The DSN of an embedded server in a temporary folder; it is stopped at the end of the session."""
    with tempfile.TemporaryDirectory(prefix="splanc-pg-") as folder:
        dsn = start_postgres(Path(folder))
        with psycopg.connect(dsn, autocommit=True) as connection:
            # Tests pull no power plugs; killed processes leave their pages to the kernel.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield dsn
        stop_postgres(Path(folder))


@pytest.fixture(scope="session")
def _migrated_template(postgres_server: str) -> str:
    dsn = _create(postgres_server, "migrated", "template0")
    migrate(dsn)
    return "migrated"


@pytest.fixture
def postgres_dsn(postgres_server: str) -> Iterator[str]:
    """The DSN of a fresh, empty database."""
    yield from _fresh(postgres_server, "template0")


@pytest.fixture
def archive_dsn(postgres_server: str, _migrated_template: str) -> Iterator[str]:
    """The DSN of a fresh database with the archive's tables."""
    yield from _fresh(postgres_server, _migrated_template)


def _fresh(server: str, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    yield _create(server, name, template)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _create(server: str, name: str, template: str) -> str:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return server.replace("/splanc?", f"/{name}?")
