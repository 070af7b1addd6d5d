"""Nights that are sent, and what must come of them."""

from __future__ import annotations

import functools
import io
import json
import struct
import subprocess
from collections import Counter
from collections.abc import Iterator
from importlib import resources
from itertools import chain
from typing import Any

import fastavro
from pydantic import SecretStr

from splanc.head import read_registry, read_status
from splanc.kafka import read_topic
from splanc.simulator import Simulation
from tests.acceptance.commands import Site, wait_until

SCHEMA_ID = 1101

HEADER_BYTES = 5


def options(simulation: Simulation) -> list[object]:
    """Return the options with which `splanc simulate` sends a night."""
    named = {
        "night": simulation.night,
        "visits": simulation.visits,
        "alerts-per-visit": simulation.alerts_per_visit,
        "seed": simulation.seed,
        "corpus": simulation.corpus,
        "damaged": simulation.damaged_share,
        "repeated": simulation.repeated_share,
        "first-sequence": simulation.first_sequence,
    }
    return [*(part for name, value in named.items() for part in (f"--{name}", value)), *(["--hosts"] if simulation.hosts else [])]


def packet_of(message: bytes) -> dict[str, Any] | None:
    """Return the packet in a message as fastavro reads it, or None if it is damaged."""
    if len(message) < HEADER_BYTES or struct.unpack(">bI", message[:HEADER_BYTES]) != (0, SCHEMA_ID):
        return None
    body = io.BytesIO(message[HEADER_BYTES:])
    try:
        packet = fastavro.schemaless_reader(body, _schema(), None)
    except (EOFError, ValueError, IndexError, OverflowError):
        return None
    assert isinstance(packet, dict)
    return None if body.read(1) else packet


def messages_of(simulation: Simulation) -> Iterator[bytes]:
    """Yield every message of a night, as it was sent."""
    for visit in simulation.observe():
        yield from visit.messages()


def deliveries_of(simulation: Simulation) -> Counter[int]:
    """Return how often each good alert of a night is sent, by diaSourceId."""
    packets = map(packet_of, messages_of(simulation))
    return Counter(packet["diaSourceId"] for packet in packets if packet)


def lite_deliveries(site: Site) -> Counter[int]:
    """Return how often each alert is in the lite topic, by diaSourceId."""
    kafka = site.settings.kafka
    return Counter(json.loads(record.value or b"")["diaSourceId"] for record in read_topic(kafka, kafka.lite_topic))


def nodes(site: Site) -> list[dict[str, Any]]:
    """Return what nodes that are alive say of themselves."""
    return read_registry(site.settings).alive()


def partitions(site: Site) -> dict[str, int]:
    """Return how many partitions each node that is alive says it has."""
    return {node["node"]: len(node["partitions"]) for node in nodes(site)}


def lag(site: Site) -> dict[str, int | None]:
    """Return how many messages are yet to be published and to be archived; None while the archive does not say."""
    settings = site.settings
    archive = settings.archive.model_copy(update={"dsn": SecretStr(site.dsn)})
    found: dict[str, int | None] = read_status(settings.model_copy(update={"archive": archive}))["lag"]
    return found


def await_work(site: Site, process: subprocess.Popen[bytes]) -> None:
    """Wait until a node knows both marks of its partitions, and so needs neither Kafka nor PostgreSQL to go on waiting for alerts."""
    wait_until(lambda: any(node["pid"] == process.pid and _knows_its_marks(node) for node in nodes(site)), "the node is at work")


def _knows_its_marks(node: dict[str, Any]) -> bool:
    return bool(node["partitions"]) and None not in chain(*node["partitions"].values())


def await_the_end(site: Site, seconds: float = 120.0) -> None:
    """Wait until all that was sent has been published and archived."""
    wait_until(lambda: lag(site) == {"publish": 0, "archive": 0}, "everything is published and archived", seconds)


@functools.cache
def _schema() -> Any:
    file = resources.files("splanc.packet").joinpath("schemas", "lsst.v11_1.json")
    return fastavro.parse_schema(json.loads(file.read_text("utf-8")))
