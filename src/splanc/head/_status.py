"""What goes on now: nodes, partitions, lags."""

from __future__ import annotations

from typing import Any

from ..archive import read_rows
from ..config import Settings
from ..errors import UpstreamError
from ..kafka import committed_offsets, end_offsets
from ..packet import Partition
from ._nodes import read_registry

_MARKS = "SELECT topic, partition, next_offset FROM ingest_mark"

_UNCLASSIFIED = "SELECT count(*) AS n FROM sherlock_classifications WHERE classification = 'UNCLASSIFIED'"


def read_status(settings: Settings) -> dict[str, Any]:
    """Return nodes, partitions, lags, the packs that running nodes have yet to upload, and the objects without a class, as JSON holds them.

    A lag counts offsets from a mark to the end of the partition: transaction markers of the producer count too.
    While the archive cannot be read its marks, its lag and the number of unclassified objects are None, and `archive_error` says why.

    Raises
    ------
    UpstreamError
        If Kafka does not answer.
    """
    nodes = read_registry(settings).alive()
    ends = end_offsets(settings.kafka, settings.kafka.input_topics)
    published = committed_offsets(settings.kafka, settings.kafka.group, ends)
    archived, unclassified, archive_error = _archived(settings)
    owners = {name: node["node"] for node in nodes for name in node["partitions"]}
    rows: list[dict[str, Any]] = []
    for partition, end in sorted(ends.items()):
        name = f"{partition.topic}/{partition.number}"
        marks: dict[str, Any] = {"published": published.get(partition, 0), "archived": None if archived is None else archived.get(partition, 0)}
        lags = {"lag_publish": end - marks["published"], "lag_archive": None if marks["archived"] is None else end - marks["archived"]}
        rows.append({"partition": name, "node": owners.get(name), "end": end, **marks, **lags})
    lag = {
        "publish": sum(row["lag_publish"] for row in rows),
        "archive": None if archived is None else sum(row["lag_archive"] for row in rows),
    }
    shown = [{key: value for key, value in node.items() if key != "latency"} for node in nodes]
    uploads = {"packs": sum(node["local_packs"] for node in nodes), "bytes": sum(node["local_bytes"] for node in nodes)}
    return {"nodes": shown, "partitions": rows, "lag": lag, "uploads": uploads, "unclassified": unclassified, "archive_error": archive_error}


def _archived(settings: Settings) -> tuple[dict[Partition, int] | None, int | None, str | None]:
    """Return the archive's marks and how many of its objects are unclassified, or None and why they cannot be read."""
    if settings.archive.dsn is None:
        return None, None, "the embedded PostgreSQL is not running; `splanc up` starts it"
    try:
        rows = read_rows(settings.archive_dsn, _MARKS)
        (counted,) = read_rows(settings.archive_dsn, _UNCLASSIFIED)
    except UpstreamError as error:
        return None, None, str(error)
    return {Partition(row["topic"], row["partition"]): row["next_offset"] for row in rows}, counted["n"], None
