"""The compiled loop: how it is compiled, and how much it is given at a time."""

from __future__ import annotations

import numpy as np
import structlog

from splanc.packet import Decoder, _decoder, _loop, encode
from tests.support.packets import RecordMaker, messages_of


def test_without_a_place_for_machine_code(monkeypatch):
    def njit(*, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available for file")
        return lambda function: (function, options)

    monkeypatch.setattr(_loop, "njit", njit)
    with structlog.testing.capture_logs() as logs:
        assert _loop._compiled(max) == (max, {"nogil": True, "forceinline": False})
    assert [(log["log_level"], log["function"]) for log in logs] == [("warning", "max")]


def test_runs_of_bounded_bytes_make_the_same_batch(monkeypatch, schemas):
    schema = schemas.get(1101)
    maker = RecordMaker(schema, 31)
    messages = messages_of([encode(schema, maker.record()) for _ in range(12)])
    whole = Decoder(schemas, 10_000_000).decode(messages)
    monkeypatch.setattr(_decoder, "_RUN_BYTES", 5_000)
    lengths = np.array([len(value) for value in messages.values])
    assert len(list(_decoder._slices(np.arange(12), lengths))) > 3
    parts = Decoder(schemas, 10_000_000).decode(messages)
    assert parts.alerts.equals(whole.alerts)
    assert all(parts.tables[name].equals(whole.tables[name]) for name in whole.tables)
    assert all((parts.cutouts[name].starts == whole.cutouts[name].starts).all() for name in whole.cutouts)
