"""Retention: packs of cutouts whose night is too long ago are deleted, and the archive says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from ..archive import Blob, BlobStore, read_rows
from ..config import Settings
from ..night import night_of

_DUE = "SELECT name, bytes, stored FROM packs WHERE night < %s AND stored IS NOT NULL AND expired IS NULL ORDER BY name"

_EXPIRE = """
UPDATE packs SET expired = now() WHERE night < %s AND stored IS NOT NULL AND expired IS NULL RETURNING name, bytes, stored
"""

_KEPT = "SELECT name FROM packs WHERE name = ANY(%s) AND expired IS NULL"

_LEFTOVER_AGE = timedelta(days=1)
"""A pack without a row may be one whose load is about to be committed; after so long it is not."""


def expire_packs(settings: Settings, *, now: datetime, dry_run: bool = False) -> Iterator[Blob]:
    """Delete the packs whose newest alert is of a night before the retention, and yield each one that is deleted.

    The archive says so first, so that nobody is sent to a pack that is not there. What a failure of the store leaves
    behind, and packs of those nights that the archive never named, are found in the store itself, by the next call too.

    Parameters
    ----------
    settings : with the archive's DSN.
    now : from when `blobs.retention_days` count back.
    dry_run : only yield what would be deleted.

    Raises
    ------
    UpstreamError
        If the archive or the blob store fail; call it again then.
    """
    blobs = BlobStore(settings.blobs_place, settings.blobs_s3)
    first_kept = night_of(now - timedelta(days=settings.blobs.retention_days))
    for row in read_rows(settings.archive_dsn, _DUE if dry_run else _EXPIRE, [first_kept]):
        if not dry_run:
            blobs.delete(row["name"])
        yield Blob(name=row["name"], size_bytes=row["bytes"], modified=row["stored"])
    for blob in _leftovers(settings, blobs, first_kept, now):
        if not dry_run:
            blobs.delete(blob.name)
        yield blob


def _leftovers(settings: Settings, blobs: BlobStore, first_kept: int, now: datetime) -> Iterator[Blob]:
    """Yield packs of nights before `first_kept` that the archive does not name, or says are expired."""
    for night in blobs.nights():
        if night < first_kept:
            there = [blob for blob in blobs.list(str(night)) if blob.modified < now.astimezone(UTC) - _LEFTOVER_AGE]
            kept = {row["name"] for row in read_rows(settings.archive_dsn, _KEPT, [[blob.name for blob in there]])}
            yield from (blob for blob in there if blob.name not in kept)
