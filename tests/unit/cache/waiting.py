"""Waiting batches made by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from splanc.archive import INDEX, REJECTS, Pack
from splanc.cache import Waiting
from splanc.packet import Partition

Span = tuple[int, int]


def made_waiting(spans: dict[Partition, Span], pack: Path | None = None, pack_bytes: int = 0) -> Waiting:
    """A batch with an alert at each even offset, which has as many forced sources as its offset, and a reject at each odd one."""
    places = [(partition, offset) for partition, (first, after) in spans.items() for offset in range(first, after)]
    alerts = [place for place in places if place[1] % 2 == 0]
    owners = np.repeat(np.arange(len(alerts), dtype=np.int32), [offset for _, offset in alerts])
    tables = {
        "diaObject": pa.table({"alert": pa.array(np.arange(len(alerts), dtype=np.int32)), "of": _names(alerts)}),
        "diaForcedSource": pa.table({"alert": pa.array(owners), "of": _names([alerts[owner] for owner in owners])}),
    }
    made = None
    if pack is not None:
        pack.parent.mkdir(parents=True, exist_ok=True)
        pack.write_bytes(bytes(pack_bytes))
        columns = [_names(alerts) if field.name == "pack" else pa.nulls(len(alerts), field.type) for field in INDEX]
        index = pa.table(columns, schema=INDEX)
        made = Pack(name=pack.name, path=pack, size_bytes=pack_bytes, checksum=0, places=(), n_cutouts=0, index=index)
    return Waiting(alerts=_places(alerts), tables=tables, rejects=_rejects(places), spans=dict(spans), pack=made)


def contents(waiting: Waiting) -> tuple[list[str], list[str], list[str]]:
    """The names of the alerts, of the rejects, and of the alerts of each forced source, having checked that all parts agree."""
    alerts = [f"{row['topic']}{row['partition']}:{row['offset']}" for row in waiting.alerts.to_pylist()]
    for table in waiting.tables.values():
        assert table["of"].to_pylist() == [alerts[owner] for owner in table["alert"].to_pylist()]
    if waiting.pack:
        assert waiting.pack.index["pack"].to_pylist() == alerts
    rejects = [f"{row['topic']}{row['partition']}:{row['offset']}" for row in waiting.rejects.to_pylist()]
    return alerts, rejects, waiting.tables["diaForcedSource"]["of"].to_pylist()


def expected(spans: dict[Partition, Span]) -> tuple[list[str], list[str], list[str]]:
    """What `contents` must give for a batch of these spans."""
    places = [(partition, offset) for partition, (first, after) in spans.items() for offset in range(first, after)]
    names = [(f"{partition.topic}{partition.number}:{offset}", offset) for partition, offset in places]
    alerts = [(name, offset) for name, offset in names if offset % 2 == 0]
    return [name for name, _ in alerts], [name for name, offset in names if offset % 2], [name for name, offset in alerts for _ in range(offset)]


def _names(places: list[tuple[Partition, int]]) -> pa.Array:
    return pa.array([f"{partition.topic}{partition.number}:{offset}" for partition, offset in places], pa.string())


def _places(places: list[tuple[Partition, int]]) -> pa.Table:
    columns = {
        "topic": pa.array([partition.topic for partition, _ in places], pa.string()),
        "partition": pa.array([partition.number for partition, _ in places], pa.int32()),
        "offset": pa.array([offset for _, offset in places], pa.int64()),
    }
    return pa.table(columns)


def _rejects(places: list[tuple[Partition, int]]) -> pa.Table:
    table = _places([place for place in places if place[1] % 2])
    return pa.table([table[field.name] if field.name in table.column_names else pa.nulls(table.num_rows, field.type) for field in REJECTS], schema=REJECTS)
