"""The decoder, as the unit tests of the simulator have it."""

from tests.unit.simulator.conftest import decoder

__all__ = ["decoder"]
