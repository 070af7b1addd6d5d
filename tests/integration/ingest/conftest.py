"""Simulated nodes, as the unit tests have them."""

from tests.unit.ingest.test_exactly_once import no_power_cuts, start

__all__ = ["no_power_cuts", "start"]
