from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter
from pathlib import Path

import psycopg

from splanc.kafka import read_topic
from splanc.simulator import Sent, Simulation
from tests.acceptance.chaos import Chaos
from tests.acceptance.commands import Site, wait_until
from tests.acceptance.filters import CASES, assert_matches_are, create_filters
from tests.acceptance.nights import await_the_end, lite_deliveries, options, partitions
from tests.acceptance.reference import Reference, assert_archive_is, reference_of

SEED = 20_260_115

NIGHT = Simulation(night=20260115, visits=20, alerts_per_visit=1_000, seed=11, damaged_share=0.005, repeated_share=0.01)
"""20,000 alerts, 200 of them sent twice, and 100 damaged packets."""

PACE = "350/s"
"""A minute: long enough for a dozen kills."""

KILL_SECONDS = (3.0, 6.0)

LEAST_KILLS = 8
"""Where servers take long to start, the killing goes on after the last alert was sent."""

CUTOUTS_ASKED = 5
"""Alerts whose cutouts are asked for by the command."""


def test_a_night_with_nodes_killed_and_servers_stopped_is_taken_exactly_once(own_site: Site, tmp_path: Path) -> None:
    # The reference is computed meanwhile, in a process that stands back behind the night itself.
    with multiprocessing.get_context("spawn").Pool(1, initializer=os.nice, initargs=(19,)) as aside:
        computing = aside.apply_async(reference_of, (NIGHT,))
        sent = run_the_night(own_site, tmp_path / "sent.json")
        reference = computing.get()
    assert len(CASES) == 50
    assert (sent.alerts, sent.repeated, sent.damaged) == (20_000, 200, 100)
    assert reference.deliveries.total() == 20_200
    assert len(reference.alerts) == 20_000
    assert lite_deliveries(own_site) == reference.deliveries
    assert dead_letters(own_site) == Counter(reference.damaged)
    assert_archive_is(reference, own_site.dsn)
    assert_all_are_classified(own_site)
    assert_matches_are(reference.matches, own_site, NIGHT.night)
    assert_ledger_is(own_site, sent)
    assert_cutouts_are(reference, own_site, tmp_path)


def run_the_night(site: Site, sent: Path) -> Sent:
    """Send the night to three nodes while they are killed and their servers stopped; return what was sent when all of it is done."""
    site.run("catalogue", "install", "demo")
    site.run("up")
    create_filters(site)
    supervisor = site.start("ingest", "--nodes", 3, "--name", "node", log="ingest", SPLANC_INGEST__RESTARTS="1000")
    wait_until(lambda: len(partitions(site)) == 3 and 0 not in partitions(site).values(), "all nodes have partitions")
    simulator = site.start("simulate", *options(NIGHT), "--pace", PACE, "--sent", sent, log="simulator")
    chaos = Chaos(site, supervisor, seed=SEED, pause_seconds=KILL_SECONDS)
    chaos.go_on(15)
    assert site.run("status", "--json").json["nodes"]
    chaos.without_postgres(10)
    chaos.go_on(10)
    chaos.restart_kafka()
    while simulator.poll() is None or chaos.kills < LEAST_KILLS:
        chaos.go_on(1)
    assert simulator.returncode == 0, site.log("simulator").read_text()
    began = time.monotonic()
    await_the_end(site, 180)
    print(f"{chaos.kills} kills; done {time.monotonic() - began:.1f} s after the last alert")
    assert supervisor.poll() is None
    # A node that was killed last may be starting, and one that was interrupted may be trying topics.
    wait_until(lambda: set(partitions(site)) == {"node-1", "node-2", "node-3"}, "all nodes are back", 120)
    status = site.run("status", "--json").json
    assert status["lag"] == {"publish": 0, "archive": 0}
    return Sent.read(sent)


def dead_letters(site: Site) -> Counter[bytes]:
    kafka = site.settings.kafka
    return Counter(record.value or b"" for record in read_topic(kafka, kafka.deadletter_topic))


def assert_ledger_is(site: Site, sent: Sent) -> None:
    ledger = site.run("ledger", NIGHT.night, "--json").json
    assert ledger["adds_up"] is True
    visits = {visit.pop("visit"): visit for visit in ledger["visits"]}
    names = ("received", "archived", "published", "rejected", "repeated", "cutouts")
    found = {number: tuple(visit[name] for name in names) for number, visit in visits.items()}
    expected = {v.visit: (v.alerts + v.repeated, v.alerts, v.alerts + v.repeated, 0, v.repeated, 3 * v.alerts) for v in sent.visits}
    assert found == {**expected, None: (sent.damaged, 0, 0, sent.damaged, 0, 0)}


def assert_all_are_classified(site: Site) -> None:
    """Assert that every object has a class, of the alert that its row is of."""
    with psycopg.connect(site.dsn) as connection:
        rows = connection.execute(
            "SELECT c.classification IS NULL OR c.classification = 'UNCLASSIFIED', count(*) FROM objects o LEFT JOIN sherlock_classifications c "
            "ON (c.diaobjectid, c.alertdiasourceid, c.alertmjdtai) = (o.diaobjectid, o.alertdiasourceid, o.alertmjdtai) GROUP BY 1"
        ).fetchall()
    assert [is_missing for is_missing, _ in rows] == [False]


def assert_cutouts_are(reference: Reference, site: Site, folder: Path) -> None:
    """Assert that the command writes the very bytes of the packets."""
    assert len(reference.cutouts) > CUTOUTS_ASKED
    for number in sorted(reference.cutouts)[:: len(reference.cutouts) // CUTOUTS_ASKED]:
        site.run("cutout", number, "-o", folder / "cutout.fits")
        for kind, ending in (("cutoutScience", ""), ("cutoutTemplate", ".template"), ("cutoutDifference", ".difference")):
            assert (folder / f"cutout{ending}.fits").read_bytes() == reference.cutouts[number][kind]
