"""Retries of mails that tests need not wait for."""

from __future__ import annotations

import pytest

from splanc.head import _mails


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_mails, "_RETRY_SECONDS", 0.1)
