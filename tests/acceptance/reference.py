"""What the archive must hold, computed plainly: one packet after the other, with fastavro and dictionaries."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from splanc.simulator import Simulation
from tests.acceptance.filters import add_matches
from tests.acceptance.nights import messages_of, packet_of
from tests.unit.features import oracle

FULLY_COMPARED = 97
"""Of so many rows of sources one is compared in all columns, the others in some."""

SOME_COLUMNS = {
    "diaSource": ("diaSourceId", "midpointMjdTai", "diaObjectId", "visit", "detector", "band", "psfFlux", "psfFluxErr", "ra", "reliability"),
    "diaForcedSource": ("diaForcedSourceId", "midpointMjdTai", "diaObjectId", "visit", "band", "psfFlux", "psfFluxErr"),
}
"""Columns in which all rows are compared; the first one is the key."""

FEATURES = (
    *("firstDiaSourceMjdTai", "lastDiaSourceMjdTai", "latest_psfFlux", "latestR", "nPosDiaSources", "nPosDiaSourcesNights", "nSourcesGood"),
    *(f"{band}_{name}" for band in oracle.BANDS for name in ("psfFlux", "latestMJD")),
    *(f"n{band}Sources" for band in oracle.BANDS),
)
"""Features that are compared: those without arithmetic, which must be exact."""

CUTOUTS = ("cutoutScience", "cutoutTemplate", "cutoutDifference")

Row = tuple[Any, ...]


@dataclass(slots=True, kw_only=True)
class Reference:
    """The archive of a night.

    Parameters
    ----------
    deliveries : how often each good alert was sent.
    damaged : the packets that cannot be read.
    matches : by filter, how often each alert is to be in its topic, by diaSourceId.
    alerts : visit, detector, band, midpointMjdTai, diaObjectId and ssObjectId of each alert.
    objects, orbits : for each, the time and id of the newest alert that it came with, and its record.
    sources, forced : for each, some of its columns.
    full : for some sources by table, all columns.
    ss_sources : records by diaSourceId.
    cutouts : those of some alerts.
    """

    deliveries: Counter[int] = field(default_factory=Counter)
    damaged: list[bytes] = field(default_factory=list)
    matches: dict[str, Counter[int]] = field(default_factory=dict)
    alerts: dict[int, Row] = field(default_factory=dict)
    objects: dict[int, tuple[tuple[float, int], dict[str, Any]]] = field(default_factory=dict)
    orbits: dict[str, tuple[tuple[float, int], dict[str, Any]]] = field(default_factory=dict)
    ss_sources: dict[int, dict[str, Any]] = field(default_factory=dict)
    sources: dict[int, Row] = field(default_factory=dict)
    forced: dict[int, Row] = field(default_factory=dict)
    full: dict[str, dict[int, dict[str, Any]]] = field(default_factory=lambda: {"diaSource": {}, "diaForcedSource": {}})
    cutouts: dict[int, dict[str, bytes]] = field(default_factory=dict)

    def add(self, message: bytes) -> None:
        """Take one message."""
        packet = packet_of(message)
        if packet is None:
            self.damaged.append(message)
            return
        trigger = packet["diaSource"]
        number = trigger["diaSourceId"]
        self.deliveries[number] += 1
        add_matches(self.matches, packet)
        if number in self.alerts:
            return
        solar = packet["ssSource"]
        ss_object = trigger["ssObjectId"] or (solar or {}).get("ssObjectId") or None
        self.alerts[number] = (trigger["visit"], trigger["detector"], trigger["band"], trigger["midpointMjdTai"], trigger["diaObjectId"] or None, ss_object)
        version = (trigger["midpointMjdTai"], number)
        if packet["diaObject"]:
            _keep_newest(self.objects, packet["diaObject"] | _features(packet), "diaObjectId", version)
        _keep_newest(self.orbits, packet["mpc_orbits"], "designation", version)
        if solar:
            self.ss_sources[number] = solar
        for source in [trigger, *(packet["prvDiaSources"] or [])]:
            self._add_source("diaSource", self.sources, source)
        for source in packet["prvDiaForcedSources"] or []:
            self._add_source("diaForcedSource", self.forced, source)
        if number % FULLY_COMPARED == 0:
            self.cutouts[number] = {kind: packet[kind] for kind in CUTOUTS}

    def _add_source(self, table: str, rows: dict[int, Row], record: Mapping[str, Any]) -> None:
        columns = SOME_COLUMNS[table]
        number = record[columns[0]]
        row = tuple(record[name] for name in columns)
        assert rows.setdefault(number, row) == row, "the night says two things of one source"
        if number % FULLY_COMPARED == 0:
            self.full[table].setdefault(number, dict(record))


def reference_of(simulation: Simulation) -> Reference:
    """Return what a night must become."""
    reference = Reference()
    for message in messages_of(simulation):
        reference.add(message)
    return reference


def _features(packet: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the light curve in a packet says."""
    sources = [packet["diaSource"], *(packet["prvDiaSources"] or [])]
    names = ("midpointMjdTai", "psfFlux", "band", "psfFluxErr", "reliability")
    usable = oracle.usable([tuple(source[name] for name in names) for source in sources])
    found = oracle.latest(usable) | oracle.counts(usable, packet["diaObject"])
    return {name: found[name] for name in FEATURES}


def _keep_newest(kept: dict[Any, tuple[tuple[float, int], dict[str, Any]]], record: dict[str, Any] | None, key: str, version: tuple[float, int]) -> None:
    if record and (record[key] not in kept or kept[record[key]][0] < version):
        kept[record[key]] = (version, record)


def assert_archive_is(reference: Reference, dsn: str) -> None:
    """Assert that the archive holds what the reference does, and nothing else."""
    with psycopg.connect(dsn) as connection:
        alerts = "SELECT diasourceid, visit, detector, band, midpointmjdtai, diaobjectid, ssobjectid FROM alerts"
        _assert_same("alerts", {row[0]: row[1:] for row in _rows(connection, alerts)}, reference.alerts)
        for table, record, expected in (("diasources", "diaSource", reference.sources), ("diaforcedsources", "diaForcedSource", reference.forced)):
            columns = SOME_COLUMNS[record]
            rows = list(_rows(connection, f"SELECT {', '.join(columns)} FROM {table}"))
            assert len(rows) == len(expected), f"{table} holds {len(rows)} rows"
            _assert_same(table, {row[0]: row for row in rows}, {number: _plain(row) for number, row in expected.items()})
            _assert_records(connection, table, columns[0], reference.full[record], where=f"{columns[0]} % {FULLY_COMPARED} = 0")
        _assert_records(connection, "sssources", "diaSourceId", reference.ss_sources)
        for table, key, versions in (("objects", "diaObjectId", reference.objects), ("mpc_orbits", "designation", reference.orbits)):
            extended = {number: {**record, "alertMjdTai": mjd, "alertDiaSourceId": came} for number, ((mjd, came), record) in versions.items()}
            _assert_records(connection, table, key, extended)


def _assert_records(connection: psycopg.Connection[Row], table: str, key: str, expected: Mapping[Any, Mapping[str, Any]], where: str = "true") -> None:
    """Assert that a table holds these records, in all columns that they have."""
    assert expected, f"the night has no {table}"
    fields = list(next(iter(expected.values())))
    names = ", ".join("decl" if name == "dec" else name for name in fields)
    found = {row[0]: row[1:] for row in _rows(connection, f"SELECT {key}, {names} FROM {table} WHERE {where}")}
    _assert_same(table, found, {number: _plain([record[name] for name in fields]) for number, record in expected.items()})


def _assert_same(table: str, found: Mapping[Any, Row], expected: Mapping[Any, Row]) -> None:
    """Assert that two tables are the same; say of a few rows how they are not."""
    assert sorted(set(found) - set(expected))[:5] == [], f"{table} has too much"
    assert sorted(set(expected) - set(found))[:5] == [], f"{table} lacks some"
    assert [(number, row, expected[number]) for number, row in found.items() if row != expected[number]][:3] == [], f"{table} has other values"


def _plain(row: Sequence[Any]) -> Row:
    """Return values as the archive has them, which keeps no NaN."""
    return tuple(None if isinstance(value, float) and math.isnan(value) else value for value in row)


def _rows(connection: psycopg.Connection[Row], statement: str) -> Iterator[Row]:
    """Yield rows; in binary, for the text of a 32-bit float is another number as a 64-bit one."""
    with connection.cursor(binary=True) as cursor:
        yield from cursor.execute(statement)
