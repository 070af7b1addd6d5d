from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from io import BytesIO
from itertools import pairwise
from typing import Any

import fastavro
import pyarrow as pa
import pytest

from splanc.config import FilterSettings, SchemaSettings
from splanc.errors import UpstreamError
from splanc.filters import MATCHES_TABLE, FilterRunner
from splanc.filters.definition import Filter, Output
from splanc.kafka import Record
from splanc.packet import Partition
from splanc.streams import FilterSchemas, FilterStreams, FilterTopics, Outgoing, Quotas, SchemaRefused, register
from splanc.streams.match_records import match_of
from tests.support.classifiers import answers
from tests.unit.streams.batches import batch_of
from tests.unit.streams.filters import SharedRecords, batch_with, by_id, filter_of, with_matches
from tests.unit.streams.registry import Registry
from tests.unit.streams.test_topics import Cluster

OBJECT = {"alert": 0, "diaObjectId": 7, "ra": 1.5, "g_psfFluxMean": 2.7, "nDiaSources": 3, "ebv": 0.1}
SOURCES = [
    {"alert": 0, "psfFlux": 0.1, "psfFluxErr": 1.5, "midpointMjdTai": 61000.123456789, "band": "g", "detector": 12, "isDipole": True},
    {"alert": 0, "psfFlux": None, "psfFluxErr": 2.5, "midpointMjdTai": 61001.5, "band": "r"},
]
FORCED = [{"alert": 0, "psfFlux": -3.25, "psfFluxErr": 1.0, "midpointMjdTai": 61002.0, "band": "i"}]


@pytest.fixture
def registry() -> Iterator[Registry]:
    registry = Registry()
    with registry.serving() as registry.url:
        yield registry


def filter_on(number: int, selected: str, *, tables: str = "objects, alert", output: Output = Output.stream, **special: Any) -> Filter:
    one = filter_of(number, output=output, **special)
    return replace(one, definition=replace(one.definition, selected=selected, tables=tables))


def node(registry: Registry, *filters: Filter, clock: Cluster | None = None, **settings: Any) -> FilterStreams:
    cluster = clock or Cluster()
    schemas = FilterSchemas(partial(register, SchemaSettings(registry_url=registry.url, timeout_seconds=5)), cluster.clock)
    quotas = Quotas(SharedRecords().seen_by_a_node())
    topics = FilterTopics(cluster.create, cluster.clock)
    return FilterStreams(FilterSettings(format="avro", **settings), lambda: by_id(*filters), dict, topics=topics, quotas=quotas, schemas=schemas)


def values(outgoing: Outgoing) -> dict[str, list[bytes]]:
    return {records.topic: list(records.values) for records in outgoing.records}


def told(outgoing: Outgoing) -> list[str]:
    return [json.loads(value)["text"] for _, value in outgoing.notices]


KINDS = "objects.diaObjectId, ra, alert.isDipole, alert.band, now() AS seen, NULL AS nothing, alert.psfFlux * 2 AS twice"


def test_a_record_in_avro_says_what_it_says_in_json(registry: Registry) -> None:
    given: dict[str, Any] = {
        "diaObjectId": 2**63 - 1, "ra": 0.1, "isDipole": True, "band": 'ä"\\', "seen": "2026-01-02 05:00:00", "nothing": None, "twice": 2.0,
    }  # fmt: skip
    unknown = dict.fromkeys(given)
    batch = with_matches(batch_of([{"diaObjectId": 7}, {}]), [(0, 1, json.dumps(given)), (1, 1, json.dumps(unknown))])
    (first, second) = values(node(registry, filter_on(1, KINDS)).outgoing(batch))["topic_1"]
    assert list(registry.read(first)) == [*given, "UTC"]
    assert registry.read(first) == given | {"UTC": registry.read(first)["UTC"]}
    assert registry.read(second) == unknown | {"UTC": registry.read(first)["UTC"]}
    assert registry.subjects == ["/registry/subjects/topic_1-value/versions"]
    types = {field["name"]: field["type"] for field in json.loads(registry.schemas[0])["fields"]}
    assert types == {
        "diaObjectId": ["null", "long"], "ra": ["null", "double"], "isDipole": ["null", "boolean"], "band": ["null", "string"],
        "seen": ["null", "string"], "nothing": "null", "twice": ["null", "double"], "UTC": "string",
    }  # fmt: skip


def test_keys_that_avro_does_not_allow_get_a_name_of_their_own(registry: Registry) -> None:
    selected = 'ra AS "2 r", decl AS "a-b", ra AS a_b, ra AS "a b", ra AS "UTC", ra AS alert, ra AS "ä"'
    keys = {"2 r": "_2_r", "a-b": "a_b", "a_b": "a_b_2", "a b": "a_b_3", "UTC": "UTC_2", "alert": "alert_2", "ä": "_"}
    one = filter_on(1, selected, topic="9.lasair-x", output=Output.lightcurve)
    record = json.dumps({key: float(number) for number, key in enumerate(keys)})
    (value,) = values(node(registry, one).outgoing(with_matches(batch_with([{}]), [(0, 1, record)])))["9.lasair-x"]
    read = registry.read(value)
    assert {name: read[name] for name in keys.values()} == {name: float(number) for number, name in enumerate(keys.values())}
    assert len(read["UTC"]) == len("2026-01-02 05:00:00")
    assert read["alert"] == {"diaSourcesList": [], "diaForcedSourcesList": []}
    schema = json.loads(registry.schemas[0])
    assert schema["name"] == "_9_lasair_x"
    assert {field["name"]: field["doc"] for field in schema["fields"] if "doc" in field} == {name: key for key, name in keys.items() if key != name}


@pytest.mark.parametrize("output", [Output.lightcurve, Output.full])
def test_the_alert_comes_along_as_it_does_in_json(registry: Registry, output: Output) -> None:
    batch = batch_with([{"diaObjectId": 7}, {}], sources=SOURCES, forced=FORCED, objects=[OBJECT])
    classes = answers([{"classification": "SN", "z": 0.5, "classificationReliability": 2}]).add_column(0, "alert", pa.array([0], pa.int32()))
    batch = replace(batch, tables={**batch.tables, "sherlock_classifications": classes})
    batch = with_matches(batch, [(alert, number, '{"ra":1.5}') for alert in (0, 1) for number in (1, 2, 3)])
    filters = [filter_on(1, "ra", output=output), filter_on(2, "ra", output=output), filter_on(3, "ra")]
    sent = values(node(registry, *filters).outgoing(batch))
    plain = FilterStreams(
        FilterSettings(), lambda: by_id(*filters), dict, topics=FilterTopics(Cluster().create), quotas=Quotas(SharedRecords().seen_by_a_node())
    )
    for topic, records in values(plain.outgoing(batch)).items():
        for avro, text in zip(sent[topic], records, strict=True):
            assert narrowed(registry.read(avro)) == narrowed(json.loads(text))


def narrowed(said: Any) -> Any:
    """Floats with the digits that single precision has, which is what the survey's have; no time."""
    if isinstance(said, dict):
        return {key: narrowed(value) for key, value in said.items() if key != "UTC"}
    if isinstance(said, list):
        return [narrowed(value) for value in said]
    return float(f"{said:.7g}") if isinstance(said, float) and abs(said) < 1e4 else said


def test_readers_of_an_edited_filter_can_read_what_it_wrote_before(registry: Registry) -> None:
    edits = [("ra", Output.stream), ("ra, decl", Output.lightcurve), ("decl", Output.full), ("ra AS x", Output.lightcurve), ("decl", Output.stream)]
    batch = batch_with([{"diaObjectId": 7}], sources=SOURCES, forced=FORCED, objects=[OBJECT])
    batch = with_matches(batch, [(0, 1, '{"ra":1.5,"decl":2.5,"x":3.5}')])
    sent = [values(node(registry, filter_on(1, selected, output=output)).outgoing(batch))["topic_1"][0] for selected, output in edits]
    for old, new in pairwise(range(len(edits))):
        written, reading = (json.loads(registry.schemas[place]) for place in (old, new))
        read: Any = fastavro.schemaless_reader(BytesIO(sent[old][5:]), written, reading)
        assert set(read) == {field["name"] for field in reading["fields"]}
        assert read["UTC"] == registry.read(sent[old])["UTC"]
    assert [registry.read(one).get("decl") for one in sent] == [None, 2.5, 2.5, None, 2.5]


def test_what_the_engine_makes_of_a_filter_is_what_its_schema_promises(registry: Registry) -> None:
    selected = (
        "objects.diaObjectId, 2 * ra AS 'twice ra', g_psfFluxMean, nDiaSources, 'Text', 5, TRUE, ra > 1, ra / 0, now() AS seen, alert.isDipole, alert.band"
    )
    one = filter_on(1, selected)
    batch = batch_with([{"diaObjectId": 7, "midpointMjdTai": 61000.0, "survey": "lsst"}], sources=SOURCES[:1], objects=[OBJECT])
    batch = FilterRunner([one]).run_filters(batch)
    ((avro,),) = values(node(registry, one).outgoing(batch)).values()
    (text,) = batch.tables[MATCHES_TABLE]["record"].to_pylist()
    names = {field["name"]: field.get("doc", field["name"]) for field in json.loads(registry.schemas[0])["fields"]}
    said = {names[name]: value for name, value in registry.read(avro).items() if name != "UTC"}
    assert list(said.items()) == list(json.loads(text).items())
    assert [type(value) for value in said.values()] == [int, float, float, int, str, int, bool, bool, type(None), str, bool, str]


def test_what_splanc_itself_reads_stays_json(registry: Registry) -> None:
    batch = with_matches(batch_of([{}]), [(0, number, '{"ra":1.5}') for number in (1, 2, 3)])
    filters = [filter_on(1, "ra", output=Output.digest), filter_on(2, "ra"), filter_on(3, "ra", output=Output.webhook)]
    sent = values(node(registry, *filters).outgoing(batch))
    assert [json.loads(sent[topic][0])["ra"] for topic in ("topic_1", "topic_3")] == [1.5, 1.5]
    assert registry.read(sent["topic_2"][0])["ra"] == 1.5
    assert len(registry.subjects) == 1


def test_a_schema_is_registered_once_for_each_version(registry: Registry) -> None:
    filters = {1: filter_on(1, "ra")}
    schemas = FilterSchemas(partial(register, SchemaSettings(registry_url=registry.url)))
    streams = FilterStreams(
        FilterSettings(),
        lambda: filters,
        dict,
        topics=FilterTopics(Cluster().create),
        quotas=Quotas(SharedRecords().seen_by_a_node()),
        schemas=schemas,
    )
    old = [values(streams.outgoing(with_matches(batch_of([{}]), [(0, 1, '{"ra":1.5}')]))) for _ in range(2)]
    filters[1] = replace(filter_on(1, "ra, decl"), version=4)
    new = values(streams.outgoing(with_matches(batch_of([{}]), [(0, 1, '{"ra":1.5,"decl":2.5}')])))
    assert len(registry.subjects) == 2
    assert [set(registry.read(sent["topic_1"][0])) for sent in (*old, new)] == [{"ra", "UTC"}, {"ra", "UTC"}, {"ra", "decl", "UTC"}]
    assert [sent["topic_1"][0][:5] for sent in (*old, new)] == [b"\0\0\0\0\x64", b"\0\0\0\0\x64", b"\0\0\0\0\x65"]


def test_a_registry_that_is_away_withholds_only_what_needs_it_and_is_tried_again(registry: Registry) -> None:
    cluster = Cluster()
    filters = [filter_on(1, "ra"), filter_on(2, "ra"), filter_on(3, "ra", output=Output.digest)]
    streams = node(registry, *filters, clock=cluster)
    first = with_matches(batch_of([{}]), [(0, 1, '{"ra":1.5}')])
    batch = with_matches(batch_of([{}]), [(0, number, '{"ra":1.5}') for number in (1, 2, 3)])
    assert set(values(streams.outgoing(first))) == {"topic_1"}
    registry.status = 503
    outgoing = streams.outgoing(batch)
    assert set(values(outgoing)) == {"topic_1", "topic_3"}  # the first one's schema is known
    assert outgoing.withheld == {"quota": 0, "topic": 0, "size": 0, "schema": 1}
    assert told(outgoing) == [
        "The schema of your filter name 2 cannot be registered (the schema registry answers 503). Its matches are withheld, and counted, until it can."
    ]
    streams.done(outgoing)
    cluster.now = 59.0
    again = streams.outgoing(batch)
    assert (again.withheld["schema"], told(again), len(registry.subjects)) == (1, [], 2)
    registry.status = None
    cluster.now = 60.0
    assert set(values(streams.outgoing(batch))) == {"topic_1", "topic_2", "topic_3"}


def test_a_schema_that_is_refused_stops_its_own_filter_only(registry: Registry) -> None:
    cluster = Cluster()
    streams = node(registry, filter_on(1, "ra"), filter_on(2, "ra"), clock=cluster)
    registry.status = 409
    outgoing = streams.outgoing(with_matches(batch_of([{}]), [(0, 1, '{"ra":1.5}')]))
    assert told(outgoing)[0].startswith("The schema of your filter name 1 cannot be registered (the schema registry refuses topic_1-value: 409 it says so)")
    registry.status = None
    both = with_matches(batch_of([{}]), [(0, number, '{"ra":1.5}') for number in (1, 2)])
    cluster.now = 599.0
    assert set(values(streams.outgoing(both))) == {"topic_2"}
    cluster.now = 600.0
    assert set(values(streams.outgoing(both))) == {"topic_1", "topic_2"}


def test_values_that_are_not_of_their_type_become_null(registry: Registry) -> None:
    record = json.dumps({"diaObjectId": 2**63, "ra": "north", "isDipole": 1, "band": [1], "seen": 5, "nothing": 5, "twice": True})
    (value,) = values(node(registry, filter_on(1, KINDS)).outgoing(with_matches(batch_of([{}]), [(0, 1, record)])))["topic_1"]
    read = registry.read(value)
    del read["UTC"]
    assert read == {"diaObjectId": None, "ra": None, "isDipole": True, "band": "[1]", "seen": "5", "nothing": None, "twice": 1.0}


def test_what_mails_and_posts_are_made_of_is_json_whatever_the_topic_holds(registry: Registry) -> None:
    batch = with_matches(batch_of([{}]), [(0, 1, '{"ra":1.5}')])
    (value,) = values(node(registry, filter_on(1, "ra")).outgoing(batch))["topic_1"]
    match = match_of(Record(place=Partition("topic_1", 0), offset=0, key=b"7", value=value, timestamp_ms=0))
    assert list(json.loads(match.record)) == list(match.shown()) == ["record"]


def test_quotas_count_the_bytes_that_are_sent(registry: Registry) -> None:
    batch = with_matches(batch_of([{}]), [(0, 1, '{"ra":1.5}')])
    outgoing = node(registry, filter_on(1, "ra")).outgoing(batch)
    assert outgoing.published_bytes == len(values(outgoing)["topic_1"][0]) == 5 + 1 + 8 + 1 + 19


def test_a_registry_that_is_not_there_or_talks_nonsense_is_away(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    with Registry().serving() as gone:
        pass
    for url in (gone.replace("127.0.0.1", "user:secret@127.0.0.1"), "no address"):
        with pytest.raises(UpstreamError, match="does not answer as it should") as raised:
            register(SchemaSettings(registry_url=url), "t-value", '"string"')
        assert "secret" not in str(raised.value)
    for said in ([], {}, {"id": "x"}, None):
        monkeypatch.setattr(registry, "post", lambda *_, said=said: (200, said))
        with pytest.raises(UpstreamError, match="does not answer as it should"):
            register(SchemaSettings(registry_url=registry.url), "t-value", '"string"')
    registry.status = 422
    monkeypatch.undo()
    with pytest.raises(SchemaRefused, match="refuses t-value: 422 it says so"):
        register(SchemaSettings(registry_url=registry.url), "t-value", '"string"')
