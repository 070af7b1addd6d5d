from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from splanc.config import KafkaSettings
from splanc.errors import UpstreamError
from splanc.kafka import Consumer, Fenced, Outbox, Rebalanced, TopicSpec, client_config, ensure_topics
from splanc.packet import Partition
from tests.integration.kafka.nodes import FIRST_MS, Node, joined, numbers, produce, publish, settings_for, values_of


def partitions_of(kafka: KafkaSettings) -> list[Partition]:
    return [Partition(kafka.input_topics[0], number) for number in range(kafka.partitions)]


def test_a_batch_holds_what_was_written_and_where(kafka: KafkaSettings) -> None:
    with joined(kafka, "one") as node:
        assert len(node.collect() or []) == 0
        produce(kafka, numbers(1000))
        (batch,) = node.drain(1000)
        index = np.array([int(value) for value in batch.values])
        assert sorted(index.tolist()) == list(range(1000))
        assert set(batch.topics) == {kafka.input_topics[0]}
        np.testing.assert_array_equal(batch.partitions, index % 4)
        np.testing.assert_array_equal(batch.offsets, index // 4)
        np.testing.assert_array_equal(batch.timestamps_ms, FIRST_MS + index)
        assert [column.dtype.name for column in (batch.partitions, batch.offsets, batch.timestamps_ms)] == ["int32", "int64", "int64"]


def test_an_empty_message_is_a_message(kafka: KafkaSettings) -> None:
    with joined(kafka, "one") as node:
        produce(kafka, [b""])
        (batch,) = node.drain(1)
        assert list(batch.values) == [b""]


def test_messages_that_were_there_before_the_node_all_come(kafka: KafkaSettings) -> None:
    produce(kafka, numbers(400))
    node = Node(settings_for(kafka), "one")
    assert sorted(values_of(node.drain(400))) == sorted(numbers(400))
    assert node.rebalances == 1
    node.consumer.close()


def test_topics_that_match_a_pattern_are_read_once_they_are_there(kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splanc.kafka.consumer._LOOK_SECONDS", 1)
    (topic,) = kafka.input_topics
    with joined(kafka.model_copy(update={"input_topics": (topic, f"^{topic}_[0-9]+$")}), "one") as node:
        tonight = kafka.model_copy(update={"input_topics": (f"{topic}_20231012",)})
        ensure_topics(tonight, dict.fromkeys(tonight.input_topics, TopicSpec(partitions=2)))
        produce(tonight, numbers(10), partitions=2)
        node.await_partitions(kafka.partitions + 2)
        assert sorted(values_of(node.drain(10))) == sorted(numbers(10))


@pytest.mark.parametrize(("limit", "largest"), [({"batch_alerts": 150}, 150), ({"batch_bytes": 1 << 20}, 500 + 105)])
def test_a_batch_closes_at_its_bounds(kafka: KafkaSettings, limit: dict[str, int], largest: int) -> None:
    with joined(kafka, "one", **limit) as node:
        produce(kafka, [bytes(10_000)] * 1200)
        batches = node.drain(1200)
        assert sum(map(len, batches)) == 1200
        assert max(map(len, batches)) <= largest
        assert len(batches) >= 2


def test_a_batch_closes_after_its_seconds(kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Consumer, "_at_end", lambda _self: False)
    with joined(kafka, "one", batch_seconds=0.5) as node:
        produce(kafka, numbers(5))
        began = time.monotonic()
        node.drain(5)
        assert 0.5 <= time.monotonic() - began < 5


def test_a_trickle_that_never_stops_does_not_hold_a_batch_up(kafka: KafkaSettings) -> None:
    stopped = threading.Event()

    def trickle() -> None:
        while not stopped.is_set():
            produce(kafka, [b"drop"])

    with joined(kafka, "one", batch_seconds=60) as node, ThreadPoolExecutor(1) as pool:
        trickling = pool.submit(trickle)
        try:
            began = time.monotonic()
            assert len([node.drain(1) for _ in range(3)]) == 3
            assert time.monotonic() - began < 20
        finally:
            stopped.set()
        trickling.result()


def test_a_batch_closes_early_when_there_is_nothing_more(kafka: KafkaSettings) -> None:
    with joined(kafka, "one", batch_seconds=60) as node:
        began = time.monotonic()
        for _ in range(3):
            produce(kafka, numbers(5))
            assert len(node.drain(5)) <= 5
        assert time.monotonic() - began < 20


def test_markers_of_transactions_are_no_messages_to_wait_for(kafka: KafkaSettings) -> None:
    outbox = Outbox(settings_for(kafka), "upstream")
    with joined(kafka, "one", batch_seconds=60) as node:
        began = time.monotonic()
        for _ in range(3):
            publish(outbox, kafka.input_topics[0], numbers(8))
            node.drain(8)
        assert time.monotonic() - began < 20
    outbox.close()


def test_partitions_start_where_the_node_says(kafka: KafkaSettings) -> None:
    produce(kafka, numbers(40))
    first, second = partitions_of(kafka)[:2]
    node = Node(settings_for(kafka), "one", starts={first: 9, second: 4})
    batches = node.drain(1 + 6 + 10 + 10)
    assert sorted(map(int, values_of(batches))) == sorted({36} | set(range(17, 40, 4)) | set(range(2, 40, 4)) | set(range(3, 40, 4)))
    node.consumer.close()


def test_seeking_right_after_a_rebalance(kafka: KafkaSettings) -> None:
    produce(kafka, numbers(40))
    node = Node(settings_for(kafka), "one")
    while node.collect() is not None:
        pass
    assert node.owned == set(partitions_of(kafka)) == set(node.consumer.assignment())
    node.consumer.seek(dict.fromkeys(node.owned, 8))
    assert sorted(map(int, values_of(node.drain(8)))) == list(range(32, 40))
    node.consumer.seek(node.consumer.beginning(node.owned))
    assert sorted(map(int, values_of(node.drain(40)))) == list(range(40))
    node.consumer.close()


def test_the_published_marks(kafka: KafkaSettings) -> None:
    settings = settings_for(kafka)
    source = partitions_of(kafka)
    with joined(kafka, "one") as node:
        assert node.consumer.committed([]) == {}
        assert node.consumer.committed(source) == dict.fromkeys(source)
        assert node.consumer.beginning(source) == dict.fromkeys(source, 0)
        outbox = Outbox(settings, "one")
        with outbox.transaction() as transaction:
            transaction.commit({source[0]: 3, source[2]: 0}, node.consumer.group_metadata())
        outbox.close()
        assert node.consumer.committed(source) == {source[0]: 3, source[1]: None, source[2]: 0, source[3]: None}


def test_waiting_with_heartbeats_loses_nothing(kafka: KafkaSettings) -> None:
    with joined(kafka, "one", batch_alerts=50) as node:
        produce(kafka, numbers(200))
        taken = values_of(node.drain(50))
        until = time.monotonic() + 3  # longer than the session
        while time.monotonic() < until:
            node.consumer.heartbeat()
            time.sleep(0.05)
        produce(kafka, numbers(20))
        for _ in range(3):
            node.consumer.heartbeat()
        taken += values_of(node.drain(220 - len(taken)))
        assert sorted(taken) == sorted(numbers(200) + numbers(20))
        assert node.rebalances == 1, "it stayed a member all the time"


def test_two_nodes_share_the_partitions_and_hand_them_over(kafka: KafkaSettings) -> None:
    settings = settings_for(kafka)
    with joined(kafka, "one") as one:
        two = Node(settings, "two")
        deadline = time.monotonic() + 30
        while not (len(one.owned) == len(two.owned) == 2) and time.monotonic() < deadline:
            one.collect()
            two.collect()
        assert one.owned | two.owned == set(partitions_of(kafka))
        assert one.owned & two.owned == set()

        produce(kafka, numbers(400))
        batches = {node.name: node.drain(200) for node in (one, two)}
        assert sorted(values_of(batches["one"]) + values_of(batches["two"])) == sorted(numbers(400))

        two.consumer.close()
        while len(one.owned) < 4 and time.monotonic() < deadline:
            one.collect()
        assert one.owned == set(partitions_of(kafka))
        # Nothing was committed: all of it is there again for the one that is left.
        assert sorted(values_of(one.drain(400))) == sorted(numbers(400))


def test_a_rebalance_while_waiting_is_told(kafka: KafkaSettings) -> None:
    with joined(kafka, "one") as one, ThreadPoolExecutor(1) as pool:
        two = Node(settings_for(kafka), "two")
        joining = pool.submit(two.await_partitions, 2)
        told = 0
        deadline = time.monotonic() + 30
        while not joining.done() and time.monotonic() < deadline:
            try:
                one.consumer.heartbeat()
            except Rebalanced:
                told += 1
            time.sleep(0.02)
        joining.result(timeout=1)
        two.consumer.close()
        assert told >= 1
        assert len(one.owned) == 2


def test_messages_that_were_deleted_unread_are_told(kafka: KafkaSettings) -> None:
    with joined(kafka, "one", batch_alerts=10) as node:
        produce(kafka, numbers(40), partitions=1)
        node.drain(10)
        node.consumer.heartbeat()  # drops what was fetched ahead
        admin = AdminClient(client_config(kafka))
        (deleted,) = admin.delete_records([TopicPartition(kafka.input_topics[0], 0, 30)]).values()
        deleted.result()
        with pytest.raises(UpstreamError, match="messages were deleted before they were read"):
            node.drain(30)
        assert node.consumer.beginning(partitions_of(kafka)[:1]) == {partitions_of(kafka)[0]: 30}


def collect_until(node: Node, deadline: float) -> None:
    while time.monotonic() < deadline:
        node.collect()


def test_a_second_process_of_the_same_name_ends_the_first(kafka: KafkaSettings) -> None:
    first = Node(settings_for(kafka), "same")
    first.await_partitions(4)
    second = Node(settings_for(kafka), "same")
    with ThreadPoolExecutor(1) as pool:
        taking_over = pool.submit(second.await_partitions, 4)
        with pytest.raises(Fenced, match="another process running as this node"):
            collect_until(first, time.monotonic() + 30)
        taking_over.result(timeout=30)
    first.consumer.close()
    second.consumer.close()
