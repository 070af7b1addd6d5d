"""Packs made again from the messages that Kafka still has: when one is damaged, or waited on a disk that is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..archive import Archive, BlobStore, Pack, PackDamaged, Place, read_rows, remake_pack
from ..config import Settings
from ..errors import UpstreamError
from ..ingest import FILE_TOPIC
from ..kafka import read_topic
from ..packet import Decoder, Messages, SchemaStore

_PACK = "SELECT name, bytes, checksum, n_cutouts, places FROM packs WHERE name = %s"

_LOST = "SELECT name FROM packs WHERE host = %s AND stored IS NULL ORDER BY name"


def restore_packs(settings: Settings, host: str, on_failed: Callable[[PackDamaged], None]) -> Iterator[str]:
    """Put the packs that wait on the disk of a host into the blob store, made again, and yield the name of each.

    If the host comes back after all, its nodes upload the same bytes once more.

    Parameters
    ----------
    settings : with the archive's DSN.
    host : as the archive names it.
    on_failed : told of each pack that cannot be made again.

    Raises
    ------
    UpstreamError
        If the archive, Kafka or the blob store fail; call it again then.
    """
    blobs, archive = BlobStore(settings.blobs_place, settings.blobs_s3), Archive(settings.archive_dsn)
    for row in read_rows(settings.archive_dsn, _LOST, [host]):
        try:
            pack = remake(settings, row["name"])
        except PackDamaged as damage:
            on_failed(damage)
            continue
        blobs.put_pack(pack.path, pack.name)
        archive.mark_stored(pack.name)
        yield pack.name


def remake(settings: Settings, name: str) -> Pack:
    """Return a pack, made again on this machine's disk.

    Raises
    ------
    PackDamaged
        If Kafka no longer has the messages that it was made from.
    UpstreamError
        If it was made from files, or the archive or Kafka fail.
    """
    rows = read_rows(settings.archive_dsn, _PACK, [name])
    if not rows:
        raise UpstreamError(f"the archive does not know the pack {name}, so that it cannot be made again")
    decoder = Decoder(SchemaStore(settings.schemas, settings.schemas_cache), settings.ingest.max_packet_bytes)
    return remake_pack(settings.data_dir / "cache" / "remade", rows[0], lambda place: _messages_at(settings, place), decoder.decode)


def _messages_at(settings: Settings, place: Place) -> Messages:
    """Return the messages of a place of the log.

    Raises
    ------
    UpstreamError
        If it is a file, or Kafka fails.
    """
    if place.topic.startswith(FILE_TOPIC):
        raise UpstreamError(f"a pack of cutouts was made from {place.topic.removeprefix(FILE_TOPIC)}: put that file into the archive again")
    records = [
        record
        for record in read_topic(settings.kafka, place.topic, starts={place.partition: place.first})
        if record.place.number == place.partition and place.first <= record.offset < place.next
    ]
    return Messages(
        values=[record.value or b"" for record in records],
        topics=[place.topic] * len(records),
        partitions=np.full(len(records), place.partition, np.int32),
        offsets=np.array([record.offset for record in records], np.int64),
        timestamps_ms=np.array([record.timestamp_ms for record in records], np.int64),
    )
