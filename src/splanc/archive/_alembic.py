"""The migrations, run by Alembic, and the comparison of a database with the tables' definition."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from ._advisory import MIGRATING
from ._migrate import MIGRATIONS, VERSION_TABLE, newest_revision
from ._read import refusal
from ._tables import METADATA


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaReport:
    """How a database compares with this release.

    Parameters
    ----------
    revision : number of its last migration; None if it has none.
    newest : number of the newest migration of this release.
    differences : what differs from the tables' definition, one line each.
    """

    revision: str | None
    newest: str
    differences: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether this release can work with the database."""
        return self.revision == self.newest and not self.differences


def upgrade(dsn: str) -> None:
    """Run the migrations that the database lacks, one process at a time.

    Raises
    ------
    UpstreamError
        If PostgreSQL refuses or cannot be reached.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with _connection(dsn) as connection:
        connection.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATING})
        connection.commit()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


def check(dsn: str) -> SchemaReport:
    """Compare the tables with their definition.

    Raises
    ------
    UpstreamError
        If PostgreSQL cannot be reached.
    """
    with _connection(dsn) as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True, "include_name": _is_ours}
        context = MigrationContext.configure(connection, opts=options)
        revision = context.get_current_revision()
        differences = () if revision is None else tuple(_describe(difference) for difference in compare_metadata(context, METADATA))
        return SchemaReport(revision=revision, newest=newest_revision(), differences=differences)


def _describe(difference: object) -> str:
    """Return a difference of alembic's, a tuple or a list of tuples, as one line."""
    if isinstance(difference, list):
        return "; ".join(map(_describe, difference))
    return " ".join(str(part) for part in difference) if isinstance(difference, tuple) else str(difference)


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """Return whether a thing in the database is to be compared; an external database may hold others' tables."""
    return kind != "table" or name in METADATA.tables


@contextmanager
def _connection(dsn: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    except sa.exc.DBAPIError as error:
        raise refusal(error.orig) from error
