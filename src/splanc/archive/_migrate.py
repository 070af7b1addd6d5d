"""Bringing the archive's tables up to date: at once when they are, by Alembic when they are not."""

from __future__ import annotations

from pathlib import Path

from ._partitions import make_ahead
from ._read import NotMigrated, read_rows

MIGRATIONS = Path(__file__).parent / "migrations"
"""Folder of Alembic's scripts; the names of the files in `versions` begin with their revision."""

VERSION_TABLE = "splanc_schema_version"
"""Where the database keeps the number of its last migration."""

REVISION_DIGITS = 4
"""Digits of a revision."""


def newest_revision() -> str:
    """Return the number of the newest migration of this release."""
    return max(path.name[:REVISION_DIGITS] for path in MIGRATIONS.glob("versions/*.py"))


def migrate(dsn: str) -> str:
    """Bring the tables up to date, make partitions ahead, and return the revision reached; several may call it at once.

    Raises
    ------
    UpstreamError
        If PostgreSQL refuses or cannot be reached.
    """
    newest = newest_revision()
    if _revision(dsn) != newest:
        # Loading Alembic and SQLAlchemy takes longer than most commands do, and nearly always the tables are up to date.
        from ._alembic import upgrade  # noqa: PLC0415

        upgrade(dsn)
    make_ahead(dsn)
    return newest


def _revision(dsn: str) -> str | None:
    """Return the number of the database's last migration."""
    try:
        rows = read_rows(dsn, f"SELECT version_num FROM {VERSION_TABLE}")
    except NotMigrated:
        return None
    return str(rows[0]["version_num"]) if rows else None
