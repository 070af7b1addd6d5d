from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from splanc.errors import UpstreamError, UserError
from splanc.filters.tables import TABLES
from splanc.night import night_of
from splanc.packet import Batch, Partition, concat
from splanc.past import RowsDamaged, chosen_nights, compact_night, expire_nights, find_alert, nights_in, read_night, write_rows
from splanc.past import _nights as nights
from splanc.past._nights import live_files
from tests.unit.streams.batches import NIGHT, VISIT

from .rows import PLACE, full_batch, keep, no_damage, rows_in, seen_by_filters


def read(folder: Path, night: int = NIGHT) -> list[Batch]:
    return list(read_night(folder, night, no_damage))


def test_what_is_read_is_the_batch_without_histories_in_every_table(tmp_path: Path) -> None:
    batch = full_batch()
    assert keep(tmp_path, batch) > 0
    (found,) = read(tmp_path)
    expected = seen_by_filters(batch)
    assert set(found.tables) == set(expected.tables)
    assert {table.rows_of for table in TABLES.values()} == set(found.tables)
    assert found.alerts.equals(batch.alerts)
    for name, table in expected.tables.items():
        assert found.tables[name].select(table.column_names).equals(table), name


def test_tables_without_rows_are_left_out(tmp_path: Path) -> None:
    batch = full_batch()
    few = replace(batch, tables={"diaObject": batch.tables["diaObject"], "watchlist_hits": batch.tables["watchlist_hits"].slice(0, 0)})
    keep(tmp_path, few)
    (found,) = read(tmp_path)
    assert set(found.tables) == {"diaObject"}
    keep(tmp_path, replace(full_batch(6), tables={}), 6)
    assert [[name for name in file.schema.names if not name.startswith("alerts:")] == [] for file in live_files(tmp_path / str(NIGHT), no_damage)] == [
        False,
        True,
    ]
    (both,) = read(tmp_path)
    assert len(both) == 12
    assert rows_in([both])["diaObject"] == rows_in([found])["diaObject"]


@pytest.mark.parametrize("compacted", [False, True])
def test_small_files_are_read_together_as_the_rows_that_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compacted: bool) -> None:
    for first in range(0, 48, 6):
        batch = full_batch(first)
        keep(
            tmp_path, replace(batch, tables={name: table for name, table in batch.tables.items() if first != 18 and (first < 30 or name != "diaObject")}), first
        )
    if compacted:
        compact_night(tmp_path, NIGHT, no_damage, part_rows=7)
    (together,) = read(tmp_path)
    monkeypatch.setattr(nights, "_READ_ROWS", 1)
    one_by_one = read(tmp_path)
    assert len(one_by_one) == (7 if compacted else 8)
    assert rows_in([together]) == rows_in(one_by_one)
    monkeypatch.setattr(nights, "_READ_ROWS", 13)
    assert [len(one) for one in read(tmp_path)] == ([14, 14, 14, 6] if compacted else [18, 18, 12])


def test_only_what_is_wanted_is_read(tmp_path: Path) -> None:
    keep(tmp_path, full_batch())
    (found,) = read_night(tmp_path, NIGHT, no_damage, wanted={"diaObject": ["ra"], "trigger": ["snr"], "watchlist_hits": ["wl_id"]})
    assert {name: table.column_names for name, table in found.tables.items()} == {
        "diaObject": ["alert", "ra"],
        "trigger": ["alert", "snr"],
        "watchlist_hits": ["alert", "wl_id"],
    }
    assert set(found.alerts.column_names) == {"diaSourceId", "diaObjectId", "ssObjectId", "midpointMjdTai", "timestamp", "visit", "survey", "objectId"}


def test_files_with_the_same_columns_share_a_schema(tmp_path: Path) -> None:
    """Or else thirty thousand files of small batches would take gigabytes of memory when they are opened."""
    batch = full_batch(width=9)
    for first in range(3):
        keep(tmp_path, batch, first)
    keep(tmp_path, replace(full_batch(6), tables={}), 6)
    files = live_files(tmp_path / str(NIGHT), no_damage)
    assert [file.schema is files[0].schema for file in files] == [True, True, True, False]
    assert set(files[3].schema.names) < set(files[0].schema.names)


def test_a_batch_of_two_nights_goes_to_both(tmp_path: Path) -> None:
    batches = [full_batch(0, night=NIGHT), full_batch(6, night=NIGHT + 1)]
    both = concat(batches)
    write_rows(tmp_path, both.alerts, both.tables, {PLACE: (0, 12)})
    assert nights_in(tmp_path) == (NIGHT, NIGHT + 1)
    for night, batch in zip((NIGHT, NIGHT + 1), batches, strict=True):
        assert rows_in(read(tmp_path, night)) == rows_in([replace(seen_by_filters(batch), alerts=found.alerts) for found in read(tmp_path, night)])


def test_the_same_batch_is_written_once(tmp_path: Path) -> None:
    batch = full_batch()
    assert keep(tmp_path, batch) > 0
    assert keep(tmp_path, batch) == 0
    assert len(list(tmp_path.rglob("*.arrow"))) == 1
    assert list(tmp_path.rglob("*.part")) == []


def test_what_was_written_again_in_other_batches_is_read_once_as_it_was_at_first(tmp_path: Path) -> None:
    first, second, third = full_batch(0, 6), full_batch(0, 4, seed=2), full_batch(4, 6, seed=3)
    keep(tmp_path, first)
    keep(tmp_path, second)
    keep(tmp_path, third, 4)
    found = rows_in(read(tmp_path))
    assert [row["diaSourceId"] for row in sorted(found["alerts"], key=lambda row: row["diaSourceId"])] == list(range(1000, 1010))
    # The newest alert gives a file its place: the one of four is older than the one of six.
    expected = [seen_by_filters(second), *(part_of(seen_by_filters(first), [4, 5]), part_of(seen_by_filters(third), [2, 3, 4, 5]))]
    assert found == rows_in(expected)


def part_of(batch: Batch, rows: list[int]) -> Batch:
    """Some alerts of a batch."""
    number = {row: place for place, row in enumerate(rows)}
    tables = {}
    for name, table in batch.tables.items():
        kept = table.filter(pa.array([alert in number for alert in table["alert"].to_pylist()]))
        alert = pa.array([number[alert] for alert in kept["alert"].to_pylist()], pa.int32())
        tables[name] = kept.set_column(kept.column_names.index("alert"), "alert", alert)
    return replace(batch, alerts=batch.alerts.take(rows), tables=tables)


@pytest.mark.parametrize("keep_bytes", [0, 100, -8])
def test_a_torn_file_is_named_and_the_rest_is_read(tmp_path: Path, keep_bytes: int) -> None:
    for first in (0, 6, 12):
        keep(tmp_path, full_batch(first), first)
    torn = sorted(tmp_path.rglob("*.arrow"))[1]
    torn.write_bytes(torn.read_bytes()[:keep_bytes])
    damaged: list[RowsDamaged] = []
    found = list(read_night(tmp_path, NIGHT, damaged.append))
    assert [damage.path for damage in damaged] == [torn]
    assert str(torn) in str(damaged[0])
    assert sorted(rows["diaSourceId"] for one in found for rows in one.alerts.to_pylist()) == [*range(1000, 1006), *range(1012, 1018)]


def test_what_a_kill_leaves_half_written_is_no_file(tmp_path: Path) -> None:
    keep(tmp_path, full_batch())
    (whole,) = tmp_path.rglob("*.arrow")
    whole.with_name("20260102T050000.000005Z-00.arrow.1.part").write_bytes(whole.read_bytes()[:1000])
    assert rows_in(read(tmp_path)) == rows_in([seen_by_filters(full_batch())])


def test_a_disk_that_takes_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / str(NIGHT)).write_text("no folder")
    with pytest.raises(UpstreamError, match=r"filters\.rows_folder"):
        keep(tmp_path, full_batch())


def test_nights_are_chosen_by_number_or_as_the_newest(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no rows of past nights"):
        chosen_nights(tmp_path, (), None)
    for number in (1, 3, 2):
        keep(tmp_path, full_batch(night=20260100 + number))
    assert nights_in(tmp_path) == (20260101, 20260102, 20260103)
    assert chosen_nights(tmp_path, (), None) == (20260103,)
    assert chosen_nights(tmp_path, (), 2) == (20260102, 20260103)
    assert chosen_nights(tmp_path, (20260103, 20260101), None) == (20260101, 20260103)
    with pytest.raises(UserError, match="no rows of the night 20260105; there are 20260101, 20260102, 20260103"):
        chosen_nights(tmp_path, (20260105,), None)


@pytest.mark.parametrize("compacted", [False, True])
def test_the_newest_alert_of_an_object_is_found_with_all_its_rows(tmp_path: Path, compacted: bool) -> None:
    for first in range(0, 60, 6):
        keep(tmp_path, full_batch(first), first)
    keep(tmp_path, full_batch(60, night=NIGHT - 1), 60)
    if compacted:
        compact_night(tmp_path, NIGHT, no_damage, part_rows=16)
    offsets = [offset for offset in range(60) if offset % 3 and offset % 7 == 2]
    alert = find_alert(tmp_path, 52, no_damage)
    assert alert is not None
    assert alert.alerts["diaSourceId"].to_pylist() == [1000 + offsets[-1]]
    whole = full_batch(offsets[-1] // 6 * 6)
    assert rows_in([alert]) == rows_in([part_of(seen_by_filters(whole), [offsets[-1] % 6])])
    earlier = find_alert(tmp_path, 52, no_damage, visit=VISIT + offsets[3] // 4)
    assert earlier is not None
    assert earlier.alerts["diaSourceId"].to_pylist() == [1000 + offsets[3]]
    moving = find_alert(tmp_path, 912, no_damage, key="ssObjectId")
    assert moving is not None
    assert moving.alerts["diaSourceId"].to_pylist() == [1012]
    assert find_alert(tmp_path, 1, no_damage) is None
    assert find_alert(tmp_path, 0, no_damage) is None


def test_old_nights_are_deleted(tmp_path: Path) -> None:
    nights = [night_of(datetime.now(UTC) - timedelta(days=days)) for days in (40, 31, 30)]
    for night in nights:
        keep(tmp_path, full_batch(night=night))
        os.utime(tmp_path / str(night), (1, 1))
    size_bytes = next((tmp_path / str(nights[0])).glob("*.arrow")).stat().st_size
    assert list(expire_nights(tmp_path, 30, dry_run=True)) == [(nights[0], size_bytes), (nights[1], size_bytes)]
    assert nights_in(tmp_path) == tuple(nights)
    assert [night for night, _ in expire_nights(tmp_path, 30)] == nights[:2]
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [str(nights[2])]


def test_partitions_name_the_file(tmp_path: Path) -> None:
    keep(tmp_path, full_batch())
    keep(tmp_path, full_batch(), by=Partition("alerts", 1))
    assert len(list(tmp_path.rglob("*.arrow"))) == 2
    assert np.sum([len(batch) for batch in read(tmp_path)]) == 6
