"""Sending a simulated night to Kafka, or writing it to a file."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from itertools import count, cycle
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

from ..config import KafkaSettings
from ..errors import UpstreamError, UserError
from ..kafka import client_config, end_offsets, ensure_topics, is_pattern, splanc_topics
from ..kafka.client import MAX_MESSAGE_BYTES
from ._pace import Pace
from ._prototypes import read_schema
from ._sent import Sent, VisitSent
from ._simulation import Simulation
from ._wire import encode, integer

_QUEUE_KB = 65_536
"""Messages that wait in the producer, kilobytes: bounds its memory; some 600 alerts."""

_LINGER_MS = 20
"""How long a message waits for company, milliseconds."""

_FLUSH_SECONDS = 330.0
"""Longest wait for what is left in the producer: it gives up by itself after 300 seconds."""

_HEADER_BYTES = 5
"""Length of the Confluent header, which files do not have."""

OnVisit = Callable[[VisitSent], None]
"""Called after each visit."""


def send(
    simulation: Simulation,
    kafka: KafkaSettings,
    *,
    topic: str | None = None,
    pace: Pace = Pace(),  # noqa: B008 - it is immutable
    first: int = 0,
    last: int | None = None,
    on_visit: OnVisit | None = None,
) -> Sent:
    """Send a night to a topic, round-robin over its partitions, and return what was sent; every message has arrived then.

    Parameters
    ----------
    topic : created if it is missing; the first of the input topics that is a name if not given.
    pace : as fast as possible if not given.
    first, last : which visits; see `Simulation.observe`.

    Raises
    ------
    UpstreamError
        If a message could not be delivered.
    UserError
        If the topic may not be made or written to by this user.
    """
    topic = topic or next((name for name in kafka.input_topics if not is_pattern(name)), "")
    if not topic:
        raise UserError("kafka.input_topics are patterns only: say which topic to send to")
    ensure_topics(kafka, {topic: splanc_topics(kafka)[kafka.lite_topic]})
    log = _Log(kafka, topic)
    start, sent, visits = time.monotonic(), count(), []
    for number, visit in enumerate(simulation.observe(first, last)):
        for place, message in enumerate(visit.messages()):
            _wait_until(start + pace.due_seconds(number, place / visit.size, next(sent)), log)
            log.append(message)
        visits.append(visit.sent)
        if on_visit:
            on_visit(visit.sent)
    log.finish()
    return _sent(simulation, topic, time.monotonic() - start, visits)


def write_file(simulation: Simulation, path: Path, *, first: int = 0, last: int | None = None, on_visit: OnVisit | None = None) -> Sent:
    """Write a night to an Avro container file, uncompressed, and return what was written.

    Raises
    ------
    UserError
        If some of its packets are to be damaged: a container has no place for them.
    """
    if simulation.damaged_share:
        raise UserError("an Avro file cannot hold damaged packets: send to Kafka, or leave damaged_share at 0")
    start, visits = time.monotonic(), []
    schema = json.dumps(read_schema(simulation.schema_version)).encode()
    # Any 16 bytes will do, the same for the same file.
    marker = hashlib.sha256(schema + repr(simulation).encode()).digest()[:16]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(b"Obj\x01" + integer(2) + encode("string", "avro.codec") + encode("bytes", b"null"))
        file.write(encode("string", "avro.schema") + encode("bytes", schema) + b"\x00" + marker)
        for visit in simulation.observe(first, last):
            # One alert a block: readers that need only its bytes find them without decoding it.
            for message in visit.messages():
                file.write(integer(1) + integer(len(message) - _HEADER_BYTES) + message[_HEADER_BYTES:] + marker)
            visits.append(visit.sent)
            if on_visit:
                on_visit(visit.sent)
    return _sent(simulation, str(path), time.monotonic() - start, visits)


def _sent(simulation: Simulation, destination: str, seconds: float, visits: list[VisitSent]) -> Sent:
    return Sent(
        night=simulation.night,
        seed=simulation.seed,
        schema_version=simulation.schema_version,
        corpus=simulation.corpus,
        destination=destination,
        seconds=seconds,
        visits=tuple(visits),
    )


def _wait_until(moment: float, log: _Log) -> None:
    """Sleep until a moment of the monotonic clock, while the producer goes on."""
    while (left := moment - time.monotonic()) > 0:
        log.wait(left)


class _Log:
    """A producer for one topic that stops at the first message which is not delivered."""

    def __init__(self, kafka: KafkaSettings, topic: str) -> None:
        self._producer = Producer(_producer_config(kafka))
        self._topic = topic
        self._partitions = cycle(sorted(place.number for place in end_offsets(kafka, [topic])))
        self._failed: list[KafkaError] = []

    def append(self, message: bytes) -> None:
        """Hand over a message, waiting while the queue is full."""
        partition = next(self._partitions)
        while True:
            try:
                self._producer.produce(self._topic, message, partition=partition, on_delivery=self._delivered)
                break
            except BufferError:
                self.wait(1.0)
        self.wait(0)

    def wait(self, seconds: float) -> None:
        """Attend to the producer for so long, or until something happens."""
        self._producer.poll(seconds)
        if self._failed:
            raise UpstreamError(f"Kafka did not take an alert for {self._topic}: {self._failed[0].str()}; is it up, and does the topic take 10 MB messages?")

    def finish(self) -> None:
        """Wait until every message has been delivered."""
        left = self._producer.flush(_FLUSH_SECONDS)
        self.wait(0)
        if left:
            raise UpstreamError(f"{left} alerts for {self._topic} were not delivered within {_FLUSH_SECONDS:.0f} s: is Kafka up?")

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failed.append(error)


def _producer_config(kafka: KafkaSettings) -> dict[str, Any]:
    return {
        **client_config(kafka),
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": _LINGER_MS,
        "queue.buffering.max.kbytes": _QUEUE_KB,
        "message.max.bytes": MAX_MESSAGE_BYTES,
        "delivery.report.only.error": True,
    }
