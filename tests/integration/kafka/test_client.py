from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from splanc.config import KafkaSettings, Settings
from splanc.errors import UpstreamError
from splanc.kafka import (
    Outbox,
    TopicSpec,
    client_config,
    committed_offsets,
    end_offsets,
    ensure_topics,
    group_members,
    read_topic,
    splanc_topics,
)
from splanc.kafka import client as client_module
from splanc.packet import Partition
from tests.integration.kafka.nodes import joined, settings_for
from tests.support.kafka import free_port, new_topic, own_kafka


def partitions_of(kafka: KafkaSettings, topic: str) -> int:
    return len(end_offsets(kafka, [topic]))


def config_of(kafka: KafkaSettings, topic: str) -> dict[str, str]:
    resource = ConfigResource(ResourceType.TOPIC, topic)
    admin = AdminClient(client_config(kafka))
    entries = admin.describe_configs([resource])[resource].result()
    return {name: entry.value for name, entry in entries.items()}


def test_topics_are_created_as_stated_and_taken_as_they_are(broker: Settings) -> None:
    kafka = own_kafka(broker.kafka, partitions=3)
    ensure_topics(kafka, splanc_topics(kafka))
    assert partitions_of(kafka, kafka.input_topics[0]) == 3
    assert config_of(kafka, kafka.lite_topic)["retention.ms"] == str(168 * 3_600_000)
    assert config_of(kafka, kafka.nodes_topic)["cleanup.policy"] == "compact"
    assert config_of(kafka, kafka.ledger_topic)["retention.ms"] == "-1"

    ensure_topics(kafka, {kafka.lite_topic: TopicSpec(partitions=9, retention_hours=1)})
    assert partitions_of(kafka, kafka.lite_topic) == 3
    assert config_of(kafka, kafka.lite_topic)["retention.ms"] == str(168 * 3_600_000)


def test_nodes_that_start_together_may_create_the_same_topics(broker: Settings) -> None:
    kafka = own_kafka(broker.kafka, partitions=2)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: ensure_topics(kafka, splanc_topics(kafka)), range(4)))
    assert partitions_of(kafka, kafka.input_topics[0]) == 2


def test_a_topic_that_cannot_be_made_is_told(broker: Settings) -> None:
    kafka = own_kafka(broker.kafka)
    with pytest.raises(UpstreamError, match=r"creating topics on 127\.0\.0\.1:.*INVALID_REPLICATION_FACTOR"):
        ensure_topics(kafka, {kafka.lite_topic: TopicSpec(replication=3)})


def test_no_kafka_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_REQUEST_SECONDS", 0.5)
    monkeypatch.setattr(client_module.asking, "__defaults__", (0.5,))
    with pytest.raises(UpstreamError, match="Is Kafka up"):
        ensure_topics(KafkaSettings(port=free_port()), {"topic": TopicSpec()})


def test_end_offsets_leave_out_topics_that_are_not_there(kafka: KafkaSettings) -> None:
    assert end_offsets(kafka, ["no-such-topic"]) == {}


def test_end_offsets_of_topics_that_match_a_pattern(kafka: KafkaSettings) -> None:
    (topic,) = kafka.input_topics
    assert end_offsets(kafka, [f"^{topic}$", topic]) == end_offsets(kafka, [topic]) != {}
    assert end_offsets(kafka, [f"^{topic[:-1]}$"]) == {}


def test_offsets_and_members_of_a_group(kafka: KafkaSettings) -> None:
    source = Partition(kafka.input_topics[0], 2)
    assert committed_offsets(kafka, kafka.group, end_offsets(kafka, kafka.input_topics)) == {}
    assert group_members(kafka, kafka.group) == []
    with joined(kafka, "one") as node:
        outbox = Outbox(settings_for(kafka), "one")
        with outbox.transaction() as transaction:
            transaction.commit({source: 7}, node.consumer.group_metadata())
        outbox.close()
        assert committed_offsets(kafka, kafka.group, end_offsets(kafka, kafka.input_topics)) == {source: 7}
        (member,) = group_members(kafka, kafka.group)
        assert member.node == "one"
        assert member.partitions == tuple(Partition(kafka.input_topics[0], number) for number in range(4))


def test_a_topic_is_read_to_its_present_end(kafka: KafkaSettings) -> None:
    topic = new_topic(kafka, partitions=3)
    assert list(read_topic(kafka, topic)) == []
    outbox = Outbox(settings_for(kafka), "writer")
    for start in range(0, 90, 30):
        with outbox.transaction() as transaction:
            numbers = [str(number).encode() for number in range(start, start + 30)]
            transaction.send(topic, numbers, keys=numbers, headers=[{"double": str(2 * int(number)).encode()} for number in numbers])
            transaction.commit({}, None)
    with outbox.transaction() as transaction:
        transaction.send(topic, [b"never seen"] * 30)
    outbox.close()

    records = list(read_topic(kafka, topic))
    assert sorted(int(record.value or b"") for record in records) == list(range(90))
    assert all(record.key == record.value and record.headers == {"double": str(2 * int(record.value or b"")).encode()} for record in records)
    for number in range(3):
        within = [record for record in records if record.place == Partition(topic, number)]
        assert [record.offset for record in within] == sorted({record.offset for record in within})
        assert within[-1].timestamp_ms >= within[0].timestamp_ms > 1_700_000_000_000

    later = records[-1]
    (rest,) = [list(read_topic(kafka, topic, starts={later.place.number: later.offset, **{n: 1 << 40 for n in range(3) if n != later.place.number}}))]
    assert rest == [later]


def test_reading_may_begin_near_the_end(kafka: KafkaSettings) -> None:
    topic = new_topic(kafka)
    outbox = Outbox(settings_for(kafka), "writer")
    with outbox.transaction() as transaction:
        transaction.send(topic, [str(number).encode() for number in range(100)])
        transaction.commit({}, None)
    outbox.close()
    # The transaction's marker took the last offset.
    assert [record.value for record in read_topic(kafka, topic, last=3)] == [b"98", b"99"]


def test_a_topic_that_is_not_there_is_told(kafka: KafkaSettings) -> None:
    with pytest.raises(UpstreamError, match="there is no topic no-such-topic on 127"):
        list(read_topic(kafka, "no-such-topic"))
