from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from splanc.config import ArchiveSettings, KafkaSettings, Settings
from splanc.errors import UpstreamError, UserError
from splanc.head import _services, running_services, start_services, stop_services

OURS = "postgresql://ours/splanc"
THEIRS = "postgresql://user:hush@theirs/splanc"


@dataclass
class Machine:
    """The embedded parts of a machine: which run, and what was done to them."""

    kafka: bool = False
    postgres: bool = False
    done: list[tuple[str, Any]] = field(default_factory=list)
    kafka_error: Exception | None = None
    postgres_error: Exception | None = None

    def broker(self, _settings: Settings) -> Machine:
        return self

    def status(self) -> Any:
        return SimpleNamespace(running=self.kafka)

    def start(self) -> None:
        if self.kafka_error:
            raise self.kafka_error
        self.done.append(("start", "kafka"))
        self.kafka = True

    def stop(self) -> bool:
        was, self.kafka = self.kafka, False
        return was

    def start_postgres(self, _data_dir: Path) -> str:
        if self.postgres_error:
            raise self.postgres_error
        self.done.append(("start", "postgres"))
        self.postgres = True
        return OURS

    def stop_postgres(self, _data_dir: Path) -> bool:
        was, self.postgres = self.postgres, False
        return was


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    fakes: dict[str, Callable[..., Any]] = {
        "EmbeddedBroker": machine.broker,
        "ensure_topics": lambda _kafka, topics: machine.done.append(("topics", set(topics))),
        "postgres_status": lambda _data_dir: SimpleNamespace(dsn=OURS) if machine.postgres else None,
        "start_postgres": machine.start_postgres,
        "stop_postgres": machine.stop_postgres,
        "migrate": lambda dsn: machine.done.append(("migrate", dsn)),
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(_services, name, fake)
    return machine


def started(settings: Settings, **options: bool) -> tuple[Settings, list[str]]:
    said: list[str] = []
    return start_services(settings, said.append, **options), said


def dsn(settings: Settings) -> str:
    assert settings.archive.dsn is not None
    return settings.archive.dsn.get_secret_value()


TOPICS = {"lsst-alerts-v11", "splanc_alerts_lite", "splanc_deadletters", "splanc_ledger", "splanc_nodes", "splanc_notices"}


def test_what_is_not_up_is_started_made_ready_and_said(machine: Machine, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, kafka=KafkaSettings(port=12345))
    ready, said = started(settings)
    assert sorted(said) == ["starting Kafka on 127.0.0.1:12345", f"starting PostgreSQL in {tmp_path / 'postgres'}"]
    assert sorted(machine.done, key=str) == sorted([("start", "kafka"), ("topics", TOPICS), ("start", "postgres"), ("migrate", OURS)], key=str)
    assert dsn(ready) == OURS
    assert ready.kafka == settings.kafka
    assert settings.archive.dsn is None


def test_what_is_up_is_not_announced_but_made_ready(machine: Machine, tmp_path: Path) -> None:
    machine.kafka = machine.postgres = True
    ready, said = started(Settings(data_dir=tmp_path))
    assert said == []
    assert dsn(ready) == OURS
    assert ("topics", TOPICS) in machine.done


def test_external_parts_are_made_ready_and_never_started(machine: Machine, tmp_path: Path) -> None:
    kafka = KafkaSettings(bootstrap_servers="theirs:9092")
    ready, said = started(Settings(data_dir=tmp_path, kafka=kafka, archive=ArchiveSettings(dsn=SecretStr(THEIRS))))
    assert said == []
    assert sorted(machine.done, key=str) == sorted([("topics", TOPICS), ("migrate", THEIRS)], key=str)
    assert dsn(ready) == THEIRS
    assert "hush" not in repr(ready)


def test_kafka_and_migrations_can_be_left_out(machine: Machine, tmp_path: Path) -> None:
    _, said = started(Settings(data_dir=tmp_path), kafka=False, migrated=False)
    assert machine.done == [("start", "postgres")]
    assert len(said) == 1


def test_postgresql_can_be_left_out(machine: Machine, tmp_path: Path) -> None:
    ready, said = started(Settings(data_dir=tmp_path, kafka=KafkaSettings(port=12345)), postgres=False)
    assert machine.done == [("start", "kafka"), ("topics", TOPICS)]
    assert said == ["starting Kafka on 127.0.0.1:12345"]
    assert ready.archive.dsn is None


@pytest.mark.parametrize("broken", ["kafka", "postgres"])
def test_a_part_that_cannot_be_started_is_the_commands_error(machine: Machine, tmp_path: Path, broken: str) -> None:
    error = UserError("the port is taken") if broken == "kafka" else UpstreamError("the disk is full")
    setattr(machine, f"{broken}_error", error)
    with pytest.raises(type(error), match=str(error)):
        started(Settings(data_dir=tmp_path))


def test_stop_names_what_was_running(machine: Machine, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert stop_services(settings) == []
    started(settings)
    assert stop_services(settings) == ["Kafka", "PostgreSQL"]
    machine.postgres = True
    assert stop_services(settings) == ["PostgreSQL"]


@pytest.mark.parametrize("up", [True, False])
def test_who_only_looks_does_not_end_an_outage_of_postgresql(machine: Machine, tmp_path: Path, up: bool) -> None:
    machine.postgres = up
    said: list[str] = []
    ready = running_services(Settings(data_dir=tmp_path), said.append)
    assert machine.done == [("start", "kafka"), ("topics", TOPICS)]
    assert (ready.archive.dsn and dsn(ready)) == (OURS if up else None)
    theirs = Settings(data_dir=tmp_path, archive=ArchiveSettings(dsn=SecretStr(THEIRS)))
    assert dsn(running_services(theirs, said.append)) == THEIRS
    assert len(said) == 1
