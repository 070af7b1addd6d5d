"""Messages that were read, as records."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

import structlog
from confluent_kafka import Message

from ..packet import Partition
from .client import in_words, is_transient

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One message with its place; `value` and `key` are None where the writer gave none.

    Parameters
    ----------
    timestamp_ms : Kafka's timestamp, UTC milliseconds since 1970.
    """

    place: Partition
    offset: int
    timestamp_ms: int
    value: bytes | None
    key: bytes | None = None
    headers: Mapping[str, bytes] = field(default_factory=dict)


def records_in(messages: Iterable[Message], doing: str, passing: Collection[int]) -> list[Record]:
    """Return the records among what a client was given, with errors that it mends itself logged.

    Parameters
    ----------
    doing : what failed, if something does: "reading …".
    passing : codes of errors that are let go by, beside those of a cluster that is starting or moving its leaders.

    Raises
    ------
    UserError, UpstreamError
        If Kafka fails in a way that the client does not mend.
    """
    records = []
    for message in messages:
        error = message.error()
        if error is None:
            records.append(record_of(message))
        elif error.fatal() or not (is_transient(error) or error.code() in passing):
            raise in_words(error, doing)
        else:
            _log.warning("kafka consumer waits", error=error.name(), text=error.str())
    return records


def record_of(message: Message) -> Record:
    """Return a message that was read as a record."""
    return Record(
        place=Partition(cast(str, message.topic()), cast(int, message.partition())),
        offset=cast(int, message.offset()),
        timestamp_ms=message.timestamp()[1],
        value=message.value(),
        key=message.key(),
        headers=dict(cast("list[tuple[str, bytes]]", message.headers() or [])),
    )
