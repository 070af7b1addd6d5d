"""Uploads of packs: from the node's disk to the blob store, oldest first, in a thread of its own.

A pack leaves the disk only when the store's checksum agrees and the archive has noted so; whatever fails is tried again.
A node that starts goes on with what an earlier life left, also with packs whose load it does not remember: the archive
says whether they were archived, and if it can say that they never will be, they are deleted.
"""

from __future__ import annotations

import threading
import time

import structlog

from ..archive import Archive, BlobStore, PackDamaged, PackFate, read_footer, verify_pack
from ..cache import LocalPack, LocalPacks
from ..errors import UpstreamError
from ..metrics import Metrics

_log = structlog.get_logger()

_BACKOFF_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Waits between tries while the store or the archive fail; the last one repeats."""

_LOOK_SECONDS = 0.5
"""Between two looks at what waits."""

_ADOPT_SECONDS = 30.0
"""Between two looks for packs of nodes that are gone."""


class Uploader:
    """Uploads the packs that wait on this node's disk.

    Parameters
    ----------
    local, archive, blobs : from where, who must know, and to where; this closes none of them.
    metrics : where it counts.
    patience : factor of all waits; tests have none.
    """

    def __init__(self, local: LocalPacks, archive: Archive, blobs: BlobStore, *, metrics: Metrics, patience: float = 1.0) -> None:
        self._local = local
        self._archive = archive
        self._blobs = blobs
        self._metrics = metrics
        self._patience = patience
        self._failures = 0
        self._adopt_at = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._repeat, name="upload", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Let what waits be uploaded for so long, unless that fails, then stop the thread; what is left waits for the next life of the node."""
        deadline = time.monotonic() + seconds
        while self._thread.is_alive() and self._local.state()[0] and not self._failures and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS / 10)
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(max(0.1, deadline - time.monotonic()))

    def upload_all(self) -> None:
        """Settle each pack that can be settled now, oldest first; after a failure, wait before the next try."""
        try:
            for pack in self._waiting():
                if self._stopping.is_set():
                    return
                self._settle(pack)
            self._recovered()
        except UpstreamError as error:
            self._failed(error)
            self._stopping.wait(self._patience * _BACKOFF_SECONDS[min(self._failures, len(_BACKOFF_SECONDS)) - 1])

    def _waiting(self) -> list[LocalPack]:
        packs = self._local.oldest_first()
        if packs or time.monotonic() < self._adopt_at:
            return packs
        adopted = self._local.adopt()
        if adopted is None:
            self._adopt_at = time.monotonic() + self._patience * _ADOPT_SECONDS
            return []
        _log.info("pack of a node that is gone taken over", pack=adopted.name)
        return [adopted]

    def _settle(self, pack: LocalPack) -> None:
        try:
            fate = self._archive.pack_fate(pack.name, read_footer(pack.path).places)
            if fate is PackFate.archived:
                # What is uploaded is what was written: a disk may have changed it since.
                verify_pack(pack.path)
        except PackDamaged as damage:
            self._metrics.errors.labels("upload", type(damage).__name__).inc()
            _log.error("local pack damaged", pack=pack.name, why=damage.why, kept=str(self._local.set_aside(pack.name)))
            return
        match fate:
            case PackFate.archived:
                self._upload(pack)
            case PackFate.lost:
                self._local.drop(pack.name)
                _log.info("local pack deleted", pack=pack.name, why="its alerts were archived with another pack")
            case PackFate.open:
                pass

    def _upload(self, pack: LocalPack) -> None:
        with self._metrics.timed("upload"):
            self._blobs.upload(pack.path, pack.name)
        self._archive.mark_stored(pack.name)
        self._local.drop(pack.name)
        self._metrics.uploaded_bytes.inc(pack.size_bytes)
        self._recovered()

    def _failed(self, error: UpstreamError) -> None:
        self._metrics.errors.labels("upload", type(error).__name__).inc()
        if not self._failures:
            _log.warning("upload failing", why=str(error), then="trying again; packs stay on this disk meanwhile, up to blobs.local_max_bytes")
        self._failures += 1

    def _recovered(self) -> None:
        if self._failures:
            _log.info("upload works again", failures=self._failures)
            self._failures = 0

    def _repeat(self) -> None:
        while not self._stopping.is_set():
            try:
                self.upload_all()
            except Exception:  # noqa: BLE001 - counted and said
                # A mistake of ours must not end the stream; the packs are safe where they are.
                self._metrics.errors.labels("upload", "unexpected").inc()
                _log.exception("upload failing")
                self._stopping.wait(self._patience * _BACKOFF_SECONDS[-1])
            self._stopping.wait(self._patience * _LOOK_SECONDS)
