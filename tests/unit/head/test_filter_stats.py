from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from splanc.head import FilterNight, Ledger, filter_nights
from splanc.metrics import LatencyHistogram
from splanc.streams import published_record
from tests.unit.streams.batches import NIGHT, batch_of
from tests.unit.streams.filters import by_id, filter_of, with_matches
from tests.unit.streams.test_filter_streams import streams

FILTERS = by_id(filter_of(1), filter_of(2, records_per_visit=1), filter_of(4))


def record(alerts: list[dict[str, Any]], *matches: tuple[int, int]) -> bytes:
    """Return what a node says of a batch in the ledger topic; each time it is a node that knows of nothing before."""
    batch = with_matches(batch_of(alerts), [(alert, number, '{"a":1}') for alert, number in matches])
    return published_record(batch, "n", np.zeros(0, np.int32), streams(FILTERS).outgoing(batch).counts)


def test_counts_add_up_by_filter_and_night() -> None:
    next_night = {"night": NIGHT + 1}
    records = [record([{}, {}, next_night], (0, 1), (2, 1), (0, 2), (1, 2)), record([{}], (0, 2)), b'{"published": [], "rejected": []}']
    found = {(one.filter, one.night): one for one in filter_nights(records)}
    assert {key: (one.evaluated, one.matched, one.published, one.withheld["quota"]) for key, one in found.items()} == {
        (1, NIGHT): (3, 1, 1, 0),
        (2, NIGHT): (3, 3, 2, 1),
        (4, NIGHT): (3, 0, 0, 0),
        (1, NIGHT + 1): (1, 1, 1, 0),
        (2, NIGHT + 1): (1, 0, 0, 0),
        (4, NIGHT + 1): (1, 0, 0, 0),
    }
    assert [one.problems() for one in found.values()] == [[]] * 6
    assert found[2, NIGHT].size_bytes == 2 * found[1, NIGHT].size_bytes > 0
    assert sum(found[2, NIGHT].latency.cumulative(())) == 2
    assert [(one.filter, one.night) for one in filter_nights(records, NIGHT + 1)] == [(1, NIGHT + 1), (2, NIGHT + 1), (4, NIGHT + 1)]


def test_processor_time_is_added_up() -> None:
    said = {"ran": "1", "evaluated": [[NIGHT, 5]], "counts": [], "cpu_us": [[1, NIGHT, 30], [1, NIGHT + 1, 7], [1, NIGHT, 12]]}
    (found,) = filter_nights([json.dumps({"filters": said}).encode()], NIGHT)
    assert (found.cpu_us, found.evaluated) == (42, 5)


SOUND = {"filter": 7, "night": NIGHT, "evaluated": 10, "matched": 6, "published": 3, "silent": 1, "withheld": {"quota": 1, "topic": 1, "size": 0}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"published": 2}, ["filter 7: matched is 6, but published + withheld + silent is 5"]),
        ({"published": 4}, ["filter 7: matched is 6, but published + withheld + silent is 7"]),
        ({"withheld": {"quota": 1, "topic": 0, "size": 0}}, ["filter 7: matched is 6, but published + withheld + silent is 5"]),
        ({"silent": 0}, ["filter 7: matched is 6, but published + withheld + silent is 5"]),
        ({"evaluated": 5}, ["filter 7: matched is 6, but evaluated is 5"]),
    ],
)
def test_what_does_not_add_up_is_said_and_is_part_of_the_ledger_s_verdict(changes: dict[str, Any], said: list[str]) -> None:
    one = FilterNight(**(SOUND | changes))
    assert one.problems() == said
    report = Ledger(night=NIGHT, filters=[one]).report()
    assert (report["adds_up"], report["problems"]) == (not said, said)


def test_the_report_is_json() -> None:
    latency = LatencyHistogram()
    latency.add(np.array([0.5, 0.5, 3.0]))
    report = json.loads(json.dumps(FilterNight(**SOUND, latency=latency, size_bytes=300, cpu_us=5).report()))
    assert (report["withheld"], report["withheld_by"]) == (2, {"quota": 1, "topic": 1})
    assert report["latency_p50"] == pytest.approx(0.5, rel=0.05)
    assert report["latency_p99"] == pytest.approx(3.0, rel=0.05)
    assert (report["size_bytes"], report["cpu_us"], report["problems"]) == (300, 5, [])
