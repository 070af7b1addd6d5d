"""A waiting batch of real packets goes through the spool, the blob store and PostgreSQL, and its cutouts come back."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from splanc.archive import INDEX, KINDS, Archive, BlobStore, read_cutouts, remake_pack, write_pack
from splanc.cache import Spool, waiting_batch
from splanc.packet import Messages, Partition
from tests.unit.archive_blobs.batches import part, real_messages, warm_decoder

NAME = "20251230/node-1.pack"


@pytest.mark.parametrize("spilled", [False, True])
def test_cutouts_of_an_archived_batch(tmp_path: Path, archive_dsn: str, spilled: bool) -> None:
    messages = real_messages(tmp_path)
    decoder = warm_decoder(tmp_path)
    batch = decoder.decode(messages)
    spans = {Partition("lsst-alerts", number): (100, 109) for number in range(3)}
    blobs = BlobStore(tmp_path / "blobs")
    with closing(Spool(tmp_path / "spool", 1 << 30)) as spool, Archive(archive_dsn) as archive:
        for _ in range(2 * spilled):
            assert spool.put(waiting_batch(batch, {Partition("other", 0): (0, 1)}, None))
        assert spool.put(waiting_batch(batch, spans, write_pack(spool.packs, NAME, [batch])))
        assert spool.state().spilled == spilled
        for _ in range(2 * spilled):
            spool.peek()
            spool.done()
        waiting = spool.peek()
        assert waiting is not None
        assert waiting.pack is not None
        blobs.put_pack(waiting.pack.path, waiting.pack.name)
        loaded = archive.load(waiting.load("node-1"))
        spool.done()
    assert (loaded.archived, loaded.cutouts) == (27, 81)
    assert _found(archive_dsn, blobs, tmp_path) == _sent(messages, batch.cutouts, batch.alerts["diaSourceId"].to_pylist())


def _sent(messages: Messages, cutouts: object, ids: list[int]) -> dict[int, dict[str, bytes]]:
    """The cutouts in the packets, by diaSourceId."""
    ranges = {kind: cutouts[f"cutout{kind.title()}"] for kind in KINDS}  # type: ignore[index]
    return {
        identity: {kind: value[of.starts[row] : of.starts[row] + of.lengths[row]] for kind, of in ranges.items()}
        for row, (identity, value) in enumerate(zip(ids, messages.values, strict=True))
    }


def _found(dsn: str, blobs: BlobStore, folder: Path) -> dict[int, dict[str, bytes]]:
    """The cutouts that the archive's index leads to, the pack having been torn and made again from the row that the archive has."""
    messages, decoder = real_messages(folder), warm_decoder(folder)
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        columns = ", ".join(f'{name} AS "{name}"' for name in ("diaSourceId", *INDEX.names))
        rows = connection.execute(f"SELECT {columns} FROM alerts").fetchall()
        pack = connection.execute("SELECT * FROM packs").fetchall()[0]
    file = folder / "blobs" / NAME
    file.write_bytes(file.read_bytes()[:-1000])
    again = remake_pack(folder / "again", pack, lambda place: part(messages, messages.partitions == place.partition), decoder.decode)
    blobs.put_pack(again.path, again.name)
    return {row["diaSourceId"]: read_cutouts(row, blobs) for row in rows}
