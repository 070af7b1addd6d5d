"""Simulated alerts, decoded by fastavro, which knows nothing of how they were made."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import fastavro

from splanc.simulator import Simulation
from splanc.simulator._prototypes import read_schema

NIGHT = 20261122


@cache
def parsed(version: str) -> Any:
    return fastavro.parse_schema(read_schema(version))


def decode(message: bytes, version: str = "11.1") -> dict[str, Any]:
    stream = io.BytesIO(message[5:])
    alert = fastavro.schemaless_reader(stream, parsed(version), None)
    assert isinstance(alert, dict)
    assert stream.read() == b""
    return alert


def alerts_of(simulation: Simulation) -> list[list[dict[str, Any]]]:
    return [[decode(message, simulation.schema_version) for message in visit.messages()] for visit in simulation.observe()]


@cache
def small_night() -> list[list[dict[str, Any]]]:
    """Two fields, visited three times each."""
    return alerts_of(Simulation(night=NIGHT, visits=6, alerts_per_visit=40, visits_per_field=3, seed=5))
