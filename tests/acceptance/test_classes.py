"""Classes of a night whose classifier's servers are killed, and what nodes do without a catalogue that they should have."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from dataclasses import replace

import psycopg

from splanc.kafka import read_topic
from splanc.simulator import Simulation
from tests.acceptance.commands import Site, end, wait_until
from tests.acceptance.nights import await_the_end, lite_deliveries, options, partitions
from tests.support.kafka import free_port

EVENING = Simulation(night=20260118, visits=5, alerts_per_visit=160, seed=3, hosts=True)
MORNING = replace(EVENING, first_sequence=6, repeated_share=0.01)
"""800 alerts each, of the same two fields, on and near what the demo's catalogues have; 8 of the later ones are sent twice."""


HOSTS = "SELECT objects.diaObjectId, classification AS what FROM objects, sherlock_classifications WHERE classification IN ('SN', 'NT')"
"""A filter of a user's that joins what was said."""


def test_servers_killed_during_a_night_leave_objects_that_the_backfill_mends(own_site: Site) -> None:
    own_site.run("catalogue", "install", "demo")
    own_site.run("up")
    ports = [free_port(), free_port()]
    asking = {"SPLANC_CROSSMATCH__SERVERS": json.dumps([f"127.0.0.1:{port}" for port in ports])}
    servers = started(own_site, ports)
    own_site.run("filter", "create", "hosts", "--owner", "me", "--sql", HOSTS)
    own_site.start("ingest", "--nodes", 2, "--name", "node", log="ingest", **asking)
    wait_until(lambda: len(partitions(own_site)) == 2 and 0 not in partitions(own_site).values(), "all nodes have partitions")
    sender = own_site.start("simulate", *options(EVENING), "--pace", "200/s", log="simulator")
    wait_until(lambda: known(classes(own_site)) > 100, "the first objects are classified")
    for server in servers:
        server.kill()
        end(server)
    assert sender.wait(120) == 0
    own_site.run("simulate", *options(MORNING), "--pace", "max")
    await_the_end(own_site)
    assert lite_deliveries(own_site).total() == 1_608
    assert own_site.run("ledger", EVENING.night, "--json").json["adds_up"] is True
    assert_filters_see_classes(own_site)
    before = classes(own_site)
    assert before["UNCLASSIFIED"] > 100
    assert known(before) > 100
    assert own_site.run("status", "--json").json["unclassified"] == before["UNCLASSIFIED"]
    assert "the classifier does not answer" in own_site.run("classify", "backfill", code=3, **asking).err
    assert classes(own_site) == before
    started(own_site, ports)
    said = own_site.run("classify", "backfill", **asking)
    assert said.out == f"objects classified again: {before['UNCLASSIFIED']}; with another class now: {before['UNCLASSIFIED']}\n"
    after = classes(own_site)
    assert after.total() == before.total()
    assert after["UNCLASSIFIED"] == own_site.run("status", "--json").json["unclassified"] == 0
    assert min(after[name] for name in ("VS", "BS", "NT", "SN", "ORPHAN")) > 10
    # Without servers, from the catalogues themselves, all over again: nothing was classified wrongly, or half.
    assert own_site.run("classify", "backfill", "--all").out == f"objects classified again: {after.total():,}; with another class now: 0\n"


def test_a_catalogue_that_is_missing_stops_the_start_and_is_named(own_site: Site) -> None:
    own_site.run("catalogue", "install", "demo")
    shutil.rmtree(own_site.data_dir / "catalogues" / "openngc")
    for arguments in (("ingest",), ("ingest", "--nodes", 2), ("classify", "backfill"), ("classify", "serve")):
        said = own_site.run(*arguments, code=2)
        assert "openngc" in said.err + said.out, arguments
        assert "splanc catalogue remove openngc" in said.err + said.out, arguments


def assert_filters_see_classes(site: Site) -> None:
    """Assert that the filter matched what the lite stream says is in a galaxy, and that it can be explained from the rows that were kept."""
    kafka = site.settings.kafka
    lite = [json.loads(record.value or b"") for record in read_topic(kafka, kafka.lite_topic)]
    said = [one["diaObjectId"] for one in lite if one["classification"] in {"SN", "NT"}]
    assert len(said) > 20
    assert all(one["classification"] is None for one in lite if one["diaObjectId"] is None)
    records = [json.loads(record.value or b"") for record in read_topic(kafka, "lasair_mehosts")]
    assert sorted(record["diaObjectId"] for record in records) == sorted(said)
    assert {record["what"] for record in records} == {"SN", "NT"}
    explained = site.run("filter", "explain", "hosts", said[0], "--owner", "me", "--json").json
    assert explained["tables"] == {"objects": True, "sherlock_classifications": True}


def started(site: Site, ports: list[int]) -> list[subprocess.Popen[bytes]]:
    """Start classifier servers, and wait until they serve."""
    before = [starts(site, port) for port in ports]
    servers = [site.start("classify", "serve", "--port", port, log=f"server-{port}") for port in ports]
    wait_until(lambda: all(starts(site, port) > n for port, n in zip(ports, before, strict=True)), "the classifier's servers serve")
    return servers


def starts(site: Site, port: int) -> int:
    """Return how often a server has started."""
    return sum(entry["event"] == "classifier server started" for entry in site.logged(f"server-{port}"))


def known(found: Counter[str]) -> int:
    """Return how many objects have a class."""
    return found.total() - found["UNCLASSIFIED"]


def classes(site: Site) -> Counter[str]:
    """Return how many objects are of which class."""
    with psycopg.connect(site.dsn) as connection:
        return Counter(dict(connection.execute("SELECT classification, count(*) FROM sherlock_classifications GROUP BY 1").fetchall()))
