"""Users' filters in PostgreSQL: what they say, every version of it, and what has changed since.

Nodes ask for what has changed by number. A transaction that changes filters takes one lock before it draws its number and holds it
until it has committed, so numbers become visible in their order, and who has seen one has seen all before it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

import psycopg
from psycopg.rows import dict_row

from ..errors import UserError
from ..filters.definition import Definition, Filter, Output, Run, State
from ._advisory import WRITING_FILTERS
from ._read import CONNECT_SECONDS, read_rows, upstream_errors

LOCK_SECONDS = 10
"""Longest wait for that lock, seconds; a change takes milliseconds."""

TOPIC_CHARACTERS = 128
"""Longest name of a topic; of a longer one the first and the last half stay, as Lasair has it."""

NAME_CHARACTERS = 200
"""Longest name of a filter or of its owner."""

REASON_CHARACTERS = 2000
"""What is kept of the reason why a filter is paused."""

_NOT_IN_TOPICS = re.compile(r"[^A-Za-z0-9._-]")

_SUGGESTIONS = 3

_TEXTS = ("name", "description", "selected", "tables", "conditions", "target")
_KEPT = (*_TEXTS, "run", "output", "public", "bytes_per_day", "records_per_visit")
"""Columns that each version keeps."""

_NEXT_CHANGE = "(SELECT coalesce(max(change), 0) + 1 FROM filters)"

_CREATE = f"""
INSERT INTO filters (version, owner, topic, state, reason, cost_us, change, {", ".join(_KEPT)})
VALUES (1, %(owner)s, %(topic)s, 'active', '', %(cost_us)s, {_NEXT_CHANGE}, {", ".join(f"%({name})s" for name in _KEPT)})
RETURNING *
"""

_EDIT = f"""
UPDATE filters SET version = version + 1, changed = now(), cost_us = %(cost_us)s, change = {_NEXT_CHANGE}, {", ".join(f"{name} = %({name})s" for name in _KEPT)}
WHERE id = %(id)s AND version = %(version)s AND state <> 'deleted'
RETURNING *
"""

_KEEP_VERSION = f"""
INSERT INTO filter_versions (filter, version, author, created, {", ".join(_KEPT)})
SELECT id, version, %(author)s, changed, {", ".join(_KEPT)} FROM filters WHERE id = %(id)s
"""

_SET_STATE = f"""
UPDATE filters SET state = %(state)s, reason = %(reason)s, changed = now(), change = {_NEXT_CHANGE}
WHERE id = %(id)s AND state = ANY(%(states)s) AND version = coalesce(%(version)s, version)
"""

_IS_NAMED = "owner = %(owner)s AND lower(name) = lower(%(name)s) AND state <> 'deleted'"

_Connection: TypeAlias = psycopg.Connection[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterVersion:
    """What a version of a filter said.

    Parameters
    ----------
    number : 1 at first.
    author : who wrote it.
    bytes_per_day, records_per_visit : quotas of a night's bytes and of a visit's matches; None: those of the deployment, -1: none.
    """

    number: int
    definition: Definition
    author: str
    created: datetime
    bytes_per_day: int | None = None
    records_per_visit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterChanges:
    """What was done to filters since a change.

    Parameters
    ----------
    number : of the newest change.
    filters : those that were changed, as they are now, deleted ones too; in the order of their last change.
    complete : whether these are all filters that there are, so that others are to be forgotten.
    """

    number: int
    filters: tuple[Filter, ...]
    complete: bool


class FilterStore:
    """The filters of all users. Each call has a connection of its own.

    Parameters
    ----------
    dsn : a database that `migrate` has brought up to date.
    topic_prefix : what the names of new filters' topics begin with.
    reserved : topics that no filter may have.
    """

    def __init__(self, dsn: str, *, topic_prefix: str = "lasair_", reserved: Collection[str] = ()) -> None:
        self._dsn = dsn
        self._topic_prefix = topic_prefix
        self._reserved = {_clashing(topic) for topic in reserved}

    def create(
        self,
        definition: Definition,
        *,
        author: str | None = None,
        cost_us: float = 0.0,
        bytes_per_day: int | None = None,
        records_per_visit: int | None = None,
    ) -> Filter:
        """Store a new filter, which runs from now on, and return it.

        Parameters
        ----------
        author : who wrote it; None: its owner.
        cost_us, bytes_per_day, records_per_visit : as in `Filter`.

        Raises
        ------
        UserError
            If its owner has one of that name, or a name cannot be kept.
        UpstreamError
            If PostgreSQL cannot be reached.
        """
        _check(definition)
        values = _values(definition, cost_us, bytes_per_day, records_per_visit)
        with self._writing() as connection:
            _refuse_taken(connection, definition, 0)
            topic = self._free_topic(connection, definition)
            row = connection.execute(_CREATE, {**values, "topic": topic}).fetchone()
            assert row is not None
            connection.execute(_KEEP_VERSION, {"id": row["id"], "author": author or definition.owner})
        return _filter(row)

    def edit(
        self,
        was: Filter,
        definition: Definition,
        *,
        author: str | None = None,
        cost_us: float,
        bytes_per_day: int | None,
        records_per_visit: int | None,
    ) -> Filter:
        """Store the next version of a filter, and return it; its owner, its topic and whether it is paused stay as they are.

        Parameters
        ----------
        was : the filter as it was read.
        author : who wrote this version; None: its owner.
        cost_us, bytes_per_day, records_per_visit : as in `Filter`.

        Raises
        ------
        UserError
            If somebody else has changed it since it was read, it is deleted, or its owner has another one of that name.
        UpstreamError
            If PostgreSQL cannot be reached.
        """
        definition = replace(definition, owner=was.definition.owner)
        _check(definition)
        values = _values(definition, cost_us, bytes_per_day, records_per_visit)
        with self._writing() as connection:
            _refuse_taken(connection, definition, was.id)
            row = connection.execute(_EDIT, {**values, "id": was.id, "version": was.version}).fetchone()
            if row is None:
                raise UserError(f"the filter {was.definition.name} is no longer at version {was.version}: look at what has changed, and edit it again")
            connection.execute(_KEEP_VERSION, {"id": was.id, "author": author or definition.owner})
        return _filter(row)

    def pause(self, filter_id: int, reason: str, version: int | None = None) -> bool:
        """Pause a filter that is active, and return whether this call has done so.

        Parameters
        ----------
        reason : why, in words.
        version : pause it only if this is its version; None: whichever it is.

        Raises
        ------
        UpstreamError
            If PostgreSQL cannot be reached.
        """
        return self._set_state(filter_id, State.paused, {State.active}, reason=reason.replace("\0", "")[:REASON_CHARACTERS], version=version)

    def resume(self, filter_id: int) -> bool:
        """Let a paused filter run again, and return whether this call has done so.

        Raises
        ------
        UpstreamError
            If PostgreSQL cannot be reached.
        """
        return self._set_state(filter_id, State.active, {State.paused})

    def delete(self, filter_id: int) -> bool:
        """Take a filter away, and return whether this call has done so; it is kept as deleted, and its name is free.

        Raises
        ------
        UpstreamError
            If PostgreSQL cannot be reached.
        """
        return self._set_state(filter_id, State.deleted, {State.active, State.paused})

    def get(self, owner: str, name: str) -> Filter:
        """Return a user's filter by its name, in any case.

        Raises
        ------
        UserError
            If the user has none of that name; the message names those that come near.
        UpstreamError
            If PostgreSQL cannot be reached.
        """
        rows = read_rows(self._dsn, f"SELECT * FROM filters WHERE {_IS_NAMED}", {"owner": owner, "name": name})
        if rows:
            return _filter(rows[0])
        names = {one.definition.name.lower(): one.definition.name for one in self.all(owner)}
        near = difflib.get_close_matches(name.lower(), names, _SUGGESTIONS)
        hint = f"did you mean {', '.join(names[one] for one in near)}?" if near else "`splanc filter list` shows those that are there"
        raise UserError(f"{owner} has no filter {name}; {hint}")

    def all(self, owner: str | None = None) -> list[Filter]:
        """Return the filters of a user, or of all users, by owner and name, without those that are deleted.

        Raises
        ------
        UpstreamError
            If PostgreSQL cannot be reached.
        """
        statement = "SELECT * FROM filters WHERE state <> 'deleted' AND owner = coalesce(%s, owner) ORDER BY owner, lower(name)"
        return [_filter(row) for row in read_rows(self._dsn, statement, (owner,))]

    def versions(self, filter_id: int) -> list[FilterVersion]:
        """Return the versions of a filter, oldest first.

        Raises
        ------
        UpstreamError
            If PostgreSQL cannot be reached.
        """
        statement = "SELECT v.*, f.owner FROM filter_versions v JOIN filters f ON f.id = v.filter WHERE f.id = %s ORDER BY v.version"
        return [
            FilterVersion(
                number=row["version"],
                definition=_definition(row),
                author=row["author"],
                created=row["created"],
                bytes_per_day=row["bytes_per_day"],
                records_per_visit=row["records_per_visit"],
            )
            for row in read_rows(self._dsn, statement, (filter_id,))
        ]

    def changed_since(self, number: int) -> FilterChanges:
        """Return what was done to filters since a change; 0: ever.

        A number that is newer than the newest, as after a restored backup, counts as 0.

        Raises
        ------
        UpstreamError
            If PostgreSQL cannot be reached.
        """
        newest = read_rows(self._dsn, "SELECT coalesce(max(change), 0) AS change FROM filters")[0]["change"]
        since = 0 if newest < number else number
        changed = [] if newest == since else read_rows(self._dsn, "SELECT * FROM filters WHERE change > %s ORDER BY change", (since,))
        return FilterChanges(number=changed[-1]["change"] if changed else since, filters=tuple(map(_filter, changed)), complete=since == 0)

    def _set_state(self, filter_id: int, state: State, states: Collection[State], *, reason: str = "", version: int | None = None) -> bool:
        with self._writing() as connection:
            values = {"id": filter_id, "state": state, "states": [str(one) for one in states], "reason": reason, "version": version}
            return connection.execute(_SET_STATE, values).rowcount == 1

    def _free_topic(self, connection: _Connection, definition: Definition) -> str:
        """Return a name of a topic that no filter has or had."""
        taken = {row["topic"] for row in connection.execute("SELECT replace(topic, '.', '_') AS topic FROM filters")} | self._reserved
        number = 1
        while _clashing(topic := topic_name(self._topic_prefix, definition.owner, definition.name, number)) in taken:
            number += 1
        return topic

    @contextmanager
    def _writing(self) -> Iterator[_Connection]:
        with (
            upstream_errors(),
            psycopg.connect(self._dsn, connect_timeout=CONNECT_SECONDS, application_name="splanc filters", row_factory=dict_row) as connection,
        ):
            connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (WRITING_FILTERS,))
            yield connection


def topic_name(prefix: str, owner: str, name: str, number: int = 1) -> str:
    """Return the name of a filter's topic, as Lasair makes it: without what Kafka's names cannot have, and in the middle of a long name.

    >>> topic_name("lasair_", "maria", "fast & blue")
    'lasair_mariafastblue'

    Parameters
    ----------
    number : which of the topics that would have this name: the second one ends in `_2`.
    """
    whole = prefix + _NOT_IN_TOPICS.sub("", owner + name) + (f"_{number}" if number > 1 else "")
    half = TOPIC_CHARACTERS // 2
    return whole if len(whole) <= TOPIC_CHARACTERS else whole[:half] + whole[-half:]


def _clashing(topic: str) -> str:
    """Return what is the same for topics that Kafka takes for the same."""
    return topic.replace(".", "_")


def _check(definition: Definition) -> None:
    """Refuse what cannot be kept."""
    for what, name in (("name", definition.name), ("owner", definition.owner)):
        if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > NAME_CHARACTERS:
            raise UserError(f"{name!r} cannot be the {what} of a filter: it takes 1 to {NAME_CHARACTERS} printable characters, no space at its ends")
    if any("\0" in getattr(definition, text) for text in _TEXTS):
        raise UserError(f"the filter {definition.name} has a character of value 0 in a text; leave it out")
    has_target = definition.output in (Output.digest, Output.webhook)
    if has_target != bool(definition.target):
        raise UserError(
            f"the output {definition.output.name} needs a target: the mail address of the digest, or the address of the webhook"
            if has_target
            else f"the output {definition.output.name} has no target; only digest and webhook have one"
        )


def _refuse_taken(connection: _Connection, definition: Definition, filter_id: int) -> None:
    named = connection.execute(
        f"SELECT name FROM filters WHERE {_IS_NAMED} AND id <> %(id)s", {"owner": definition.owner, "name": definition.name, "id": filter_id}
    )
    if named.rowcount:
        raise UserError(f"{definition.owner} has a filter {definition.name} already: edit it, or give another name")


def _values(definition: Definition, cost_us: float, bytes_per_day: int | None, records_per_visit: int | None) -> dict[str, Any]:
    columns = {name: getattr(definition, name) for name in ("owner", *_TEXTS, "public")}
    numbers = {"run": int(definition.run), "output": int(definition.output), "cost_us": cost_us}
    return {**columns, **numbers, "bytes_per_day": bytes_per_day, "records_per_visit": records_per_visit}


def _filter(row: Mapping[str, Any]) -> Filter:
    kept = {name: row[name] for name in ("id", "version", "topic", "reason", "cost_us", "bytes_per_day", "records_per_visit", "created", "changed")}
    return Filter(**kept, definition=_definition(row), state=State(row["state"]))


def _definition(row: Mapping[str, Any]) -> Definition:
    texts = {name: row[name] for name in ("owner", *_TEXTS, "public")}
    return Definition(**texts, run=Run(row["run"]), output=Output(row["output"]))
