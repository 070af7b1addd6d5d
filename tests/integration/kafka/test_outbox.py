from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from splanc.config import KafkaSettings
from splanc.errors import UpstreamError
from splanc.kafka import Fenced, Outbox, TransactionAborted, committed_offsets, end_offsets, read_topic
from splanc.packet import Partition
from tests.integration.kafka.nodes import Node, joined, numbers, produce, publish, settings_for
from tests.support.kafka import delete_topic, new_topic, set_largest_message

COPIER = Path(__file__).with_name("copier.py")
MEGABYTE = 1 << 20

AT_ONCE_SECONDS = 5.0
"""Half the time after which Kafka ends a transaction."""


def values(kafka: KafkaSettings, topic: str) -> list[bytes]:
    return [record.value or b"" for record in read_topic(kafka, topic)]


def test_a_transaction_brings_records_and_offsets(kafka: KafkaSettings) -> None:
    source = Partition(kafka.input_topics[0], 1)
    with joined(kafka, "one") as node:
        outbox = Outbox(settings_for(kafka), "one")
        with outbox.transaction() as transaction:
            transaction.send(kafka.lite_topic, [b"a", b"b", b"c"], keys=[b"1", b"2", b"1"])
            transaction.send(kafka.deadletter_topic, [b"bad"], headers=[{"why": b"it is"}])
            transaction.send(kafka.ledger_topic, [])
            transaction.commit({source: 41}, node.consumer.group_metadata())
        outbox.close()
    lite = list(read_topic(kafka, kafka.lite_topic))
    assert sorted((record.key, record.value) for record in lite) == [(b"1", b"a"), (b"1", b"c"), (b"2", b"b")]
    assert [record.value for record in lite if record.key == b"1"] == [b"a", b"c"]
    (letter,) = read_topic(kafka, kafka.deadletter_topic)
    assert (letter.value, letter.key, letter.headers) == (b"bad", None, {"why": b"it is"})
    assert list(read_topic(kafka, kafka.ledger_topic)) == []
    assert committed_offsets(kafka, kafka.group, end_offsets(kafka, kafka.input_topics)) == {source: 41}


def test_what_is_not_committed_is_never_seen(kafka: KafkaSettings) -> None:
    outbox = Outbox(settings_for(kafka), "one")
    with outbox.transaction() as transaction:
        transaction.send(kafka.lite_topic, numbers(100))
    with pytest.raises(TypeError):
        publish(outbox, kafka.lite_topic, [*numbers(100), 17])  # type: ignore[list-item]
    publish(outbox, kafka.lite_topic, [b"seen"])
    outbox.close()
    assert values(kafka, kafka.lite_topic) == [b"seen"]


@pytest.mark.parametrize("size_bytes", [20 * MEGABYTE, 40 * MEGABYTE])
def test_a_record_too_large_for_its_topic_takes_nothing_with_it(kafka: KafkaSettings, size_bytes: int) -> None:
    source = Partition(kafka.input_topics[0], 0)
    with joined(kafka, "one") as node:
        outbox = Outbox(settings_for(kafka), "one")
        with pytest.raises(TransactionAborted, match=rf"{size_bytes} bytes"):
            publish(outbox, kafka.lite_topic, [b"small", os.urandom(size_bytes)], {source: 1}, node.consumer.group_metadata())
        assert values(kafka, kafka.lite_topic) == []
        assert committed_offsets(kafka, kafka.group, end_offsets(kafka, kafka.input_topics)) == {}
        publish(outbox, kafka.deadletter_topic, [os.urandom(20 * MEGABYTE)], {source: 1}, node.consumer.group_metadata())
        outbox.close()
    assert [len(value) for value in values(kafka, kafka.deadletter_topic)] == [20 * MEGABYTE]
    assert committed_offsets(kafka, kafka.group, end_offsets(kafka, kafka.input_topics)) == {source: 1}


def test_a_refusal_names_the_topic_and_what_to_do(kafka: KafkaSettings) -> None:
    outbox = Outbox(settings_for(kafka), "one")
    with pytest.raises(TransactionAborted, match=f"{kafka.lite_topic} refused a record of {20 * MEGABYTE} bytes.*raise the topic's max.message.bytes"):
        publish(outbox, kafka.lite_topic, [os.urandom(20 * MEGABYTE)])
    outbox.close()


def test_once_a_topic_takes_records_again_nothing_waits(kafka: KafkaSettings) -> None:
    topic = new_topic(kafka)
    outbox = Outbox(settings_for(kafka), "one")
    set_largest_message(kafka, topic, 100)
    for _ in range(3):
        with pytest.raises(TransactionAborted, match=f"{topic} refused"):
            publish(outbox, topic, [os.urandom(200)] * 300)
    set_largest_message(kafka, topic, MEGABYTE)
    began = time.monotonic()
    publish(outbox, topic, numbers(300))
    assert time.monotonic() - began < AT_ONCE_SECONDS
    outbox.close()
    assert values(kafka, topic) == numbers(300)


def test_a_topic_that_is_not_there_aborts(kafka: KafkaSettings) -> None:
    outbox = Outbox(settings_for(kafka, transaction_seconds=3.0), "one")
    with pytest.raises(TransactionAborted, match="no-such-topic"):
        publish(outbox, "no-such-topic", [b"lost"])
    publish(outbox, kafka.lite_topic, [b"seen"])
    outbox.close()
    assert values(kafka, kafka.lite_topic) == [b"seen"]


def test_more_records_than_the_queue_holds(kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splanc.kafka.outbox._QUEUE_MESSAGES", 50)
    topic = new_topic(kafka)
    outbox = Outbox(settings_for(kafka), "one")
    publish(outbox, topic, numbers(1000))
    outbox.close()
    assert values(kafka, topic) == numbers(1000)


def test_a_zombie_is_fenced(kafka: KafkaSettings) -> None:
    settings = settings_for(kafka)
    zombie = Outbox(settings, "one")

    def overtaken() -> None:
        with zombie.transaction() as transaction:
            transaction.send(kafka.lite_topic, [b"of the zombie"])
            successor = Outbox(settings, "one")
            publish(successor, kafka.lite_topic, [b"of the successor"])
            successor.close()
            transaction.commit({}, None)

    with pytest.raises(Fenced, match="another process running as this node"):
        overtaken()
    with pytest.raises(Fenced):
        publish(zombie, kafka.lite_topic, [b"of the zombie again"])
    zombie.close()
    assert values(kafka, kafka.lite_topic) == [b"of the successor"]


def test_a_node_that_lost_its_partitions_cannot_commit(kafka: KafkaSettings) -> None:
    source = Partition(kafka.input_topics[0], 0)
    settings = settings_for(kafka)
    with joined(kafka, "one") as one:
        outbox = Outbox(settings, "one")
        old = one.consumer.group_metadata()
        two = Node(settings, "two")
        deadline = time.monotonic() + 30
        while len(two.owned) != 2 and time.monotonic() < deadline:
            one.collect()
            two.collect()
        with pytest.raises(TransactionAborted, match=r"ILLEGAL_GENERATION"):
            publish(outbox, kafka.lite_topic, [b"too late"], {source: 9}, old)
        outbox.close()
        two.consumer.close()
    assert values(kafka, kafka.lite_topic) == []
    assert committed_offsets(kafka, kafka.group, end_offsets(kafka, kafka.input_topics)) == {}


def test_no_kafka_is_told(kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splanc.kafka.outbox.ANSWER_SECONDS", 0.2)
    monkeypatch.setattr("splanc.kafka.outbox._STEP_SECONDS", 0.3)
    nowhere = kafka.model_copy(update={"bootstrap_servers": "127.0.0.1:1"})
    with pytest.raises(UpstreamError, match="opening the outbox: no answer from Kafka"):
        Outbox(settings_for(nowhere), "one")


def test_kill_9_anywhere_loses_nothing_and_repeats_nothing(kafka: KafkaSettings) -> None:
    count = 3_000
    produce(kafka, numbers(count))
    settings = settings_for(kafka, batch_alerts=100).model_dump_json()
    for step in ("begun", "sent", "committed"):
        copier = subprocess.Popen([sys.executable, str(COPIER), settings, step], cwd=Path.cwd())
        assert copier.wait(60) == -signal.SIGKILL
    last = subprocess.Popen([sys.executable, str(COPIER), settings, "never"])
    assert last.wait(90) == 0
    assert sorted(values(kafka, kafka.lite_topic)) == sorted(numbers(count))
    assert sum(committed_offsets(kafka, kafka.group, end_offsets(kafka, kafka.input_topics)).values()) == count


def test_a_topic_that_takes_no_records_is_found_out_without_a_trace(kafka: KafkaSettings) -> None:
    outbox = Outbox(settings_for(kafka, transaction_seconds=3.0), "one")
    gone = new_topic(kafka)
    publish(outbox, gone, [b"before"])
    delete_topic(kafka, gone)
    assert gone in str(outbox.refusal_of([gone]))
    assert outbox.refusal_of([kafka.lite_topic, gone]) is not None
    assert outbox.refusal_of([kafka.lite_topic, kafka.ledger_topic]) is None
    publish(outbox, kafka.lite_topic, [b"seen"])
    outbox.close()
    assert values(kafka, kafka.lite_topic) == [b"seen"]
