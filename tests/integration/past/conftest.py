"""What these tests share: compiled code, made before the first test's time is taken."""

from __future__ import annotations

import pytest

from splanc.filters import warm


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    warm()
