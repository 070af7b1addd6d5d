"""A crash of a node at every boundary, and another at every later one: too many nights for the unit floor."""

from __future__ import annotations

import pytest

from tests.integration.ingest.test_exactly_once import Start, crash_at, ticks_of_a_quiet_run

pytestmark = pytest.mark.usefixtures("no_power_cuts")


def test_a_crash_at_every_boundary_and_another_at_every_later_one(start: Start) -> None:
    ticks = ticks_of_a_quiet_run(start)
    for first in range(1, ticks + 1):
        for second in range(first + 1, first + ticks + 1):
            crash_at(start, {first, second})
