from __future__ import annotations

import json
from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from splanc.packet import rejected_nights
from splanc.streams import published_record

from .batches import NIGHT, VISIT, batch_of

nights = st.sampled_from([20251231, 20260101, 20260102])


@settings(max_examples=30)
@given(
    alerts=st.lists(st.tuples(nights, st.integers(1, 3)), max_size=12),
    rejected=st.lists(nights, max_size=6),
)
def test_counts_add_up_by_night_and_visit(alerts: list[tuple[int, int]], rejected: list[int]) -> None:
    batch = batch_of([{"night": night, "visit": night * 100_000 + sequence} for night, sequence in alerts])
    said = json.loads(published_record(batch, "node-1", np.array(rejected, np.int32)))
    expected = Counter((night, night * 100_000 + sequence) for night, sequence in alerts)
    assert said["node"] == "node-1"
    assert sorted(said["published"]) == sorted([night, visit, n] for (night, visit), n in expected.items())
    assert sorted(said["rejected"]) == sorted([night, n] for night, n in Counter(rejected).items())


def test_the_record_of_a_batch_with_rejected_packets() -> None:
    batch = batch_of([{}, None, {}, {"visit": VISIT + 1}, None])
    said = json.loads(published_record(batch, "n", rejected_nights(batch)))
    assert said == {"node": "n", "published": [[NIGHT, VISIT, 2], [NIGHT, VISIT + 1, 1]], "rejected": [[NIGHT, 2]]}


def test_a_batch_of_nothing_counts_nothing() -> None:
    assert json.loads(published_record(batch_of([]), "n", np.zeros(0, np.int32))) == {"node": "n", "published": [], "rejected": []}
