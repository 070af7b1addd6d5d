from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from splanc.packet import rejected_nights
from tests.unit.streams.batches import NIGHT, batch_of

nights = st.one_of(st.none(), st.sampled_from([20251230, 20251231, 20260105]))


@settings(max_examples=30)
@given(entries=st.lists(nights, max_size=12))
def test_the_night_is_that_of_the_alert_before_or_else_of_the_first_after(entries: list[int | None]) -> None:
    batch = batch_of([None if night is None else {"night": night} for night in entries])
    known = [night for night in entries if night is not None]
    expected = []
    for row, night in enumerate(entries):
        if night is None:
            before = [earlier for earlier in entries[:row] if earlier is not None]
            expected.append(before[-1] if before else known[0] if known else NIGHT)
    assert rejected_nights(batch).tolist() == expected
