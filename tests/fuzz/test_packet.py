"""The fuzz test of packets with a fixed budget; `python -m tests.fuzz.packet` runs longer."""

from __future__ import annotations

from tests.fuzz.packet import fuzz


def test_damaged_packets():
    rounds, alerts, rejects = fuzz(seconds=15.0, seed=20251231)
    assert rounds >= 5
    assert alerts >= 100
    assert rejects >= 50
