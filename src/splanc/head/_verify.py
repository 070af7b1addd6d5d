"""Whether the cutout index, the packs and their checksums agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..archive import KINDS, BlobStore, Footer, PackDamaged, read_rows, starts_of, verify_pack
from ..config import Settings

_STORED = "SELECT name, bytes, checksum FROM packs WHERE stored IS NOT NULL AND expired IS NULL"

_SAMPLE = f"{_STORED} ORDER BY random() LIMIT %s"

_OF_NIGHT = f"{_STORED} AND night = %s ORDER BY name"

_NIGHTS = "SELECT DISTINCT night FROM packs WHERE stored IS NOT NULL AND expired IS NULL ORDER BY night"

_OVERDUE = "SELECT name, node, host, created FROM packs WHERE stored IS NULL AND created < now() - interval '1 day' ORDER BY name"

_UNKNOWN = """
SELECT pack, count(*) AS n_alerts FROM alerts a
WHERE pack IS NOT NULL AND NOT EXISTS (SELECT FROM packs p WHERE p.name = a.pack) GROUP BY pack ORDER BY pack
"""

_INDEX = """
SELECT diasourceid, checksum, sciencestart, templatestart, differencestart, sciencelength, templatelength, differencelength
FROM alerts WHERE diasourceid = ANY(%s) AND pack = %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackFlaw:
    """What is amiss with a pack."""

    pack: str
    why: str


def verify_packs(settings: Settings, *, sample: int | None = None, on_checked: Callable[[str], None] = lambda _name: None) -> Iterator[PackFlaw]:
    """Read packs whole, and yield what is amiss with them or with the archive's account of them.

    Parameters
    ----------
    settings : with the archive's DSN.
    sample : look only at so many packs, chosen at random; None: at all of them, and for what should not be in the index.
    on_checked : told the name of each pack that was read.

    Raises
    ------
    UpstreamError
        If the archive or the blob store fail.
    """
    blobs = BlobStore(settings.blobs_place, settings.blobs_s3)
    for row in _rows(settings, sample):
        flaw = _flaw_of(settings, blobs, row)
        on_checked(row["name"])
        if flaw is not None:
            yield PackFlaw(pack=row["name"], why=flaw)
    if sample is not None:
        return
    for row in read_rows(settings.archive_dsn, _UNKNOWN):
        yield PackFlaw(pack=row["pack"], why=f"{row['n_alerts']} alerts name it, but the archive does not know it")
    for row in read_rows(settings.archive_dsn, _OVERDUE):
        yield PackFlaw(pack=row["name"], why=f"since {row['created']:%Y-%m-%d %H:%M} only on the disk of {row['host']}: start node {row['node']} there")


def _rows(settings: Settings, sample: int | None) -> Iterator[dict[str, Any]]:
    if sample is not None:
        yield from read_rows(settings.archive_dsn, _SAMPLE, [sample])
        return
    for night in read_rows(settings.archive_dsn, _NIGHTS):
        yield from read_rows(settings.archive_dsn, _OF_NIGHT, [night["night"]])


def _flaw_of(settings: Settings, blobs: BlobStore, row: dict[str, Any]) -> str | None:
    """Return what is amiss with a pack that should be in the blob store; None if nothing is."""
    try:
        content = blobs.get(row["name"])
        if len(content) != row["bytes"]:
            return f"{len(content)} bytes in {blobs.place}, but {row['bytes']} were archived"
        footer = verify_pack(content)
    except PackDamaged as damage:
        return damage.why
    if footer.name != row["name"] or footer.checksum != row["checksum"]:
        return f"it is another pack, {footer.name}, or another version of it: its checksum is not the archived one"
    return _index_flaw(footer, read_rows(settings.archive_dsn, _INDEX, [footer.entries["diaSourceId"].tolist(), footer.name]))


def _index_flaw(footer: Footer, index: list[dict[str, Any]]) -> str | None:
    """Return how the rows of the index that name a pack differ from what is in it.

    Of an alert that was sent twice only one copy is named, be it in this pack or in another.
    """
    if not index:
        return "no alert names it"
    lengths = footer.entries["lengths"]
    starts = np.where(lengths >= 0, starts_of(lengths), -1)
    columns = (footer.entries["diaSourceId"], footer.entries["checksum"], *starts.T, *lengths.T)
    inside = set(zip(*(column.tolist() for column in columns), strict=True))
    wrong = [row["diasourceid"] for row in index if _as_entry(row) not in inside]
    return f"the index of {len(wrong)} of {len(index)} alerts is not what is in it, first that of diaSourceId {wrong[0]}" if wrong else None


def _as_entry(row: dict[str, Any]) -> tuple[int, ...]:
    places = (row[f"{kind}{what}"] for what in ("start", "length") for kind in KINDS)
    return row["diasourceid"], row["checksum"], *(-1 if place is None else place for place in places)
