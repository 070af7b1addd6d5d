from __future__ import annotations

import pytest

from splanc.config import SchemaSettings
from splanc.packet import Decoder, SchemaStore


@pytest.fixture(scope="session")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    schemas = SchemaStore(SchemaSettings(), tmp_path_factory.mktemp("schemas"))
    return Decoder(schemas, 10 << 20)
