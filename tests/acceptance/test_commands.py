from __future__ import annotations

import csv
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fastavro
import psycopg
import pytest
from confluent_kafka import Producer

from splanc.kafka import client_config
from splanc.simulator import Simulation
from tests.acceptance.commands import Site, wait_until

REAL = Path(__file__).parents[1] / "data" / "packets" / "lsst_v10_0_real.avro"
KINDS = {"cutoutScience": "", "cutoutTemplate": ".template", "cutoutDifference": ".difference"}


def records(path: Path) -> list[Mapping[str, Any]]:
    with path.open("rb") as file:
        return [record for record in fastavro.reader(file) if isinstance(record, dict)]


def archive(site: Site) -> list[tuple[Any, ...]]:
    """Return how much is in each table, and how new it is."""
    with psycopg.connect(site.dsn) as connection:
        return [
            *connection.execute("SELECT count(*), max(archivedat), sum(diasourceid) FROM alerts"),
            *connection.execute("SELECT count(*), sum(alertdiasourceid), sum(ndiasources) FROM objects"),
            *connection.execute("SELECT count(*), sum(diasourceid), sum(psfflux) FROM diasources"),
            *connection.execute("SELECT count(*), sum(diaforcedsourceid), sum(psfflux) FROM diaforcedsources"),
            *connection.execute("SELECT count(*), sum(diasourceid) FROM sssources"),
            *connection.execute("SELECT count(*), sum(alertdiasourceid) FROM mpc_orbits"),
        ]


def test_packet_show_as_lines_of_json(shared_site: Site) -> None:
    shown = shared_site.run("packet", "show", REAL, "--format", "jsonl").lines
    expected = records(REAL)
    assert [alert["diaSourceId"] for alert in shown] == [record["diaSourceId"] for record in expected]
    for alert, record in zip(shown, expected, strict=True):
        assert alert["psfFlux"] == record["diaSource"]["psfFlux"]
        assert alert["diaSource"]["decl"] == record["diaSource"]["dec"]
        assert alert["nPrvDiaSources"] == len(record["prvDiaSources"] or [])
        assert alert["nPrvDiaForcedSources"] == len(record["prvDiaForcedSources"] or [])
        assert {kind: alert[f"{kind}Bytes"] for kind in KINDS} == {kind: len(record[kind]) for kind in KINDS}
        assert not {"prvDiaSources", "prvDiaForcedSources", *KINDS} & set(alert)


def test_packet_show_with_history(shared_site: Site) -> None:
    shown = shared_site.run("packet", "show", REAL, "--format", "jsonl", "--history").lines
    assert sum(alert["nPrvDiaSources"] for alert in shown) > 0
    for alert, record in zip(shown, records(REAL), strict=True):
        for field, key in (("prvDiaSources", "diaSourceId"), ("prvDiaForcedSources", "diaForcedSourceId")):
            assert [source[key] for source in alert[field]] == [source[key] for source in record[field] or []]


@pytest.mark.parametrize("columns", ["80", "200"])
def test_packet_show_as_a_table_has_the_whole_ids(shared_site: Site, columns: str) -> None:
    shown = shared_site.run("packet", "show", REAL, COLUMNS=columns).out
    assert [record["diaSourceId"] for record in records(REAL) if str(record["diaSourceId"]) not in shown] == []


def test_query_in_three_formats(shared_site: Site) -> None:
    shared_site.run("backfill", REAL)
    expected = sorted({(r["diaObject"]["diaObjectId"], r["diaObject"]["nDiaSources"]) for r in records(REAL) if r["diaObject"]})[-3:]
    sql = f"select DIAOBJECTID, nDiaSources from Objects where diaObjectId in ({','.join(str(number) for number, _ in expected)}) order by diaobjectid;"
    found = shared_site.run("query", sql, "--format", "json").json
    assert [list(row) for row in found] == [["diaObjectId", "nDiaSources"]] * 3
    assert [tuple(row.values()) for row in found] == expected
    lines = list(csv.reader(shared_site.run("query", sql, "--format", "csv").out.splitlines()))
    assert lines == [["diaObjectId", "nDiaSources"], *[[str(number) for number in row] for row in expected]]
    table = shared_site.run("query", sql).out
    assert "diaObjectId" in table
    assert all(str(number) in table for number, _ in expected)


def test_query_tells_null_and_text_and_time(shared_site: Site) -> None:
    sql = "SELECT 1::bigint << 62 AS big, NULL AS nothing, 'a,b' AS words, 0.5::float8 AS half, true AS yes, '2026-01-01T00:00:00Z'::timestamptz AS at"
    row = {"big": 2**62, "nothing": None, "words": "a,b", "half": 0.5, "yes": True}
    (found,) = shared_site.run("query", sql, "--format", "json").json
    assert found.pop("at").startswith("2026-01-01T00:00:00")
    assert found == row
    header, line = csv.reader(shared_site.run("query", sql, "--format", "csv").out.splitlines())
    assert header == [*row, "at"]
    assert line[:4] == [str(2**62), "", "a,b", "0.5"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("query", "SELECT ndiasource FROM objects"), "did you mean nDiaSources"),
        (("query", "SELECT 1 FROM object"), "did you mean objects"),
        (("query", "SELECT 1; SELECT 2"), "one statement at a time"),
        (("query", "DELETE FROM objects"), "only a SELECT can be asked"),
        (("query", "WITH gone AS (DELETE FROM objects RETURNING 1) SELECT * FROM gone"), "data-modifying"),
        (("query", "SELECT pg_read_file('postgresql.conf')"), "permission denied"),
        (("query", " "), "the query is empty"),
        (("packet", "show", "nowhere.avro"), "no file or folder nowhere.avro"),
        (("backfill", "nowhere.avro"), "no file or folder nowhere.avro"),
        (("cutout", 17, "-o", "out.fits"), "no alert with diaSourceId 17 is in the archive"),
        (("simulate", "--pace", "quick"), "no pace 'quick'"),
        (("simulate", "--night", 20261340, "--out", "night.avro"), "a night is written YYYYMMDD"),
        (("config", "check", "--config", "nowhere.toml"), "no configuration file nowhere.toml"),
    ],
)
def test_a_users_mistake_is_explained(shared_site: Site, arguments: tuple[object, ...], expected: str) -> None:
    said = shared_site.run(*arguments, code=2)
    assert expected in said.err
    assert "Traceback" not in said.err
    assert said.out == ""


def test_a_bad_configuration_is_explained(shared_site: Site, tmp_path: Path) -> None:
    assert "kafka.partitions" in shared_site.run("config", "check", code=2, SPLANC_KAFKA__PARTITIONS="0").err
    file = tmp_path / "own.toml"
    file.write_text("[kafka]\npartition = 3\n")
    assert "kafka.partition: Extra inputs are not permitted" in shared_site.run("status", "--config", file, code=2).err
    file.write_text("[kafka\n")
    assert f"{file} is not valid TOML" in shared_site.run("config", "check", "--config", file, code=2).err


def test_config_check_and_show_mask_secrets(shared_site: Site) -> None:
    secrets = {
        "SPLANC_KAFKA__SASL_PASSWORD": "hunter2",
        "SPLANC_KAFKA__SSL_KEY_PASSWORD": "hunter2",
        "SPLANC_ARCHIVE__DSN": "postgresql://me:hunter2@host/database",
    }
    shown = shared_site.run("config", "show", **secrets).out
    assert "hunter2" not in shown
    assert 'sasl_password = "**********"' in shown
    assert f"port = {shared_site.port}" in shown
    assert str(shared_site.data_dir) in shared_site.run("config", "check", **secrets).out


def test_up_masks_the_password_of_an_archive_of_ones_own(shared_site: Site) -> None:
    shared_site.run("up")
    with psycopg.connect(shared_site.dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE owner SUPERUSER LOGIN PASSWORD 'hunter2'")
    said = shared_site.run("up", SPLANC_ARCHIVE__DSN=shared_site.dsn.replace("splanc@", "owner:hunter2@"))
    assert "hunter2" not in said.out + said.err


def test_a_backfill_may_be_repeated_and_its_cutouts_are_those_of_the_file(shared_site: Site, tmp_path: Path) -> None:
    file, night = tmp_path / "night.avro", 20260203
    shared_site.run("simulate", "--out", file, "--night", night, "--visits", 2, "--alerts-per-visit", 60, "--repeated", 0.1, "--schema", "10.0")
    first = shared_site.run("backfill", file).out
    assert first == "archived 120 alerts with 360 cutouts; repeated 12, rejected 0\n"
    before = archive(shared_site)
    assert shared_site.run("backfill", file).out == "archived 0 alerts with 0 cutouts; repeated 132, rejected 0\n"
    assert archive(shared_site) == before
    ledger = shared_site.run("ledger", night, "--json").json
    assert ledger["adds_up"] is True
    assert ledger["total"] == {"received": 264, "archived": 120, "published": 0, "rejected": 0, "repeated": 144, "cutouts": 360}
    record = records(file)[70]
    out = tmp_path / "cutout.fits"
    paths = shared_site.run("cutout", record["diaSourceId"], "-o", out).out.split()
    assert sorted(paths) == sorted(str(out.with_suffix(f"{ending}.fits")) for ending in KINDS.values())
    for kind, ending in KINDS.items():
        assert out.with_suffix(f"{ending}.fits").read_bytes() == record[kind]


def test_backfill_of_a_damaged_file_archives_the_rest(shared_site: Site, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.avro", tmp_path / "cut.avro"
    shared_site.run("simulate", "--out", whole, "--night", 20260204, "--visits", 1, "--alerts-per-visit", 20)
    cut.write_bytes(whole.read_bytes()[:-50])
    said = shared_site.run("backfill", cut, code=1)
    assert said.out == "archived 19 alerts with 57 cutouts; repeated 0, rejected 1\n"
    assert str(cut) in said.err
    assert shared_site.run("backfill", whole).out == "archived 1 alerts with 3 cutouts; repeated 19, rejected 0\n"


def test_dead_letters_are_listed_and_replayed(shared_site: Site, tmp_path: Path) -> None:
    """Packets of a schema that nobody has are dead letters until its file is in the folder; replayed, they are alerts."""
    night, new = 20260205, struct.pack(">bI", 0, 1102)
    (visit,) = Simulation(night=night, visits=1, alerts_per_visit=30).observe()
    messages = [new + message[5:] for message in visit.messages()]
    shared_site.run("up")
    node = shared_site.start("ingest", "--name", "letters", log="letters")
    send(shared_site, messages)
    wait_until(lambda: len(shared_site.run("deadletters", "list", "--json").lines) == 30, "all packets are dead letters")
    letters = shared_site.run("deadletters", "list", "--json").lines
    assert {(letter["topic"], letter["kind"]) for letter in letters} == {("lsst-alerts-v11", "schema")}
    assert sorted(letter["bytes"] for letter in letters) == sorted(map(len, messages))
    assert all("1102" in letter["why"] for letter in letters)
    assert len(shared_site.run("deadletters", "list", "--json", "--limit", 7).lines) == 7
    assert shared_site.run("deadletters", "list", "--limit", 1).out.count("lsst-alerts-v11") == 1
    node.terminate()
    assert node.wait(20) == 0
    schemas = tmp_path / "schemas"
    schemas.mkdir()
    (schemas / "lsst.v11_2.json").write_text(schema_text())
    shared_site.start("ingest", "--name", "letters", log="letters", SPLANC_SCHEMAS__FOLDER=str(schemas))
    assert shared_site.run("deadletters", "replay").out == "30 packets sent again\n"
    assert shared_site.run("deadletters", "replay").out == "0 packets sent again\n"
    sql = f"SELECT count(*) AS n FROM alerts WHERE night = {night}"
    wait_until(lambda: shared_site.run("query", sql, "--format", "json").json == [{"n": 30}], "all are archived")
    assert shared_site.run("ledger", night, "--json").json["adds_up"] is True


def send(site: Site, messages: list[bytes]) -> None:
    producer = Producer(client_config(site.settings.kafka))
    for message in messages:
        producer.produce(site.settings.kafka.input_topics[0], message)
    assert producer.flush(30) == 0


def schema_text() -> str:
    """Return schema 11.1 under the name of a version that splanc has never seen."""
    file = Path(__file__).parents[2] / "src" / "splanc" / "packet" / "schemas" / "lsst.v11_1.json"
    schema = json.loads(file.read_text())
    return json.dumps(schema).replace("v11_1", "v11_2")
