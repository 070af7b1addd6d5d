"""A node's reader of the input log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, cast

import confluent_kafka
import numpy as np
import structlog
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from ..config import Settings
from ..errors import UpstreamError
from ..packet import Messages, Partition
from ._errors import Fenced, Rebalanced
from .client import asking, client_config, in_words

NODE_ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(2 << 30), "MALLOC_TOP_PAD_": str(64 << 20)}
)
"""Environment to start a node's process with: glibc then keeps a batch's memory for the next one.

Given back and taken again, which happens when the trim threshold is below two batches, it doubles the cost of reading.
"""

_CHUNK = 500
"""Messages taken from librdkafka at once: 10,000 would cost half as much again and ten times the memory."""

_IDLE_SECONDS = 0.5
"""An empty result is returned after this long without a message."""

_QUIET_SECONDS = 0.05
"""When every partition was read to its end, a batch closes if nothing came for this long …"""

_GATHER_SECONDS = 0.2
"""… or if it is open for this long: under a steady trickle it is never quiet, and a second is long to wait for little company."""

_QUEUE_KBYTES = 65_536
"""Messages that librdkafka fetches ahead, kB: half a second of the full stream, which overlaps reading with working."""

_LOOK_SECONDS = 30
"""Between two looks for new topics that match a pattern: a survey that opens one for each night has hours until it is full."""

_HEARTBEATS = 6
"""Heartbeats in a session: one may be late five times before the node loses its partitions."""

_ENDED = frozenset({KafkaError._FATAL, KafkaError._FENCED, KafkaError.FENCED_INSTANCE_ID, KafkaError.UNRELEASED_INSTANCE_ID})
"""Errors that no waiting mends: another process has this node's name, or librdkafka has given up."""

_PASSING = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._MAX_POLL_EXCEEDED,
        KafkaError._TIMED_OUT,
        KafkaError._TRANSPORT,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)
"""Errors that librdkafka mends by itself, or that end with a rebalance."""

_log = structlog.get_logger(__name__)

OnAssign = Callable[[list[Partition]], Mapping[Partition, int] | None]
"""Called with the partitions gained; may return the offsets to start at, else they start at the committed ones."""

OnRevoke = Callable[[list[Partition]], None]
"""Called with the partitions lost."""


class Consumer:
    """A member of the consumer group, which reads batches of messages from the partitions it is assigned.

    Parameters
    ----------
    node : the node's name, unique in the group and kept over restarts, so that a quick restart moves no partitions.
    on_assign, on_revoke : called inside `collect` or `heartbeat`, which then raise `Rebalanced`.
    """

    def __init__(self, settings: Settings, node: str, *, on_assign: OnAssign, on_revoke: OnRevoke) -> None:
        self._limits = settings.ingest
        self._on_assign = on_assign
        self._on_revoke = on_revoke
        self._rebalanced = False
        self._paused = False
        self._ended: set[Partition] = set()
        self._consumer = confluent_kafka.Consumer(_consumer_config(settings, node))
        self._consumer.subscribe(list(settings.kafka.input_topics), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked)

    def collect(self) -> Iterator[Messages]:
        """Yield the next batch of messages in chunks, oldest first in each partition; nothing if none came for half a second.

        Whoever lets go of each chunk before asking for the next has the same memory used again, which the processor's caches still know.

        Raises
        ------
        Rebalanced
            If partitions came or went meanwhile; the batch must be dropped.
        Fenced
            If another process has this node's name.
        UpstreamError
            If messages were deleted before they were read, or Kafka fails in another way that the client does not mend.
        """
        self._resume()
        chunk = self._first()
        count, size_bytes = len(chunk), sum(map(len, chunk))
        opened = time.monotonic()
        is_over = not chunk
        while not is_over and count < self._limits.batch_alerts and size_bytes < self._limits.batch_bytes:
            self._resume()
            taken = self._take(min(_CHUNK - len(chunk), self._limits.batch_alerts - count), _QUIET_SECONDS)
            chunk += taken
            count += len(taken)
            size_bytes += sum(map(len, taken))
            is_over = self._is_over(time.monotonic() - opened, quiet=not taken)
            del taken  # or they would live on here while the chunk is worked on
            if len(chunk) == _CHUNK:
                yield _emptied(chunk)
        if chunk:
            yield _emptied(chunk)

    def heartbeat(self) -> None:
        """Stay a member of the group without reading: to be called every few seconds while a batch waits.

        Raises
        ------
        Rebalanced, Fenced, UpstreamError
            As `collect`.
        """
        if not self._paused:
            self._consumer.pause(self._consumer.assignment())
            self._paused = True
        early = self._take(1, 0.0)
        if early:  # it was on its way when the partitions were paused
            self._seek(_place(early[0]))

    def assignment(self) -> list[Partition]:
        """Return the partitions that this node reads."""
        return _partitions(self._consumer.assignment())

    def committed(self, partitions: Iterable[Partition]) -> dict[Partition, int | None]:
        """Return the published marks, None where nothing was committed yet; waits for a transaction that is still open on them.

        Raises
        ------
        UserError
            If the cluster refuses them to this user.
        UpstreamError
            If they cannot be read within half a minute.
        """
        asked = [TopicPartition(*partition) for partition in partitions]

        def question(seconds: float) -> dict[Partition, int | None]:
            places = self._consumer.committed(asked, timeout=seconds)
            for place in places:
                if place.error is not None:
                    raise KafkaException(place.error)
            return {_partition_of(place): place.offset if place.offset >= 0 else None for place in places}

        return asking("reading committed offsets", question) if asked else {}

    def beginning(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return the oldest offset that is still kept, for each partition.

        Raises
        ------
        UpstreamError
            If they cannot be read within half a minute.
        """

        def oldest(partition: Partition) -> int:
            low, _high = asking(
                f"reading the beginning of {partition.topic}[{partition.number}]",
                lambda seconds: self._consumer.get_watermark_offsets(TopicPartition(*partition), timeout=seconds),
            )
            return low

        return {partition: oldest(partition) for partition in partitions}

    def ends(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return the offset after the last message of each partition, as the last answer from Kafka told it; without asking."""
        known = {p: self._consumer.get_watermark_offsets(TopicPartition(*p), cached=True) for p in partitions}
        return {partition: high for partition, (_low, high) in known.items() if high >= 0}

    def seek(self, offsets: Mapping[Partition, int]) -> None:
        """Go on from these offsets; the partitions must be assigned."""
        for partition, offset in offsets.items():
            self._seek(TopicPartition(partition.topic, partition.number, offset))

    def group_metadata(self) -> object:
        """Return the proof of membership, which `Transaction.commit` wants."""
        return self._consumer.consumer_group_metadata()

    def close(self) -> None:
        """Leave; the partitions stay reserved for a restart of this node until its session ends."""
        self._consumer.close()

    def _seek(self, place: TopicPartition) -> None:
        asking(f"seeking in {place.topic}[{place.partition}]", lambda _seconds: self._consumer.seek(place))

    def _first(self) -> list[Message]:
        """Return the first message of a batch, or none if none came."""
        deadline = time.monotonic() + _IDLE_SECONDS
        while True:
            left_seconds = deadline - time.monotonic()
            taken = self._take(1, max(0.0, left_seconds))
            if taken or left_seconds <= 0:
                return taken

    def _take(self, most: int, seconds: float) -> list[Message]:
        """Return up to `most` messages, as many as come in time."""
        try:
            taken = self._consumer.consume(most, seconds)
        except KafkaException as error:
            raise _ending(error.args[0]) from error
        if self._rebalanced:
            self._rebalanced = False
            raise Rebalanced
        messages = [message for message in taken if message.error() is None]
        self._ended.difference_update({_partition(message) for message in messages})
        if len(messages) < len(taken):
            self._heed(message for message in taken if message.error() is not None)
        return messages

    def _heed(self, notices: Iterable[Message]) -> None:
        """Note the ends of partitions, let passing errors go by, and raise others."""
        for notice in notices:
            error = cast(KafkaError, notice.error())
            if error.code() == KafkaError._PARTITION_EOF:
                self._ended.add(_partition(notice))
            elif error.code() in _PASSING and not error.fatal():
                _log.warning("kafka consumer waits", error=error.name(), text=error.str())
            else:
                raise _ending(error)

    def _is_over(self, open_seconds: float, *, quiet: bool) -> bool:
        """Say whether a batch closes before it is full: its time is over, or there is nothing more to read."""
        if open_seconds >= self._limits.batch_seconds:
            return True
        return (quiet or open_seconds >= _GATHER_SECONDS) and self._at_end()

    def _at_end(self) -> bool:
        """Say whether all partitions were read to their ends; a slow broker is quiet too, and small batches would make it slower."""
        return all(_partition_of(place) in self._ended or self._is_last(place) for place in self._consumer.position(self._consumer.assignment()))

    def _is_last(self, place: TopicPartition) -> bool:
        """Say whether a position is the end that the last fetch told; transactions' markers may lie between, then only the notice tells."""
        _low, high = self._consumer.get_watermark_offsets(place, cached=True)
        return place.offset >= high >= 0

    def _resume(self) -> None:
        if self._paused:
            self._consumer.resume(self._consumer.assignment())
            self._paused = False

    def _assigned(self, consumer: confluent_kafka.Consumer, places: list[TopicPartition]) -> None:
        self._rebalanced = True
        partitions = _partitions(places)
        starts = {**self._committed_or_beginning(partitions), **(self._on_assign(partitions) or {})}
        consumer.assign([TopicPartition(partition.topic, partition.number, start) for partition, start in starts.items()])
        # Paused until the next `collect`, for the call that brings an assignment drops all that it took.
        consumer.pause(places)
        self._paused = True
        self._ended.clear()

    def _committed_or_beginning(self, partitions: list[Partition]) -> dict[Partition, int]:
        committed, beginning = self.committed(partitions), self.beginning(partitions)
        return {partition: max(committed[partition] or 0, beginning[partition]) for partition in partitions}

    def _revoked(self, _consumer: confluent_kafka.Consumer, places: list[TopicPartition]) -> None:
        self._rebalanced = True
        self._on_revoke(_partitions(places))


def _consumer_config(settings: Settings, node: str) -> dict[str, Any]:
    session_ms = round(settings.ingest.session_seconds * 1000)
    return {
        **client_config(settings.kafka),
        "group.id": settings.kafka.group,
        "group.instance.id": node,
        "group.protocol": "classic",
        "session.timeout.ms": session_ms,
        "heartbeat.interval.ms": session_ms // _HEARTBEATS,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",  # never pass over messages in silence
        "fetch.queue.backoff.ms": 10,
        "fetch.wait.max.ms": 100,  # the notice of a partition's end waits so long
        "queued.max.messages.kbytes": _QUEUE_KBYTES,
        "topic.metadata.refresh.interval.ms": 1000 * _LOOK_SECONDS,
        "queued.min.messages": 100_000,
    }


def _emptied(collected: list[Message]) -> Messages:
    """Return messages as columns, and keep none of them."""
    count = len(collected)
    columns = Messages(
        values=[message.value() or b"" for message in collected],
        topics=[cast(str, message.topic()) for message in collected],
        partitions=np.fromiter((message.partition() for message in collected), np.int32, count),
        offsets=np.fromiter((message.offset() for message in collected), np.int64, count),
        timestamps_ms=np.fromiter((message.timestamp()[1] for message in collected), np.int64, count),
    )
    collected.clear()
    return columns


def _partition(message: Message) -> Partition:
    return Partition(cast(str, message.topic()), cast(int, message.partition()))


def _place(message: Message) -> TopicPartition:
    """Return where a message was read; only messages still to be sent lack it."""
    return TopicPartition(cast(str, message.topic()), cast(int, message.partition()), cast(int, message.offset()))


def _partitions(places: Iterable[TopicPartition]) -> list[Partition]:
    return [_partition_of(place) for place in places]


def _partition_of(place: TopicPartition) -> Partition:
    return Partition(place.topic, place.partition)


def _ending(error: KafkaError) -> Exception:
    if error.code() == KafkaError._AUTO_OFFSET_RESET:
        return UpstreamError(f"messages were deleted before they were read: {error.str()}. Raise the topic's retention (kafka.retention_hours)")
    if error.fatal() or error.code() in _ENDED:
        return Fenced(f"reading from Kafka: {error.str()} ({error.name()}); is another process running as this node?")
    return in_words(error, "reading from Kafka")
