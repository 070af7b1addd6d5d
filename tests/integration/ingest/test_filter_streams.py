"""Matches of filters on a real Kafka: topics, quotas of several nodes, and Lasair's own consumer."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from lasair import lasair_consumer

from splanc.config import FilterSettings, KafkaSettings, SchemaSettings, Settings
from splanc.filters.definition import Filter, Output
from splanc.head import FilterNight, read_filter_stats
from splanc.ingest import NodeReport, PublishSide
from splanc.kafka import Outbox, Record, TransactionAborted, bootstrap_servers, client_config, read_topic
from splanc.metrics import Metrics
from splanc.packet import Batch
from splanc.streams import open_filter_streams
from tests.integration.kafka.nodes import joined
from tests.support.kafka import delete_topic
from tests.unit.streams.batches import NIGHT, VISIT, batch_of
from tests.unit.streams.filters import batch_with, by_id, filter_of, with_matches
from tests.unit.streams.registry import Registry
from tests.unit.streams.test_filter_streams import FORCED, LIGHTCURVE, SOURCES

PATIENCE_SECONDS = 30.0


class Publisher:
    """What publishes a node's batches; the group's offsets stay where they are."""

    def __init__(self, settings: Settings, side: PublishSide) -> None:
        self.settings = settings
        self._side = side

    def publish(self, batch: Batch) -> None:
        self._side.publish(batch, {}, lambda: None)

    def aborts(self, batch: Batch) -> str:
        with pytest.raises(TransactionAborted) as caught:
            self.publish(batch)
        return str(caught.value)


@contextmanager
def publishing(
    kafka: KafkaSettings, filters: Mapping[int, Filter], *names: str, seconds: float = 10.0, registry: str | None = None, **quotas: int
) -> Iterator[list[Publisher]]:
    """Yield nodes that run these filters; with the address of a registry their records are Avro."""
    filter_settings = FilterSettings(**quotas, format="json" if registry is None else "avro")  # type: ignore[arg-type]
    settings = Settings(kafka=kafka, filters=filter_settings, schemas=SchemaSettings(registry_url=registry))
    settings = settings.model_copy(update={"ingest": settings.ingest.model_copy(update={"transaction_seconds": seconds})})
    metrics = Metrics()
    with joined(kafka, "member") as member:
        outboxes = [Outbox(settings, name) for name in names or ("n",)]
        streams = [open_filter_streams(settings, lambda: filters, dict) for _ in outboxes]
        sides = [
            PublishSide(kafka, outbox, member.consumer, report=NodeReport("n", metrics), metrics=metrics, streams=stream.__enter__())
            for outbox, stream in zip(outboxes, streams, strict=True)
        ]
        yield [Publisher(settings, side) for side in sides]
        for outbox, stream in zip(outboxes, streams, strict=True):
            stream.__exit__(None, None, None)
            outbox.close()


@pytest.fixture
def topic() -> str:
    return f"lasair_1{uuid.uuid4().hex[:8]}"


def records(kafka: KafkaSettings, topic: str) -> list[Record]:
    return list(read_topic(kafka, topic))


def stats(settings: Settings) -> dict[int, FilterNight]:
    found = read_filter_stats(settings, NIGHT)
    assert [problem for one in found for problem in one.problems()] == []
    return {one.filter: one for one in found}


def test_lasair_s_own_consumer_reads_a_topic(kafka: KafkaSettings, topic: str) -> None:
    batch = batch_with([{"diaObjectId": 7}, {}, {}], sources=SOURCES, forced=sorted(FORCED, key=lambda row: str(row["alert"])))
    with publishing(kafka, by_id(filter_of(1, topic=topic, output=Output.lightcurve))) as (node,):
        node.publish(with_matches(batch, [(0, 1, '{"diaObjectId":7,"mag":19.5}')]))
        node.publish(with_matches(batch, [(0, 1, '{"diaObjectId":7,"mag":null}')]))
    consumer = lasair_consumer(bootstrap_servers(kafka), f"group-{topic}", topic)
    deadline = time.monotonic() + PATIENCE_SECONDS
    read: list[dict[str, Any]] = []
    while len(read) < 2:
        assert time.monotonic() < deadline
        message = consumer.poll(timeout=1)
        if message is not None:
            assert message.error() is None
            read.append(json.loads(message.value()))
    consumer.close()
    assert [(one["diaObjectId"], one["mag"]) for one in read] == [(7, 19.5), (7, None)]
    assert read[0]["alert"] == read[1]["alert"] == LIGHTCURVE
    assert time.strptime(read[0]["UTC"], "%Y-%m-%d %H:%M:%S").tm_year >= 2026
    (first, _) = records(kafka, topic)
    assert first.key == b"7"
    assert first.headers == {"filter": b"1", "version": b"3", "night": b"%d" % NIGHT, "visit": b"%d" % VISIT, "diaSourceId": b"1000"}


def test_records_in_avro_are_read_by_the_schema_that_they_name(kafka: KafkaSettings, topic: str) -> None:
    registry = Registry()
    other = f"{topic}b"
    filters = by_id(filter_of(1, topic=topic, output=Output.lightcurve), filter_of(2, topic=other))
    plain = batch_with([{"diaObjectId": 7}, {}, {}], sources=SOURCES, forced=sorted(FORCED, key=lambda row: str(row["alert"])))
    one, both = (with_matches(plain, [(0, number, '{"diaObjectId":7}') for number in numbers]) for numbers in ([1], [1, 2]))
    with registry.serving() as url, publishing(kafka, filters, registry=url) as (node,):
        node.publish(one)
        registry.status = 500
        node.publish(both)
        found = stats(node.settings)
    read = [registry.read(record.value or b"") for record in records(kafka, topic)]
    assert [(said["diaObjectId"], len(said["alert"]["diaSourcesList"])) for said in read] == [(7, len(LIGHTCURVE["diaSourcesList"]))] * 2
    assert (found[1].published, found[2].published, found[2].withheld["schema"]) == (2, 0, 1)
    assert records(kafka, other) == []
    assert [json.loads(record.value or b"")["id"] for record in records(kafka, kafka.notices_topic)] == [f"schema/2/{NIGHT}"]


def test_three_nodes_share_a_quota_to_the_last_record(kafka: KafkaSettings, topic: str) -> None:
    batch = with_matches(batch_of([{}] * 4), [(alert, 1, '{"a":1}') for alert in range(4)])
    with publishing(kafka, by_id(filter_of(1, topic=topic)), "one", "two", "three", quota_records_per_visit=10) as nodes:
        for node in (*nodes, *nodes):
            node.publish(batch)
        (counts,) = stats(nodes[0].settings).values()
    assert len(records(kafka, topic)) == 10
    assert (counts.evaluated, counts.matched, counts.published, counts.withheld) == (24, 24, 10, {"quota": 14, "topic": 0, "size": 0, "schema": 0})
    notices = [(record.key, json.loads(record.value or b"")) for record in records(kafka, kafka.notices_topic)]
    assert [(key, said["id"], said["owner"], said["filter"]) for key, said in notices] == [(b"owner1", f"quota/1/{NIGHT}", "owner1", "name 1")]


def test_a_topic_that_was_deleted_is_made_anew(kafka: KafkaSettings, topic: str) -> None:
    batch = with_matches(batch_of([{}]), [(0, 1, '{"a":1}')])
    with publishing(kafka, by_id(filter_of(1, topic=topic)), seconds=4.0) as (node,):
        node.publish(batch)
        delete_topic(kafka, topic)
        node.aborts(batch)
        node.publish(batch)
        (counts,) = stats(node.settings).values()
    assert len(records(kafka, topic)) == 1
    assert (counts.matched, counts.published) == (2, 2)


def test_what_one_topic_refuses_stops_no_other(kafka: KafkaSettings, topic: str) -> None:
    filters = by_id(filter_of(1, topic=topic), filter_of(2, topic=f"{topic}-other"), filter_of(3, topic="no such/name"))
    large = json.dumps({"a": os.urandom(5000).hex()})
    batch = with_matches(batch_of([{}]), [(0, 1, large), (0, 2, '{"a":1}'), (0, 3, '{"a":1}')])
    with publishing(kafka, filters) as (node,):
        node.publish(with_matches(batch_of([{}]), [(0, 1, '{"a":1}')]))
        resource = ConfigResource(
            ResourceType.TOPIC, topic, incremental_configs=[ConfigEntry("max.message.bytes", "1000", incremental_operation=AlterConfigOpType.SET)]
        )
        admin = AdminClient(client_config(kafka))
        admin.incremental_alter_configs([resource])[resource].result()
        assert "raise the topic's max.message.bytes" in node.aborts(batch)
        node.aborts(batch)
        node.publish(batch)
        counts = stats(node.settings)
    assert [len(records(kafka, name)) for name in (topic, f"{topic}-other", kafka.lite_topic)] == [1, 1, 2]
    assert {number: (one.published, one.withheld["topic"]) for number, one in counts.items()} == {1: (1, 1), 2: (1, 0), 3: (0, 1)}
    told = [json.loads(record.value or b"") for record in records(kafka, kafka.notices_topic)]
    assert {said["filter_id"] for said in told} == {1, 3}
    assert "max.message.bytes" in next(said["text"] for said in told if said["filter_id"] == 1)
