"""Small reads of the archive: the one way in which nodes and commands ask PostgreSQL for a few rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row

from ..errors import UpstreamError

CONNECT_SECONDS = 5
"""Longest wait for a connection, seconds."""


class NotMigrated(UpstreamError):
    """The archive's tables are not there, or older than this splanc."""


def read_rows(dsn: str, statement: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[dict[str, Any]]:
    """Return what a statement returns, each row by the names of its columns, over a connection of its own.

    Raises
    ------
    NotMigrated
        If it asks for a table or a column that is not there.
    UpstreamError
        If PostgreSQL cannot be reached, or refuses.
    """
    with (
        upstream_errors(),
        psycopg.connect(dsn, connect_timeout=CONNECT_SECONDS, application_name="splanc read", row_factory=dict_row) as connection,
    ):
        return connection.execute(statement, parameters, binary=True).fetchall()


@contextmanager
def upstream_errors() -> Iterator[None]:
    """Make what PostgreSQL complains about an error that says what to do.

    Raises
    ------
    NotMigrated
        If a table or a column is not there.
    UpstreamError
        If PostgreSQL cannot be reached, or refuses.
    """
    try:
        yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
        raise NotMigrated("the archive's tables are not there, or older than this splanc; bring them up to date with `splanc archive migrate`") from error
    except psycopg.Error as error:
        raise refusal(error) from error


def refusal(error: object) -> UpstreamError:
    """Return what is to be raised when PostgreSQL cannot be reached or refuses, in its own words."""
    return UpstreamError(f"the archive's PostgreSQL: {str(error).strip()}")
