"""Packs made again from the messages that Kafka still has, or from the files they came in: when one is damaged, or waited on a disk that is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ..archive import Archive, BlobStore, Pack, PackDamaged, Place, read_rows, remake_pack
from ..config import Settings
from ..errors import UpstreamError
from ..ingest import FILE_TOPIC
from ..kafka import read_topic
from ..packet import Decoder, Messages, SchemaStore, read_files

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
        If Kafka no longer has the messages that it was made from, or a file is not there any more, or has changed.
    UpstreamError
        If the archive or Kafka fail.
    """
    rows = read_rows(settings.archive_dsn, _PACK, [name])
    if not rows:
        raise UpstreamError(f"the archive does not know the pack {name}, so that it cannot be made again")
    schemas = SchemaStore(settings.schemas, settings.schemas_cache)
    decoder = Decoder(schemas, settings.ingest.max_packet_bytes)
    in_files = _read_again(name, [Place(**place) for place in rows[0]["places"] if place["topic"].startswith(FILE_TOPIC)], schemas)

    def read(place: Place) -> Messages:
        return in_files[place] if place in in_files else _messages_at(settings, place)

    return remake_pack(settings.data_dir / "cache" / "remade", rows[0], read, decoder.decode)


def _messages_at(settings: Settings, place: Place) -> Messages:
    """Return the messages of a place of the log.

    Raises
    ------
    UpstreamError
        If Kafka fails.
    """
    records = [
        (record.offset, record.value or b"", record.timestamp_ms)
        for record in read_topic(settings.kafka, place.topic, starts={place.partition: place.first})
        if record.place.number == place.partition and place.first <= record.offset < place.next
    ]
    return _messages(place, records)


def _read_again(name: str, places: Sequence[Place], schemas: SchemaStore) -> dict[Place, Messages]:
    """Return what files hold at places of theirs; each file is read once, however many of its members a pack was made from.

    Raises
    ------
    PackDamaged
        If a file is not there any more.
    """
    found: dict[Place, list[tuple[int, bytes, int]]] = {place: [] for place in places}
    files = dict.fromkeys(_file_of(name, topic) for topic in dict.fromkeys(place.topic for place in places))
    places_of: dict[str, list[Place]] = {}
    for place in places:
        places_of.setdefault(place.topic.removeprefix(FILE_TOPIC), []).append(place)
    for messages in read_files(files, schemas, on_error=lambda _error: None):
        rows = zip(messages.topics, messages.offsets.tolist(), messages.values, messages.timestamps_ms.tolist(), strict=True)
        for path, offset, value, timestamp_ms in rows:
            for place in (one for one in places_of.get(path, ()) if one.first <= offset < one.next):
                found[place].append((offset, value, timestamp_ms))
    return {place: _messages(place, records) for place, records in found.items()}


def _file_of(name: str, topic: str) -> Path:
    """Return the file that a topic of ours is named after; of what was in a tarball, the tarball."""
    path = Path(topic.removeprefix(FILE_TOPIC))
    for file in (path, *path.parents):
        if file.is_file():
            return file
    where = "" if path.is_absolute() else f", seen from {Path.cwd()}"
    raise PackDamaged(name, f"it can be made again from the file that it was made from, {path}, but that is not there{where}; put it back and ask again")


def _messages(place: Place, records: Iterable[tuple[int, bytes, int]]) -> Messages:
    """Return records (offset, value, timestamp in ms) of a place."""
    rows = list(records)
    return Messages(
        values=[value for _, value, _ in rows],
        topics=[place.topic] * len(rows),
        partitions=np.full(len(rows), place.partition, np.int32),
        offsets=np.array([offset for offset, _, _ in rows], np.int64),
        timestamps_ms=np.array([timestamp_ms for _, _, timestamp_ms in rows], np.int64),
    )
