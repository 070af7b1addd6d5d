"""What goes on now: nodes, partitions, lags."""

from __future__ import annotations

from typing import Any

import psycopg

from ..config import Settings
from ..errors import UpstreamError
from ..kafka import committed_offsets, end_offsets
from ..packet import Partition
from ._nodes import read_registry

_MARKS = "SELECT topic, partition, next_offset FROM ingest_mark"


def read_status(settings: Settings) -> dict[str, Any]:
    """Return nodes, partitions and lags, as JSON holds them.

    A lag counts offsets from a mark to the end of the partition: transaction markers of the producer count too.

    Raises
    ------
    UpstreamError
        If Kafka or PostgreSQL do not answer.
    """
    nodes = read_registry(settings).alive()
    topics = settings.kafka.input_topics
    ends = end_offsets(settings.kafka, topics)
    published = committed_offsets(settings.kafka, settings.kafka.group)
    archived = _archived_marks(settings)
    owners = {name: node["node"] for node in nodes for name in node["partitions"]}
    rows: list[dict[str, Any]] = []
    for partition in sorted(ends):
        end, name = ends[partition], f"{partition.topic}/{partition.number}"
        marks = {"published": published.get(partition, 0), "archived": archived.get(partition, 0)}
        lags = {"lag_publish": end - marks["published"], "lag_archive": end - marks["archived"]}
        rows.append({"partition": name, "node": owners.get(name), "end": end, **marks, **lags})
    lag = {side: sum(row[f"lag_{side}"] for row in rows) for side in ("publish", "archive")}
    shown = [{key: value for key, value in node.items() if key != "latency"} for node in nodes]
    return {"nodes": shown, "partitions": rows, "lag": lag}


def _archived_marks(settings: Settings) -> dict[Partition, int]:
    assert settings.archive.dsn is not None
    try:
        with psycopg.connect(settings.archive.dsn.get_secret_value(), connect_timeout=10) as connection:
            marks = connection.execute(_MARKS).fetchall()
    except psycopg.OperationalError as error:
        raise UpstreamError(f"the archive does not answer: {error}") from error
    return {Partition(topic, number): mark for topic, number, mark in marks}
