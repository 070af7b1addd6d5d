from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psycopg
import pytest
from pydantic import SecretStr

from splanc.archive import Archive
from splanc.config import ArchiveSettings, KafkaSettings, Settings
from splanc.errors import UpstreamError
from splanc.head import Ledger, read_ledger
from splanc.ingest import FILE_TOPIC, backfill
from splanc.kafka import Outbox
from splanc.streams import published_record
from tests.support.packets import REAL_PACKETS
from tests.unit.archive.packets import Packet, load_of
from tests.unit.streams.batches import batch_of

NIGHT = 20260101
FIRST, SECOND = 2026010100001, 2026010100002
NEXT_NIGHT = 2026010200001
MJD = 61_041.2
REJECTED_NIGHT = 20260131
"""The night in which `load_of` counts what it rejects."""


@pytest.fixture
def settings(kafka: KafkaSettings, archive_dsn: str, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, kafka=kafka, archive=ArchiveSettings(dsn=SecretStr(archive_dsn)))


def archive(settings: Settings, packets: Sequence[Packet], rejected: int = 0) -> None:
    assert settings.archive.dsn is not None
    with Archive(settings.archive.dsn.get_secret_value()) as archive:
        archive.load(load_of(packets, rejects=[(100 + number, 1_770_000_000_000) for number in range(rejected)]))


def publish(settings: Settings, *batches: tuple[Sequence[int], Sequence[int]], commit: bool = True) -> None:
    """Publish the counts of batches, each the visits of its alerts and the nights of its rejected packets, in one transaction."""
    outbox = Outbox(settings, "n")
    with outbox.transaction() as transaction:
        for visits, rejected in batches:
            batch = batch_of([{"visit": visit, "night": visit // 100_000} for visit in visits])
            transaction.send(settings.kafka.ledger_topic, [published_record(batch, "n", np.array(rejected, np.int32))])
        if commit:
            transaction.commit({}, None)
    outbox.close()


def counts(ledger: Ledger) -> dict[int | None, tuple[int, ...]]:
    return {v.visit: (v.received, v.archived, v.published, v.rejected, v.repeated, v.cutouts, v.dead_letters, v.stored) for v in ledger.visits}


def packet(number: int, visit: int, cutouts: int = 0) -> Packet:
    return Packet(trigger=(number, MJD), visit=visit, cutouts=cutouts)


def test_what_was_archived_stored_and_published_is_held_against_each_other(settings: Settings) -> None:
    archive(settings, [packet(1, FIRST, 3), packet(2, SECOND, 2), packet(3, NEXT_NIGHT), packet(1, FIRST, 3)])
    archive(settings, [packet(4, FIRST), packet(2, SECOND, 2)])
    publish(settings, ([FIRST, SECOND, NEXT_NIGHT, FIRST], []), ([FIRST, SECOND], []))
    ledger = read_ledger(settings, NIGHT)
    assert counts(ledger) == {FIRST: (3, 2, 3, 0, 1, 3, 0, 2), SECOND: (2, 1, 2, 0, 1, 2, 0, 1)}
    assert [visit.visit for visit in ledger.visits] == [FIRST, SECOND]
    assert ledger.problems() == []
    assert ledger.total == {"received": 5, "archived": 3, "published": 5, "rejected": 0, "repeated": 2, "cutouts": 5}
    first = ledger.visits[0]
    assert first.first_arrival is not None
    assert first.first_arrival.isoformat() == "2026-02-02T02:40:00+00:00"
    assert first.last_arrival is not None
    assert first.first_arrival < first.last_arrival
    assert json.loads(json.dumps(ledger.report()))["adds_up"] is True
    assert counts(read_ledger(settings, NIGHT + 1)) == {NEXT_NIGHT: (1, 1, 1, 0, 0, 0, 0, 1)}


def test_unreadable_packets_come_last_and_are_held_against_dead_letters(settings: Settings) -> None:
    archive(settings, [], rejected=3)
    publish(settings, ([], [REJECTED_NIGHT] * 2), ([], [REJECTED_NIGHT, NIGHT]))
    archive(settings, [packet(1, REJECTED_NIGHT * 100_000 + 5)])
    publish(settings, ([REJECTED_NIGHT * 100_000 + 5], []))
    ledger = read_ledger(settings, REJECTED_NIGHT)
    assert counts(ledger) == {REJECTED_NIGHT * 100_000 + 5: (1, 1, 1, 0, 0, 0, 0, 1), None: (3, 0, 0, 3, 0, 0, 3, 0)}
    assert ledger.visits[-1].visit is None
    assert ledger.problems() == []


def test_what_is_missing_anywhere_is_found(settings: Settings) -> None:
    archive(settings, [packet(1, FIRST), packet(2, FIRST), packet(3, SECOND)])
    publish(settings, ([FIRST, FIRST], []))
    publish(settings, ([SECOND], [NIGHT]), commit=False)
    assert read_ledger(settings, NIGHT).problems() == [f"visit {SECOND}: received from Kafka is 1, but published + dead letters is 0"]
    publish(settings, ([SECOND], []))
    assert read_ledger(settings, NIGHT).problems() == []
    assert settings.archive.dsn is not None
    with psycopg.connect(settings.archive.dsn.get_secret_value()) as connection:
        connection.execute("DELETE FROM alerts WHERE diasourceid = 2")
    assert read_ledger(settings, NIGHT).problems() == [f"visit {FIRST}: archived is 2, but rows in the archive is 1"]
    publish(settings, ([FIRST], []))
    assert f"visit {FIRST}: received from Kafka is 2, but published + dead letters is 3" in read_ledger(settings, NIGHT).problems()


def test_files_are_not_meant_to_be_published(settings: Settings) -> None:
    assert sum(loaded.archived for loaded in backfill(settings, [REAL_PACKETS], on_reject=lambda _error: None)) == 27
    assert settings.archive.dsn is not None
    with psycopg.connect(settings.archive.dsn.get_secret_value()) as connection:
        nights = [night for (night,) in connection.execute("SELECT DISTINCT night FROM alerts").fetchall()]
        topics = connection.execute("SELECT DISTINCT topic FROM ledger").fetchall()
    assert topics == [(f"{FILE_TOPIC}{REAL_PACKETS}",)]
    ledgers = [read_ledger(settings, night) for night in nights]
    assert [ledger.problems() for ledger in ledgers] == [[]] * len(nights)
    assert sum(ledger.total["received"] for ledger in ledgers) == 27
    assert sum(ledger.total["published"] for ledger in ledgers) == 0


def test_an_empty_night_is_an_empty_ledger(settings: Settings) -> None:
    assert read_ledger(settings, 19990101).visits == []


def test_services_that_do_not_answer_are_upstream_errors(settings: Settings) -> None:
    nowhere = ArchiveSettings(dsn=SecretStr("postgresql://user@127.0.0.1:1/none"))
    with pytest.raises(UpstreamError, match="the archive's PostgreSQL: connection failed"):
        read_ledger(settings.model_copy(update={"archive": nowhere}), NIGHT)
    no_topic = settings.kafka.model_copy(update={"ledger_topic": "nowhere"})
    with pytest.raises(UpstreamError, match="there is no topic nowhere"):
        read_ledger(settings.model_copy(update={"kafka": no_topic}), NIGHT)
