"""The archive side: cutouts to a pack, the batch to the cache, and from there to PostgreSQL and the blob store.

It runs in two threads of the node, so that the stream does not wait for it: one writes packs, the other transfers what
waits, oldest first. With the archive away batches pile up in the cache, up to its bound; then `offer` says no and the
node pauses. What waits counts as nothing until its mark has moved, and may be forgotten at any time.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from ..archive import Archive, BlobStore, Loaded, pack_name, write_pack
from ..cache import Spool, SpoolDamaged, Waiting, waiting_batch
from ..errors import Superseded, UpstreamError
from ..metrics import Metrics
from ..packet import Batch, Partition
from ._report import NodeReport

_log = structlog.get_logger()

_BACKOFF_SECONDS = (0.5, 1.0, 2.0, 5.0)
"""Waits between tries while the archive is away; the last one repeats."""

_PROBE_SECONDS = 2.0
"""A node that could not read its marks asks again this often."""

_POLL_SECONDS = 0.2
"""Longest time that a thread takes to notice that it should stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A batch for the archive, with the marks that must be found and that it sets."""

    batch: Batch
    spans: Mapping[Partition, tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Where batches go."""

    archive: Archive
    blobs: BlobStore
    spool: Spool


class ArchiveSide:
    """Archives batches in the order in which they are offered.

    Parameters
    ----------
    stores : where batches go; this side closes none of them.
    node : name of the node.
    report, metrics : where it counts.
    patience : factor of all waits; tests have none.
    """

    def __init__(self, stores: Stores, node: str, *, report: NodeReport, metrics: Metrics, patience: float = 1.0) -> None:
        self._stores = stores
        self._node = node
        self._patience = patience
        self._report = report
        self._metrics = metrics
        self._offered: deque[Work] = deque()
        self._changed = threading.Condition()
        self._transferring = threading.Lock()
        self._generation = 0
        self._packs = 0
        self._packing = False
        self._failures = 0
        self._probed_at = 0.0
        self._superseded = threading.Event()
        self._stopping = threading.Event()
        self._died: BaseException | None = None
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the threads."""
        for name, step in (("pack", self.pack_next), ("transfer", self.transfer_next)):
            thread = threading.Thread(target=self._repeat, args=(step,), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, seconds: float) -> None:
        """Let what waits be archived for so long, then stop the threads; what is left is read again from Kafka."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self._failures and self._died is None and (self._busy() or self.waiting()[0]):
            time.sleep(_POLL_SECONDS / 4)
        self._stopping.set()
        for thread in self._threads:
            thread.join(max(0.1, deadline - time.monotonic()) + 1)

    def offer(self, work: Work) -> bool:
        """Take a batch, or return False when there is no room for it now.

        Raises
        ------
        Exception
            Whatever ended a thread of this side: the node cannot go on.
        """
        if self._died is not None:
            raise self._died
        with self._changed:
            if self._offered:
                return False
            self._offered.append(work)
            self._changed.notify_all()
        return True

    def superseded(self) -> bool:
        """Whether the archive's marks are not where this node thought; then clear, and read them again."""
        return self._superseded.is_set()

    def clear(self) -> None:
        """Forget all that waits, once a transfer that is running has ended."""
        with self._changed:
            self._generation += 1
            self._offered.clear()
        with self._transferring:
            self._stores.spool.clear()
            self._superseded.clear()

    def marks(self, partitions: Collection[Partition]) -> dict[Partition, int | None] | None:
        """Return the archive's marks, None for a partition without one; None as a whole while the archive is away."""
        with self._transferring:
            try:
                marks = self._stores.archive.marks(partitions)
                self._recovered()
                return marks
            except UpstreamError as error:
                self._failed("archive", error)
                self._probed_at = time.monotonic()
                return None

    def is_back(self) -> bool:
        """Whether an archive that was away answers again; asks at most every other second."""
        if time.monotonic() - self._probed_at < self._patience * _PROBE_SECONDS:
            return False
        return self.marks([]) is not None

    def waiting(self) -> tuple[int, int]:
        """Return how many batches wait, and their bytes."""
        state = self._stores.spool.state()
        return state.batches + len(self._offered), state.size_bytes

    def pack_next(self) -> None:
        """Write the pack of the next batch offered, and put the batch to those that wait."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._offered, self._patience * _POLL_SECONDS):
                return
            work, generation = self._offered.popleft(), self._generation
            self._packing = True
        try:
            waiting = self._tried("pack", generation, lambda: self._packed(work))
            if waiting is None:
                return
            while not self._put(waiting, generation):
                if self._pause(_POLL_SECONDS):
                    return
        finally:
            self._packing = False

    def transfer_next(self) -> None:
        """Transfer the oldest batch that waits; after a failure, wait before the next try."""
        if self._superseded.is_set():  # nothing of what waits can be archived before the node has read its marks again
            self._pause(_POLL_SECONDS / 20)
            return
        failures = self._failures
        waiting = None
        with self._transferring:
            try:
                waiting = self._stores.spool.peek()
                if waiting is not None:
                    self._transfer(waiting)
            except (Superseded, SpoolDamaged) as error:
                _log.info("batch superseded", why=str(error), then="reading both marks again")
                self._metrics.dropped.labels("archive", type(error).__name__, "true").inc()
                self._superseded.set()
            except UpstreamError as error:
                self._failed("archive", error)
        if self._failures > failures:
            self._pause(_BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS) - 1)])
        elif waiting is None:
            self._pause(_POLL_SECONDS / 20)

    def _packed(self, work: Work) -> Waiting:
        self._packs += 1
        alerts = work.batch.alerts
        night = int(alerts["night"][0].as_py() or 0) if alerts.num_rows else 0
        name = pack_name(night, self._node, datetime.now(UTC), self._packs)
        with self._metrics.timed("pack"):
            pack = write_pack(self._stores.spool.packs, name, work.batch)
        self._metrics.sent.labels("pack").inc(alerts.num_rows)
        return waiting_batch(work.batch, work.spans, pack)

    def _put(self, waiting: Waiting, generation: int) -> bool:
        """Put a batch to those that wait, unless all was cleared since it was offered; return False when there is no room, or the disk does not take it."""
        with self._changed:
            if generation != self._generation:
                if waiting.pack is not None:
                    waiting.pack.path.unlink(missing_ok=True)
                return True
            try:
                return self._stores.spool.put(waiting)
            except UpstreamError as error:
                self._failed("pack", error)
                return False

    def _transfer(self, waiting: Waiting) -> None:
        if waiting.pack is not None:
            with self._metrics.timed("blobs"):
                self._stores.blobs.put_pack(waiting.pack.path, waiting.pack.name)
        with self._metrics.timed("archive"):
            loaded = self._stores.archive.load(waiting.load(self._node))
        if waiting.pack is not None and not loaded.cutouts:  # all alerts in it were repeats
            self._stores.blobs.delete(waiting.pack.name)
        self._stores.spool.done()
        self._recovered()
        self._count(waiting, loaded)

    def _count(self, waiting: Waiting, loaded: Loaded) -> None:
        self._report.count(archived=loaded.archived, repeated=loaded.repeated)
        self._metrics.sent.labels("archive").inc(loaded.received - loaded.rejected)
        self._metrics.repeated.inc(loaded.repeated)
        if waiting.alerts.num_rows:
            timestamps = waiting.alerts["timestamp"].cast("int64").to_numpy()
            self._metrics.latency["archive"].add(time.time() - timestamps / 1000)
            self._report.newest_ms["archive"] = int(timestamps.max())

    def _tried(self, stage: str, generation: int, do: Callable[[], Waiting]) -> Waiting | None:
        """Return what `do` returns, tried until it works; None if all was cleared or stopped meanwhile."""
        failures = 0
        while generation == self._generation:
            try:
                return do()
            except UpstreamError as error:
                self._failed(stage, error)
                failures += 1
                if self._pause(_BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS)) - 1]):
                    break
        return None

    def _failed(self, stage: str, error: UpstreamError) -> None:
        self._metrics.errors.labels(stage, type(error).__name__).inc()
        if not self._failures:
            _log.warning("archive side failing", stage=stage, why=str(error), then="batches wait in the cache; trying again")
        self._failures += 1

    def _pause(self, seconds: float) -> bool:
        """Wait, and return whether this side is to stop."""
        return self._stopping.wait(self._patience * seconds)

    def _recovered(self) -> None:
        if self._failures:
            _log.info("archive side works again", failures=self._failures)
            self._failures = 0

    def _busy(self) -> bool:
        return bool(self._offered) or self._packing

    def _repeat(self, step: Callable[[], None]) -> None:
        try:
            while not self._stopping.is_set():
                step()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the node must hear of it
            _log.exception("archive side died")
            self._died = error
