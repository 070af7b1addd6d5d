from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from splanc.config import Settings
from splanc.errors import UpstreamError
from splanc.kafka import Fenced, Outbox, TransactionAborted
from splanc.kafka import outbox as outbox_module
from splanc.packet import Partition

TOO_LARGE = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE, "Broker: Message size too large")
FORBIDDEN = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED, "Failed to add partition", txn_requires_abort=True)
ERRONEOUS = KafkaError(KafkaError._STATE, "Local: Erroneous state")
PURGED = KafkaError(KafkaError._PURGE_QUEUE, "Local: Purged in queue")
RETRIABLE = KafkaError(KafkaError.COORDINATOR_LOAD_IN_PROGRESS, "Broker: Coordinator load in progress", retriable=True)

REFUSED = "lite refused a record of 3 bytes: Broker: Message size too large; raise the topic's max.message.bytes"


@dataclass
class FakeProducer:
    """A producer that answers as it is told.

    Parameters
    ----------
    reports : errors of records, told in this order by `flush`.
    answers : for the name of a step the errors it raises, one a call, before it succeeds.
    """

    reports: list[KafkaError] = field(default_factory=list)
    answers: dict[str, list[KafkaError]] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    delivered: Callable[..., None] | None = None

    def __call__(self, config: Mapping[str, Any]) -> FakeProducer:
        self.delivered = config["on_delivery"]
        return self

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_arguments, **_options: self._answer(name)

    def flush(self, _seconds: float) -> int:
        assert self.delivered is not None
        while self.reports:
            self.delivered(self.reports.pop(0), SimpleNamespace(topic=lambda: "lite", value=lambda: b"abc"))
        return 0

    def _answer(self, name: str) -> None:
        self.steps.append(name)
        if self.answers.get(name):
            raise KafkaException(self.answers[name].pop(0))


@pytest.fixture
def producer(monkeypatch: pytest.MonkeyPatch) -> FakeProducer:
    fake = FakeProducer()
    monkeypatch.setattr(outbox_module, "Producer", fake)
    return fake


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the pauses that were made, and make none."""
    made: list[float] = []
    monkeypatch.setattr(outbox_module.time, "sleep", made.append)
    return made


def publish(offsets: Mapping[Partition, int] | None = None) -> None:
    with Outbox(Settings(), "one").transaction() as transaction:
        transaction.send("lite", [b"abc"])
        transaction.commit(offsets or {}, None)


def why() -> str:
    with pytest.raises(TransactionAborted) as caught:
        publish()
    return str(caught.value)


def test_a_refusal_is_named_and_not_what_was_purged_because_of_it(producer: FakeProducer) -> None:
    producer.reports = [PURGED] * 5 + [TOO_LARGE] * 5 + [PURGED]
    assert why() == REFUSED
    assert producer.steps[-3:] == ["abort_transaction", "close", "init_transactions"]
    assert "commit_transaction" not in producer.steps


def test_records_that_are_only_purged_leave_the_reason_to_the_commit(producer: FakeProducer) -> None:
    producer.reports = [PURGED] * 5
    producer.answers["commit_transaction"] = [FORBIDDEN]
    assert why() == "committing a transaction: Failed to add partition (TOPIC_AUTHORIZATION_FAILED); grant this user the right to write to it"


def test_a_transaction_that_failed_while_records_were_sent_says_why(producer: FakeProducer) -> None:
    producer.reports = [PURGED, TOO_LARGE]
    producer.answers["produce"] = [ERRONEOUS]
    assert why() == REFUSED
    assert "commit_transaction" not in producer.steps


def test_a_transaction_that_failed_without_a_refusal_while_records_were_sent_says_why(producer: FakeProducer) -> None:
    producer.answers = {"produce": [ERRONEOUS], "commit_transaction": [FORBIDDEN]}
    assert why() == "committing a transaction: Failed to add partition (TOPIC_AUTHORIZATION_FAILED); grant this user the right to write to it"
    assert producer.steps[-1] == "abort_transaction"


def test_a_record_that_the_client_refuses_commits_nothing(producer: FakeProducer) -> None:
    producer.answers["produce"] = [TOO_LARGE]
    assert why() == "sending 3 bytes to lite: Broker: Message size too large (MSG_SIZE_TOO_LARGE); raise the topic's max.message.bytes"
    assert producer.steps == ["init_transactions", "begin_transaction", "produce", "abort_transaction"]


def test_a_reason_of_one_transaction_is_not_told_of_the_next(producer: FakeProducer) -> None:
    outbox = Outbox(Settings(), "one")
    producer.reports = [TOO_LARGE]
    with pytest.raises(TransactionAborted), outbox.transaction() as transaction:
        transaction.commit({}, None)
    with outbox.transaction() as transaction:
        transaction.commit({Partition("alerts", 0): 1}, None)
    assert producer.steps[-2:] == ["send_offsets_to_transaction", "commit_transaction"]


@pytest.mark.parametrize("step", ["init_transactions", "begin_transaction", "send_offsets_to_transaction", "commit_transaction"])
def test_a_step_that_may_help_is_tried_again_after_a_pause(producer: FakeProducer, pauses: list[float], step: str) -> None:
    producer.answers[step] = [RETRIABLE] * 3
    publish({Partition("alerts", 0): 1})
    assert producer.steps.count(step) == 4
    assert pauses == [0.1] * 3


def test_a_step_is_not_tried_for_ever(producer: FakeProducer, pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "ANSWER_SECONDS", -1.0)
    producer.answers["commit_transaction"] = [RETRIABLE] * 3
    with pytest.raises(UpstreamError, match="committing a transaction: no answer from Kafka"):
        publish()
    assert pauses == []
    assert producer.steps[-1] == "commit_transaction", "an outcome that is not known is not undone"


def test_a_fenced_producer_is_told_apart_and_left_alone(producer: FakeProducer) -> None:
    producer.answers["commit_transaction"] = [KafkaError(KafkaError._FENCED, "overtaken")]
    with pytest.raises(Fenced, match=r"overtaken \(_FENCED\); is another process running as this node\?"):
        publish()
    assert producer.steps[-1] == "commit_transaction"
