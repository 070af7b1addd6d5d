from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections import Counter

import psutil

from splanc.archive import postgres_status, start_postgres, stop_postgres
from splanc.kafka import EmbeddedBroker
from splanc.simulator import Simulation, send
from tests.acceptance.commands import Site, end, wait_until
from tests.acceptance.nights import await_the_end, await_work, deliveries_of, lite_deliveries, options, partitions

STOP_SECONDS = 10.0
"""Longest time from SIGTERM to the end of a process."""


def published(site: Site) -> int:
    return lite_deliveries(site).total()


def seconds_to_stop(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM) -> float:
    """Tell a process to end, check that it does with exit code 0, and return how long it took."""
    began = time.monotonic()
    process.send_signal(number)
    assert end(process, 2 * STOP_SECONDS) == 0
    return time.monotonic() - began


def servers(site: Site) -> tuple[int | None, int | None]:
    """Return the process ids of Kafka and PostgreSQL."""
    postgres = postgres_status(site.data_dir)
    return EmbeddedBroker(site.settings).status().pid, postgres and postgres.pid


def test_nodes_stopped_in_mid_night_lose_and_repeat_nothing(own_site: Site) -> None:
    own_site.run("up")
    ways = ((("--name", "single"), signal.SIGTERM), (("--nodes", 2), signal.SIGTERM), (("--nodes", 2), signal.SIGINT))
    parts = [
        Simulation(night=20260110, first_sequence=number, visits=1, alerts_per_visit=1_000, seed=5, corpus="shallow", damaged_share=0.01, repeated_share=0.02)
        for number in range(1, len(ways) + 1)
    ]
    expected: Counter[int] = Counter()
    for part, (arguments, number) in zip(parts, ways, strict=True):
        process = own_site.start("ingest", *arguments, log="ingest")
        wait_until(lambda: sum(partitions(own_site).values()) == own_site.settings.kafka.partitions, "the nodes have all partitions")
        simulator = own_site.start("simulate", *options(part), "--pace", "100/s", log="simulator")
        enough = expected.total() + 100
        wait_until(lambda enough=enough: published(own_site) > enough, "the nodes are at work")
        children = psutil.Process(process.pid).children()
        assert simulator.poll() is None, "too late for mid-night"
        assert seconds_to_stop(process, number) < STOP_SECONDS
        assert not any(child.is_running() for child in children)
        assert simulator.wait(60) == 0
        expected += deliveries_of(part)
    own_site.start("ingest", "--nodes", 2, log="ingest")
    await_the_end(own_site)
    assert lite_deliveries(own_site) == expected
    ledger = own_site.run("ledger", parts[0].night, "--json").json
    assert ledger["total"] == {"received": 3090, "archived": 3000, "published": 3060, "rejected": 30, "repeated": 60, "cutouts": 9000}
    assert not [event for event in own_site.logged("ingest") if event["level"] in {"error", "critical"}]


def test_a_node_stops_in_time_while_the_archive_is_away(own_site: Site) -> None:
    simulation = Simulation(night=20260111, visits=1, alerts_per_visit=300, seed=6, corpus="shallow")
    own_site.run("up")
    node = own_site.start("ingest", "--name", "node", log="ingest")
    wait_until(lambda: any(event["event"] == "node started" for event in own_site.logged("ingest")), "the node has started")
    stop_postgres(own_site.data_dir)
    try:
        send(simulation, own_site.settings.kafka)
        wait_until(lambda: published(own_site) == 300, "the lite stream goes on")
        assert seconds_to_stop(node) < STOP_SECONDS
    finally:
        start_postgres(own_site.data_dir)
    own_site.start("ingest", "--name", "node", log="ingest")
    await_the_end(own_site)
    assert lite_deliveries(own_site) == deliveries_of(simulation)
    assert own_site.run("ledger", simulation.night, "--json").json["total"]["archived"] == 300


def test_a_supervisor_whose_restarts_are_spent_says_so_and_fails(own_site: Site) -> None:
    own_site.run("up")
    supervisor = own_site.start("ingest", "--nodes", 2, "--name", "frail", log="ingest", SPLANC_INGEST__RESTARTS="1")
    victims: list[int] = []
    while len(victims) < 2:
        wait_until(lambda: victim(supervisor) not in {None, *victims}, "the node is there again")
        pid = victim(supervisor)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        victims.append(pid)
    (other,) = (child for child in psutil.Process(supervisor.pid).children() if child.pid not in victims)
    assert end(supervisor) == 3
    assert not other.is_running()
    assert [event["node"] for event in own_site.logged("ingest") if event["event"] == "node died"] == ["frail-1"]
    said = own_site.log("ingest").read_text()
    assert "node frail-1 died 2 times in 10 minutes (last exit code -9)" in said
    assert "raise ingest.restarts" in said


def victim(supervisor: subprocess.Popen[bytes]) -> int | None:
    """Return the process id of the first node, None while it is not running."""
    for child in psutil.Process(supervisor.pid).children():
        if child.status() != psutil.STATUS_ZOMBIE and "frail-1" in child.cmdline():
            return child.pid
    return None


def test_an_archive_that_is_not_there_is_said_and_fails(own_site: Site) -> None:
    said = own_site.run("query", "SELECT 1", code=3, SPLANC_ARCHIVE__DSN="postgresql://nobody:hunter2@127.0.0.1:1/nothing")
    assert "127.0.0.1" in said.err
    assert "Traceback" not in said.err
    assert "hunter2" not in said.err


def test_up_and_down_and_up_again(own_site: Site) -> None:
    first = own_site.run("up")
    assert "starting Kafka" in first.err
    assert "starting PostgreSQL" in first.err
    running = servers(own_site)
    assert None not in running
    again = own_site.run("up")
    assert (again.out, again.err) == (first.out, "")
    assert servers(own_site) == running
    assert own_site.run("down").out == "stopped Kafka and PostgreSQL\n"
    assert servers(own_site) == (None, None)
    assert own_site.run("down").out == "nothing was running\n"
    said = own_site.run("ledger", 20260112, "--json")
    assert "starting Kafka" in said.err
    assert "starting PostgreSQL" in said.err
    assert servers(own_site) != running
    assert own_site.run("status", "--json").json["lag"] == {"publish": 0, "archive": 0}


def test_down_stops_servers_that_a_running_node_has_started(own_site: Site) -> None:
    node = own_site.start("ingest", "--name", "node", log="ingest")
    wait_until(lambda: any(event["event"] == "node started" for event in own_site.logged("ingest")), "the node has started Kafka, and itself")
    await_work(own_site, node)
    assert own_site.run("down", seconds=40).out == "stopped Kafka and PostgreSQL\n"
    assert servers(own_site) == (None, None)
    assert seconds_to_stop(node) < STOP_SECONDS


def test_servers_that_were_killed_are_started_again(own_site: Site) -> None:
    simulation = Simulation(night=20260112, visits=1, alerts_per_visit=50, seed=8, corpus="shallow")
    own_site.run("up")
    own_site.run("simulate", *options(simulation), "--pace", "max")
    for pid in servers(own_site):
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    said = own_site.run("up")
    assert "starting Kafka" in said.err
    assert "starting PostgreSQL" in said.err
    assert own_site.run("status", "--json").json["lag"] == {"publish": 50, "archive": 50}


def test_a_busy_port_is_said(own_site: Site) -> None:
    with socket.create_server(("127.0.0.1", own_site.port)):
        said = own_site.run("up", code=2)
    assert f"port {own_site.port}, which Kafka needs, is in use by" in said.err
    assert "SPLANC_KAFKA__PORT" in said.err
