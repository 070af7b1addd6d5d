"""The archive side and the uploader of a node over a real PostgreSQL and a real object store, taken step by step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psycopg
from psycopg.rows import dict_row
from pydantic import SecretStr

from splanc.archive import KINDS, Archive, BlobStore
from splanc.cache import LocalPacks, Spool
from splanc.config import ArchiveSettings, BlobSettings, Settings
from splanc.ingest import ArchiveSide, NodeReport, Stores, Uploader
from splanc.metrics import Metrics
from splanc.packet import Batch, Partition
from tests.support.s3 import KEY, SECRET


def settings_with(data_dir: Path, dsn: str, port: int, url: str, **blobs: object) -> Settings:
    """Settings of a node that uses an S3 server on a port of this machine."""
    secret = SecretStr(str(blobs.pop("secret_access_key", SECRET)))
    section = BlobSettings(url=url, endpoint_url=f"http://127.0.0.1:{port}", region="us-east-1", access_key_id=KEY, secret_access_key=secret, **blobs)  # type: ignore[arg-type]
    return Settings(data_dir=data_dir, archive=ArchiveSettings(dsn=SecretStr(dsn)), blobs=section)


class FarNode:
    """A node whose blob store is far away."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.archive = Archive(settings.archive_dsn)
        self.spool = Spool(settings.data_dir / "cache" / "node-1", 1 << 30)
        self.local = LocalPacks(settings.packs_folder / "node-1", settings.blobs.local_max_bytes)
        self.blobs = BlobStore(settings.blobs_place, settings.blobs_s3)
        stores = Stores(archive=self.archive, blobs=self.blobs, spool=self.spool, local=self.local, rows=settings.rows_folder)
        self.side = ArchiveSide(stores, "node-1", report=NodeReport("node-1", self.metrics), metrics=self.metrics, patience=0.0)
        self.uploader = Uploader(self.local, self.archive, self.blobs, metrics=self.metrics, patience=0.0)

    def archive_batch(self, batch: Batch, spans: dict[Partition, tuple[int, int]]) -> None:
        self.side.pack(batch, np.ones(len(batch), np.bool_))
        assert self.side.offer(self.side.packed(batch, spans))
        self.side.transfer_next()
        assert not self.side.superseded()
        assert self.side.waiting()[0] == 0

    def packs(self) -> list[dict]:
        with psycopg.connect(self.settings.archive_dsn, row_factory=dict_row) as connection:
            return connection.execute("SELECT * FROM packs ORDER BY name").fetchall()

    def close(self) -> None:
        self.side.stop(0)
        self.spool.close()
        self.local.close()
        self.archive.close()


def sent(batch: Batch) -> dict[int, dict[str, bytes]]:
    """The cutouts in the packets of a batch, by diaSourceId."""
    found = {}
    for row, (identity, message) in enumerate(zip(batch.alerts["diaSourceId"].to_pylist(), batch.alerts["message"].to_pylist(), strict=True)):
        value = batch.messages.values[message]
        ranges = {kind: batch.cutouts[f"cutout{kind.title()}"] for kind in KINDS}
        found[identity] = {kind: bytes(value[of.starts[row] : of.starts[row] + of.lengths[row]]) for kind, of in ranges.items()}
    return found
