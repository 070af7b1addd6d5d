"""One question of a user to the archive, in SQL, read-only and bounded.

The statement becomes a cursor's: PostgreSQL then takes nothing but a single SELECT (or VALUES, or WITH that only
reads), in a read-only transaction, with a time limit, as the role `splanc_reader` where the database has it.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from ..errors import UserError
from ._copy import Connection
from ._read import refusal
from ._tables import METADATA, SPELLING, spelling

READER = "splanc_reader"
"""The role of queries; the first migration makes it where it may."""

_PREFIX = "DECLARE answer NO SCROLL CURSOR FOR "

_UNKNOWN = re.compile(r'(?P<kind>column|relation) "?(?P<name>[^" ]+)"? does not exist')
"""How PostgreSQL says that a name is unknown; a qualified column stands without quotes."""

_SUGGESTIONS = 3
"""Names that are suggested for an unknown one, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a query returns.

    Parameters
    ----------
    columns : names, spelt as the survey spells them where it has them.
    rows : values, in the order of the columns.
    complete : False if there were more rows than allowed.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    complete: bool


def query(dsn: str, statement: str, *, seconds: float, rows: int) -> Answer:
    """Return the answer to one SELECT.

    Parameters
    ----------
    statement : names of tables and columns in any case, without quotes.
    seconds : longest time that it may take, s.
    rows : most rows returned.

    Raises
    ------
    UserError
        If the statement is not one SELECT, names something unknown, or takes too long; it shows where.
    UpstreamError
        If PostgreSQL cannot be reached.
    """
    text = statement.strip().removesuffix(";").rstrip()
    if not text:
        raise UserError("the query is empty; give one SELECT, for example: SELECT diaObjectId, nDiaSources FROM objects LIMIT 10")
    try:
        with psycopg.connect(dsn, application_name="splanc query", prepare_threshold=None) as connection:
            return _answer(connection, text, seconds, rows)
    except psycopg.errors.QueryCanceled as error:
        raise UserError(f"the query took longer than {seconds:g} s; narrow it down (a time range, LIMIT), or raise archive.query_seconds") from error
    except psycopg.OperationalError as error:
        raise refusal(error) from error
    except psycopg.Error as error:
        raise UserError(_explain(error, text)) from error


def _answer(connection: Connection, text: str, seconds: float, limit: int) -> Answer:
    connection.read_only = True
    connection.execute(sql.SQL("SET LOCAL statement_timeout = {}").format(max(1, round(seconds * 1000))))
    role = connection.execute("SELECT pg_has_role(current_user, oid, 'SET') FROM pg_roles WHERE rolname = %s", (READER,)).fetchone()
    if role == (True,):
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(READER)))
    # A server-side prepared statement (`binary` asks for one) cannot hold several commands.
    connection.execute(_PREFIX + text, binary=True)
    cursor = connection.execute(sql.SQL("FETCH FORWARD {} FROM answer").format(limit + 1))
    found = cursor.fetchall()
    columns = tuple(SPELLING.get(column.name, column.name) for column in cursor.description or ())
    return Answer(columns=columns, rows=found[:limit], complete=len(found) <= limit)


def _explain(error: psycopg.Error, text: str) -> str:
    """Return PostgreSQL's complaint with the place it is about and, for an unknown name, those that come near."""
    why = error.diag.message_primary or str(error).strip()
    if isinstance(error, psycopg.errors.SyntaxError) and "multiple commands" in why:
        return "one statement at a time: leave out all but one SELECT"
    lines = [f"the query is not valid: {why}"]
    position = int(error.diag.statement_position or 0) - len(_PREFIX)
    if position > 0:
        lines += _pointer(text, position)
    if position <= 1 and isinstance(error, psycopg.errors.SyntaxError):
        lines.append("only a SELECT can be asked, which may begin with WITH")
    unknown = _UNKNOWN.search(why)
    if unknown:
        lines += _suggestions(unknown["kind"], unknown["name"])
    elif error.diag.message_hint:
        lines.append(error.diag.message_hint)
    return "\n".join(lines)


def _pointer(text: str, position: int) -> list[str]:
    """Return the line of the statement that holds a character (counted from 1), and a caret under it."""
    before = text[: position - 1]
    line = text.splitlines()[before.count("\n")]
    column = len(before) - (before.rfind("\n") + 1)
    return [f"  {line}", f"  {' ' * column}^"]


def _suggestions(kind: str, name: str) -> list[str]:
    if kind == "relation":
        tables = {table.name: spelling(table) for table in METADATA.tables.values()}
        near = difflib.get_close_matches(name, tables, _SUGGESTIONS)
        return [f"the tables are: {', '.join(sorted(tables.values()))}"] if not near else [f"did you mean {', '.join(tables[n] for n in near)}?"]
    columns = {column.name for table in METADATA.tables.values() for column in table.columns}
    near = difflib.get_close_matches(name.rpartition(".")[2], columns, _SUGGESTIONS)
    return [f"did you mean {', '.join(SPELLING[n] for n in near)}?"] if near else []
