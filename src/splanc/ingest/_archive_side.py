"""The archive side: cutouts to a pack, the batch to the cache, and from there to PostgreSQL and the blob store.

Where the blob store is a folder on the same disk, a pack is moved there before its batch is loaded. Anywhere else it is
kept on the node's disk instead, for the uploader: the archive does not wait for an object store.
The rows that filters saw are written before the batch is loaded too, so that no alert is archived without them; a node that is
killed in between leaves rows that are written again, which readers know (`past`).

The node writes cutouts to the pack of the batch as they come. What waits is transferred by a thread, oldest first, so that
the stream does not wait for it. With the archive away batches pile up in the cache, up to its bound; then `offer` says no
and the node pauses. What waits counts as nothing until its mark has moved, and may be forgotten at any time.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import structlog

from ..archive import Archive, BlobStore, Loaded, Pack, PackDamaged, PackWriter, pack_name
from ..cache import LocalPacks, Spool, SpoolDamaged, Waiting, waiting_batch
from ..errors import Superseded, UpstreamError
from ..metrics import Metrics
from ..packet import Batch, Partition
from ..past import write_rows
from ._report import NodeReport

_log = structlog.get_logger()

_BACKOFF_SECONDS = (0.5, 1.0, 2.0, 5.0)
"""Waits between tries while the archive is away; the last one repeats."""

_PROBE_SECONDS = 2.0
"""A node that could not read its marks asks again this often."""

_POLL_SECONDS = 0.2
"""Longest time that a thread takes to notice that it should stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Where batches go; `rows` is the folder of the rows that filters saw, None if they are not kept."""

    archive: Archive
    blobs: BlobStore
    spool: Spool
    local: LocalPacks
    rows: Path | None


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
        self._transferring = threading.Lock()
        self._pack: PackWriter | None = None
        self._packs = 0
        self._failures = 0
        self._probed_at = 0.0
        self._superseded = threading.Event()
        self._stopping = threading.Event()
        self._died: BaseException | None = None
        self._held = False
        self._pack_on = None if stores.blobs.renames_from(stores.local.folder) else socket.gethostname()
        self._thread = threading.Thread(target=self._repeat, name="transfer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Let what waits be archived for so long, then stop the thread; what is left is read again from Kafka."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not (self._failures or self._held) and self._died is None and self.waiting()[0]:
            time.sleep(_POLL_SECONDS / 4)
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(max(0.1, deadline - time.monotonic()) + 1)
        self.abandon_pack()

    def pack(self, part: Batch, rows: npt.NDArray[np.bool_]) -> None:
        """Append cutouts to the pack of the batch that is being collected.

        Parameters
        ----------
        part : alerts with their messages.
        rows : which of them are to be archived, shape (n_alert,).

        Raises
        ------
        UpstreamError
            If the disk does not take them; nothing of `part` is in the pack then.
        """
        if self._pack is None:
            self._packs += 1
            night = int(part.alerts["night"][0].as_py() or 0) if len(part) else 0
            self._pack = PackWriter(self._stores.spool.packs, pack_name(night, self._node, datetime.now(UTC), self._packs))
        self._pack.add(part, rows)

    def packed(self, batch: Batch, spans: Mapping[Partition, tuple[int, int]]) -> Waiting:
        """Return a batch that was collected as it waits for the archive.

        Parameters
        ----------
        batch : all parts that `pack` was given.
        spans : the marks that must be found in the archive, and those that the batch sets.

        Raises
        ------
        UpstreamError
            If the disk does not take the end of the pack.
        """
        pack = None if self._pack is None else self._pack.finish()
        self._pack = None
        return waiting_batch(batch, spans, pack)

    def abandon_pack(self) -> None:
        """Forget the batch that is being collected."""
        if self._pack is not None:
            self._pack.abandon()
            self._pack = None

    def offer(self, waiting: Waiting) -> bool:
        """Take a batch, or return False when there is no room for it now, or the disk does not take it.

        Raises
        ------
        Exception
            Whatever ended the thread of this side: the node cannot go on.
        """
        if self._died is not None:
            raise self._died
        try:
            return self._stores.spool.put(waiting)
        except UpstreamError as error:
            self._failed("pack", error)
            return False

    def superseded(self) -> bool:
        """Whether the archive's marks are not where this node thought; then clear, and read them again."""
        return self._superseded.is_set()

    def clear(self) -> None:
        """Forget all that waits, once a transfer that is running has ended."""
        self.abandon_pack()
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
        return state.batches, state.size_bytes

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
                if waiting is not None and not self._hold(waiting):
                    self._transfer(waiting)
            except (Superseded, SpoolDamaged, PackDamaged) as error:
                _log.info("batch superseded", why=str(error), then="reading both marks again")
                self._metrics.dropped.labels("archive", type(error).__name__, "true").inc()
                self._superseded.set()
            except UpstreamError as error:
                self._failed("archive", error)
        if self._failures > failures:
            self._pause(_BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS) - 1)])
        elif waiting is None or self._held:
            self._pause(_POLL_SECONDS / 20)

    def _hold(self, waiting: Waiting) -> bool:
        """Whether a batch must wait until packs have been uploaded: no more of them may lie on this disk."""
        was_held = self._held
        size_bytes = 0 if waiting.pack is None else waiting.pack.size_bytes
        self._held = self._pack_on is not None and not self._stores.local.has_room(size_bytes)
        if self._held and not was_held:
            _log.warning("archive side paused", why="packs that wait for the blob store fill blobs.local_max_bytes", then="going on as they are uploaded")
        return self._held

    def _transfer(self, waiting: Waiting) -> None:
        if waiting.pack is not None:
            self._keep(waiting.pack)
        if self._stores.rows is not None and waiting.alerts.num_rows:
            with self._metrics.timed("rows"):
                write_rows(self._stores.rows, waiting.alerts, waiting.tables, waiting.spans)
        with self._metrics.timed("archive"):
            loaded = self._stores.archive.load(waiting.load(self._node, self._pack_on))
        if waiting.pack is not None and not loaded.cutouts:  # all alerts in it were repeats
            self._forget(waiting.pack)
        self._stores.spool.done()
        self._recovered()
        self._count(waiting, loaded)

    def _keep(self, pack: Pack) -> None:
        """Put a pack where it stays, before the archive names it."""
        with self._metrics.timed("blobs"):
            if self._pack_on is None:
                self._stores.blobs.put_pack(pack.path, pack.name)
            else:
                self._stores.local.take(pack)

    def _forget(self, pack: Pack) -> None:
        if self._pack_on is None:
            self._stores.blobs.delete(pack.name)
        else:
            self._stores.local.drop(pack.name)

    def _count(self, waiting: Waiting, loaded: Loaded) -> None:
        self._report.count(archived=loaded.archived, repeated=loaded.repeated)
        self._metrics.sent.labels("archive").inc(loaded.received - loaded.rejected)
        self._metrics.repeated.inc(loaded.repeated)
        if waiting.alerts.num_rows:
            timestamps = waiting.alerts["timestamp"].cast("int64").to_numpy()
            self._metrics.latency["archive"].add(time.time() - timestamps / 1000)
            self._report.newest_ms["archive"] = int(timestamps.max())

    def _failed(self, stage: str, error: UpstreamError) -> None:
        self._metrics.errors.labels(stage, type(error).__name__).inc()
        if not self._failures:
            _log.warning(
                "archive side failing", stage=stage, why=str(error), then="trying again; what is not archived stays in the cache, or is read again from Kafka"
            )
        self._failures += 1

    def _pause(self, seconds: float) -> bool:
        """Wait, and return whether this side is to stop."""
        return self._stopping.wait(self._patience * seconds)

    def _recovered(self) -> None:
        if self._failures:
            _log.info("archive side works again", failures=self._failures)
            self._failures = 0

    def _repeat(self) -> None:
        try:
            while not self._stopping.is_set():
                self.transfer_next()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the node must hear of it
            _log.exception("archive side died")
            self._died = error
