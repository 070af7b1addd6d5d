"""The cutouts of one alert, made again from Kafka when their pack is damaged."""

from __future__ import annotations

from typing import Any

import numpy as np
import structlog

from ..archive import BlobStore, Pack, Place, read_cutouts, read_rows, remake_pack
from ..config import Settings
from ..errors import UpstreamError, UserError
from ..ingest import FILE_TOPIC
from ..kafka import read_topic
from ..packet import Decoder, Messages, SchemaStore

_log = structlog.get_logger()

_INDEX_OF_ALERT = """
    SELECT pack, checksum, sciencestart AS "scienceStart", sciencelength AS "scienceLength", templatestart AS "templateStart",
           templatelength AS "templateLength", differencestart AS "differenceStart", differencelength AS "differenceLength"
    FROM alerts WHERE diasourceid = %s"""


def cutouts_of(settings: Settings, dia_source_id: int) -> dict[str, bytes]:
    """Return the cutouts of an alert by kind, byte for byte as they were in its packet.

    Raises
    ------
    UserError
        If there is no such alert, or it came without cutouts.
    UpstreamError
        If the archive or the blob store fail, or the pack is damaged and Kafka no longer keeps what it was made from.
    """
    row = _one(settings, _INDEX_OF_ALERT, dia_source_id)
    if row is None:
        raise UserError(f"no alert with diaSourceId {dia_source_id} is in the archive; `splanc query` finds those that are")
    blobs = BlobStore(settings.blobs_place, settings.blobs_s3)
    cutouts = read_cutouts(row, blobs, lambda name: _remake(settings, name))
    if not cutouts:
        raise UserError(f"the alert with diaSourceId {dia_source_id} came without cutouts")
    return cutouts


def _remake(settings: Settings, name: str) -> Pack:
    row = _one(settings, "SELECT name, bytes, checksum, n_cutouts, places FROM packs WHERE name = %s", name)
    if row is None:
        raise UpstreamError(f"the archive does not know the pack {name}, so that it cannot be made again")
    decoder = Decoder(SchemaStore(settings.schemas, settings.schemas_cache), settings.ingest.max_packet_bytes)
    return remake_pack(settings.data_dir / "cache" / "remade", row, lambda place: _messages_at(settings, place), decoder.decode)


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


def _one(settings: Settings, statement: str, value: object) -> dict[str, Any] | None:
    return next(iter(read_rows(settings.archive_dsn, statement, [value])), None)
