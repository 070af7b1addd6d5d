"""What all tests share: the floors, the servers, and one profile for hypothesis."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester", "tests.support.floors", "tests.support.kafka", "tests.support.postgres", "tests.support.s3"]

settings.register_profile("splanc", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("splanc")
