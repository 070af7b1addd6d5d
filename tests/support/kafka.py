"""A real Kafka for integration tests: one embedded broker a test run, fresh topics and a fresh group a test."""

from __future__ import annotations

import random
import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from splanc.config import KafkaSettings, Settings
from splanc.kafka import EmbeddedBroker, TopicSpec, client_config, ensure_topics, splanc_topics, with_credentials

_PORTS = range(15_000, 32_000, 2)
"""Below the ephemeral range, where a port that was free a moment ago may be taken by any connection."""

_given: set[int] = set()


def free_port() -> int:
    """Return a port that is free, as is the one after it, and that nobody else in this process is given."""
    while True:
        port = random.SystemRandom().choice(_PORTS)
        if port not in _given and all(_is_free(candidate) for candidate in (port, port + 1)):
            _given.add(port)
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def broker_settings(data_dir: Path) -> Settings:
    """Return settings of a small embedded broker on a free port."""
    return Settings(data_dir=data_dir, kafka=KafkaSettings(port=free_port(), heap_mb=256))


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Yield the settings of a running embedded broker, shared by the whole test run."""
    settings = broker_settings(tmp_path_factory.mktemp("kafka"))
    embedded = EmbeddedBroker(settings)
    embedded.start()
    try:
        yield settings
    finally:
        embedded.stop()


@pytest.fixture
def kafka(broker: Settings) -> KafkaSettings:
    """Return Kafka settings with a group and topics of this test's own, all of them created."""
    own = own_kafka(broker.kafka)
    ensure_topics(own, splanc_topics(own))
    return own


def own_kafka(shared: KafkaSettings, partitions: int = 4) -> KafkaSettings:
    """Return Kafka settings with a group and topics that nobody else uses; none is created yet."""
    tag = uuid.uuid4().hex[:12]
    return shared.model_copy(
        update={
            "partitions": partitions,
            "group": f"group-{tag}",
            "input_topics": (f"alerts-{tag}",),
            "lite_topic": f"lite-{tag}",
            "deadletter_topic": f"deadletters-{tag}",
            "ledger_topic": f"ledger-{tag}",
            "nodes_topic": f"nodes-{tag}",
            "notices_topic": f"notices-{tag}",
            "quotas_topic": f"quotas-{tag}",
        }
    )


def new_topic(kafka: KafkaSettings, partitions: int = 1) -> str:
    """Create a topic with a name of its own and return the name."""
    name = f"topic-{uuid.uuid4().hex[:12]}"
    ensure_topics(kafka, {name: TopicSpec(partitions=partitions)})
    return name


def set_largest_message(kafka: KafkaSettings, topic: str, size_bytes: int) -> None:
    """Set the largest message that a topic takes."""
    entry = ConfigEntry("max.message.bytes", str(size_bytes), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient(client_config(kafka))
    for future in admin.incremental_alter_configs([resource]).values():
        future.result()


def with_users(settings: Settings, **kafka: object) -> Settings:
    """Return the settings of a broker that listens for users too, with what splanc's own clients then need."""
    return with_credentials(settings.model_copy(update={"kafka": settings.kafka.model_copy(update={"public_port": free_port(), **kafka})}))


def delete_topic(kafka: KafkaSettings, topic: str) -> None:
    """Delete a topic, and wait until it is gone."""
    admin = AdminClient(client_config(kafka))
    admin.delete_topics([topic])[topic].result()
    while topic in admin.list_topics(timeout=10).topics:
        time.sleep(0.05)
