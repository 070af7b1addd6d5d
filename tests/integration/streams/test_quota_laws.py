"""Laws of quotas, over any work of several nodes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from splanc.packet import Batch
from tests.unit.streams.batches import VISIT, batch_of
from tests.unit.streams.filters import SharedRecords, by_id, filter_of, with_matches
from tests.unit.streams.test_filter_streams import counted, streams

work = st.lists(
    st.tuples(st.integers(0, 2), st.lists(st.integers(0, 2), min_size=1, max_size=8), st.sampled_from(["done", "done", "aborted", "killed"])),
    max_size=12,
)


@settings(max_examples=60)
@given(work=work, records=st.integers(0, 12), size=st.integers(0, 500))
def test_no_three_nodes_exceed_a_quota_and_what_is_withheld_is_counted(work: list[tuple[int, list[int], str]], records: int, size: int) -> None:
    shared = SharedRecords()
    filters = by_id(filter_of(1, bytes_per_day=size, records_per_visit=records))
    nodes = [streams(filters, shared=shared) for _ in range(3)]
    in_visit: dict[int, int] = {}
    sent_bytes = matched = counted_matches = told = 0
    for number, visits, fate in work:
        batch: Batch = batch_of([{"visit": VISIT + visit} for visit in visits])
        batch = with_matches(batch, [(row, 1, '{"a":1}') for row in range(len(visits))])
        outgoing = nodes[number].outgoing(batch)
        if fate == "done":
            nodes[number].done(outgoing)
            for record in outgoing.records:
                sent_bytes += sum(map(len, record.values))
                for header in record.headers:
                    visit = int(header["visit"])
                    in_visit[visit] = in_visit.get(visit, 0) + 1
            one = counted(outgoing)[1]
            matched += len(visits)
            counted_matches += one.get("published", 0) + one.get("quota", 0)
            told += len(outgoing.notices)
            assert outgoing.published == one.get("published", 0) == sum(len(record.values) for record in outgoing.records)
        elif fate == "killed":
            nodes[number] = streams(filters, shared=shared)
    assert max(in_visit.values(), default=0) <= records
    assert sent_bytes <= size
    assert matched == counted_matches
    assert told == int(matched > sum(in_visit.values()))
