from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from splanc.stopping import stop_signal

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture(autouse=True)
def _handlers_as_before() -> Iterator[None]:
    before = [signal.getsignal(number) for number in SIGNALS]
    yield
    for number, handler in zip(SIGNALS, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_either_signal_says_stop_and_ends_nothing(number: signal.Signals) -> None:
    should_stop = stop_signal()
    assert not should_stop()
    signal.raise_signal(number)
    assert should_stop()
    assert should_stop()
