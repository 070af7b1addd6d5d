"""Files straight into the archive, without Kafka: the archive side of a node, without marks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from ..archive import Archive, ArchiveLoad, BlobStore, Loaded, Pack, pack_name, write_pack
from ..cache import waiting_batch
from ..config import Settings
from ..crossmatch import open_classifier
from ..errors import PacketError
from ..packet import Batch, Decoder, Messages, SchemaStore, read_files
from ._file_topic import FILE_TOPIC
from .stages import Stage, stages

_NODE = "backfill"


def backfill(settings: Settings, paths: Iterable[Path], *, on_reject: Callable[[PacketError], None]) -> Iterator[Loaded]:
    """Archive the packets in files, and yield the counts of each transaction; doing so again changes nothing but the ledger.

    Parameters
    ----------
    settings : with the archive's DSN.
    paths : as `read_files` takes them.
    on_reject : told of each packet or file that cannot be read.

    Raises
    ------
    UserError
        If a path does not exist, or a catalogue is missing or broken.
    UpstreamError
        If the archive or the blob store fails; what was yielded is archived, and the rest can be done by a second call.
    """
    schemas = SchemaStore(settings.schemas, settings.schemas_cache)
    decoder = Decoder(schemas, settings.ingest.max_packet_bytes)
    blobs = BlobStore(settings.blobs_place, settings.blobs_s3)
    cache = settings.data_dir / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    with _pipeline(settings) as pipeline, Archive(settings.archive_dsn) as archive, TemporaryDirectory(dir=cache, prefix="backfill-") as folder:
        for number, messages in enumerate(read_files(paths, schemas, on_error=on_reject)):
            batch = decoder.decode(_from_files(messages))
            for stage in pipeline:
                batch = stage(batch)
            for _, error in batch.rejects:
                on_reject(error)
            pack = _pack_of(batch, blobs, Path(folder), number)
            loaded = archive.load(_load_of(batch, pack))
            if pack is not None and not loaded.cutouts:  # all alerts in it were repeats
                blobs.delete(pack.name)
            yield loaded


@contextmanager
def _pipeline(settings: Settings) -> Iterator[tuple[Stage, ...]]:
    classifier = open_classifier(settings)
    try:
        yield stages(settings, classifier=classifier)
    finally:
        if classifier is not None:
            classifier.close()


def _pack_of(batch: Batch, blobs: BlobStore, folder: Path, number: int) -> Pack | None:
    """Return the pack of a batch, which is in the blob store then."""
    night = int(batch.alerts["night"][0].as_py() or 0) if len(batch) else 0
    pack = write_pack(folder, pack_name(night, _NODE, datetime.now(UTC), number), [batch])
    if pack is not None:
        blobs.put_pack(pack.path, pack.name)
    return pack


def _load_of(batch: Batch, pack: Pack | None) -> ArchiveLoad:
    """Return what the archive is to take; files have no marks."""
    spans = {partition: (0, int(batch.messages.offsets[rows].max()) + 1) for partition, rows in batch.messages.by_partition()}
    return replace(waiting_batch(batch, spans, pack).load(_NODE), spans={})


def _from_files(messages: Messages) -> Messages:
    return replace(messages, topics=[f"{FILE_TOPIC}{path}" for path in messages.topics])
