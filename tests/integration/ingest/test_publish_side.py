from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from splanc.config import KafkaSettings
from splanc.ingest import NodeReport, PublishSide
from splanc.kafka import Outbox, TransactionAborted, committed_offsets, end_offsets, list_deadletters, read_topic
from splanc.metrics import Metrics
from splanc.packet import Partition
from tests.integration.kafka.nodes import Node, joined, numbers, produce, settings_for
from tests.unit.streams.batches import NIGHT, VISIT, batch_of


def publish_side(kafka: KafkaSettings, outbox: Outbox, node: Node) -> PublishSide:
    metrics = Metrics()
    return PublishSide(kafka, outbox, node.consumer, report=NodeReport("n", metrics), metrics=metrics)


def records(kafka: KafkaSettings, topic: str) -> list[tuple[bytes | None, bytes | None]]:
    return [(record.key, record.value) for record in read_topic(kafka, topic)]


@contextmanager
def taken_over(kafka: KafkaSettings, node: Node) -> Iterator[None]:
    """Let a node that joins take some of the partitions, while this one still shows its old membership."""
    membership = node.consumer.group_metadata()
    other = Node(settings_for(kafka), "other")
    deadline = time.monotonic() + 30
    while len(other.owned) != 2:
        assert time.monotonic() < deadline
        node.collect()
        other.collect()
    node.consumer.group_metadata = lambda: membership  # type: ignore[method-assign]
    yield
    other.consumer.close()


def test_a_batch_leaves_as_a_whole_and_moves_the_mark(kafka: KafkaSettings) -> None:
    outbox = Outbox(settings_for(kafka), "n")
    with joined(kafka, "n") as node:
        produce(kafka, numbers(3), partitions=1)
        node.drain(3)
        place = Partition(kafka.input_topics[0], 0)
        publish_side(kafka, outbox, node).publish(batch_of([{"diaObjectId": 7}, None, {}], topic=place.topic), {place: 3}, lambda: None)
        assert committed_offsets(kafka, kafka.group, end_offsets(kafka, kafka.input_topics))[place] == 3
    outbox.close()
    lite = records(kafka, kafka.lite_topic)
    assert sorted((key, json.loads(value or b"")["diaSourceId"]) for key, value in lite) == [(b"1002", 1002), (b"7", 1000)]
    (counts,) = [json.loads(value or b"") for _, value in records(kafka, kafka.ledger_topic)]
    assert counts == {"node": "n", "published": [[NIGHT, VISIT, 2]], "rejected": [[NIGHT, 1]]}
    (letter,) = list_deadletters(settings_for(kafka))
    assert (letter.value, letter.topic, letter.partition, letter.offset, letter.kind) == (b"packet 1", place.topic, 0, 1, "truncated")


def test_a_refused_batch_leaves_nothing(kafka: KafkaSettings) -> None:
    """Some of the node's partitions have gone to another one meanwhile."""
    outbox = Outbox(settings_for(kafka), "n")
    place = Partition(kafka.input_topics[0], 0)
    with joined(kafka, "n") as node:
        produce(kafka, numbers(1), partitions=1)
        node.drain(1)
        side = publish_side(kafka, outbox, node)
        with taken_over(kafka, node), pytest.raises(TransactionAborted):
            side.publish(batch_of([{}, None], topic=place.topic), {place: 2}, lambda: None)
    outbox.close()
    assert [records(kafka, topic) for topic in (kafka.lite_topic, kafka.ledger_topic, kafka.deadletter_topic)] == [[], [], []]
    assert committed_offsets(kafka, kafka.group, end_offsets(kafka, kafka.input_topics)).get(place) is None
