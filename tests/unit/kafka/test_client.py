from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException
from pydantic import SecretStr

from splanc.config import KafkaSettings
from splanc.errors import UpstreamError, UserError
from splanc.kafka import TopicSpec, bootstrap_servers, client_config, is_pattern, splanc_topics
from splanc.kafka import client as client_module
from splanc.kafka.client import asking


def test_the_embedded_broker_is_the_default() -> None:
    assert bootstrap_servers(KafkaSettings(port=1234)) == "127.0.0.1:1234"
    assert bootstrap_servers(KafkaSettings(bootstrap_servers="a:1,b:2")) == "a:1,b:2"


def test_settings_become_librdkafka_s() -> None:
    kafka = KafkaSettings(
        bootstrap_servers="a:1",
        security_protocol="sasl_ssl",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username="me",
        sasl_password=SecretStr("hidden"),
        ssl_ca_location=Path("/ca.pem"),
        ssl_key_password=SecretStr("covered"),
    )
    config = client_config(kafka)
    del config["logger"], config["error_cb"]
    assert config == {
        "bootstrap.servers": "a:1",
        "client.id": "splanc",
        "security.protocol": "sasl_ssl",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "me",
        "sasl.password": "hidden",
        "ssl.ca.location": "/ca.pem",
        "ssl.key.password": "covered",
    }


def test_a_plain_client_sets_no_secrets() -> None:
    assert not [key for key in client_config(KafkaSettings()) if key.startswith(("sasl", "ssl"))]


def test_topics_are_created_as_stated() -> None:
    assert TopicSpec().config() == {"retention.ms": "-1"}
    spec = TopicSpec(retention_hours=1.5, compacted=True, max_message_bytes=7)
    assert spec.config() == {"retention.ms": "5400000", "cleanup.policy": "compact", "max.message.bytes": "7"}


def test_splanc_s_own_topics() -> None:
    kafka = KafkaSettings(input_topics=("a", "b"), partitions=5, replication=3, retention_hours=2.0)
    topics = splanc_topics(kafka)
    stream = TopicSpec(partitions=5, replication=3, retention_hours=2.0)
    assert [topics[name] for name in ("a", "b", kafka.lite_topic)] == [stream] * 3
    assert topics[kafka.nodes_topic].compacted
    assert topics[kafka.ledger_topic].retention_hours is None
    assert set(topics) == {"a", "b", kafka.lite_topic, kafka.deadletter_topic, kafka.ledger_topic, kafka.nodes_topic, kafka.notices_topic, kafka.quotas_topic}


def test_topics_that_match_a_pattern_are_not_made() -> None:
    assert [is_pattern(name) for name in ("^ztf_[0-9]+_programid1$", "ztf_20231012_programid1")] == [True, False]
    kafka = KafkaSettings(input_topics=("a", "^b.*"))
    assert {"a"} == set(splanc_topics(kafka)) - set(splanc_topics(kafka.model_copy(update={"input_topics": ()})))


def failing(error: KafkaError, times: int) -> tuple[list[float], object]:
    asked: list[float] = []

    def question(seconds: float) -> str:
        asked.append(seconds)
        if len(asked) <= times:
            raise KafkaException(error)
        return "answer"

    return asked, question


@pytest.mark.parametrize("code", [KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError._TRANSPORT])
def test_a_passing_error_is_asked_again(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_RETRY_SECONDS", 0.0)
    asked, question = failing(KafkaError(code), times=3)
    assert asking("asking", question) == "answer"  # type: ignore[arg-type]
    assert len(asked) == 4


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, question = failing(KafkaError(KafkaError._ALL_BROKERS_DOWN, "all down"), times=99)
    with pytest.raises(UpstreamError, match=r"counting sheep: all down .*Is Kafka up .*security_protocol"):
        asking("counting sheep", question, patience_seconds=0.3)  # type: ignore[arg-type]
    assert len(asked) >= 2


def test_a_refusal_is_the_users_matter_and_final() -> None:
    asked, question = failing(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED), times=99)
    with pytest.raises(UserError, match="Grant the right"):
        asking("reading", question)  # type: ignore[arg-type]
    assert len(asked) == 1


def test_a_kafka_without_rights_is_told() -> None:
    _, question = failing(KafkaError(KafkaError.SECURITY_DISABLED), times=99)
    with pytest.raises(UserError, match=r"set kafka\.public_port, or give your own an authorizer"):
        asking("giving rights", question)  # type: ignore[arg-type]


def test_another_error_is_final() -> None:
    asked, question = failing(KafkaError(KafkaError.INVALID_REPLICATION_FACTOR, "too many"), times=99)
    with pytest.raises(UpstreamError, match=r"creating: too many \(INVALID_REPLICATION_FACTOR\)"):
        asking("creating", question)  # type: ignore[arg-type]
    assert len(asked) == 1
