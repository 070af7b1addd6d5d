"""Dead letters: packets that could not be read, kept as they came, to be looked at and sent again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import confluent_kafka
import structlog

from ..config import KafkaSettings, Settings
from ..errors import PacketError
from ..packet import Messages
from .client import TopicSpec, client_config, committed_offsets, end_offsets, ensure_topics, splanc_topics
from .outbox import Outbox
from .reader import Record, read_topic

REPLAYED = "splanc-replayed"
"""Header of a packet that was sent again: the place of its dead letter."""

_REPLAY_BYTES = 64 << 20
"""Most bytes that are sent again in one transaction, which bounds memory and the time that it is open."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One packet that could not be read, and why.

    Parameters
    ----------
    value : the packet as it came.
    topic, partition, offset, timestamp_ms : where and when it came, UTC milliseconds since 1970.
    kind : a word from the bounded set of `PacketError`.
    why : for a person.
    """

    value: bytes
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    kind: str
    why: str

    def headers(self) -> dict[str, bytes]:
        """Return what is kept beside the packet."""
        return {
            "topic": self.topic.encode(),
            "partition": str(self.partition).encode(),
            "offset": str(self.offset).encode(),
            "timestamp": str(self.timestamp_ms).encode(),
            "error": self.kind.encode(),
            "text": self.why.encode(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetters:
    """The dead letters of a batch, as `Transaction.send` takes them; shape (n_reject,) each."""

    values: Sequence[bytes]
    headers: Sequence[Mapping[str, bytes]]


def dead_letters(rejects: Iterable[tuple[int, PacketError]], messages: Messages) -> DeadLetters:
    """Return the dead letters of a batch.

    Parameters
    ----------
    rejects : the message's row in `messages`, and what is wrong with it.
    """
    letters = [
        DeadLetter(
            value=messages.values[row],
            topic=messages.topics[row],
            partition=int(messages.partitions[row]),
            offset=int(messages.offsets[row]),
            timestamp_ms=int(messages.timestamps_ms[row]),
            kind=error.kind,
            why=error.why,
        )
        for row, error in rejects
    ]
    return DeadLetters(values=[letter.value for letter in letters], headers=[letter.headers() for letter in letters])


def list_deadletters(settings: Settings, limit: int | None = None) -> list[DeadLetter]:
    """Return the newest dead letters, at most `limit`, oldest first.

    Raises
    ------
    UpstreamError
        If Kafka does not answer.
    """
    ensure_topics(settings.kafka, _own_topic(settings))
    records = sorted(_newest(settings.kafka, limit), key=lambda record: record.timestamp_ms)
    return [_letter(record) for record in (records if limit is None else records[-limit:])]


def _newest(kafka: KafkaSettings, limit: int | None) -> list[Record]:
    """Return at least the newest `limit` records, if there are so many.

    Transactions' markers and aborted records take up offsets too, so it looks further back until enough are found.
    """
    topic = kafka.deadletter_topic
    if limit is None:
        return list(read_topic(kafka, topic))
    longest = max(end_offsets(kafka, [topic]).values())
    last = 2 * limit
    while True:
        records = list(read_topic(kafka, topic, last=last))
        if len(records) >= limit or last >= longest:
            return records
        last *= 4


def replay_deadletters(settings: Settings) -> int:
    """Send each dead letter that was not sent again yet back to the topic it came from; return how many.

    Each is sent again once, whatever is killed and however often this is called: the transaction that sends them
    also moves the mark of what was sent.

    Raises
    ------
    TransactionAborted
        If a source topic refuses its packet; the transactions before stay done.
    Fenced
        If another replay has begun meanwhile.
    UpstreamError
        If Kafka does not answer.
    """
    ensure_topics(settings.kafka, _own_topic(settings))
    group = f"{settings.kafka.group}-replay"
    outbox = Outbox(settings, "replay")  # first, for it ends another replay's open transaction, after which the mark is firm
    try:
        marks = committed_offsets(settings.kafka, group, end_offsets(settings.kafka, [settings.kafka.deadletter_topic]))
        starts = {partition.number: offset for partition, offset in marks.items()}
        records = read_topic(settings.kafka, settings.kafka.deadletter_topic, starts=starts)
        membership = _membership(settings, group)
        return sum(_replay(outbox, chunk, membership) for chunk in _chunks(records))
    finally:
        outbox.close()


def _own_topic(settings: Settings) -> dict[str, TopicSpec]:
    return {settings.kafka.deadletter_topic: splanc_topics(settings.kafka)[settings.kafka.deadletter_topic]}


def _membership(settings: Settings, group: str) -> object:
    """Return the metadata of a group that nobody joins: its offsets are guarded by the outbox's fencing alone."""
    consumer = confluent_kafka.Consumer({**client_config(settings.kafka), "group.id": group})
    try:
        return consumer.consumer_group_metadata()
    finally:
        consumer.close()


def _chunks(records: Iterator[Record]) -> Iterator[list[Record]]:
    """Yield the records in runs of bounded size."""
    chunk: list[Record] = []
    size_bytes = 0
    for record in records:
        chunk.append(record)
        size_bytes += len(record.value or b"")
        if size_bytes >= _REPLAY_BYTES:
            yield chunk
            chunk, size_bytes = [], 0
    if chunk:
        yield chunk


def _replay(outbox: Outbox, records: Sequence[Record], membership: object) -> int:
    """Send records back to where they came from, in one transaction with the mark; return how many."""
    marks = {record.place: record.offset + 1 for record in records}
    letters = sorted(((_letter(record), _proof(record)) for record in records), key=lambda pair: pair[0].topic)
    with outbox.transaction() as transaction:
        for topic, pairs in groupby(letters, key=lambda pair: pair[0].topic):
            run = list(pairs)
            transaction.send(topic, [letter.value for letter, _ in run], headers=[proof for _, proof in run])
        transaction.commit(marks, membership)
    _log.info("dead letters replayed", letters=len(records))
    return len(records)


def _proof(record: Record) -> dict[str, bytes]:
    return {REPLAYED: f"{record.place.topic}[{record.place.number}]@{record.offset}".encode()}


def _letter(record: Record) -> DeadLetter:
    """Return the dead letter of a record; headers that another writer left out are taken as empty."""
    text = {name: value.decode(errors="replace") for name, value in record.headers.items()}
    return DeadLetter(
        value=record.value or b"",
        topic=text.get("topic", ""),
        partition=int(text.get("partition", -1)),
        offset=int(text.get("offset", -1)),
        timestamp_ms=int(text.get("timestamp", record.timestamp_ms)),
        kind=text.get("error", ""),
        why=text.get("text", ""),
    )
