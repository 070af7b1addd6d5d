"""A node's writer: what leaves goes in transactions that also carry the input's offsets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from ..config import KafkaSettings, Settings
from ..errors import UpstreamError
from ..packet import Partition
from ._errors import Fenced, TransactionAborted
from .client import ANSWER_SECONDS, MAX_MESSAGE_BYTES, client_config

_STEP_SECONDS = 10.0
"""Longest wait for one step of a transaction before it is tried again."""

_QUEUE_MESSAGES = 1_000_000
"""Messages of one transaction that may wait to be sent, far more than a batch makes."""

_ROOM_SECONDS = 0.05
"""Longest wait for room in that queue before looking again."""

_LINGER_MS = 5
"""How long a message waits for company, milliseconds; the commit sends what is left at once."""

_PURGED = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})
"""What becomes of the waiting records once one was refused; it is told before the refusal, and is never the reason."""

_RETRY_SECONDS = 0.1
"""Pause before a step is tried again, for Kafka may answer at once that this may help."""

_MESSAGE_SHARE = 0.75
"""A record that is not taken has failed after this share of the transaction's timeout: so the node aborts before Kafka does, which would
fence it."""

_NOTED = 3
"""Different refusals that an error names."""

_ENDED = frozenset(
    {
        KafkaError._FATAL,
        KafkaError._FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.PRODUCER_FENCED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)
"""Errors after which a producer is of no use any more."""

_ADVICE = {
    KafkaError.MSG_SIZE_TOO_LARGE: "raise the topic's max.message.bytes",
    KafkaError.RECORD_LIST_TOO_LARGE: "raise the topic's max.message.bytes",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "grant this user the right to write to it",
    KafkaError.UNKNOWN_TOPIC_OR_PART: "create the topic",
    KafkaError._UNKNOWN_TOPIC: "create the topic",
    KafkaError._MSG_TIMED_OUT: "is Kafka up, and does the topic exist?",
}
"""What to do about a refused record."""

_log = structlog.get_logger(__name__)


class Transaction:
    """What is sent in one transaction; made by `Outbox.transaction`."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.committed = False

    def send(
        self,
        topic: str,
        values: Sequence[bytes],
        keys: Sequence[bytes] | None = None,
        headers: Sequence[Mapping[str, bytes]] | None = None,
    ) -> None:
        """Add records to a topic; readers see them when the transaction has been committed.

        Parameters
        ----------
        values, keys, headers : of each record, shape (n_record,); records of one key stay in order.

        Raises
        ------
        TransactionAborted
            If a record is larger than any topic takes, or the transaction has failed already.
        """
        nothing = (None,) * len(values)
        for value, key, header in zip(values, keys or nothing, headers or nothing, strict=True):
            self._outbox._produce(topic, value, key, header)

    def commit(self, offsets: Mapping[Partition, int], group_metadata: object) -> None:
        """Commit the records and move the published marks, both or neither.

        Parameters
        ----------
        offsets : for each partition the offset to go on from: the last published message's plus one.
        group_metadata : of the consumer that read them.

        Raises
        ------
        TransactionAborted
            If Kafka took nothing of it: a record was refused, or the partitions have gone to another node.
        Fenced
            If another process of this node has taken over.
        UpstreamError
            If Kafka does not answer, so that the outcome is not known: end the process, the next one finds out.
        """
        self._outbox._commit(offsets, group_metadata)
        self.committed = True


class Outbox:
    """The one transactional producer of a node; opening it ends whatever a former process of the node left open.

    Parameters
    ----------
    node : the node's name, unique in the group and kept over restarts.

    Raises
    ------
    Fenced
        If this user may not write transactions.
    UpstreamError
        If Kafka does not answer.
    """

    def __init__(self, settings: Settings, node: str) -> None:
        self._failures: list[str] = []
        self._refused: dict[str, str] = {}
        self._lost = False
        self._config = {**_transactional_config(settings, node), "on_delivery": self._delivered}
        self._open()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Begin a transaction; it is aborted on leaving the block, unless it was committed.

        Raises
        ------
        TransactionAborted, Fenced, UpstreamError
            As `Transaction.send` and `Transaction.commit`.
        """
        self._failures.clear()
        self._refused.clear()
        self._lost = False
        self._insist("beginning a transaction", lambda _seconds: self._producer.begin_transaction(), or_else=Fenced)
        transaction = Transaction(self)
        try:
            yield transaction
        except (Fenced, _Unknown):
            raise  # an abort could undo what the outcome, not known yet, says was done
        except BaseException:
            self._abort()
            raise
        if not transaction.committed:
            self._abort()

    def refusal_of(self, topics: Sequence[str]) -> str | None:
        """Return why a record to each of these topics is not taken now, None if it is: tried in a transaction of its own, which is aborted.

        Raises
        ------
        Fenced, UpstreamError
            As `Transaction.commit`.
        """
        try:
            with self.transaction() as transaction:
                for topic in topics:
                    transaction.send(topic, [b""])
                self._flush()
                if self._lost:
                    unsaid = f"{', '.join(topics)} cannot be part of a transaction: does it exist, and may this user write to it?"
                    return self._failures[0] if self._failures else unsaid
        except TransactionAborted as error:
            return str(error)
        return None

    def close(self) -> None:
        """Close; an open transaction is aborted."""
        if not self._ended:  # closing aborts, which a fenced producer may not and an unknown outcome must not
            self._producer.close()

    def _open(self) -> None:
        self._ended = False
        self._producer = Producer(self._config)
        self._insist("opening the outbox", self._producer.init_transactions, or_else=Fenced)

    def _produce(self, topic: str, value: bytes, key: bytes | None, header: Mapping[str, bytes] | None) -> None:
        while True:
            try:
                return self._producer.produce(topic, value, key, headers=dict(header) if header else None)
            except BufferError:  # the queue is full: wait for room
                self._producer.poll(_ROOM_SECONDS)
            except KafkaException as error:
                reason = error.args[0]
                if reason.code() == KafkaError._STATE:
                    self._commit({}, None)  # cannot succeed, for the transaction has failed already; it raises why
                self._refused.setdefault(topic, reason.str())
                raise self._failure(f"sending {len(value)} bytes to {topic}", reason, TransactionAborted) from error

    def _commit(self, offsets: Mapping[Partition, int], group_metadata: object) -> None:
        self._flush()
        if self._failures:
            raise TransactionAborted("; ".join(self._failures), refused=self._refused)
        places = [TopicPartition(partition.topic, partition.number, offset) for partition, offset in offsets.items()]
        if places:
            self._insist("sending offsets", lambda seconds: self._producer.send_offsets_to_transaction(places, group_metadata, seconds))
        self._insist("committing a transaction", self._producer.commit_transaction)

    def _flush(self) -> None:
        while self._producer.flush(_STEP_SECONDS):
            pass  # ends: what is not delivered by its timeout has failed

    def _abort(self) -> None:
        try:
            self._insist("aborting a transaction", self._producer.abort_transaction, or_else=Fenced)
        except Fenced as fenced:
            # When a topic has gone, or a record has timed out, Kafka knows of no open transaction, and the producer cannot go on.
            if cast(KafkaException, fenced.__cause__).args[0].code() != KafkaError.INVALID_TXN_STATE:
                raise
            self._open()
            return
        if self._failures:
            # librdkafka counts refused records, which the broker does not: its next records would be out of order, and wait until Kafka
            # ends their transaction, and perhaps this producer with it. A new one counts from the beginning.
            self._producer.close()
            self._open()

    def _insist(self, doing: str, step: Callable[[float], None], *, or_else: type[UpstreamError] = TransactionAborted) -> None:
        """Take a step of a transaction, again while Kafka says that this may help.

        Parameters
        ----------
        or_else : what the failure means, unless it is worse.
        """
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            try:
                return step(_STEP_SECONDS)
            except KafkaException as error:
                reason = error.args[0]
                if not reason.retriable():
                    raise self._failure(doing, reason, or_else) from error
                if time.monotonic() > deadline:
                    self._ended = True
                    raise _Unknown(f"{doing}: no answer from Kafka within {ANSWER_SECONDS:.0f} s: {reason.str()} ({reason.name()})") from error
                _log.debug("kafka transaction retried", doing=doing, error=reason.name())
                time.sleep(_RETRY_SECONDS)

    def _failure(self, doing: str, error: KafkaError, or_else: type[UpstreamError]) -> UpstreamError:
        said = f"{doing}: {error.str()} ({error.name()})"
        text = "; ".join([*self._failures, said, *filter(None, [_ADVICE.get(error.code())])])
        if error.fatal() or error.code() in _ENDED or or_else is Fenced:
            self._ended = True
            return Fenced(f"{text}; is another process running as this node?")
        return TransactionAborted(text, refused=self._refused) if or_else is TransactionAborted else or_else(text)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        """Note the topics that refuse, and the first refusals; librdkafka fails the transaction, but only we know the topic."""
        self._lost |= error is not None
        if error is None or error.code() in _PURGED:
            return
        text = refusal(error, message)
        if error.code() != KafkaError._MSG_TIMED_OUT:  # another topic may have held it up
            self._refused.setdefault(str(message.topic()), text)
        if len(self._failures) < _NOTED and text not in self._failures:
            self._failures.append(text)


class _Unknown(UpstreamError):
    """Kafka did not say how a transaction ended."""


def refusal(error: KafkaError, message: Message) -> str:
    """Return in words that a topic did not take a record, and what to do."""
    advice = _ADVICE.get(error.code(), "see Kafka's log")
    return f"{message.topic()} refused a record of {len(message.value() or b'')} bytes: {error.str()}; {advice}"


def producer_config(kafka: KafkaSettings) -> dict[str, Any]:
    """Return the part of the configuration that the producers of a node and of a replay share."""
    return {**client_config(kafka), "message.max.bytes": MAX_MESSAGE_BYTES, "compression.type": "lz4", "partitioner": "murmur2_random"}


def _transactional_config(settings: Settings, node: str) -> dict[str, Any]:
    return {
        **producer_config(settings.kafka),
        "transactional.id": f"splanc/{settings.kafka.group}/{node}",
        "transaction.timeout.ms": round(settings.ingest.transaction_seconds * 1000),
        "message.timeout.ms": round(settings.ingest.transaction_seconds * 1000 * _MESSAGE_SHARE),
        "queue.buffering.max.messages": _QUEUE_MESSAGES,
        "linger.ms": _LINGER_MS,
        "delivery.report.only.error": True,
    }
