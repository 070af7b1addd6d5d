from __future__ import annotations

import json
from pathlib import Path

from confluent_kafka import Producer

from splanc.config import SchemaSettings
from splanc.kafka import TopicSpec, client_config, ensure_topics, read_topic
from splanc.packet import SchemaStore, encode
from tests.acceptance.commands import Site, site, wait_until
from tests.support.packets import real_records
from tests.support.ztf import changed, read, real_messages

TOPICS = ("lsst-alerts-v10", "ztf_20231012_programid1")

NIGHTS = (20251231, 20231011, 20200201)
"""Of Rubin's packets, and of ZTF's: the date in Palomar when the night began, which is the one before that in the names of ZTF's files."""


def produce(own: Site, topic: str, values: list[bytes]) -> None:
    producer = Producer(client_config(own.settings.kafka))
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(30) == 0


def rubin_messages(folder: Path) -> list[bytes]:
    schema = SchemaStore(SchemaSettings(), folder).get(1000)
    return [encode(schema, record) for record in real_records()]


def test_both_surveys_in_one_deployment(tmp_path: Path) -> None:
    rubin, ztf = rubin_messages(tmp_path), real_messages()
    schema, newest = read(ztf[7])
    assert schema["version"] == "4.01"
    nameless, torn = changed(ztf[4], objectId="SN2018aa"), ztf[5][:-100]
    with site(SPLANC_KAFKA__INPUT_TOPICS=json.dumps([TOPICS[0], "^ztf_[0-9]+_programid1$"])) as own:
        own.run("up")
        ensure_topics(own.settings.kafka, dict.fromkeys(TOPICS, TopicSpec(partitions=2)))
        produce(own, TOPICS[0], rubin)
        produce(own, TOPICS[1], [*ztf, ztf[7], torn, nameless])
        own.start("ingest", "--name", "node", log="ingest")
        query = "SELECT coalesce(survey, '') AS survey, count(*) AS n, count(healpix29) AS placed FROM alerts GROUP BY 1 ORDER BY 1"
        wait_until(lambda: [row["n"] for row in own.run("query", query, "--format", "json").json] == [27, 9], "both surveys are archived")

        objects = own.run("query", "SELECT survey, count(*) AS n, count(objectId) AS named FROM objects GROUP BY 1 ORDER BY 1", "--format", "json").json
        assert objects == [{"survey": "lsst", "n": 24, "named": 0}, {"survey": "ztf", "n": 8, "named": 8}]
        named = f"SELECT nDiaSources, g_psfFlux, alertDiaSourceId FROM objects WHERE objectId = '{newest['objectId']}'"
        (found,) = own.run("query", named, "--format", "json").json
        assert (found["alertDiaSourceId"], found["nDiaSources"]) == (newest["candid"], newest["candidate"]["ndethist"])
        assert found["g_psfFlux"] > 0

        kafka = own.settings.kafka
        lite = [json.loads(record.value or b"") for record in read_topic(kafka, kafka.lite_topic)]
        assert sorted((record["survey"], record["objectId"]) for record in lite if record["survey"] == "ztf") == sorted(
            ("ztf", read(message)[1]["objectId"]) for message in [*ztf, ztf[7]]
        )
        assert sum(record["survey"] == "lsst" and record["objectId"] is None for record in lite) == 27
        assert all(record["diaSourceIdStr"] == str(record["diaSourceId"]) for record in lite)

        totals = [own.run("ledger", night, "--json").json["total"] for night in NIGHTS]
        summed = {name: sum(total[name] for total in totals) for name in totals[0]}
        assert summed == {"received": 39, "archived": 36, "published": 37, "rejected": 2, "repeated": 1, "cutouts": 3 * 36}
        assert [total["archived"] for total in totals] == [27, 5, 4]

        letters = own.run("deadletters", "list", "--json").lines
        assert {letter["kind"] for letter in letters} == {"truncated", "value"}

        image = tmp_path / "cutout.fits.gz"
        own.run("cutout", newest["candid"], "-o", image)
        assert image.read_bytes() == newest["cutoutScience"]["stampData"]
