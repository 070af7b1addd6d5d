"""Solar-system alerts, from packets to the tables that users ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from splanc.archive import Archive, ArchiveLoad, query
from splanc.features import add_moving_objects
from splanc.packet import Batch, Decoder, encode
from splanc.sky import index_sky
from tests.support.packets import RecordMaker, messages_of, real_records, schema_store

MJD = 61_041.25


@pytest.fixture
def decode(tmp_path: Path) -> Any:
    schemas = schema_store(tmp_path)
    decoder = Decoder(schemas, max_packet_bytes=10_000_000)

    def decode(identity: int, *records: dict[str, Any]) -> Batch:
        schema = schemas.get(identity)
        batch = decoder.decode(messages_of([encode(schema, record) for record in records]))
        assert batch.rejects == []
        return add_moving_objects(index_sky(batch))

    return decode


def rows(dsn: str, statement: str) -> list[dict[str, Any]]:
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        return connection.execute(statement).fetchall()


def load(dsn: str, batch: Batch) -> None:
    with Archive(dsn) as archive:
        archive.load(ArchiveLoad(alerts=batch.alerts, tables=batch.tables, spans={}, node="n"))


def test_real_moving_objects_are_asked_for_like_others(archive_dsn: str, decode: Any) -> None:
    load(archive_dsn, decode(1000, *real_records()))
    asked = query(
        archive_dsn,
        "SELECT s.ssObjectId, s.designation, s.mag, o.q, o.e FROM ss_objects_latest s JOIN mpc_orbits o USING (designation) WHERE s.mag < 21 ORDER BY s.mag",
        seconds=10,
        rows=10,
    )
    assert asked.columns[:2] == ("ssObjectId", "designation")
    assert [(row[0], row[1], round(row[2], 2)) for row in asked.rows] == [(21163615805847120, "2002 JP146", 18.94), (21163620284315971, "2003 UC59", 20.44)]
    assert all(1.0 < q < 4.0 and 0.0 <= e < 1.0 for *_, q, e in asked.rows)
    assert len(rows(archive_dsn, "SELECT FROM sssources")) == 3


def test_the_newest_alert_wins_in_any_order(archive_dsn: str, decode: Any) -> None:
    (record, *_) = [record for record in real_records() if record["ssSource"]]
    for number, days in enumerate((0.0, 2.0, 1.0)):
        source = record["diaSource"] | {"diaSourceId": number + 1, "midpointMjdTai": MJD + days, "ra": 10.0 + days}
        load(archive_dsn, decode(1000, record | {"diaSourceId": number + 1, "diaSource": source}))
    (found,) = rows(archive_dsn, "SELECT ra, alertmjdtai, alertdiasourceid, timestamp IS NOT NULL AS dated FROM ss_objects_latest")
    assert found == {"ra": 12.0, "alertmjdtai": MJD + 2.0, "alertdiasourceid": 2, "dated": True}


def test_ss_objects_of_older_versions_are_kept(archive_dsn: str, decode: Any, tmp_path: Path) -> None:
    maker = RecordMaker(schema_store(tmp_path).get(704), 3)
    made = []
    while len(made) < 3:
        record = maker.record()
        if record["ssObject"]:
            number = len(made)
            record["ssObject"] |= {"ssObjectId": 77, "numObs": number, "MOID": 0.25}
            record["diaSource"] |= {"diaSourceId": number, "ssObjectId": 77, "midpointMjdTai": MJD + (0.0, 2.0, 1.0)[number]}
            made.append(record)
    load(archive_dsn, decode(704, *made))
    assert query(archive_dsn, "SELECT ssObjectId, numObs, MOID, alertDiaSourceId FROM ssObjects", seconds=10, rows=10).rows == [(77, 1, 0.25, 1)]
    assert [row["alertdiasourceid"] for row in rows(archive_dsn, "SELECT alertdiasourceid FROM ss_objects_latest")] == [1]
