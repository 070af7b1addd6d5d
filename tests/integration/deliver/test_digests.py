from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from confluent_kafka import Producer
from structlog.testing import capture_logs

from splanc.config import KafkaSettings
from splanc.filters.definition import Output
from splanc.kafka import client_config, committed_offsets
from splanc.packet import Partition
from tests.integration.deliver.world import FIRST_DAY, MailHost, filter_for, mail_host, match, records_of, running, settings_for, wait_for


def test_a_digest_comes_through_every_trouble_of_its_server_once(kafka: KafkaSettings, tmp_path: Path) -> None:
    """Refused, dropped in the middle, away, then taken: each match is in one mail that was taken."""
    owner, other = (filter_for(kafka, number, Output.digest, f"ann{number}@example.org", partitions=2) for number in (1, 2))
    match(kafka, owner, range(30))
    match(kafka, other, range(100, 110))
    host = MailHost("451 later", "drop", "554 never")
    settings = settings_for(kafka, tmp_path, {"port": host.port})
    with capture_logs() as logs, running(settings, lambda: [owner, other]):
        wait_for(lambda: "mail server away" in [line["event"] for line in logs])
        host.start()
        try:
            wait_for(lambda: len(host.tried) >= 2)
            host.stop()
            host.start()
            wait_for(lambda: len(host.numbers()) == 40)
        finally:
            host.stop()
    assert set(host.numbers().values()) == {1}
    assert set(host.numbers()) == {*range(30), *range(100, 110)}
    assert {mail["To"] for mail in host.mails} == {"ann1@example.org", "ann2@example.org"}
    assert len(set(host.tried)) == 2, "a mail that is sent again has the Message-ID that it had"
    ends = committed_offsets(kafka, f"{kafka.group}-deliver", [Partition(owner.topic, number) for number in (0, 1)])
    assert sum(ends.values()) == 30


def test_a_look_at_the_end_of_a_day_comes_too_early_and_misses_nothing(kafka: KafkaSettings, tmp_path: Path) -> None:
    owner = filter_for(kafka, 7, Output.digest, "ann@example.org")
    match(kafka, owner, range(3))
    now = FIRST_DAY + timedelta(hours=23, seconds=30)
    settings = settings_for(kafka, tmp_path, {"max_bytes": 100_000})
    with mail_host(port=settings.mail.port) as host, running(settings, lambda: [owner], lambda: now):
        threading.Event().wait(2)
        assert host.mails == []
        now += timedelta(seconds=31)
        wait_for(lambda: host.mails)


def test_a_mail_that_its_server_dies_of_holds_up_no_other(kafka: KafkaSettings, tmp_path: Path) -> None:
    deadly, other = (filter_for(kafka, number, Output.digest, "ann@example.org") for number in (8, 9))
    match(kafka, deadly, range(3))
    match(kafka, other, range(10, 13))
    settings = settings_for(kafka, tmp_path, {"max_bytes": 100_000})
    with mail_host(port=settings.mail.port, deadly=f"{deadly.definition.name}:") as host, running(settings, lambda: [deadly, other]):
        wait_for(lambda: set(host.numbers()) == {10, 11, 12} and len(set(host.tried)) == 2)


def test_each_day_has_a_digest_and_today_has_none_yet(kafka: KafkaSettings, tmp_path: Path) -> None:
    owner = filter_for(kafka, 3, Output.digest, "ann@example.org")
    match(kafka, owner, range(5))
    match(kafka, owner, range(5, 8), at=FIRST_DAY + timedelta(days=1))
    match(kafka, owner, range(8, 9), at=FIRST_DAY + timedelta(days=2))
    match(kafka, owner, range(9, 10), at=FIRST_DAY)  # a clock that went back
    now = FIRST_DAY + timedelta(hours=24)
    with mail_host() as host:
        settings = settings_for(kafka, tmp_path, {"port": host.port})
        with running(settings, lambda: [owner], lambda: now):
            wait_for(lambda: len(host.mails) == 1)
            now += timedelta(days=1)
            wait_for(lambda: len(host.mails) == 2)
        now += timedelta(days=1)
        with running(settings, lambda: [owner], lambda: now):
            wait_for(lambda: len(host.mails) == 3)
    assert [[record["number"] for record in records_of(mail)] for mail in host.mails] == [[0, 1, 2, 3, 4], [5, 6, 7], [8, 9]]


def test_a_digest_that_was_taken_but_not_marked_comes_again_as_itself(kafka: KafkaSettings, tmp_path: Path) -> None:
    """As if killed between the server's answer and the mark: the next process does not know of the mail."""
    owner = filter_for(kafka, 4, Output.digest, "ann@example.org", partitions=2)
    match(kafka, owner, range(20))
    with mail_host() as host:
        for group in ("one", "two"):
            settings = settings_for(kafka.model_copy(update={"group": f"{kafka.group}-{group}"}), tmp_path, {"port": host.port})
            count = len(host.mails)
            with running(settings, lambda: [owner]):
                wait_for(lambda count=count: len(host.mails) > count)
            match(kafka, owner, range(20, 25), at=datetime.now(UTC))
    first, again = host.mails
    assert first["Message-ID"] == again["Message-ID"]
    assert sorted(record["number"] for record in records_of(again)) == list(range(20))


def test_a_mail_too_large_for_its_server_is_cut_and_says_so(kafka: KafkaSettings, tmp_path: Path) -> None:
    owner = filter_for(kafka, 5, Output.digest, "ann@example.org")
    match(kafka, owner, range(3000))
    settings = settings_for(kafka, tmp_path, {"max_bytes": 400_000})
    with mail_host("552 too large", "552 too large", port=settings.mail.port) as host, running(settings, lambda: [owner]):
        wait_for(lambda: len(host.mails) == 1)
    (mail,) = host.mails
    shown = len(records_of(mail))
    assert 0 < shown < 1000
    assert len(mail.as_bytes()) <= 100_000
    assert f"{3000 - shown} more did not fit" in mail.get_body(("plain",)).get_content()
    assert mail["Subject"].startswith("bright 5: 3000 matches")


def test_notices_are_mailed_at_once_and_in_order(kafka: KafkaSettings, tmp_path: Path) -> None:
    said = [{"owner": "ann", "filter": f"f{number}", "kind": "paused", "text": "it failed\nthree times", "at": "2026-01-01T00:00:00Z"} for number in range(4)]
    said[3]["filter_id"] = 20  # whose target names an address, though the notice does not
    targets = ["ann@example.org", "", "nobody@example.org", None]
    owner = filter_for(kafka, 20, Output.webhook, "http://127.0.0.1:9/ ann@example.org")
    producer = Producer(client_config(kafka))
    producer.produce(kafka.notices_topic, b"no notice")
    for one, target in zip(said, targets, strict=True):
        producer.produce(kafka.notices_topic, json.dumps({**one, "target": target}), "ann")
    assert producer.flush(30) == 0
    with mail_host("250 taken", *["550 nobody"] * 5) as host:
        host.script[2:2] = ["250 taken"]
        settings = settings_for(kafka, tmp_path, {"port": host.port})
        with running(settings, lambda: [owner]):
            wait_for(lambda: len(host.tried) == 7)
        with running(settings, lambda: [owner]):
            pass
    assert [mail["Subject"] for mail in host.mails] == ["splanc: f0: paused", "splanc: f3: paused"]
    assert "it failed\nthree times" in host.mails[0].get_content().replace("\r\n", "\n")
    assert committed_offsets(kafka, f"{kafka.group}-deliver", [Partition(kafka.notices_topic, 0)]) == {Partition(kafka.notices_topic, 0): 5}


def test_without_a_mail_server_digests_wait_and_notices_are_logged(kafka: KafkaSettings, tmp_path: Path) -> None:
    owner = filter_for(kafka, 6, Output.digest, "ann@example.org")
    match(kafka, owner, range(3))
    producer = Producer(client_config(kafka))
    producer.produce(kafka.notices_topic, json.dumps({"owner": "ann", "filter_id": 6, "kind": "quota", "text": "It is used up."}), "ann")
    assert producer.flush(30) == 0
    with capture_logs() as logs, running(settings_for(kafka, tmp_path), lambda: [owner]):
        wait_for(lambda: {"digests wait for mail.host", "notice without an address"} <= {line["event"] for line in logs})
    settings = settings_for(kafka, tmp_path, {"max_bytes": 100_000})
    with mail_host(port=settings.mail.port) as host, running(settings, lambda: [owner]):
        wait_for(lambda: host.mails)
    assert host.numbers() == {0: 1, 1: 1, 2: 1}
