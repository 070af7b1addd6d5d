from __future__ import annotations

import threading

import pytest

from splanc.config import KafkaSettings
from splanc.errors import UpstreamError
from splanc.kafka import SharedLog, TopicSpec, ensure_topics
from tests.support.kafka import delete_topic, new_topic


def test_all_read_one_order_and_each_finds_its_own(kafka: KafkaSettings) -> None:
    topic = new_topic(kafka)
    logs = [SharedLog(kafka, topic) for _ in range(3)]
    seen: list[list[tuple[int, bytes]]] = [[] for _ in logs]

    def work(number: int) -> None:
        for turn in range(20):
            value = b"%d/%d" % (number, turn)
            offset = logs[number].append(value)
            read = list(logs[number].read_to(offset))
            assert (offset, value) in [*seen[number], *read]
            seen[number] += read

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = logs[0].append(b"end")
    for log, records in zip(logs, seen, strict=True):
        records.extend(log.read_to(last))
        assert list(log.read_to(last)) == []
        log.close()
    assert seen[0] == seen[1] == seen[2]
    assert [offset for offset, _ in seen[0]] == list(range(61))
    assert len({value for _, value in seen[0]}) == 61


def test_a_log_that_is_not_there_is_an_upstream_error(kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splanc.kafka.shared_log._PATIENCE_SECONDS", 1.0)
    log = SharedLog(kafka, "no-such-topic")
    with pytest.raises(UpstreamError, match="no-such-topic"):
        log.append(b"x")
    log.close()


def test_a_record_that_does_not_come_is_an_upstream_error(kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    log = SharedLog(kafka, new_topic(kafka))
    offset = log.append(b"x")
    monkeypatch.setattr("splanc.kafka.shared_log._PATIENCE_SECONDS", 3.0)
    records = log.read_to(offset + 1)
    assert next(records) == (offset, b"x")
    with pytest.raises(UpstreamError, match=f"does not give back its record {offset + 1}"):
        next(records)
    log.close()


def test_a_log_that_is_made_anew_is_read_from_its_beginning(kafka: KafkaSettings) -> None:
    topic = new_topic(kafka)
    log = SharedLog(kafka, topic)
    for number in range(3):
        assert [value for _, value in log.read_to(log.append(b"%d" % number))] == [b"%d" % number]
    delete_topic(kafka, topic)
    ensure_topics(kafka, {topic: TopicSpec()})
    other = SharedLog(kafka, topic)
    assert other.append(b"first") == 0
    assert [value for _, value in log.read_to(log.append(b"second"))] == [b"first", b"second"]
    other.close()
    log.close()
