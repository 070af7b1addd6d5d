"""Uploads to an object store that count only when the store's own checksum agrees with the local file.

S3 and most of what speaks its protocol say the MD5 of an object as its ETag; of one that came in parts, the MD5 of the
parts' MD5s. Where the ETag is something else (encryption with keys of one's own, other kinds of store), the object is
read back and compared, byte by byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import obstore
from obstore.store import ObjectStore

from .footers import PackDamaged

PART_BYTES = 8 << 20
"""Size of the parts of an upload but the last: large enough for packs of 80 GB (S3 takes 10,000 parts), small enough to be sent again after a cut."""

_CONCURRENCY = 4
"""Parts on their way at the same time, which bounds an upload's memory."""


def upload(store: ObjectStore, name: str, local: Path) -> None:
    """Put a file into a store, and look at what the store has then.

    Raises
    ------
    PackDamaged
        If the store has other bytes than the file; uploading it again replaces them.
    """
    size_bytes = local.stat().st_size
    parted = size_bytes > PART_BYTES
    obstore.put(store, name, local, use_multipart=parted, chunk_size=PART_BYTES, max_concurrency=_CONCURRENCY)
    stored = obstore.head(store, name)
    if stored["size"] != size_bytes:
        raise PackDamaged(name, f"the store has {stored['size']} bytes of {size_bytes} right after the upload")
    if (stored["e_tag"] or "").strip('"') != e_tag(local) and not _reads_back(store, name, local):
        raise PackDamaged(name, "the store has other bytes than were uploaded")


def e_tag(local: Path) -> str:
    """Return the ETag that S3 gives a file which was uploaded in parts of `PART_BYTES`, or in one piece when it is no larger."""
    sums = [hashlib.md5(part, usedforsecurity=False) for part in _parts(local)]
    if len(sums) <= 1:
        return (sums or [hashlib.md5(usedforsecurity=False)])[0].hexdigest()
    return f"{hashlib.md5(b''.join(each.digest() for each in sums), usedforsecurity=False).hexdigest()}-{len(sums)}"


def _reads_back(store: ObjectStore, name: str, local: Path) -> bool:
    start = 0
    for part in _parts(local):
        if bytes(obstore.get_range(store, name, start=start, length=len(part))) != part:
            return False
        start += len(part)
    return True


def _parts(local: Path) -> Iterator[bytes]:
    with local.open("rb") as file:
        while part := file.read(PART_BYTES):
            yield part
