from __future__ import annotations

import time
from pathlib import Path

import psycopg
from pydantic import SecretStr

from splanc.archive import check
from splanc.config import ArchiveSettings, KafkaSettings, Settings
from splanc.head import read_registry, read_status, start_services
from splanc.ingest import NodeReport
from splanc.kafka import Reporter, end_offsets
from splanc.metrics import Metrics
from splanc.packet import Partition
from tests.integration.kafka.nodes import numbers, produce
from tests.support.kafka import own_kafka


def settings_for(kafka: KafkaSettings, dsn: str, folder: Path) -> Settings:
    return Settings(data_dir=folder, kafka=kafka, archive=ArchiveSettings(dsn=SecretStr(dsn)))


def say(kafka: KafkaSettings, report: NodeReport, *states: str, partitions: dict[str, list[int | None]]) -> None:
    reporter = Reporter(kafka, kafka.nodes_topic)
    for state in states:
        report.count(published=10)
        reporter.send(
            report.incarnation.encode(),
            report.record(state=state, partitions=partitions, waiting={"waiting_batches": 0, "waiting_bytes": 0, "local_packs": 2, "local_bytes": 80}),
        )
    reporter.close()


def test_what_nodes_say_reaches_status(kafka: KafkaSettings, archive_dsn: str, tmp_path: Path) -> None:
    settings = settings_for(kafka, archive_dsn, tmp_path)
    produce(kafka, numbers(6), partitions=2)
    topic = kafka.input_topics[0]
    with psycopg.connect(archive_dsn) as connection:
        connection.execute("INSERT INTO ingest_mark (topic, partition, next_offset) VALUES (%s, 0, 2), ('another topic', 0, 99)", [topic])
    first, again = NodeReport("n1", Metrics()), NodeReport("n1", Metrics())
    say(kafka, first, "running", "running", "stopped", partitions={f"{topic}/0": [3, 2]})
    say(kafka, NodeReport("n2", Metrics()), "running", "stopped", partitions={f"{topic}/1": [3, 2]})
    say(kafka, again, "idle", partitions={f"{topic}/0": [3, 2]})
    registry = read_registry(settings)
    assert {name: report["published"] for name, report in registry.reports.items() if name.startswith("n1")} == {first.incarnation: 30, again.incarnation: 10}
    assert registry.total("published") == 60
    status = read_status(settings)
    assert [(node["node"], node["state"], node["incarnation"]) for node in status["nodes"]] == [("n1", "idle", again.incarnation)]
    assert abs(status["nodes"][0]["at"] - time.time()) < 60
    rows = {row.pop("partition"): row for row in status["partitions"]}
    assert rows[f"{topic}/0"] == {"node": "n1", "end": 3, "published": 0, "archived": 2, "lag_publish": 3, "lag_archive": 1}
    assert rows[f"{topic}/1"] == {"node": None, "end": 3, "published": 0, "archived": 0, "lag_publish": 3, "lag_archive": 3}
    assert len(rows) == 4
    assert status["lag"] == {"publish": 6, "archive": 4}


def test_status_without_the_archive_says_what_it_knows(kafka: KafkaSettings, tmp_path: Path) -> None:
    status = read_status(settings_for(kafka, "postgresql://user@127.0.0.1:1/none", tmp_path))
    assert status["lag"] == {"publish": 0, "archive": None}


def test_external_services_are_made_ready_twice_without_harm(broker: Settings, postgres_dsn: str, tmp_path: Path) -> None:
    kafka = own_kafka(broker.kafka).model_copy(update={"bootstrap_servers": f"127.0.0.1:{broker.kafka.port}"})
    said: list[str] = []
    for _ in range(2):
        ready = start_services(settings_for(kafka, postgres_dsn, tmp_path), said.append)
        assert check(postgres_dsn).ok
        assert ready.archive.dsn == SecretStr(postgres_dsn)
    assert said == []
    assert end_offsets(kafka, kafka.input_topics) == {Partition(kafka.input_topics[0], number): 0 for number in range(kafka.partitions)}
    assert list(tmp_path.iterdir()) == []
