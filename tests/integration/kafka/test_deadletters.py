from __future__ import annotations

import numpy as np
import pytest

from splanc.config import KafkaSettings
from splanc.errors import PacketError, UpstreamError
from splanc.kafka import DeadLetter, Fenced, Outbox, TopicSpec, dead_letters, end_offsets, ensure_topics, list_deadletters, read_topic, replay_deadletters
from splanc.kafka import deadletters as deadletters_module
from splanc.packet import Messages
from tests.integration.kafka.nodes import publish, settings_for
from tests.support.kafka import own_kafka


def bury(kafka: KafkaSettings, packets: list[bytes]) -> None:
    count = len(packets)
    messages = Messages(
        values=packets,
        topics=list(kafka.input_topics) * count,
        partitions=np.full(count, 2, np.int32),
        offsets=np.arange(100, 100 + count),
        timestamps_ms=np.arange(1000, 1000 + count),
    )
    letters = dead_letters([(row, PacketError(f"bad {row}", kind="truncated")) for row in range(count)], messages)
    outbox = Outbox(settings_for(kafka), "one")
    with outbox.transaction() as transaction:
        transaction.send(kafka.deadletter_topic, letters.values, headers=letters.headers)
        transaction.commit({}, None)
    outbox.close()


def test_listing(kafka: KafkaSettings) -> None:
    settings = settings_for(kafka)
    assert list_deadletters(settings) == []
    bury(kafka, [b"zero", b"one", b"two"])
    letters = list_deadletters(settings)
    assert letters[1] == DeadLetter(value=b"one", topic=kafka.input_topics[0], partition=2, offset=101, timestamp_ms=1001, kind="truncated", why="bad 1")
    assert [letter.value for letter in letters] == [b"zero", b"one", b"two"]
    bury(kafka, [b"three"])
    assert [letter.value for letter in list_deadletters(settings, 2)] == [b"two", b"three"]
    assert [letter.value for letter in list_deadletters(settings, 99)] == [b"zero", b"one", b"two", b"three"]


def test_the_topic_need_not_be_there_yet(kafka: KafkaSettings) -> None:
    settings = settings_for(own_kafka(kafka))
    assert list_deadletters(settings, 5) == []
    assert replay_deadletters(settings) == 0


def test_each_is_sent_again_once(kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadletters_module, "_REPLAY_LETTERS", 2)
    settings = settings_for(kafka)
    bury(kafka, [b"zero", b"one", b"two"])
    assert replay_deadletters(settings) == 3
    assert replay_deadletters(settings) == 0
    bury(kafka, [b"three"])
    assert replay_deadletters(settings) == 1

    again = list(read_topic(kafka, kafka.input_topics[0]))
    assert sorted(record.value or b"" for record in again) == [b"one", b"three", b"two", b"zero"]
    assert {record.headers["splanc-replayed"].split(b"@")[0] for record in again} == {f"{kafka.deadletter_topic}[0]".encode()}
    assert len({record.headers["splanc-replayed"] for record in again}) == 4
    assert len(list_deadletters(settings)) == 4, "what was sent again stays listed"


def test_a_replay_leaves_nothing_at_the_end_of_a_topic_that_is_no_packet(kafka: KafkaSettings) -> None:
    settings = settings_for(kafka)
    bury(kafka, [b"zero", b"one", b"two"])
    assert replay_deadletters(settings) == 3
    read = {record.place: record.offset + 1 for record in read_topic(kafka, kafka.input_topics[0])}
    assert {place: end for place, end in end_offsets(kafka, kafka.input_topics).items() if end} == read
    assert sum(read.values()) == 3


def test_a_refused_packet_holds_up_those_after_it_until_it_is_taken(kafka: KafkaSettings) -> None:
    settings = settings_for(kafka)
    missing = f"{kafka.input_topics[0]}-later"
    bury(kafka, [b"zero", b"one"])
    bury(kafka.model_copy(update={"input_topics": (missing,)}), [b"two"])
    bury(kafka, [b"three"])
    with pytest.raises(UpstreamError, match=f"{missing} refused a record of 3 bytes.*create the topic"):
        replay_deadletters(settings)
    assert sorted(record.value or b"" for record in read_topic(kafka, kafka.input_topics[0])) == [b"one", b"zero"]
    ensure_topics(kafka, {missing: TopicSpec()})
    assert replay_deadletters(settings) == 2
    assert sorted(record.value or b"" for record in read_topic(kafka, kafka.input_topics[0])) == [b"one", b"three", b"zero"]
    assert [record.value for record in read_topic(kafka, missing)] == [b"two"]


def test_a_replay_that_is_overtaken_ends(kafka: KafkaSettings) -> None:
    settings = settings_for(kafka)
    bury(kafka, [b"zero"])
    overtaken = Outbox(settings, "replay")
    assert replay_deadletters(settings) == 1
    with pytest.raises(Fenced):
        publish(overtaken, kafka.input_topics[0], [b"zero"])
    overtaken.close()
    (record,) = read_topic(kafka, kafka.input_topics[0])
    assert record.value == b"zero"


def test_letters_of_one_batch_go_back_to_their_own_topics(kafka: KafkaSettings) -> None:
    settings = settings_for(kafka)
    nothing = np.zeros(4, np.int64)
    messages = Messages(
        values=[b"a", b"b", b"c", b"d"],
        topics=[kafka.input_topics[0], kafka.ledger_topic] * 2,
        partitions=nothing.astype(np.int32),
        offsets=nothing,
        timestamps_ms=nothing,
    )
    letters = dead_letters([(row, PacketError("bad", kind="schema")) for row in range(4)], messages)
    outbox = Outbox(settings, "one")
    with outbox.transaction() as transaction:
        transaction.send(kafka.deadletter_topic, letters.values, headers=letters.headers)
        transaction.commit({}, None)
    outbox.close()
    assert replay_deadletters(settings) == 4
    assert {record.value for record in read_topic(kafka, kafka.input_topics[0])} == {b"a", b"c"}
    assert {record.value for record in read_topic(kafka, kafka.ledger_topic)} == {b"b", b"d"}
