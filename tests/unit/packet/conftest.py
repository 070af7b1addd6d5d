"""Schemas and decoders for the tests of packets."""

from __future__ import annotations

import pytest

from splanc.packet import Decoder, warm
from tests.support.packets import schema_store


@pytest.fixture(scope="session")
def schemas(tmp_path_factory):
    """The shipped schemas, compiled once; tests that add to a store make their own."""
    store = schema_store(tmp_path_factory.mktemp("schemas"))
    warm(store)
    return store


@pytest.fixture
def decoder(schemas):
    return Decoder(schemas, max_packet_bytes=10_000_000)
