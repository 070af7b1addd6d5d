from __future__ import annotations

import time

import pytest

from splanc.config import KafkaSettings
from splanc.errors import UpstreamError
from splanc.kafka import TopicSpec, ensure_topics, read_topic
from splanc.simulator import Pace, Simulation, VisitSent, send
from tests.support.kafka import own_kafka

NIGHT = 20261122
SIMULATION = Simulation(night=NIGHT, visits=3, alerts_per_visit=80, repeated_share=0.05, damaged_share=0.05)


def test_a_night_arrives_as_it_was_made(broker):
    kafka = own_kafka(broker.kafka)
    seen: list[VisitSent] = []
    sent = send(SIMULATION, kafka, on_visit=seen.append)
    records = list(read_topic(kafka, kafka.input_topics[0]))
    made = [message for visit in SIMULATION.observe() for message in visit.messages()]
    assert sorted(record.value or b"" for record in records) == sorted(made)
    assert (sent.messages, sent.alerts, sent.repeated, sent.damaged) == (264, 240, 12, 12)
    assert (sent.destination, sent.visits) == (kafka.input_topics[0], tuple(seen))
    by_partition = [sum(record.place.number == number for record in records) for number in range(4)]
    assert by_partition == [66] * 4


def test_a_steady_pace_is_kept(broker):
    kafka = own_kafka(broker.kafka)
    started = time.monotonic()
    sent = send(SIMULATION, kafka, pace=Pace.parse("250/s"), last=2)
    assert sent.messages == 176
    assert 0.7 <= time.monotonic() - started < 10


def test_only_the_wanted_visits_are_sent(broker):
    kafka = own_kafka(broker.kafka)
    sent = send(SIMULATION, kafka, first=1, last=2)
    assert [visit.visit for visit in sent.visits] == [NIGHT * 100_000 + 2]
    assert sum(1 for _ in read_topic(kafka, kafka.input_topics[0])) == sent.messages


def test_an_alert_that_is_refused_is_an_error(broker):
    kafka = own_kafka(broker.kafka)
    small = _small_topic(kafka)
    with pytest.raises(UpstreamError, match="did not take an alert"):
        send(SIMULATION, kafka, topic=small)


def _small_topic(kafka: KafkaSettings) -> str:
    ensure_topics(kafka, {"small-" + kafka.group: TopicSpec(max_message_bytes=10_000)})
    return "small-" + kafka.group
