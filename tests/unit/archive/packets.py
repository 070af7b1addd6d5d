"""Packets made by hand, as loads; and what the archive must hold after them, computed the slow way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from splanc.archive import INDEX, REJECTS, ArchiveLoad
from splanc.packet import ALERT_COLUMNS, RECORDS, Partition

Source = tuple[int, float | None]
"""Id and time."""


@dataclass(frozen=True, kw_only=True)
class Packet:
    trigger: Source
    diaObject: int | None = None
    history: Sequence[Source] = ()
    forced: Sequence[Source] = ()
    designation: str | None = None
    partition: int = 0
    visit: int = 2026010100001
    has_object: bool = True
    cutouts: int = 0
    extra: dict[str, Any] = field(default_factory=dict)


def _table(record: str, rows: list[dict[str, Any]], missing: Sequence[str] = ()) -> pa.Table:
    schema = pa.schema([("alert", pa.int32()), *[f for f in RECORDS[record] if f.name not in missing]])
    return pa.Table.from_pylist(rows, schema)


def tables_of(packets: Sequence[Packet], missing: Sequence[str] = ()) -> dict[str, pa.Table]:
    """Return the tables of a batch; each diaObject says in `nDiaSources` which trigger it came with."""
    rows: dict[str, list[dict[str, Any]]] = {record: [] for record in RECORDS}
    sources, forced, objects, ss, orbits = (rows[record] for record in ("diaSource", "diaForcedSource", "diaObject", "ssSource", "mpc_orbits"))
    for row, packet in enumerate(packets):
        for number, mjd in [packet.trigger, *packet.history]:
            sources.append({"alert": row, "diaSourceId": number, "diaObjectId": packet.diaObject, "midpointMjdTai": mjd, "psfFlux": float(number % 1000)})
        for number, mjd in packet.forced:
            forced.append({"alert": row, "diaForcedSourceId": number, "diaObjectId": packet.diaObject, "midpointMjdTai": mjd, "band": "r"})
        if packet.diaObject is not None and packet.has_object:
            objects.append(
                {"alert": row, "diaObjectId": packet.diaObject, "ra": 10.0, "decl": -20.0, "nDiaSources": packet.trigger[0] % 1_000_000, **packet.extra}
            )
        if packet.designation is not None:
            ss.append({"alert": row, "diaSourceId": packet.trigger[0], "ssObjectId": 7, "designation": packet.designation})
            orbits.append({"alert": row, "designation": packet.designation, "id": packet.trigger[0] % 1_000_000})
    return {record: _table(record, rows[record], missing) for record in rows}


def load_of(
    packets: Sequence[Packet],
    *,
    spans: dict[Partition, tuple[int, int]] | None = None,
    rejects: Sequence[tuple[int, int]] = (),
    node: str = "node-1",
    missing: Sequence[str] = (),
    first_offset: int = 0,
    packs: Sequence[dict[str, Any]] = (),
) -> ArchiveLoad:
    """Return a load of these packets; `rejects` are (offset, milliseconds)."""
    n = len(packets)
    columns: dict[str, Any] = {
        "topic": ["alerts"] * n,
        "partition": [packet.partition for packet in packets],
        "offset": list(range(first_offset, first_offset + n)),
        "timestamp": pa.array([1_770_000_000_000 + first_offset + i for i in range(n)]).cast(pa.timestamp("ms", "UTC")),
        "diaSourceId": [packet.trigger[0] for packet in packets],
        "diaObjectId": [packet.diaObject for packet in packets],
        "midpointMjdTai": [packet.trigger[1] for packet in packets],
        "visit": [packet.visit for packet in packets],
        "night": [packet.visit // 100_000 for packet in packets],
    }
    alerts = pa.table({f.name: pa.array(columns[f.name], f.type) if f.name in columns else pa.nulls(n, f.type) for f in ALERT_COLUMNS})
    times = pa.array([ms for _, ms in rejects], pa.int64()).cast(pa.timestamp("ms", "UTC"))
    rejected = pa.table(
        [["alerts"] * len(rejects), [0] * len(rejects), [offset for offset, _ in rejects], times, [20260131] * len(rejects)], names=REJECTS.names
    ).cast(REJECTS)
    return ArchiveLoad(alerts=alerts, tables=tables_of(packets, missing), spans=spans or {}, node=node, index=_index(packets), packs=packs, rejects=rejected)


def _index(packets: Sequence[Packet]) -> pa.Table:
    kinds = ("science", "template", "difference")
    rows = []
    for number, packet in enumerate(packets):
        row = {f"{kind}Start": 100 * number + i for i, kind in enumerate(kinds[: packet.cutouts])}
        row |= {f"{kind}Length": 10 for kind in kinds[: packet.cutouts]}
        rows.append(row | ({"pack": "20260101/p.pack", "checksum": number} if packet.cutouts else {}))
    return pa.Table.from_pylist(rows, INDEX)


@dataclass
class Expected:
    """What a plain single process makes of packets, one after the other."""

    alerts: dict[int, int] = field(default_factory=dict)
    repeated: int = 0
    sources: set[Source] = field(default_factory=set)
    forced: set[Source] = field(default_factory=set)
    objects: dict[int, tuple[float, int]] = field(default_factory=dict)
    orbits: dict[str, tuple[float, int]] = field(default_factory=dict)
    solar: set[int] = field(default_factory=set)

    def add(self, packet: Packet) -> None:
        number, mjd = packet.trigger
        if number in self.alerts:
            self.repeated += 1
            return
        self.alerts[number] = packet.visit
        self.sources |= {packet.trigger, *packet.history}
        self.forced |= set(packet.forced)
        version = (-np.inf if mjd is None else mjd, number)
        if packet.diaObject is not None and packet.has_object:
            self.objects[packet.diaObject] = max(version, self.objects.get(packet.diaObject, (-np.inf, -1)))
        if packet.designation is not None:
            self.solar.add(number)
            self.orbits[packet.designation] = max(version, self.orbits.get(packet.designation, (-np.inf, -1)))
