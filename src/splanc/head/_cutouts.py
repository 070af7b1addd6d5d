"""The cutouts of one alert, wherever their pack is."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ..archive import Archive, BlobStore, PackDamaged, read_cutouts, read_rows
from ..cache import local_pack
from ..config import Settings
from ..errors import UpstreamError, UserError
from ._remake import remake

_INDEX_OF_ALERT = """
    SELECT pack, checksum, sciencestart AS "scienceStart", sciencelength AS "scienceLength", templatestart AS "templateStart",
           templatelength AS "templateLength", differencestart AS "differenceStart", differencelength AS "differenceLength"
    FROM alerts WHERE diasourceid = %s"""

_PLACE_OF_PACK = "SELECT node, host, expired FROM packs WHERE name = %s"


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
    if row["pack"] is None or not (cutouts := _from_pack(settings, row)):
        raise UserError(f"the alert with diaSourceId {dia_source_id} came without cutouts")
    return cutouts


def _from_pack(settings: Settings, row: dict[str, Any]) -> dict[str, bytes]:
    """Return what a row of the cutout index names: from this machine's disk while the pack is there, else from the blob store."""
    name = row["pack"]
    local = local_pack(settings.packs_folder, name)
    if local is not None:
        with suppress(PackDamaged):  # uploaded at this very moment, or damaged indeed
            return read_cutouts(row, BlobStore(local.parents[1]))
    place = _one(settings, _PLACE_OF_PACK, name) or {"host": None, "expired": None}
    if place["expired"] is not None:
        raise UserError(f"the cutouts of this alert are no longer kept: their pack {name} expired on {place['expired']:%Y-%m-%d} (blobs.retention_days)")
    is_waiting = place["host"] is not None
    if is_waiting and (local is None or not local.exists()):
        raise UpstreamError(
            f"the pack {name} is still only on the disk of {place['host']}, with node {place['node']}, which has yet to upload it: "
            "ask there, or again when that node has run for a while (`splanc status` shows what waits)"
        )
    cutouts = read_cutouts(row, BlobStore(settings.blobs_place, settings.blobs_s3), lambda name: remake(settings, name))
    if is_waiting:  # made again, and put into the blob store
        Archive(settings.archive_dsn).mark_stored(name)
    return cutouts


def _one(settings: Settings, statement: str, value: object) -> dict[str, Any] | None:
    return next(iter(read_rows(settings.archive_dsn, statement, [value])), None)
