"""What the archive knows of packs: whether one was archived, and where it is."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from ._read import read_rows
from .footers import Place

_FATE = """
SELECT EXISTS (SELECT FROM packs WHERE name = %(name)s) AS archived,
       count(*) = count(m.next_offset) FILTER (WHERE m.next_offset > p.first_offset) AS passed
FROM unnest(%(topics)s::text[], %(partitions)s::int[], %(firsts)s::bigint[]) AS p (topic, partition, first_offset)
LEFT JOIN ingest_mark m USING (topic, partition)
"""

_MARK_STORED = "UPDATE packs SET stored = now(), host = NULL WHERE name = %s RETURNING name"


class PackFate(Enum):
    """What has become of the load that a pack was written for."""

    archived = "the archive names it"
    open = "its load may yet be committed"
    lost = "its load cannot be committed any more"


def pack_fate(dsn: str, name: str, places: Iterable[Place]) -> PackFate:
    """Return what has become of the load that a pack was written for.

    A load sets each mark from where it expects it, at or before the first message of the pack. Once the marks of all
    places are beyond that, the load cannot be committed, also if it is still on its way to a server that has hung.

    Raises
    ------
    UpstreamError
        If PostgreSQL cannot be reached.
    """
    columns = list(zip(*places, strict=True))
    (row,) = read_rows(dsn, _FATE, {"name": name, "topics": list(columns[0]), "partitions": list(columns[1]), "firsts": list(columns[2])})
    if row["archived"]:
        return PackFate.archived
    return PackFate.lost if row["passed"] else PackFate.open


def mark_stored(dsn: str, name: str) -> None:
    """Note that the blob store has a pack.

    Raises
    ------
    UpstreamError
        If PostgreSQL cannot be reached.
    """
    read_rows(dsn, _MARK_STORED, [name])
