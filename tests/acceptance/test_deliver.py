from __future__ import annotations

import hashlib
import hmac
import json
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fastavro
from confluent_kafka import Producer

from splanc.archive import FilterStore
from splanc.filters.definition import Definition, Filter, Output
from splanc.kafka import TopicSpec, client_config, ensure_topics
from tests.acceptance.commands import Site, end, wait_until
from tests.integration.deliver.world import hook_host, mail_host

REAL = Path(__file__).parents[1] / "data" / "packets" / "lsst_v10_0_real.avro"


def filter_with_matches(site: Site, name: str, output: Output, target: str, sources: list[int]) -> Filter:
    """Create a filter whose topic has a match of each diaSource, of some days ago."""
    owner = FilterStore(site.dsn).create(Definition(name=name, owner="ann", selected="diaObjectId", output=output, target=target))
    kafka = site.settings.kafka
    ensure_topics(kafka, {owner.topic: TopicSpec()})
    producer = Producer(client_config(kafka))
    moment_ms = round((datetime.now(UTC) - timedelta(days=3)).timestamp() * 1000)
    for source in sources:
        headers = {"filter": str(owner.id), "version": "1", "night": "20260101", "visit": "1", "diaSourceId": str(source)}
        producer.produce(owner.topic, json.dumps({"diaObjectId": 7, "source": source}), "7", headers=headers, timestamp=moment_ms)
    assert producer.flush(30) == 0
    return owner


def test_matches_reach_people_and_machines(shared_site: Site) -> None:
    """With cutouts of real packets; the secret that the command prints is that of the signature."""
    shared_site.run("up")
    shared_site.run("backfill", REAL)
    with REAL.open("rb") as file:
        sources = [record["diaSourceId"] for record in fastavro.reader(file) if isinstance(record, dict) and record["cutoutScience"]][:3]
    with mail_host() as mails, hook_host() as hooks:
        filter_with_matches(shared_site, "mailed", Output.digest, "ann@example.org cutouts", sources)
        posted = filter_with_matches(shared_site, "posted", Output.webhook, hooks.url, sources)
        variables = {
            "SPLANC_MAIL__HOST": "127.0.0.1",
            "SPLANC_MAIL__PORT": str(mails.port),
            "SPLANC_MAIL__SECURITY": "none",
            "SPLANC_MAIL__SENDER": "splanc@example.org",
            "SPLANC_DELIVER__ALLOW_PRIVATE": "true",
            "SPLANC_SITE__URL": "https://example.org",
        }
        process = shared_site.start("deliver", log="deliver", **variables)
        wait_until(lambda: mails.mails and hooks.posts, "a mail and a POST")
        process.terminate()
        assert end(process) == 0
    (mail,) = mails.mails
    images = [part.get_content() for part in mail.walk() if part.get_content_type() == "image/png"]
    assert len(images) == len(sources)
    for image in images:
        width, height = struct.unpack(">II", image[16:24])
        assert width > height > 100
    assert "https://example.org/objects/7/" in mail.get_body(("html",)).get_content()
    ((headers, body),) = hooks.posts
    assert [match["source"] for match in json.loads(body)["matches"]] == sources
    secret = shared_site.run("deliver", "--secret", posted.id).out.strip()
    signed = headers["Splanc-Timestamp"].encode() + b"." + body
    assert headers["Splanc-Signature"] == "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    assert "error" not in {line["level"] for line in shared_site.logged("deliver")}
