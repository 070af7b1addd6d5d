from __future__ import annotations

import json
import struct
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any

from confluent_kafka import Producer

from splanc.archive import postgres_status, start_postgres, stop_postgres
from splanc.kafka import client_config
from splanc.simulator import Simulation, send
from tests.acceptance.commands import Site, end, wait_until
from tests.acceptance.nights import HEADER_BYTES, await_the_end, await_work, deliveries_of, lag, lite_deliveries, messages_of, nodes, options
from tests.support.kafka import free_port, set_largest_message

CACHE_BYTES = 16 << 20

BATCH_ALERTS = 50
"""About 5 MB: three batches fill the cache."""

SMALLER_THAN_RECORDS = 200
"""Bytes that no batch of lite records keeps within, but Kafka's own markers of aborted transactions do."""

NEW_ID = 1102
"""A schema that splanc has never seen."""


def start_node(site: Site, **variables: str) -> subprocess.Popen[bytes]:
    """Start a node, and wait until it knows both marks of its partitions."""
    process = site.start("ingest", "--name", "node", log="ingest", **variables)
    await_work(site, process)
    return process


def events(site: Site, name: str) -> list[dict[str, Any]]:
    return [event for event in site.logged("ingest") if event["event"] == name]


def state(site: Site) -> str:
    return " and ".join(node["state"] for node in nodes(site))


@contextmanager
def postgres_away(site: Site) -> Iterator[None]:
    assert stop_postgres(site.data_dir)
    try:
        yield
    finally:
        start_postgres(site.data_dir)


def test_with_the_archive_away_the_lite_stream_goes_on_until_the_cache_is_full(own_site: Site) -> None:
    few = Simulation(night=20260120, visits=1, alerts_per_visit=100, seed=21, corpus="shallow")
    many = Simulation(night=20260121, visits=1, alerts_per_visit=1_000, seed=22, corpus="shallow")
    own_site.run("up")
    start_node(own_site, SPLANC_CACHE__MAX_BYTES=str(CACHE_BYTES), SPLANC_INGEST__BATCH_ALERTS=str(BATCH_ALERTS))
    with postgres_away(own_site):
        send(few, own_site.settings.kafka)
        wait_until(lambda: lite_deliveries(own_site) == deliveries_of(few), "the lite stream goes on")
        send(many, own_site.settings.kafka)
        wait_until(lambda: state(own_site) == "paused: the cache is full", "the node says that it pauses")
        paused = lite_deliveries(own_site)
        (node,) = own_site.run("status", "--json").json["nodes"]
        assert node["waiting_batches"] >= 2
        assert 0 < node["waiting_bytes"] <= CACHE_BYTES
        assert "paused: the cache is full" in own_site.run("status").out
        time.sleep(3)
        assert lite_deliveries(own_site) == paused
        assert paused.total() < 1_100
    await_the_end(own_site)
    assert lite_deliveries(own_site) == deliveries_of(few) + deliveries_of(many)
    for night in (few, many):
        ledger = own_site.run("ledger", night.night, "--json").json
        assert ledger["total"]["archived"] == ledger["total"]["published"] == night.alerts_per_visit
    assert len(events(own_site, "archive side failing")) == 1


def test_with_the_lite_topic_refusing_the_archive_goes_on(own_site: Site) -> None:
    simulation = Simulation(night=20260122, visits=1, alerts_per_visit=300, seed=23, corpus="shallow", repeated_share=0.1)
    own_site.run("up")
    start_node(own_site)
    set_largest_message(own_site.settings.kafka, own_site.settings.kafka.lite_topic, SMALLER_THAN_RECORDS)
    send(simulation, own_site.settings.kafka)
    wait_until(lambda: lag(own_site) == {"publish": 330, "archive": 0}, "the archive goes on")
    time.sleep(3)
    assert lite_deliveries(own_site) == Counter()
    set_largest_message(own_site.settings.kafka, own_site.settings.kafka.lite_topic, 1 << 20)
    await_the_end(own_site)
    assert lite_deliveries(own_site) == deliveries_of(simulation)
    assert own_site.run("ledger", simulation.night, "--json").json["total"]["repeated"] == 30
    (aborted,) = events(own_site, "transaction aborted")
    assert "max.message.bytes" in aborted["why"]


def test_after_a_replay_nothing_lags(own_site: Site) -> None:
    simulation = Simulation(night=20260124, visits=1, alerts_per_visit=50, seed=26, corpus="shallow", damaged_share=0.2)
    own_site.run("simulate", *options(simulation), "--pace", "max")
    assert postgres_status(own_site.data_dir) is None, "it needs Kafka only"
    own_site.run("up")
    start_node(own_site)
    await_the_end(own_site)
    letters = len(own_site.run("deadletters", "list", "--json").lines)
    assert own_site.run("deadletters", "replay").out == f"{letters} packets sent again\n"
    await_the_end(own_site)
    assert len(own_site.run("deadletters", "list", "--json").lines) == 2 * letters > 0


class Registry:
    """A schema registry that knows one schema, and counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        text = resources.files("splanc.packet").joinpath("schemas", "lsst.v11_1.json").read_text("utf-8").replace("v11_1", "v11_2")
        answer = json.dumps({"schema": text}).encode()
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        self._handler = Handler

    @contextmanager
    def serving(self, port: int) -> Iterator[None]:
        with ThreadingHTTPServer(("127.0.0.1", port), self._handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join()


def send_in_new_schema(site: Site, simulation: Simulation) -> None:
    producer = Producer(client_config(site.settings.kafka))
    for message in messages_of(simulation):
        producer.produce(site.settings.kafka.input_topics[0], struct.pack(">bI", 0, NEW_ID) + message[HEADER_BYTES:])
    assert producer.flush(30) == 0


def test_a_schema_never_seen_waits_for_its_registry_and_then_just_works(own_site: Site) -> None:
    known = Simulation(night=20260123, visits=1, alerts_per_visit=50, seed=24, corpus="shallow")
    new = [Simulation(night=20260123, visits=1, alerts_per_visit=60, seed=25, corpus="shallow", first_sequence=sequence) for sequence in (100, 200)]
    port, registry = free_port(), Registry()
    url = {"SPLANC_SCHEMAS__REGISTRY_URL": f"http://127.0.0.1:{port}"}
    own_site.run("up")
    node = start_node(own_site, **url)
    send_in_new_schema(own_site, new[0])
    wait_until(lambda: state(own_site) == "waiting for the schema registry", "the node says that it waits")
    own_site.run("simulate", *options(known), "--pace", "max")
    time.sleep(3)
    assert [event["needs"] for event in events(own_site, "stage waits")] == ["the schema registry"]
    node.terminate()
    assert end(node, 10) == 0
    node = start_node(own_site, **url)
    wait_until(lambda: state(own_site) == "waiting for the schema registry", "the node started again waits too")
    with registry.serving(port):
        await_the_end(own_site)
    assert registry.asked == [f"/schemas/ids/{NEW_ID}"]
    node.terminate()
    assert end(node, 10) == 0
    start_node(own_site, **url)
    send_in_new_schema(own_site, new[1])
    await_the_end(own_site)
    assert lite_deliveries(own_site) == deliveries_of(known) + deliveries_of(new[0]) + deliveries_of(new[1])
    ledger = own_site.run("ledger", known.night, "--json").json
    assert ledger["adds_up"] is True
    assert ledger["total"] == {"received": 170, "archived": 170, "published": 170, "rejected": 0, "repeated": 0, "cutouts": 510}
    assert own_site.run("deadletters", "list", "--json").lines == []
