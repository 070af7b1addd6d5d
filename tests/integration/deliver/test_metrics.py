from __future__ import annotations

import socket
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from splanc.config import KafkaSettings
from splanc.filters.definition import Output
from tests.integration.deliver.world import MailHost, filter_for, hook_host, match, running, settings_for, wait_for
from tests.support.kafka import free_port


def scraped(port: int) -> dict[str, float]:
    """What Prometheus finds, by name and the value of the label."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        samples = [sample for family in families for sample in family.samples]
    return {".".join([sample.name.removeprefix("splanc_deliver_"), *sample.labels.values()]): sample.value for sample in samples}


def serves(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_prometheus_sees_what_fails_and_what_is_delivered(kafka: KafkaSettings, tmp_path: Path) -> None:
    mails, port = MailHost(), free_port()
    with hook_host("500", "500") as hooks:
        posted, mailed = filter_for(kafka, 1, Output.webhook, hooks.url), filter_for(kafka, 2, Output.digest, "ann@example.org")
        match(kafka, posted, range(5))
        match(kafka, mailed, range(3))
        settings = settings_for(kafka, tmp_path, {"port": mails.port}, metrics_port=port, retry_seconds=1.0, retry_max_seconds=1.0)
        with running(settings, lambda: [posted, mailed]):
            wait_for(lambda: serves(port))
            wait_for(lambda: scraped(port)["failing_webhooks"] == scraped(port)["mail_server_away"] == 1)
            failing = scraped(port)
            mails.start()
            wait_for(lambda: mails.mails and hooks.posts)
            wait_for(lambda: scraped(port)["waiting_matches"] == scraped(port)["mail_server_away"] == 0)
            delivered = scraped(port)
        mails.stop()
    assert (failing["active"], failing["matches_taken_total"], failing["mails_sent_total"], failing["waiting_matches"]) == (1, 0, 0, 5)
    assert failing["failures_total.webhook"] >= 1
    assert failing["failures_total.digest"] >= 1
    assert (delivered["matches_taken_total"], delivered["mails_sent_total"], delivered["failing_webhooks"], delivered["waiting_notices"]) == (5, 1, 0, 0)
    assert delivered["failures_total.webhook"] == 2
