"""Reading a whole topic, as far as it goes now."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import cast

import confluent_kafka
from confluent_kafka import KafkaError, TopicPartition

from ..config import KafkaSettings
from ..errors import UpstreamError
from ._records import Record, record_of
from .client import ANSWER_SECONDS, asking, bootstrap_servers, client_config, end_offsets, in_words, is_transient

_CHUNK = 500
"""Messages taken at once."""

_WAIT_SECONDS = 0.05
"""Longest wait for a chunk to fill; an empty one is no end, only a partition's own notice is."""


def read_topic(kafka: KafkaSettings, topic: str, *, starts: Mapping[int, int] | None = None, last: int | None = None) -> Iterator[Record]:
    """Yield the committed records of a topic up to its end at the time of the call, in order within each partition.

    A transaction that is open at that time is waited for: it may hold what was committed a moment ago elsewhere.

    Parameters
    ----------
    starts : for each partition's number, the offset to begin at; others begin at their beginning.
    last : begin at most this many offsets before the end of each partition.

    Raises
    ------
    UserError
        If the topic may not be read.
    UpstreamError
        If it does not exist, or Kafka fails or stays silent for half a minute.
    """
    ends = {partition.number: end for partition, end in end_offsets(kafka, [topic], committed=False).items()}
    if not ends:
        raise UpstreamError(f"there is no topic {topic} on {bootstrap_servers(kafka)}")
    consumer = confluent_kafka.Consumer(_reader_config(kafka))
    try:
        yield from _read(consumer, _assign(consumer, topic, _starts(ends, starts or {}, last), ends))
    finally:
        consumer.close()


def _starts(ends: Mapping[int, int], starts: Mapping[int, int], last: int | None) -> dict[int, int]:
    return {number: max(starts.get(number, 0), 0 if last is None else end - last) for number, end in ends.items()}


def _assign(consumer: confluent_kafka.Consumer, topic: str, starts: Mapping[int, int], ends: Mapping[int, int]) -> dict[int, int]:
    """Set the consumer to the starts, or to the oldest that is kept; return the ends of those partitions that hold anything to read."""
    wanted = {}
    for number, start in starts.items():
        oldest = _oldest(consumer, TopicPartition(topic, number))
        if max(oldest, start) < ends[number]:
            wanted[number] = max(oldest, start)
    consumer.assign([TopicPartition(topic, number, start) for number, start in wanted.items()])
    return {number: ends[number] for number in wanted}


def _oldest(consumer: confluent_kafka.Consumer, place: TopicPartition) -> int:
    doing = f"reading the beginning of {place.topic}[{place.partition}]"
    return asking(doing, lambda seconds: consumer.get_watermark_offsets(place, timeout=seconds))[0]


def _read(consumer: confluent_kafka.Consumer, ends: dict[int, int]) -> Iterator[Record]:
    heard = time.monotonic()
    while ends:
        for message in consumer.consume(_CHUNK, _WAIT_SECONDS):
            heard = time.monotonic()
            number, offset, error = cast(int, message.partition()), cast(int, message.offset()), message.error()
            if error is None and offset < ends.get(number, 0):
                yield record_of(message)
            if error is not None and not _is_end(error):
                continue
            # The end is behind the last record, or before it when a partition was read on; transaction markers may lie between.
            if number in ends and offset >= ends[number] - (error is None):
                del ends[number]
        if time.monotonic() - heard > ANSWER_SECONDS:
            raise UpstreamError(f"nothing came from Kafka for {ANSWER_SECONDS:.0f} s; is it up (`splanc status`)?")


def _is_end(error: KafkaError) -> bool:
    """Say whether a partition's end was reached; let passing errors go by and raise others."""
    if error.code() != KafkaError._PARTITION_EOF and not is_transient(error):
        raise in_words(error, "reading a topic")
    return error.code() == KafkaError._PARTITION_EOF


def _reader_config(kafka: KafkaSettings) -> dict[str, object]:
    return {
        **client_config(kafka),
        "group.id": kafka.group,  # librdkafka wants one; with partitions given by hand it neither joins nor commits
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
        "fetch.queue.backoff.ms": 10,
        "fetch.wait.max.ms": 50,
    }
