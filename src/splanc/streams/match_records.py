"""Matches as they stand in a filter's topic, read to be shown to people."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ..kafka import Record

_AVRO = b"\0"
"""What records in Avro begin with; none in JSON does."""

_NOT_READ = b'{"record": "in Avro, of when the filter was a stream"}'
"""What stands for such a record: mails and posts are made of JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A match of a filter.

    Parameters
    ----------
    partition, offset : where in the filter's topic.
    timestamp_ms : Kafka's, UTC milliseconds since 1970.
    object_id : the diaObjectId, or what else the node keyed it by.
    source_id : the diaSourceId; 0 if the record does not say.
    record : JSON, as it stands; of one in Avro only that it is.
    version, night : of the filter, and of the alert; 0 if the record does not say.
    """

    partition: int
    offset: int
    timestamp_ms: int
    object_id: str
    source_id: int
    record: bytes
    version: int
    night: int

    def shown(self) -> dict[str, str]:
        """Return the columns by name, as text: numbers with the digits that they have, NULL as nothing."""
        try:
            read = json.loads(self.record, parse_int=str, parse_float=str, parse_constant=str)
        except ValueError:
            read = None
        columns = read if isinstance(read, dict) else {"record": self.record.decode("utf-8", "replace")}
        return {_printable(name): _shown(value) for name, value in columns.items()}


def match_of(record: Record) -> Match:
    """Return what a record of a filter's topic says."""
    return Match(
        partition=record.place.number,
        offset=record.offset,
        timestamp_ms=record.timestamp_ms,
        object_id=(record.key or b"").decode("utf-8", "replace"),
        source_id=_number(record, "diaSourceId"),
        record=_NOT_READ if (record.value or b"").startswith(_AVRO) else record.value or b"{}",
        version=_number(record, "version"),
        night=_number(record, "night"),
    )


def object_link(site: str | None, object_id: str) -> str | None:
    """Return the address of an object's page; None without a site, or for what is no id."""
    return f"{site.rstrip('/')}/objects/{object_id}/" if site and object_id.isascii() and object_id.isdecimal() else None


def filter_link(site: str | None, filter_id: int) -> str | None:
    """Return the address of a filter's page; None without a site."""
    return f"{site.rstrip('/')}/filters/{filter_id}/" if site else None


def one_line(text: str) -> str:
    """Return a text of a user's as one line that holds nothing but what can be seen: fit for a header."""
    return " ".join(_printable(text).split())


def _number(record: Record, header: str) -> int:
    value = record.headers.get(header, b"")
    return int(value) if value.isdigit() else 0


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return _printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
