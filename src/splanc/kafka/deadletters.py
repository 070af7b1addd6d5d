"""Dead letters: packets that could not be read, kept as they came, to be looked at and sent again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import confluent_kafka
import structlog
from confluent_kafka import KafkaError, KafkaException, Message

from ..config import KafkaSettings, Settings
from ..errors import PacketError, UpstreamError
from ..packet import Messages, Partition
from ._records import Record
from .client import ANSWER_SECONDS, TopicSpec, client_config, committed_offsets, end_offsets, ensure_topics, in_words, splanc_topics
from .outbox import Outbox, producer_config, refusal
from .reader import read_topic

REPLAYED = "splanc-replayed"
"""Header of a packet that was sent again: the place of its dead letter."""

_REPLAY_LETTERS = 100
"""Packets sent again between two moves of the mark: so many may be sent twice when a replay is killed."""

_MISSING_SECONDS = 10.0
"""A topic that no broker has known for so long is missing: said before the packet's own time is over, which would not say so."""

_SEND_SECONDS = 10.0
"""Longest wait for a packet to be taken before waiting again."""

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

    Each is sent again once, however often this is called; when a replay is killed the next may repeat up to a hundred,
    which the nodes count as any repeated packet. They are not sent in a transaction: its marker at the end of a source
    topic would be counted as lag, for no node reads past it until the next alert.

    Raises
    ------
    Fenced
        If another replay has begun meanwhile.
    UpstreamError
        If a source topic refuses its packet, or Kafka does not answer; those before it stay done, and the next replay begins with it.
    """
    ensure_topics(settings.kafka, _own_topic(settings))
    group = f"{settings.kafka.group}-replay"
    outbox = Outbox(settings, "replay")  # first: no other replay moves the mark from here on
    producer = confluent_kafka.Producer(_replay_config(settings.kafka))
    try:
        marks = committed_offsets(settings.kafka, group, end_offsets(settings.kafka, [settings.kafka.deadletter_topic]))
        starts = {partition.number: offset for partition, offset in marks.items()}
        records = read_topic(settings.kafka, settings.kafka.deadletter_topic, starts=starts)
        membership = _membership(settings, group)
        return sum(iter(lambda: _replay(producer, records, lambda marks: _mark(outbox, marks, membership)), 0))
    finally:
        producer.close()
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


def _replay_config(kafka: KafkaSettings) -> dict[str, object]:
    return {
        **producer_config(kafka),
        "enable.idempotence": True,
        "message.timeout.ms": round(ANSWER_SECONDS * 1000),
        "topic.metadata.propagation.max.ms": round(_MISSING_SECONDS * 1000),
        "linger.ms": 0,  # each is waited for
    }


def _replay(producer: confluent_kafka.Producer, records: Iterator[Record], move: Callable[[Mapping[Partition, int]], None]) -> int:
    """Send the next hundred records back to where they came from and move the marks past those that were taken; return how many."""
    marks: dict[Partition, int] = {}
    letters = 0
    try:
        for record in islice(records, _REPLAY_LETTERS):
            _send_again(producer, record)
            marks[record.place] = record.offset + 1
            letters += 1
    finally:
        if marks:
            move(marks)
    _log.info("dead letters replayed", letters=letters)
    return letters


def _send_again(producer: confluent_kafka.Producer, record: Record) -> None:
    """Send a record back to where it came from, and wait until it was taken: what comes after a refused one waits for the next replay."""
    refusals: list[str] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            refusals.append(refusal(error, message))

    letter = _letter(record)
    doing = f"sending {len(letter.value)} bytes to {letter.topic}"
    try:
        producer.produce(letter.topic, letter.value, headers={REPLAYED: _proof(record)}, on_delivery=delivered)
    except KafkaException as error:
        raise in_words(error.args[0], doing) from error
    while producer.flush(_SEND_SECONDS):
        pass  # ends: what is not delivered by the message's timeout has failed
    if refusals:
        raise UpstreamError(refusals[0])


def _mark(outbox: Outbox, marks: Mapping[Partition, int], membership: object) -> None:
    with outbox.transaction() as transaction:
        transaction.commit(marks, membership)


def _proof(record: Record) -> bytes:
    return f"{record.place.topic}[{record.place.number}]@{record.offset}".encode()


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
