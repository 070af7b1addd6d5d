from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splanc.archive import Archive, ArchiveLoad
from splanc.errors import Superseded
from splanc.packet import Partition
from tests.unit.archive.packets import Expected, Packet, load_of

NIGHT = 20260101
MJD = 61_041.2


@pytest.fixture
def archive(archive_dsn: str) -> Iterator[Archive]:
    with Archive(archive_dsn) as archive:
        yield archive


def rows(dsn: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(statement).fetchall()


def assert_same(found: list[Any], expected: set[Any]) -> None:
    assert sorted(set(found) - expected, key=repr)[:5] == []
    assert sorted(expected - set(found), key=repr)[:5] == []
    assert len(found) == len(expected)


def assert_holds(dsn: str, expected: Expected) -> None:
    assert_same(rows(dsn, "SELECT diasourceid, visit FROM alerts"), set(expected.alerts.items()))
    assert_same(rows(dsn, "SELECT diasourceid, midpointmjdtai FROM diasources"), expected.sources)
    assert_same(rows(dsn, "SELECT diaforcedsourceid, midpointmjdtai FROM diaforcedsources"), expected.forced)
    found = rows(dsn, "SELECT diaobjectid, coalesce(alertmjdtai, '-infinity'), alertdiasourceid, ndiasources FROM objects")
    assert_same(found, {(number, mjd, came, came % 1_000_000) for number, (mjd, came) in expected.objects.items()})
    orbits = rows(dsn, "SELECT designation, coalesce(alertmjdtai, '-infinity'), alertdiasourceid FROM mpc_orbits")
    assert_same(orbits, {(name, mjd, came) for name, (mjd, came) in expected.orbits.items()})
    assert_same(rows(dsn, "SELECT diasourceid FROM sssources"), {(number,) for number in expected.solar})


def test_a_batch_is_archived_with_its_marks_and_ledger(archive: Archive, archive_dsn: str) -> None:
    span = Partition("alerts", 0)
    packets = [
        Packet(trigger=(11, MJD), diaObject=1, history=[(9, MJD - 3), (10, MJD - 2)], forced=[(9, MJD - 3)], cutouts=3),
        Packet(trigger=(12, MJD), diaObject=2, visit=2026010100002, cutouts=1),
        Packet(trigger=(13, MJD), designation="2026 AB", cutouts=0),
    ]
    pack = {"name": "20260101/p.pack", "bytes": 99, "checksum": -5, "n_cutouts": 4, "places": [{"topic": "alerts", "partition": 0, "first": 0, "next": 5}]}
    loaded = archive.load(load_of(packets, spans={span: (0, 5)}, rejects=[(3, 1_770_000_000_500), (4, 1_770_000_000_400)], packs=[pack]))
    assert (loaded.received, loaded.archived, loaded.repeated, loaded.rejected, loaded.cutouts) == (5, 3, 0, 2, 4)
    assert (loaded.sources_in, loaded.sources_sent, loaded.sources_asked) == (6, 6, 0)
    assert archive.marks([span, Partition("alerts", 1)]) == {span: 5, Partition("alerts", 1): None}
    expected = Expected()
    for packet in packets:
        expected.add(packet)
    assert_holds(archive_dsn, expected)
    ledger = "SELECT night, visit, node, topic, received, archived, rejected, repeated, cutouts, first_arrival, last_arrival FROM ledger ORDER BY visit"
    found = rows(archive_dsn, ledger)
    assert [row[:9] for row in found] == [
        (NIGHT, 2026010100001, "node-1", "alerts", 2, 2, 0, 0, 3),
        (NIGHT, 2026010100002, "node-1", "alerts", 1, 1, 0, 0, 1),
        (20260131, None, "node-1", "alerts", 2, 0, 2, 0, 0),
    ]
    assert [[int(moment.timestamp() * 1000 + 0.5) for moment in row[9:]] for row in found] == [
        [1_770_000_000_000, 1_770_000_000_002],
        [1_770_000_000_001, 1_770_000_000_001],
        [1_770_000_000_400, 1_770_000_000_500],
    ]
    assert rows(archive_dsn, "SELECT name, node, bytes, checksum, n_cutouts, places FROM packs") == [("20260101/p.pack", "node-1", 99, -5, 4, pack["places"])]
    index = "SELECT pack, sciencestart, sciencelength, templatestart, differencelength, checksum, kafkaoffset FROM alerts ORDER BY diasourceid"
    assert rows(archive_dsn, index) == [
        ("20260101/p.pack", 0, 10, 1, 10, 0, 0),
        ("20260101/p.pack", 100, 10, None, None, 1, 1),
        (None, None, None, None, None, None, 2),
    ]


def test_a_repeated_alert_changes_nothing_and_is_counted(archive: Archive, archive_dsn: str) -> None:
    first = Packet(trigger=(11, MJD), diaObject=1, history=[(10, MJD - 1)], cutouts=3)
    expected = Expected()
    expected.add(first)
    assert archive.load(load_of([first, first])).repeated == 1
    changed = Packet(trigger=(11, MJD + 1), diaObject=1, history=[(8, MJD - 2)], forced=[(1, MJD)], designation="X", visit=2026010100009, cutouts=1)
    loaded = archive.load(load_of([changed]))
    assert (loaded.archived, loaded.repeated, loaded.cutouts, loaded.sources_sent) == (0, 1, 0, 0)
    assert_holds(archive_dsn, expected)
    assert rows(archive_dsn, "SELECT sum(received), sum(archived), sum(repeated), sum(rejected), sum(cutouts) FROM ledger") == [(3, 1, 2, 0, 3)]


def test_the_newest_alert_wins_in_any_order(archive: Archive, archive_dsn: str) -> None:
    packets = [Packet(trigger=(20 + i, MJD + mjd), diaObject=1, designation="2026 AB") for i, mjd in enumerate([2.0, 5.0, 3.0, 5.0, 1.0])]
    expected = Expected()
    for group in (packets[:2], packets[2:3], packets[3:]):
        archive.load(load_of(group))
        for packet in group:
            expected.add(packet)
        assert_holds(archive_dsn, expected)
    assert expected.objects == {1: (MJD + 5.0, 23)}


def test_null_and_nan_times_ids_and_objects_are_archived(archive: Archive, archive_dsn: str) -> None:
    packets = [
        Packet(
            trigger=(1, None), diaObject=5, history=[(2, None), (3, 1.0), (4, 99_999.0)], forced=[(1, None), (1, None)], extra={"firstDiaSourceMjdTai": None}
        ),
        Packet(trigger=(5, None), diaObject=None, has_object=False),
        Packet(trigger=(6, None), diaObject=5, history=[(1, None), (2, None), (3, 1.0), (4, 99_999.0)], forced=[(1, None)]),
    ]
    expected = Expected()
    for packet in packets:
        archive.load(load_of([packet]))
        expected.add(packet)
    assert_holds(archive_dsn, expected)
    nan = Packet(trigger=(7, float("nan")), diaObject=6)
    archive.load(load_of([nan]))
    archive.load(load_of([Packet(trigger=(8, 61_000.0), diaObject=6, history=[(7, float("nan"))])]))
    assert rows(archive_dsn, "SELECT count(*) FROM diasources WHERE diasourceid = 7") == [(1,)]


def test_tables_and_columns_may_be_missing(archive: Archive, archive_dsn: str) -> None:
    packet = Packet(trigger=(1, MJD), diaObject=1, forced=[(1, MJD)])
    load = load_of([packet], missing=("psfFlux", "reliability", "visit", "raErr", "decl", "nDiaSources", "validityStartMjdTai"))
    tables = {name: load.tables[name] for name in ("diaSource", "diaForcedSource")}
    archive.load(ArchiveLoad(alerts=load.alerts, tables=tables, spans={}, node="n"))
    archive.load(load_of([Packet(trigger=(2, MJD), diaObject=1)], missing=("nDiaSources", "u_psfFluxMean")))
    assert rows(archive_dsn, "SELECT diasourceid, psfflux, reliability FROM diasources ORDER BY 1") == [(1, None, None), (2, 2.0, None)]
    assert rows(archive_dsn, "SELECT diaobjectid, ndiasources, healpix29 IS NULL FROM objects") == [(1, None, False)]


def test_an_empty_span_moves_its_mark(archive: Archive, archive_dsn: str) -> None:
    span = Partition("alerts", 3)
    loaded = archive.load(load_of([], spans={span: (0, 2)}, rejects=[(0, 1_770_000_000_000), (1, 1_770_000_000_000)]))
    assert (loaded.received, loaded.rejected) == (2, 2)
    assert archive.load(load_of([], spans={span: (2, 7)})).received == 0
    assert archive.marks([span]) == {span: 7}
    assert rows(archive_dsn, "SELECT count(*) FROM ledger") == [(1,)]


@pytest.mark.parametrize("spans", [{0: (0, 2)}, {0: (2, 4), 1: (1, 3)}, {0: (3, 5)}])
def test_a_lost_compare_and_set_leaves_nothing_behind(archive: Archive, archive_dsn: str, spans: dict[int, tuple[int, int]]) -> None:
    archive.load(load_of([Packet(trigger=(1, MJD)), Packet(trigger=(2, MJD))], spans={Partition("alerts", 0): (0, 2), Partition("alerts", 1): (0, 9)}))
    with pytest.raises(Superseded, match="read the marks again"):
        archive.load(load_of([Packet(trigger=(3, MJD), diaObject=3)], spans={Partition("alerts", number): span for number, span in spans.items()}))
    assert archive.marks([Partition("alerts", 0), Partition("alerts", 1)]) == {Partition("alerts", 0): 2, Partition("alerts", 1): 9}
    assert rows(archive_dsn, "SELECT count(*) FROM alerts") == [(2,)]
    assert archive.load(load_of([Packet(trigger=(3, MJD))], spans={Partition("alerts", 0): (2, 3)})).archived == 1


def test_known_history_is_not_sent_again(archive: Archive) -> None:
    deep = [(1000 + i, MJD - 200 + i * 0.3) for i in range(600)]
    assert archive.load(load_of([Packet(trigger=(1, MJD), diaObject=1, history=deep)])).sources_sent == 601
    known = [*deep, (1, MJD)]
    loaded = archive.load(load_of([Packet(trigger=(2, MJD + 1), diaObject=1, history=known)]))
    assert (loaded.sources_in, loaded.sources_sent, loaded.sources_asked) == (602, 1, 0)
    slid = [*known[100:], (2, MJD + 1)]
    loaded = archive.load(load_of([Packet(trigger=(3, MJD + 2), diaObject=1, history=slid)]))
    assert (loaded.sources_in, loaded.sources_sent, loaded.sources_asked) == (503, 1, 503)


def test_a_source_that_came_by_another_way_is_no_obstacle(archive: Archive, archive_dsn: str) -> None:
    """The straight COPY of first sights meets a row that is there already."""
    archive.load(load_of([Packet(trigger=(1, MJD))]))
    archive.load(load_of([Packet(trigger=(2, MJD + 1), diaObject=1, history=[(1, MJD), (3, MJD - 40)])]))
    assert sorted(rows(archive_dsn, "SELECT diasourceid, diaobjectid FROM diasources")) == [(1, None), (2, 1), (3, 1)]


ids = st.integers(1, 12)
times = st.sampled_from([None, MJD - 40, MJD - 1, MJD, MJD + 1, 99_999.0])
packets = st.builds(
    Packet,
    trigger=st.tuples(ids, times),
    diaObject=st.sampled_from([None, 1, 2]),
    history=st.lists(st.tuples(ids, times), max_size=5),
    forced=st.lists(st.tuples(ids, times), max_size=3),
    designation=st.sampled_from([None, None, "2026 AB", "433 Eros"]),
)


def test_any_order_and_batching_equal_the_plain_reference(archive_dsn: str) -> None:
    tables = ("alerts", "objects", "diasources", "diaforcedsources", "sssources", "mpc_orbits", "history_mark", "ledger")

    @settings(max_examples=100)
    @given(stream=st.lists(packets, max_size=14), cuts=st.sets(st.integers(1, 13)), turns=st.lists(st.integers(0, 1), min_size=15, max_size=15))
    def holds(stream: list[Packet], cuts: set[int], turns: list[int]) -> None:
        with psycopg.connect(archive_dsn) as connection:
            connection.execute("; ".join(f"DELETE FROM {table}" for table in tables))
        expected = Expected()
        bounds = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
        for turn, begin, end in zip(turns, bounds, bounds[1:], strict=False):
            nodes[turn].load(load_of(stream[begin:end], first_offset=begin))
            for packet in stream[begin:end]:
                expected.add(packet)
        assert_holds(archive_dsn, expected)
        sums = rows(archive_dsn, "SELECT coalesce(sum(received), 0), coalesce(sum(archived), 0), coalesce(sum(repeated), 0) FROM ledger")
        assert sums == [(len(stream), len(expected.alerts), expected.repeated)]

    with Archive(archive_dsn) as one, Archive(archive_dsn) as other:
        nodes = (one, other)
        holds()


def _in_threads(dsn: str, streams: Sequence[Sequence[ArchiveLoad]]) -> list[Exception]:
    failures: list[Exception] = []

    def work(loads: Sequence[ArchiveLoad]) -> None:
        try:
            with Archive(dsn) as archive:
                for load in loads:
                    archive.load(load)
        except Exception as error:  # noqa: BLE001 — the test says what went wrong, in its own thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(loads,)) for loads in streams]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def test_nodes_that_load_the_same_objects_at_once_do_not_deadlock(archive_dsn: str) -> None:
    generator = np.random.default_rng(7)
    expected = Expected()
    streams: list[list[ArchiveLoad]] = []
    for node in range(3):
        loads = []
        for number in range(6):
            objects = generator.permutation(300)
            batch = [
                Packet(
                    trigger=(1_000_000 * (node + 1) + 1_000 * number + int(i), MJD + number + node * 0.1),
                    diaObject=int(o),
                    history=[(int(o) * 10 + k, MJD - 100 + 31 * k) for k in map(int, generator.permutation(4))],
                    designation=f"orbit {o % 50}",
                )
                for i, o in enumerate(objects)
            ]
            batch.append(Packet(trigger=(number + 1, MJD), diaObject=1))
            for packet in batch:
                expected.add(packet)
            loads.append(load_of(batch, node=f"node-{node}", spans={Partition("alerts", node): (number, number + 1)}))
        streams.append(loads)
    assert _in_threads(archive_dsn, streams) == []
    assert_holds(archive_dsn, expected)
    assert rows(archive_dsn, "SELECT sum(received), sum(archived), sum(repeated) FROM ledger") == [(18 * 301, 18 * 300 + 6, 12)]


def test_a_zombie_loses_however_the_loads_interleave(archive_dsn: str) -> None:
    span = Partition("alerts", 0)
    loads = [[load_of([Packet(trigger=(i, MJD)) for i in range(50)], spans={span: (0, 50)}, node=f"node-{node}")] for node in range(2)]
    failures = _in_threads(archive_dsn, loads)
    assert [type(failure) for failure in failures] == [Superseded]
    assert rows(archive_dsn, "SELECT sum(received), sum(archived), sum(repeated) FROM ledger") == [(50, 50, 0)]
    assert rows(archive_dsn, "SELECT next_offset FROM ingest_mark") == [(50,)]


def test_partitions_are_made_on_demand_and_the_default_takes_the_rest(archive: Archive, archive_dsn: str) -> None:
    times = [61_500.0, 61_529.9, 61_530.0, 55_000.0, 80_000.0]
    archive.load(load_of([Packet(trigger=(i, mjd), diaObject=1) for i, mjd in enumerate(times)]))
    found = rows(archive_dsn, "SELECT diasourceid, tableoid::regclass::text FROM diasources ORDER BY 1")
    assert [name.removeprefix("splanc_partitions.") for _, name in found] == [
        "diasources_61500", "diasources_61500", "diasources_61530", "diasources_default", "diasources_default"
    ]  # fmt: skip


def test_a_partition_that_cannot_be_made_costs_nothing(archive: Archive, archive_dsn: str) -> None:
    """Rows of that time are in the default partition already, so PostgreSQL refuses."""
    with psycopg.connect(archive_dsn) as connection:
        connection.execute("INSERT INTO diasources (diasourceid, midpointmjdtai) VALUES (1, 61500)")
    archive.load(load_of([Packet(trigger=(2, 61_501.0), diaObject=1, history=[(1, 61_500.0)])]))
    assert rows(archive_dsn, "SELECT diasourceid FROM diasources ORDER BY 1") == [(1,), (2,)]
