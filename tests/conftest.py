"""What all tests share: the floors, the servers, logs that no test leaves to another, and one profile for hypothesis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester", "tests.support.floors", "tests.support.kafka", "tests.support.postgres", "tests.support.s3"]

settings.register_profile("splanc", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("splanc")


@pytest.fixture(autouse=True)
def _logs_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command that a test runs in this process sets its logging, to a standard error that is closed with the test: neither stays."""
    configured, configure = structlog.get_config(), structlog.configure

    def configure_for_now(**options: object) -> None:
        configure(**{**options, "cache_logger_on_first_use": False})

    monkeypatch.setattr(structlog, "configure", configure_for_now)
    yield
    configure(**configured)
