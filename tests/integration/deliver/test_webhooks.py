from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from splanc.config import KafkaSettings
from splanc.filters.definition import Output
from splanc.head import webhook_secret
from splanc.kafka import Outbox, committed_offsets, read_topic
from splanc.packet import Partition
from splanc.streams.webhooks import sign
from tests.integration.deliver.world import HookHost, filter_for, hook_host, match, running, settings_for, silent_host, wait_for

RUN = """
import sys
from pathlib import Path
from splanc.config import Settings
from splanc.filters.definition import Definition, Filter, Output
from splanc.head import deliver
from datetime import UTC, datetime
settings = Settings.model_validate_json(sys.argv[1])
definition = Definition(name="killed", owner="ann", selected="diaObjectId", output=Output.webhook, target=sys.argv[3])
now = datetime.now(UTC)
deliver(settings, lambda: [Filter(id=9, version=1, definition=definition, topic=sys.argv[2], created=now, changed=now)])
"""


@pytest.fixture
def host() -> Iterator[HookHost]:
    with hook_host("500", "reset", "hang", "302 /elsewhere", "429", "413") as host:
        yield host


def test_matches_come_in_order_through_every_trouble(kafka: KafkaSettings, host: HookHost, tmp_path: Path) -> None:
    owner = filter_for(kafka, 7, Output.webhook, host.url)
    settings = settings_for(kafka, tmp_path, timeout_seconds=5.0, webhook_matches=10)  # whoever is slower gets the same matches twice
    match(kafka, owner, range(15))
    match(kafka, owner, range(15, 40), version=2)
    with running(settings, lambda: [owner]):
        wait_for(lambda: len(host.numbers()) >= 40)
    assert host.numbers() == list(range(40))
    for headers, body in host.posts:
        said = json.loads(body)
        assert (said["filter"], said["name"], said["topic"], said["night"]) == (7, "bright 7", owner.topic, 20260101)
        assert {one["number"] < 15 for one in said["matches"]} == {said["version"] == 1}
        assert headers["Splanc-Signature"] == sign(webhook_secret(settings, 7), int(headers["Splanc-Timestamp"]), body)
        assert len(said["matches"]) <= 5, "after 413 there are half as many"
    assert len({name for _when, name in host.tried[:5]}) == 1, "the same matches have the same name"
    assert committed_offsets(kafka, f"{kafka.group}-deliver", [Partition(owner.topic, 0)]) == {Partition(owner.topic, 0): 40}


def test_one_that_hangs_or_is_dead_holds_up_no_other(kafka: KafkaSettings, tmp_path: Path) -> None:
    with silent_host() as (silent, given_up), hook_host() as host:
        targets = [silent, f"{silent}?1", f"{silent}?2", "http://127.0.0.1:9/", host.url, f"{host.url}?again"]
        owners = [filter_for(kafka, number, Output.webhook, target) for number, target in enumerate(targets)]
        for owner in owners:
            match(kafka, owner, range(3))
        with running(settings_for(kafka, tmp_path, timeout_seconds=5.0, parallel=3), lambda: owners):
            wait_for(lambda: len(host.posts) == 2 and len(given_up) == 3)  # all that hang are known for it
            began = time.monotonic()
            match(kafka, owners[5], range(3, 6))
            wait_for(lambda: len(host.posts) == 3)
            assert time.monotonic() - began < 4
    assert sorted(host.numbers()) == [0, 0, 1, 1, 2, 2, 3, 4, 5]


def test_an_owner_is_told_once_and_nothing_is_lost(kafka: KafkaSettings, tmp_path: Path) -> None:
    with hook_host(*["503"] * 6) as host:
        owner = filter_for(kafka, 8, Output.webhook, f"{host.url} ann@example.org")
        match(kafka, owner, range(4))
        with running(settings_for(kafka, tmp_path, attempts=3), lambda: [owner]):
            wait_for(lambda: len(host.posts) == 1)
            match(kafka, owner, range(4, 6))
            wait_for(lambda: len(host.posts) == 2)
    assert host.numbers() == [0, 1, 2, 3, 4, 5]
    (notice,) = [json.loads(record.value) for record in read_topic(kafka, kafka.notices_topic)]
    assert (notice["owner"], notice["filter"], notice["kind"], notice["target"]) == ("ann", "bright 8", "webhook fails", "ann@example.org")
    assert notice["id"].startswith("webhook fails/8/")
    assert "it answers 503 ok" in notice["text"]


def test_private_machines_are_refused_unless_allowed(kafka: KafkaSettings, tmp_path: Path) -> None:
    with hook_host() as host:
        owner = filter_for(kafka, 6, Output.webhook, host.url.replace("127.0.0.1", "localhost"))
        match(kafka, owner, range(2))
        with running(settings_for(kafka, tmp_path, attempts=1, allow_private=False), lambda: [owner]):
            wait_for(lambda: any(True for _ in read_topic(kafka, kafka.notices_topic)))
        assert host.tried == []
        with running(settings_for(kafka, tmp_path), lambda: [owner]):
            wait_for(lambda: host.numbers() == [0, 1])
    (notice,) = [json.loads(record.value) for record in read_topic(kafka, kafka.notices_topic)]
    assert "not a machine of the open internet" in notice["text"]


def test_filters_come_and_go_while_it_runs(kafka: KafkaSettings, tmp_path: Path) -> None:
    with hook_host() as first, hook_host() as second:
        one, two = (filter_for(kafka, number, Output.webhook, host.url, partitions=3) for number, host in ((11, first), (12, second)))
        filters = [one]
        with running(settings_for(kafka, tmp_path), lambda: filters):
            match(kafka, one, range(5))
            wait_for(lambda: len(first.numbers()) == 5)
            filters = [one, two]
            match(kafka, two, range(5))
            match(kafka, one, range(5, 9))
            wait_for(lambda: len(second.numbers()) == 5)
            wait_for(lambda: len(first.numbers()) == 9)
    assert sorted(first.numbers()) == list(range(9))
    assert sorted(second.numbers()) == list(range(5))


def test_what_is_in_transactions_comes_once_and_what_was_aborted_never(kafka: KafkaSettings, tmp_path: Path) -> None:
    with hook_host() as host:
        owner = filter_for(kafka, 13, Output.webhook, host.url)
        settings = settings_for(kafka, tmp_path)
        outbox = Outbox(settings, "node")
        with running(settings, lambda: [owner]):
            for number in range(6):
                with outbox.transaction() as transaction:
                    transaction.send(owner.topic, [b'{"number": %d}' % number], [b"1"], [{"version": b"1", "night": b"20260101"}])
                    if number % 3:
                        transaction.commit({}, None)
            wait_for(lambda: len(host.numbers()) == 4)
        outbox.close()
        match(kafka, owner, [6])
        with running(settings, lambda: [owner]):
            wait_for(lambda: len(host.numbers()) == 5)
    assert host.numbers() == [1, 2, 4, 5, 6]


def test_a_killed_process_loses_nothing(kafka: KafkaSettings, tmp_path: Path) -> None:
    """Killed while a POST hangs: its matches are not marked, and the next process delivers them."""
    with hook_host("200", "hang") as host:
        owner = filter_for(kafka, 9, Output.webhook, host.url)
        settings = settings_for(kafka, tmp_path, timeout_seconds=20.0, webhook_matches=5)
        match(kafka, owner, range(12))
        arguments = [sys.executable, "-c", RUN, settings.model_dump_json(), owner.topic, host.url]
        process = subprocess.Popen(arguments)
        try:
            wait_for(lambda: len(host.tried) == 2)
            process.send_signal(signal.SIGKILL)
        finally:
            process.kill()
            process.wait()
        host.over.set()
        with running(settings, lambda: [owner]):
            wait_for(lambda: set(host.numbers()) == set(range(12)))
    assert host.numbers() == list(range(12))


def test_of_two_processes_one_works_and_the_other_follows(kafka: KafkaSettings, tmp_path: Path) -> None:
    with hook_host() as host:
        owner = filter_for(kafka, 14, Output.webhook, host.url)
        settings = settings_for(kafka, tmp_path)
        rest = threading.Event()
        with running(settings, lambda: [owner]):
            with running(settings, lambda: [owner]):
                match(kafka, owner, range(10))
                wait_for(lambda: len(set(host.numbers())) == 10)
                rest.wait(0.5)
            match(kafka, owner, range(10, 20))
            wait_for(lambda: len(set(host.numbers())) == 20)
    # At the hand-over, a POST whose mark was not taken any more may come twice.
    assert list(dict.fromkeys(host.numbers())) == list(range(20))
    assert len(host.numbers()) <= 30
