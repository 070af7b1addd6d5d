"""Simulated nodes."""

from tests.integration.ingest.test_exactly_once import no_power_cuts, start

__all__ = ["no_power_cuts", "start"]
