"""What these tests share: compiled code, made before the first test's time is taken."""

from __future__ import annotations

import pytest

from splanc.packet import Decoder
from tests.unit.archive_blobs.batches import warm_decoder


@pytest.fixture(scope="session", autouse=True)
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    return warm_decoder(tmp_path_factory.mktemp("schemas"))
