"""Schemas and decoders for the tests of packets."""

from __future__ import annotations

import pytest

from splanc.packet import Decoder
from tests.support.packets import schema_store


@pytest.fixture(scope="session")
def schemas(tmp_path_factory):
    """The shipped schemas; tests that add to a store make their own."""
    return schema_store(tmp_path_factory.mktemp("schemas"))


@pytest.fixture
def decoder(schemas):
    return Decoder(schemas, max_packet_bytes=10_000_000)
