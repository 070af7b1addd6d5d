from __future__ import annotations

from pathlib import Path

import psycopg
import pyarrow as pa

from splanc.archive import Archive, ArchiveLoad, write_pack
from splanc.archive._tables import METADATA
from splanc.config import SchemaSettings
from splanc.packet import RECORDS, Batch, Decoder, SchemaStore, concat, read_files
from splanc.sky import index_sky

REAL = Path(__file__).parents[2] / "data" / "packets" / "lsst_v10_0_real.avro"


def real_batch(folder: Path) -> Batch:
    schemas = SchemaStore(SchemaSettings(), folder)
    decoder = Decoder(schemas, max_packet_bytes=10_000_000)
    return index_sky(concat([decoder.decode(messages) for messages in read_files([REAL], schemas, on_error=_fail)]))


def _fail(error: Exception) -> None:
    raise error


def archived(dsn: str, table: str, schema: pa.Schema, key: str) -> list[dict[str, object]]:
    """Return the rows of a table with the schema's columns, in the order of the key."""
    with psycopg.connect(dsn) as connection:
        connection.execute("SET timezone = 'UTC'")
        rows = connection.execute(f"SELECT {', '.join(schema.names)} FROM {table} ORDER BY {key}", binary=True).fetchall()
    return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema).to_pylist()


def test_real_packets_come_back_value_by_value(archive_dsn: str, tmp_path: Path) -> None:
    batch = real_batch(tmp_path)
    pack = write_pack(tmp_path, "20251230/node.pack", [batch])
    assert pack is not None
    with Archive(archive_dsn) as archive:
        load = ArchiveLoad(alerts=batch.alerts, tables=batch.tables, spans={}, node="node", index=pack.index, packs=[pack.row()])
        loaded = archive.load(load)
        assert (loaded.received, loaded.archived, loaded.cutouts) == (27, 27, 81)
        assert archive.load(load).repeated == 27
    for table, record, key in (
        ("objects", "diaObject", "diaObjectId"),
        ("diaSources", "diaSource", "diaSourceId"),
        ("diaForcedSources", "diaForcedSource", "diaForcedSourceId"),
        ("ssSources", "ssSource", "diaSourceId"),
        ("mpc_orbits", "mpc_orbits", "designation"),
    ):
        assert table.lower() in METADATA.tables
        rows = {row[key]: row for row in batch.tables[record].select(RECORDS[record].names).to_pylist()}
        assert archived(archive_dsn, table, RECORDS[record], key) == [rows[number] for number in sorted(rows)], table
    index = archived(archive_dsn, "alerts", pack.index.schema, "diaSourceId")
    order = pa.array(batch.alerts["diaSourceId"].to_numpy().argsort())
    assert index == pack.index.take(order).to_pylist()
    with psycopg.connect(archive_dsn) as connection:
        found = connection.execute("SELECT count(*), count(o.healpix29), count(a.healpix29) FROM alerts a LEFT JOIN objects o USING (diaObjectId)").fetchone()
    assert found == (27, 24, 27)
