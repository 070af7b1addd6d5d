"""One node: read, run the stages, hand the batch to both sides. Design D3 decides what is done in which order.

There is one way out of everything that can go wrong with the marks (a rebalance, an aborted transaction, a lost
compare-and-set, an archive that comes back): forget what waits, read both marks again, and go on from the lower one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import structlog

from ..cache import LocalPacks
from ..errors import UpstreamError
from ..kafka import Consumer, Rebalanced, TransactionAborted
from ..metrics import SIDES, Metrics
from ..packet import Batch, Decoder, Messages, Partition, concat, take
from ._archive_side import ArchiveSide
from ._marks import Marks
from ._publish_side import PublishSide
from ._report import NodeReport
from .stages import Stage

_log = structlog.get_logger()

REPORT_SECONDS = 1.0
"""A node reports this often."""

_HEARTBEAT_SECONDS = 0.05
"""Between two signs of life while waiting, so that waiting costs no processor."""

_BACKOFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Waits between tries of something that is away; the last one repeats."""

_NEEDS = {"decode": "the schema registry", "pack": "the disk of the cache"}
"""What the stages that may have to wait wait for."""

_T = TypeVar("_T")


class _Abandoned(Exception):
    """The batch in hand is no longer this node's to do, or the node is to stop; what it holds is read again from Kafka."""


class Owned:
    """The partitions assigned to this node, as the consumer tells them; `changed` until somebody has taken note."""

    def __init__(self) -> None:
        self.partitions: set[Partition] = set()
        self.changed = False

    def add(self, partitions: list[Partition]) -> None:
        """Take partitions."""
        self.partitions |= set(partitions)
        self.changed = True

    def remove(self, partitions: list[Partition]) -> None:
        """Give partitions up."""
        self.partitions -= set(partitions)
        self.changed = True


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeParts:
    """What a node is made of."""

    consumer: Consumer
    owned: Owned
    decoder: Decoder
    stages: tuple[Stage, ...]
    publish_side: PublishSide
    archive_side: ArchiveSide
    report: NodeReport
    metrics: Metrics
    local: LocalPacks
    send_report: Callable[[bytes], None]


class IngestNode:
    """Takes alerts from the log and does both sides of each exactly once.

    Parameters
    ----------
    parts : what it is made of.
    should_stop : asked between batches and while waiting.
    patience : factor of all waits between tries; tests have none.
    """

    def __init__(self, parts: NodeParts, should_stop: Callable[[], bool], *, patience: float = 1.0) -> None:
        self._parts = parts
        self._should_stop = should_stop
        self._marks = Marks()
        self._stale = False
        self._reported_at = 0.0
        self._state = "starting"
        self._patience = patience
        self._aborted = 0

    def run(self) -> None:
        """Work until told to stop."""
        while not self._should_stop():
            self.attempt()
        self._report("stopped")

    def attempt(self) -> None:
        """Do one batch, or find that there is nothing to do; after an aborted transaction, wait and read the marks again."""
        try:
            self._step()
        except (Rebalanced, _Abandoned):
            self._parts.archive_side.abandon_pack()
        except TransactionAborted as error:
            self._parts.metrics.errors.labels("publish", type(error).__name__).inc()
            if self._aborted == 0:
                _log.warning("transaction aborted", why=str(error), then="trying again from the committed offsets")
            with suppress(Rebalanced, _Abandoned):
                self._wait(self._aborted)
            self._stale = True
            self._aborted += 1
        self._report_if_due()

    def _step(self) -> None:
        if self._is_stale() or (not self._marks.archive_known and self._parts.archive_side.is_back()):
            self._resync()
        began = time.monotonic()
        parts = self._collect()
        self._state = "running" if parts else "idle"
        if parts:
            batch = self._staged(concat(parts))
            try:
                self._publish(batch)
            except TransactionAborted:
                self._hand_over(batch)
                raise
            handed_over = self._hand_over(batch)
            _log.info("batch", alerts=len(batch), rejected=len(batch.rejects), seconds=round(time.monotonic() - began, 3), handed_over=handed_over)

    def _collect(self) -> list[Batch]:
        """Return the next batch in parts: decoded as they come, their cutouts in the pack, and their bytes gone."""
        chunks = self._parts.consumer.collect()
        parts = []
        while (messages := self._next(chunks)) is not None:
            parts.append(self._open(messages))
            del messages  # their memory is for the next chunk
        return parts

    def _next(self, chunks: Iterator[Messages]) -> Messages | None:
        with self._parts.metrics.timed("collect"):
            return next(chunks, None)

    def _open(self, messages: Messages) -> Batch:
        self._parts.metrics.received.inc(len(messages))
        self._parts.report.count(received=len(messages))
        part = self._insist("decode", lambda: self._parts.decoder.decode(messages))
        self._parts.metrics.sent.labels("decode").inc(len(part))
        rows = self._marks.unarchived(messages)[part.alerts["message"].to_numpy()]
        self._insist("pack", lambda: self._parts.archive_side.pack(part, rows))
        self._parts.metrics.sent.labels("pack").inc(int(rows.sum()))
        return part.released()

    def _insist(self, stage: str, do: Callable[[], _T]) -> _T:
        """Return what a stage returns, tried until what it needs is there; the partitions are paused meanwhile."""
        failures = 0
        while True:
            try:
                with self._parts.metrics.timed(stage):
                    return do()
            except UpstreamError as error:
                self._parts.metrics.errors.labels(stage, type(error).__name__).inc()
                if failures == 0:
                    _log.warning("stage waits", stage=stage, needs=_NEEDS[stage], why=str(error), then="partitions paused until it works")
                self._state = f"waiting for {_NEEDS[stage]}"
                self._wait(failures)
                failures += 1

    def _staged(self, batch: Batch) -> Batch:
        for stage in self._parts.stages:
            with self._parts.metrics.timed(stage.__name__):
                batch = stage(batch)
            self._parts.metrics.sent.labels(stage.__name__).inc(len(batch))
        return batch

    def _publish(self, batch: Batch) -> None:
        wanted = self._marks.unpublished(batch.messages)
        if not wanted.any():
            return
        offsets = self._marks.next_offsets(batch.messages, wanted)
        with self._parts.metrics.timed("publish"):
            self._parts.publish_side.publish(_part_of(batch, wanted), offsets, self._stay_alive_searching)
        self._marks.publish(offsets)
        self._aborted = 0

    def _hand_over(self, batch: Batch) -> bool:
        """Give the archive side what it has yet to do; wait while it has no room, which is how a node pauses."""
        wanted = self._marks.unarchived(batch.messages)
        if not wanted.any():
            self._parts.archive_side.abandon_pack()
            return False
        spans = self._marks.spans(batch.messages, wanted)
        waiting = self._insist("pack", lambda: self._parts.archive_side.packed(batch, spans))
        failures = 0
        while not self._parts.archive_side.offer(waiting):
            self._state = "paused: the cache is full"
            self._wait(min(failures, 1))
            failures += 1
        self._marks.hand_over(spans)
        return True

    def _is_stale(self) -> bool:
        return self._stale or self._parts.owned.changed or self._parts.archive_side.superseded()

    def _resync(self) -> None:
        self._parts.archive_side.clear()
        owned = sorted(self._parts.owned.partitions)
        self._stale = self._parts.owned.changed = False
        consumer = self._parts.consumer
        beginning, committed = consumer.beginning(owned), consumer.committed(owned)
        lost = self._marks.reset(beginning=beginning, committed=committed, archived=self._parts.archive_side.marks(owned))
        for partition, first, kept in lost:
            _log.error(
                "messages lost to retention", topic=partition.topic, partition=partition.number, first=first, kept=kept, then="raise kafka.retention_hours"
            )
        consumer.seek(self._marks.starts())

    def _wait(self, failures: int) -> None:
        """Wait, longer after more failures.

        Raises
        ------
        Rebalanced, _Abandoned
            If the work in hand is no longer this node's to do.
        """
        until = time.monotonic() + self._patience * _BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS) - 1)]
        while time.monotonic() < until:
            self._stay_alive()
            time.sleep(_HEARTBEAT_SECONDS)

    def _stay_alive(self) -> None:
        """Stay a member of the group and say that this node lives, in the midst of what may take long.

        Raises
        ------
        Rebalanced, _Abandoned
            If the work in hand is no longer this node's to do.
        """
        self._parts.consumer.heartbeat()
        self._report_if_due()
        if self._is_stale() or self._should_stop():
            raise _Abandoned

    def _stay_alive_searching(self) -> None:
        self._state = "looking for a topic that refuses records"
        self._stay_alive()

    def _report_if_due(self) -> None:
        if time.monotonic() - self._reported_at >= REPORT_SECONDS:
            self._report(self._state)

    def _report(self, state: str) -> None:
        self._reported_at = time.monotonic()
        batches, size_bytes = self._parts.archive_side.waiting()
        packs, pack_bytes = self._parts.local.state()
        self._gauge(batches, size_bytes)
        self._parts.metrics.local_packs.set(packs)
        self._parts.metrics.local_bytes.set(pack_bytes)
        waiting = {"waiting_batches": batches, "waiting_bytes": size_bytes, "local_packs": packs, "local_bytes": pack_bytes}
        record = self._parts.report.record(state=state, partitions=self._marks.report(), waiting=waiting)
        self._parts.send_report(record)

    def _gauge(self, batches: int, size_bytes: int) -> None:
        metrics = self._parts.metrics
        metrics.waiting_batches.set(batches)
        metrics.waiting_bytes.set(size_bytes)
        for side, lag in zip(SIDES, self._marks.lags(self._parts.consumer.ends(self._marks.partitions)), strict=True):
            metrics.lag.labels(side).set(lag)
        for side, newest_ms in self._parts.report.newest_ms.items():
            if newest_ms is not None:
                metrics.age.labels(side).set(max(0.0, time.time() - newest_ms / 1000))


def _part_of(batch: Batch, wanted: npt.NDArray[np.bool_]) -> Batch:
    """Return the batch with only the alerts and rejects of wanted messages, shape (n_message,)."""
    if wanted.all():
        return batch
    part = take(batch, wanted[batch.alerts["message"].to_numpy()])
    return replace(part, rejects=[(row, error) for row, error in batch.rejects if wanted[row]])
