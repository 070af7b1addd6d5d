"""What all unit tests share: compiled code, made before the first test's time is taken, whichever comes first."""

from __future__ import annotations

import pytest

from splanc.archive import warm as warm_archive
from splanc.crossmatch.classifier import warm as warm_classifier
from splanc.crossmatch.service import warm as warm_answers
from splanc.features import warm as warm_features
from splanc.filters import warm as warm_filters
from splanc.packet import warm as warm_decoder
from splanc.sky import warm as warm_sky
from tests.support.packets import schema_store


@pytest.fixture(scope="session", autouse=True)
def _compiled(tmp_path_factory: pytest.TempPathFactory) -> None:
    warm_decoder(schema_store(tmp_path_factory.mktemp("compiled")))
    warm_archive()
    warm_sky()
    warm_features()
    warm_filters()
    warm_answers()
    warm_classifier()
