from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from splanc.config import FilterSettings
from splanc.crossmatch import CLASSIFICATION_COLUMNS
from splanc.errors import UpstreamError
from splanc.filters.definition import Filter, Output
from splanc.kafka import MAX_MESSAGE_BYTES, TransactionAborted
from splanc.streams import FilterStreams, FilterTopics, Outgoing, Quotas
from tests.support.classifiers import answers

from .batches import NIGHT, VISIT, batch_of
from .filters import SharedRecords, batch_with, by_id, filter_of, with_matches
from .test_topics import Cluster

RECORD_BYTES = len('{"a":1,"UTC":"2026-01-02 05:00:00"}')


def streams(filters: Mapping[int, Filter], *, shared: SharedRecords | None = None, cluster: Cluster | None = None, **settings: int | None) -> FilterStreams:
    cluster = cluster or Cluster()
    quotas = Quotas((shared or SharedRecords()).seen_by_a_node())
    topics = FilterTopics(cluster.create, cluster.clock)
    return FilterStreams(FilterSettings(**settings), lambda: filters, dict, topics=topics, quotas=quotas)  # type: ignore[arg-type]


def published(outgoing: Outgoing) -> dict[str, list[dict[str, Any]]]:
    return {records.topic: [json.loads(value) for value in records.values] for records in outgoing.records}


def counted(outgoing: Outgoing) -> dict[int, dict[str, Any]]:
    """Counts by filter, without latencies."""
    assert outgoing.counts is not None
    return {one["filter"]: {name: n for name, n in one.items() if name not in ("filter", "latency")} for one in outgoing.counts["counts"]}


def notices(outgoing: Outgoing) -> list[tuple[str, str]]:
    return [(key.decode(), json.loads(value)["id"]) for key, value in outgoing.notices]


def test_each_match_is_a_record_in_its_filter_s_topic() -> None:
    batch = batch_of([{"diaObjectId": 7}, None, {"ssObjectId": 8}, {}])
    batch = with_matches(batch, [(0, 1, '{"diaObjectId":7,"m":1.5}'), (1, 1, '{"diaObjectId":null,"m":null}'), (2, 20, '{"x":"}"}')])
    outgoing = streams(by_id(filter_of(1), filter_of(20), filter_of(3))).outgoing(batch)
    first, second = outgoing.records
    assert (first.topic, second.topic) == ("topic_1", "topic_20")
    assert first.keys == [b"7", b"8"]
    values = [json.loads(value) for value in first.values]
    assert [list(value) for value in values] == [["diaObjectId", "m", "UTC"]] * 2
    assert [(value["diaObjectId"], value["m"]) for value in values] == [(7, 1.5), (None, None)]
    assert json.loads(second.values[0])["x"] == "}"
    names = {"filter": b"1", "version": b"3", "night": b"%d" % NIGHT, "visit": b"%d" % VISIT}
    assert first.headers == [names | {"diaSourceId": b"1000"}, names | {"diaSourceId": b"1002"}]
    assert second.headers == [names | {"filter": b"20", "diaSourceId": b"1003"}]


def test_the_time_of_publication_is_utc_and_the_records_bytes_are_counted() -> None:
    outgoing = streams(by_id(filter_of(1))).outgoing(with_matches(batch_of([{}]), [(0, 1, '{"a":1}')]))
    (value,) = outgoing.records[0].values
    assert len(value) == RECORD_BYTES
    assert json.loads(value)["UTC"][:2] == "20"
    assert counted(outgoing) == {1: {"night": NIGHT, "matched": 1, "published": 1, "bytes": RECORD_BYTES}}
    assert (outgoing.published, outgoing.published_bytes) == (1, RECORD_BYTES)


SOURCES = [
    {"alert": 0, "midpointMjdTai": 3.5, "psfFlux": 1.5, "psfFluxErr": 0.5, "band": "r", "reliability": 0.25, "decl": 1.0},
    {"alert": 0, "midpointMjdTai": 1.0, "psfFlux": 2.5},
    {"alert": 0, "midpointMjdTai": 5.0, "psfFlux": float("inf"), "band": 'g"'},
    {"alert": 1, "midpointMjdTai": 2.0},
    {"alert": 2, "midpointMjdTai": 2.0},
]
FORCED = [{"alert": 2, "midpointMjdTai": 2.5, "psfFlux": -1.0, "psfFluxErr": 1.0, "band": "y"}, {"alert": 0, "midpointMjdTai": 9.0}]
LIGHTCURVE = {
    "diaSourcesList": [
        {"psfFlux": None, "psfFluxErr": None, "midpointMjdTai": 5.0, "band": 'g"', "reliability": None},
        {"psfFlux": 1.5, "psfFluxErr": 0.5, "midpointMjdTai": 3.5, "band": "r", "reliability": 0.25},
        {"psfFlux": 2.5, "psfFluxErr": None, "midpointMjdTai": 1.0, "band": None, "reliability": None},
    ],
    "diaForcedSourcesList": [{"psfFlux": None, "psfFluxErr": None, "midpointMjdTai": 9.0, "band": None}],
}


def test_light_curves_come_newest_first_in_lasair_s_shape() -> None:
    batch = batch_with([{}, {}, {}], sources=SOURCES, forced=sorted(FORCED, key=lambda row: str(row["alert"])))
    batch = with_matches(batch, [(0, 1, '{"a":1}'), (1, 1, '{"a":2}'), (0, 2, '{"b":1}'), (0, 3, '{"c":1}')])
    filters = by_id(filter_of(1, output=Output.lightcurve), filter_of(2), filter_of(3, output=Output.lightcurve))
    found = published(streams(filters).outgoing(batch))
    assert [record["alert"] for record in found["topic_1"]] == [
        LIGHTCURVE,
        {
            "diaSourcesList": [{"psfFlux": None, "psfFluxErr": None, "midpointMjdTai": 2.0, "band": None, "reliability": None}],
            "diaForcedSourcesList": [],
        },
    ]
    assert list(found["topic_1"][0]) == ["a", "UTC", "alert"]
    assert [list(record) for record in found["topic_2"]] == [["b", "UTC"]]
    assert found["topic_3"][0]["alert"] == LIGHTCURVE


def test_a_full_record_is_the_whole_alert() -> None:
    objects = [{"alert": 0, "diaObjectId": 2**62 + 1, "ra": 12.5, "decl": -3.0, "ebv": 0.125}]
    batch = batch_with([{}, {}], sources=SOURCES[:4], forced=FORCED[1:], objects=objects)
    classes = answers([{"classification": "SN", "z": 0.5}]).add_column(0, "alert", pa.array([0], pa.int32()))
    batch = replace(batch, tables={**batch.tables, "sherlock_classifications": classes})
    batch = with_matches(batch, [(0, 1, '{"a":1}'), (1, 1, '{"a":2}')])
    whole, bare = (record["alert"] for record in published(streams(by_id(filter_of(1, output=Output.full))).outgoing(batch))["topic_1"])
    assert list(whole) == list(bare) == ["diaObject", "diaSourcesList", "diaForcedSourcesList", "diaNondetectionLimitsList", "ebv", "annotations"]
    assert (whole["diaObject"]["diaObjectId"], whole["diaObject"]["decl"], whole["ebv"]) == (2**62 + 1, -3.0, 0.125)
    assert "ebv" not in whole["diaObject"]
    assert [source["midpointMjdTai"] for source in whole["diaSourcesList"]] == [5.0, 3.5, 1.0]
    assert (whole["diaSourcesList"][1]["decl"], whole["diaSourcesList"][1]["pixelFlags_bad"]) == (1.0, None)
    assert [source["midpointMjdTai"] for source in whole["diaForcedSourcesList"]] == [9.0]
    assert (bare["diaObject"], bare["diaForcedSourcesList"], bare["diaNondetectionLimitsList"], bare["ebv"]) == (None, [], [], None)
    assert bare["annotations"] == {"sherlock": []}
    (said,) = whole["annotations"]["sherlock"]
    assert list(said) == CLASSIFICATION_COLUMNS.names
    assert {name: value for name, value in said.items() if value is not None} == {"classification": "SN", "z": 0.5}


def test_the_name_of_a_filter_does_not_name_its_topic() -> None:
    """A filter that is renamed keeps its topic, and what stands in it."""
    renamed = filter_of(1, topic="lasair_1oldname", version=4)
    outgoing = streams(by_id(renamed)).outgoing(with_matches(batch_of([{}]), [(0, 1, '{"a":1}')]))
    assert list(published(outgoing)) == ["lasair_1oldname"]
    assert outgoing.records[0].headers[0]["version"] == b"3"


@pytest.mark.parametrize("output", list(Output))
def test_all_outputs_but_none_go_to_the_topic(output: Output) -> None:
    outgoing = streams(by_id(filter_of(1, output=output))).outgoing(with_matches(batch_with([{}]), [(0, 1, '{"a":1}')]))
    is_silent = output is Output.none
    assert len(outgoing.records) == (0 if is_silent else 1)
    assert counted(outgoing)[1].get("silent", 0) == int(is_silent)
    assert outgoing.notices == []


def test_nothing_is_said_where_no_filter_runs() -> None:
    assert streams({}).outgoing(batch_of([{}])) == Outgoing()


def test_who_ran_is_said_in_ranges_and_how_many_alerts_they_saw_by_night() -> None:
    filters = by_id(*(filter_of(number) for number in (1, 2, 3, 7, 9, 10)))
    outgoing = streams(filters).outgoing(batch_of([{}, {"night": NIGHT + 1}, {}]))
    assert outgoing.counts == {"ran": "1-3,7,9-10", "evaluated": [[NIGHT, 2], [NIGHT + 1, 1]], "counts": [], "cpu_us": []}


def test_latencies_are_of_what_was_published() -> None:
    batch = with_matches(batch_of([{}, {}, {}]), [(0, 1, '{"a":1}'), (1, 1, '{"a":1}'), (2, 2, '{"a":1}')])
    outgoing = streams(by_id(filter_of(1), filter_of(2, output=Output.none))).outgoing(batch)
    assert outgoing.counts is not None
    first, silent = (one["latency"] for one in outgoing.counts["counts"])
    assert sum(first["buckets"].values()) == 2
    assert silent["buckets"] == {}
    assert first["max_seconds"] > 0


def test_a_filter_whose_topic_is_refused_is_withheld_and_its_owner_told_once() -> None:
    shared, cluster = SharedRecords(), Cluster(["topic_1"])
    node = streams(by_id(filter_of(1), filter_of(2)), shared=shared, cluster=cluster)
    batch = with_matches(batch_of([{}, {}]), [(0, 1, '{"a":1}'), (1, 1, '{"a":1}'), (1, 2, '{"a":1}')])
    outgoing = node.outgoing(batch)
    assert list(published(outgoing)) == ["topic_2"]
    assert counted(outgoing)[1] == {"night": NIGHT, "matched": 2, "topic": 2, "bytes": 0}
    assert notices(outgoing) == [("owner1", f"topic/1/{NIGHT}")]
    assert "not allowed" in json.loads(outgoing.notices[0][1])["text"]
    assert notices(node.outgoing(batch)) == [("owner1", f"topic/1/{NIGHT}")]
    node.done(outgoing)
    assert node.outgoing(batch).notices == []
    assert outgoing.withheld == {"quota": 0, "topic": 2, "size": 0, "schema": 0}


OWN = ["splanc_alerts_lite", "splanc_ledger"]


def test_refusals_close_a_filter_s_topic_but_not_when_others_refuse_too() -> None:
    node = streams(by_id(filter_of(1), filter_of(2)))
    batch = with_matches(batch_of([{}]), [(0, 1, '{"a":1}'), (0, 2, '{"a":1}')])
    for refusals in ({"topic_1": "away", "splanc_alerts_lite": "away"}, {"topic_1": "no right"}):
        for _ in range(2):
            outgoing = node.outgoing(batch)
            assert list(published(outgoing)) == ["topic_1", "topic_2"]
            node.aborted(outgoing, refusals, OWN, lambda topics: pytest.fail(f"{topics} are tried though it is known who refused"))
    assert list(published(node.outgoing(batch))) == ["topic_2"]


def test_who_is_to_blame_is_found_by_trying_topics_once_it_was_aborted_twice() -> None:
    cluster = Cluster()
    node = streams(by_id(filter_of(1), filter_of(2)), cluster=cluster)
    batch = with_matches(batch_of([{}]), [(0, 1, '{"a":1}'), (0, 2, '{"a":1}')])
    tried: list[Sequence[str]] = []

    def trial(topics: Sequence[str]) -> str | None:
        tried.append(topics)
        return "no right" if "topic_1" in topics else None

    topics = []
    for _ in range(4):
        outgoing = node.outgoing(batch)
        topics.append(list(published(outgoing)))
        if "topic_1" in topics[-1]:
            node.aborted(outgoing, {}, OWN, trial)
    assert topics == [["topic_1", "topic_2"]] * 3 + [["topic_2"]]
    assert tried == [OWN, ["topic_1", "topic_2"], ["topic_1"], ["topic_2"], OWN] * 2
    assert cluster.topics == [*["topic_1", "topic_2"] * 3, "topic_2"]


def test_a_record_that_no_topic_takes_is_withheld() -> None:
    record = '{"a":"' + "x" * MAX_MESSAGE_BYTES + '"}'
    outgoing = streams(by_id(filter_of(1)), quota_bytes_per_day=-1).outgoing(with_matches(batch_of([{}, {}]), [(0, 1, record), (1, 1, '{"a":1}')]))
    assert counted(outgoing)[1] == {"night": NIGHT, "matched": 2, "published": 1, "size": 1, "bytes": RECORD_BYTES}
    assert published(outgoing)["topic_1"][0]["a"] == 1


def test_kafka_away_aborts() -> None:
    def away(_names: object) -> dict[str, str]:
        raise UpstreamError("no answer")

    quotas = Quotas(SharedRecords().seen_by_a_node())
    node = FilterStreams(FilterSettings(), lambda: by_id(filter_of(1)), dict, topics=FilterTopics(away), quotas=quotas)
    with pytest.raises(TransactionAborted, match="no answer"):
        node.outgoing(with_matches(batch_of([{}]), [(0, 1, "{}")]))


def test_quotas_of_a_filter_go_before_those_of_the_settings() -> None:
    batch = with_matches(batch_of([{}] * 6), [(alert, number, '{"a":1}') for alert in range(6) for number in range(1, 6)])
    filters = by_id(
        filter_of(1),
        filter_of(2, bytes_per_day=-1),
        filter_of(3, bytes_per_day=2 * RECORD_BYTES),
        filter_of(4, bytes_per_day=-1, records_per_visit=1),
        filter_of(5, bytes_per_day=2 * RECORD_BYTES + 1, records_per_visit=3),
    )
    outgoing = streams(filters, quota_bytes_per_day=4 * RECORD_BYTES, quota_records_per_visit=5).outgoing(batch)
    assert {topic: len(records) for topic, records in published(outgoing).items()} == {"topic_1": 4, "topic_2": 5, "topic_3": 2, "topic_4": 1, "topic_5": 2}
    assert {number: one["quota"] for number, one in counted(outgoing).items()} == {1: 2, 2: 1, 3: 4, 4: 5, 5: 4}
    assert len(outgoing.notices) == 5


def test_quotas_hold_for_each_visit_and_each_night() -> None:
    entries = [{"visit": VISIT + place % 2, "night": NIGHT + place // 6} for place in range(12)]
    batch = with_matches(batch_of(entries), [(alert, 1, '{"a":1}') for alert in range(12)])
    node = streams(by_id(filter_of(1)), quota_bytes_per_day=5 * RECORD_BYTES, quota_records_per_visit=4)
    outgoing = node.outgoing(batch)
    assert outgoing.records[0].headers[-1]["diaSourceId"] == b"1007"
    assert {(one["night"], one["published"], one["quota"]) for one in (outgoing.counts or {})["counts"]} == {(NIGHT, 5, 1), (NIGHT + 1, 2, 4)}


def test_a_quota_that_is_used_up_needs_no_record_and_no_claim() -> None:
    shared = SharedRecords()
    node = streams(by_id(filter_of(1, output=Output.full)), shared=shared, quota_records_per_visit=1, quota_bytes_per_day=-1)
    batch = with_matches(batch_with([{}]), [(0, 1, '{"a":1}')])
    node.done(node.outgoing(batch))
    claims = len(shared.records)
    bare = with_matches(batch_of([{}]), [(0, 1, '{"a":1}')])
    outgoing = node.outgoing(bare)  # without a diaSource table no full record could be made
    assert counted(outgoing)[1] == {"night": NIGHT, "matched": 1, "quota": 1, "bytes": 0}
    assert notices(outgoing) == [("owner1", f"quota/1/{NIGHT}")]
    assert len(shared.records) == claims + 1  # whether it was told


def test_what_was_claimed_and_not_used_is_given_back_at_the_end() -> None:
    shared = SharedRecords()
    node = streams(by_id(filter_of(1)), shared=shared)
    outgoing = node.outgoing(with_matches(batch_of([{}]), [(0, 1, '{"a":1}')]))
    node.done(outgoing)
    node.close()
    claimed, given_back = (json.loads(record)["claims"] for record in shared.records)
    assert claimed[0][3] + given_back[0][3] == outgoing.published_bytes > 0
