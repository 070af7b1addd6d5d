"""How long alerts wait when nodes come and go, as the docs state it."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import confluent_kafka
from confluent_kafka import TopicPartition

from splanc.kafka import client_config, end_offsets, read_topic
from splanc.simulator import Simulation
from tests.acceptance.commands import Site, end, wait_until
from tests.acceptance.nights import HEADER_BYTES, await_the_end, options, partitions

RATE = 100

SETTLE_SECONDS = 8.0
"""Between a node that came and the next event."""

JOIN_SECONDS = 10.0
LEAVE_SECONDS = 15.0
KILL_SECONDS = 25.0
"""Longest waits that are allowed here, on a busy machine; the docs state what a quiet one has."""


class Arrivals:
    """Notes when each alert can first be read in the lite topic."""

    def __init__(self, site: Site) -> None:
        kafka = site.settings.kafka
        self.at: dict[int, float] = {}
        self._done = threading.Event()
        self._consumer = confluent_kafka.Consumer({**client_config(kafka), "group.id": "arrivals", "isolation.level": "read_committed"})
        self._consumer.assign([TopicPartition(*place, 0) for place in end_offsets(kafka, [kafka.lite_topic])])

    def _note(self) -> None:
        while not self._done.is_set():
            for message in self._consumer.consume(500, 0.05):
                if message.error() is None:
                    self.at.setdefault(json.loads(message.value() or b"")["diaSourceId"], time.time())
        self._consumer.close()

    @contextmanager
    def noting(self) -> Iterator[None]:
        thread = threading.Thread(target=self._note)
        thread.start()
        try:
            yield
        finally:
            self._done.set()
            thread.join()


def trigger_of(message: bytes) -> int:
    """Return the diaSourceId, which comes first in the body, as a zigzag varint."""
    number = shift = 0
    for byte in message[HEADER_BYTES:]:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return (number >> 1) ^ -(number & 1)


def waits(site: Site, arrivals: Arrivals) -> list[tuple[float, float]]:
    """Return when each alert was sent, and how long it waited, in the order of sending; seconds."""
    kafka = site.settings.kafka
    records = read_topic(kafka, kafka.input_topics[0])
    return sorted((record.timestamp_ms / 1000, arrivals.at[trigger_of(record.value or b"")] - record.timestamp_ms / 1000) for record in records)


def test_alerts_do_not_wait_long_when_nodes_come_and_go(own_site: Site) -> None:
    simulation = Simulation(night=20260130, visits=1, alerts_per_visit=RATE * 75, seed=31, corpus="shallow")
    own_site.run("up")
    first, moments = own_site.start("ingest", "--name", "a", log="a"), {}
    wait_until(lambda: partitions(own_site) == {"a": 8}, "the first node has all partitions")
    simulator = own_site.start("simulate", *options(simulation), "--pace", f"{RATE}/s", log="simulator")
    arrivals = Arrivals(own_site)
    with arrivals.noting():
        wait_until(lambda: len(arrivals.at) > RATE, "alerts arrive")
        moments["join"] = time.time()
        second = own_site.start("ingest", "--name", "b", log="b")
        wait_until(lambda: partitions(own_site) == {"a": 4, "b": 4}, "a second node has joined")
        time.sleep(SETTLE_SECONDS)
        moments["leave"] = time.time()
        second.terminate()
        assert end(second) == 0
        wait_until(lambda: partitions(own_site) == {"a": 8}, "the first node has all partitions again")
        third = own_site.start("ingest", "--name", "c", log="c")
        wait_until(lambda: partitions(own_site) == {"a": 4, "c": 4}, "a third node has joined")
        time.sleep(SETTLE_SECONDS)
        moments["kill"] = time.time()
        first.send_signal(signal.SIGKILL)
        wait_until(lambda: partitions(own_site) == {"c": 8}, "the third node has all partitions")
        assert simulator.wait(120) == 0
        await_the_end(own_site)
        wait_until(lambda: len(arrivals.at) == simulation.alerts_per_visit, "all have arrived")
    assert third.poll() is None
    waited = waits(own_site, arrivals)
    longest = {name: max(wait for sent, wait in waited if began - 1 <= sent) for name, began in moments.items() if name == "kill"}
    longest["join"] = max(wait for sent, wait in waited if moments["join"] - 1 <= sent <= moments["leave"] - 1)
    longest["leave"] = max(wait for sent, wait in waited if moments["leave"] - 1 <= sent <= moments["leave"] + SETTLE_SECONDS)
    usual = sorted(wait for _, wait in waited)[len(waited) // 2]
    print(f"alerts wait {usual:.2f} s (median); at most {longest}")
    assert longest["join"] < JOIN_SECONDS
    assert longest["leave"] < LEAVE_SECONDS
    assert longest["kill"] < KILL_SECONDS
