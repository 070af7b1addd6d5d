"""The publish side: the lite stream, filters' matches, dead letters, their counts and the input offsets, in one Kafka transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import structlog

from ..config import KafkaSettings
from ..kafka import Consumer, Outbox, TransactionAborted, dead_letters
from ..metrics import Metrics
from ..packet import Batch, Partition, rejected_nights
from ..streams import FilterStreams, Outgoing, lite_records, published_record
from ._report import NodeReport

_log = structlog.get_logger()


class PublishSide:
    """Publishes batches.

    Parameters
    ----------
    settings : names of the topics.
    outbox : the transactional producer.
    consumer : whose group's offsets move in the transaction.
    streams : what filters publish; None: no filters run on this node.
    report, metrics : where it counts.
    """

    def __init__(
        self, settings: KafkaSettings, outbox: Outbox, consumer: Consumer, *, report: NodeReport, metrics: Metrics, streams: FilterStreams | None = None
    ) -> None:
        self._settings = settings
        self._own_topics = (settings.lite_topic, settings.deadletter_topic, settings.notices_topic, settings.ledger_topic)
        self._outbox = outbox
        self._consumer = consumer
        self._report = report
        self._metrics = metrics
        self._streams = streams

    def publish(self, batch: Batch, offsets: Mapping[Partition, int], stay_alive: Callable[[], None]) -> None:
        """Publish all of a batch and move the group's offsets, or neither.

        Parameters
        ----------
        stay_alive : called again and again while it is looked for a topic that refuses; what it raises ends that.

        Raises
        ------
        TransactionAborted
            Nothing was published; read on from the committed offsets.
        Fenced
            Another process has taken this node's place; end.
        """
        outgoing = Outgoing() if self._streams is None else self._streams.outgoing(batch)
        try:
            self._send(batch, outgoing, offsets)
        except TransactionAborted as error:
            if self._streams is not None:
                self._streams.aborted(outgoing, error.refused, self._own_topics, partial(self._try, stay_alive))
            raise
        if self._streams is not None:
            self._streams.done(outgoing)
        self._count(batch, outgoing)

    def _try(self, stay_alive: Callable[[], None], topics: Sequence[str]) -> str | None:
        stay_alive()
        return self._outbox.refusal_of(topics)

    def _send(self, batch: Batch, outgoing: Outgoing, offsets: Mapping[Partition, int]) -> None:
        records, keys = lite_records(batch)
        letters = dead_letters(batch.rejects, batch.messages)
        counts = published_record(batch, self._report.node, rejected_nights(batch), outgoing.counts)
        with self._outbox.transaction() as transaction:
            transaction.send(self._settings.lite_topic, records, keys)
            transaction.send(self._settings.deadletter_topic, letters.values, headers=letters.headers)
            for matches in outgoing.records:
                transaction.send(matches.topic, matches.values, matches.keys, matches.headers)
            if outgoing.notices:
                transaction.send(self._settings.notices_topic, [value for _, value in outgoing.notices], [key for key, _ in outgoing.notices])
            transaction.send(self._settings.ledger_topic, [counts])
            transaction.commit(offsets, self._consumer.group_metadata())

    def _count(self, batch: Batch, outgoing: Outgoing) -> None:
        self._metrics.matches_published.inc(outgoing.published)
        self._metrics.matches_bytes.inc(outgoing.published_bytes)
        for reason, matches in outgoing.withheld.items():
            self._metrics.matches_withheld.labels(reason).inc(matches)
        for _, error in batch.rejects:
            self._metrics.rejected.labels(error.kind).inc()
        if batch.rejects:
            _log.warning("packets rejected", packets=len(batch.rejects), first=str(batch.rejects[0][1]), topic=self._settings.deadletter_topic)
        self._report.count(published=len(batch), rejected=len(batch.rejects))
        self._metrics.sent.labels("publish").inc(len(batch))
        if len(batch) == 0:
            return
        timestamps = batch.alerts["timestamp"].cast("int64").to_numpy()
        seconds = time.time() - timestamps / 1000
        self._metrics.latency["publish"].add(seconds)
        self._report.newest_ms["publish"] = int(timestamps.max())
