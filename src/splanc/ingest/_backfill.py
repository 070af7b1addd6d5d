"""Files straight into the archive, without Kafka: the archive side of a node, without marks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from ..archive import Archive, BlobStore, Loaded, pack_name, write_pack
from ..cache import waiting_batch
from ..config import Settings
from ..errors import PacketError
from ..packet import Decoder, Messages, SchemaStore, read_files
from ._archive_side import archive_load
from .stages import STAGES

FILE_TOPIC = "file:"
"""What the topic of a packet from a file begins with in the archive; the path follows."""

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
        If a path does not exist.
    UpstreamError
        If the archive or the blob store fails; what was yielded is archived, and the rest can be done by a second call.
    """
    assert settings.archive.dsn is not None
    schemas = SchemaStore(settings.schemas, settings.data_dir / "schemas")
    decoder = Decoder(schemas, settings.ingest.max_packet_bytes)
    blobs = BlobStore(settings.blobs.url or settings.data_dir / "blobs")
    cache = settings.data_dir / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    with Archive(settings.archive.dsn.get_secret_value()) as archive, TemporaryDirectory(dir=cache, prefix="backfill-") as folder:
        for number, messages in enumerate(read_files(paths, schemas, on_error=on_reject)):
            yield _archive(_from_files(messages), decoder, (archive, blobs), Path(folder), number, on_reject)


def _archive(
    messages: Messages, decoder: Decoder, stores: tuple[Archive, BlobStore], folder: Path, number: int, on_reject: Callable[[PacketError], None]
) -> Loaded:
    archive, blobs = stores
    batch = decoder.decode(messages)
    for stage in STAGES:
        batch = stage(batch)
    for _, error in batch.rejects:
        on_reject(error)
    night = int(batch.alerts["night"][0].as_py() or 0) if len(batch) else 0
    pack = write_pack(folder, pack_name(night, _NODE, datetime.now(UTC), number), batch)
    if pack is not None:
        blobs.put_pack(pack.path, pack.name)
    spans = {partition: (0, int(messages.offsets[rows].max()) + 1) for partition, rows in messages.by_partition()}
    waiting = waiting_batch(batch, spans, pack)
    return archive.load(replace(archive_load(waiting, _NODE), spans={}))


def _from_files(messages: Messages) -> Messages:
    return replace(messages, topics=[f"{FILE_TOPIC}{path}" for path in messages.topics])
