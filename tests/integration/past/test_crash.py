"""Real packets through the archive side to a real PostgreSQL, with crashes on both sides of its commit: each archived alert's rows are there, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from pydantic import SecretStr

from splanc.archive import Archive, BlobStore
from splanc.cache import LocalPacks, Spool
from splanc.config import ArchiveSettings, Settings
from splanc.features import Features
from splanc.ingest import ArchiveSide, NodeReport, Stores
from splanc.metrics import Metrics
from splanc.packet import Batch, Decoder, Partition
from splanc.past import compact_night, nights_in, read_night
from splanc.sky import index_sky
from tests.integration.past.rows import no_damage, rows_in, seen_by_filters
from tests.unit.archive_blobs.batches import part, real_messages, warm_decoder

TOPIC = "lsst-alerts"


class Crash(BaseException):
    """The process ends here."""


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    return warm_decoder(tmp_path_factory.mktemp("schemas"))


class Node:
    """The archive side of a node whose archive may fall over around its commit."""

    def __init__(self, settings: Settings, name: str) -> None:
        metrics = Metrics()
        self.archive = Archive(settings.archive_dsn)
        self.spool = Spool(settings.data_dir / "cache" / name, 1 << 30)
        self.local = LocalPacks(settings.packs_folder / name, 1 << 30)
        stores = Stores(archive=self.archive, blobs=BlobStore(settings.blobs_place), spool=self.spool, local=self.local, rows=settings.rows_folder)
        self.side = ArchiveSide(stores, name, report=NodeReport(name, metrics), metrics=metrics, patience=0.0)

    def archive_batch(self, batch: Batch) -> None:
        spans = {Partition(TOPIC, number): (offsets[0], offsets[-1] + 1) for number, offsets in _offsets(batch).items()}
        self.side.pack(batch, np.ones(len(batch), np.bool_))
        assert self.side.offer(self.side.packed(batch, spans))
        self.side.transfer_next()

    def close(self) -> None:
        self.side.stop(0)
        self.spool.close()
        self.local.close()
        self.archive.close()


def _offsets(batch: Batch) -> dict[int, list[int]]:
    offsets: dict[int, list[int]] = {}
    for number, offset in zip(batch.messages.partitions.tolist(), batch.messages.offsets.tolist(), strict=True):
        offsets.setdefault(number, []).append(offset)
    return offsets


@pytest.fixture
def start(tmp_path: Path, archive_dsn: str) -> Iterator[Callable[[str], Node]]:
    settings = Settings(data_dir=tmp_path, archive=ArchiveSettings(dsn=SecretStr(archive_dsn)))
    with ExitStack() as stack:

        def make(name: str) -> Node:
            node = Node(settings, name)
            stack.callback(node.close)
            return node

        yield make


@pytest.mark.parametrize("when", ["before the commit", "after the commit"])
def test_replayed_after_a_crash_each_archived_alert_has_its_rows_once(
    start: Callable[[str], Node], decoder: Decoder, tmp_path: Path, archive_dsn: str, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    messages = real_messages(tmp_path)

    def batch_of(first: int, after: int) -> Batch:
        chosen = part(messages, (messages.offsets >= first) & (messages.offsets < after))
        return Features().compute_features(index_sky(decoder.decode(chosen)))

    node = start("node-1")
    node.archive_batch(batch_of(100, 103))
    load = node.archive.load

    def crash(*arguments: Any) -> Any:
        if when == "after the commit":
            load(*arguments)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(node.archive, "load", crash)
        with pytest.raises(Crash):
            node.archive_batch(batch_of(103, 106))

    successor = start("node-2")
    marks = successor.side.marks([Partition(TOPIC, number) for number in range(3)])
    assert marks is not None
    (mark,) = set(marks.values())
    assert mark == (106 if when == "after the commit" else 103)
    assert mark is not None
    successor.archive_batch(batch_of(mark, 107))  # other batches than before the crash
    successor.archive_batch(batch_of(107, 109))
    assert not successor.side.superseded()
    with psycopg.connect(archive_dsn) as connection:
        archived = {identity for (identity,) in connection.execute("SELECT diaSourceId FROM alerts")}
    assert len(archived) == 27
    rows = tmp_path / "rows"
    for night in (None, *nights_in(rows)):
        if night is not None:
            compact_night(rows, night, no_damage)
        found = [batch for one in nights_in(rows) for batch in read_night(rows, one, no_damage)]
        assert Counter(row["diaSourceId"] for batch in found for row in batch.alerts.to_pylist()) == dict.fromkeys(archived, 1)
    expected = rows_in([seen_by_filters(batch_of(first, first + 1)) for first in range(100, 109)])
    assert_equal(rows_in(found), expected)


def assert_equal(found: dict[str, list[dict[str, Any]]], expected: dict[str, list[dict[str, Any]]]) -> None:
    """That the rows are those, whatever batch they came in."""
    for rows in (found, expected):
        for row in rows["alerts"]:
            row.pop("message")
    assert set(found) == {"alerts", "trigger", "diaObject", "objects_variability", "mpc_orbits"}
    for name, rows in found.items():
        columns = set(expected[name][0])
        key = "diaSourceId" if name == "alerts" else "alert"
        by_alert = {row[key]: row for row in expected[name]}
        assert [{column: row[column] for column in columns} for row in rows] == [by_alert[row[key]] for row in rows], name
        assert len(rows) == len(by_alert)
