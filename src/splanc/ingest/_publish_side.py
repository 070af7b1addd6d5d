"""The publish side: the lite stream, dead letters, their counts and the input offsets, in one Kafka transaction."""

from __future__ import annotations

import time
from collections.abc import Mapping

import structlog

from ..config import KafkaSettings
from ..kafka import Consumer, Outbox, dead_letters
from ..metrics import Metrics
from ..packet import Batch, Partition, rejected_nights
from ..streams import lite_records, published_record
from ._report import NodeReport

_log = structlog.get_logger()


class PublishSide:
    """Publishes batches.

    Parameters
    ----------
    settings : names of the topics.
    outbox : the transactional producer.
    consumer : whose group's offsets move in the transaction.
    report, metrics : where it counts.
    """

    def __init__(self, settings: KafkaSettings, outbox: Outbox, consumer: Consumer, *, report: NodeReport, metrics: Metrics) -> None:
        self._settings = settings
        self._outbox = outbox
        self._consumer = consumer
        self._report = report
        self._metrics = metrics

    def publish(self, batch: Batch, offsets: Mapping[Partition, int]) -> None:
        """Publish all of a batch and move the group's offsets, or neither.

        Raises
        ------
        TransactionAborted
            Nothing was published; read on from the committed offsets.
        Fenced
            Another process has taken this node's place; end.
        """
        records, keys = lite_records(batch)
        letters = dead_letters(batch.rejects, batch.messages)
        counts = published_record(batch, self._report.node, rejected_nights(batch))
        with self._outbox.transaction() as transaction:
            transaction.send(self._settings.lite_topic, records, keys)
            transaction.send(self._settings.deadletter_topic, letters.values, headers=letters.headers)
            transaction.send(self._settings.ledger_topic, [counts])
            transaction.commit(offsets, self._consumer.group_metadata())
        self._count(batch)

    def _count(self, batch: Batch) -> None:
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
