from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from splanc.errors import UpstreamError
from splanc.past import RowsDamaged, compact_night, read_night
from splanc.past import _compact as compact
from splanc.past._nights import locked
from tests.unit.streams.batches import NIGHT

from .rows import full_batch, keep, no_damage, rows_in

PART_ROWS = 10
WIDTH = 9


@pytest.fixture
def night(tmp_path: Path) -> Path:
    """A night of 42 alerts in seven files and an eighth that repeats some."""
    for first in range(0, 42, 6):
        keep(tmp_path, full_batch(first, width=WIDTH), first)
    keep(tmp_path, full_batch(9, 3, seed=5, width=WIDTH), 9)
    return tmp_path


def content(folder: Path) -> dict[str, list[dict[str, Any]]]:
    return rows_in(list(read_night(folder, NIGHT, no_damage)))


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / str(NIGHT)).iterdir() if path.suffix != ".lock")


def test_a_night_becomes_one_file_with_the_same_rows_sorted_by_object(night: Path) -> None:
    before = content(night)
    assert len(before["alerts"]) == 42
    done = compact_night(night, NIGHT, no_damage, part_rows=PART_ROWS)
    assert done is not None
    assert (done.night, done.rows, done.files) == (NIGHT, 42, 8)
    assert files(night) == ["night-000001.parquet"]
    path = night / str(NIGHT) / "night-000001.parquet"
    assert done.bytes_after == path.stat().st_size
    assert content(night) == before
    assert [pq.ParquetFile(path).metadata.row_group(part).num_rows for part in range(5)] == [10, 10, 10, 10, 2]
    keys = [(row["diaObjectId"] or 0, row["diaSourceId"]) for batch in read_night(night, NIGHT, no_damage) for row in batch.alerts.to_pylist()]
    assert keys == sorted(keys)
    assert compact_night(night, NIGHT, no_damage) is None
    assert files(night) == ["night-000001.parquet"]


def test_rows_that_come_later_are_added(night: Path) -> None:
    compact_night(night, NIGHT, no_damage, part_rows=PART_ROWS)
    keep(night, full_batch(40, 10, seed=7, width=WIDTH), 40)
    before = content(night)
    assert len(before["alerts"]) == 50
    done = compact_night(night, NIGHT, no_damage, part_rows=PART_ROWS)
    assert done is not None
    assert (done.rows, done.files) == (50, 2)
    assert files(night) == ["night-000002.parquet"]
    assert content(night) == before


class Killed(BaseException):
    """The process ends here."""


STEPS = ["_sort", "_write", "_verify", "put_whole", "_delete_replaced"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_anywhere_nothing_is_lost_and_the_next_one_ends_it(night: Path, monkeypatch: pytest.MonkeyPatch, step: str, when: str) -> None:
    before = content(night)
    original = getattr(compact, step)
    calls = iter(range(10))

    def killed(*arguments: Any) -> Any:
        last = next(calls) == (1 if step == "_delete_replaced" else 0)
        if last and when == "before":
            raise Killed
        result = original(*arguments)
        if last:
            raise Killed
        return result

    with monkeypatch.context() as patch:
        patch.setattr(compact, step, killed)
        # A process that is killed tidies nothing up.
        patch.setattr(compact.shutil, "rmtree", lambda *_arguments, **_options: None)
        patch.setattr(Path, "unlink", lambda *_arguments, **_options: None)
        with pytest.raises(Killed):
            compact_night(night, NIGHT, no_damage, part_rows=PART_ROWS)
    assert content(night) == before
    compact_night(night, NIGHT, no_damage, part_rows=PART_ROWS)
    assert content(night) == before
    assert files(night) in (["night-000001.parquet"], ["night-000002.parquet"])


def test_a_kill_between_deletions_leaves_rows_that_nobody_reads_twice(night: Path) -> None:
    before = content(night)
    arrow = sorted((night / str(NIGHT)).glob("*.arrow"))
    saved = [(path, path.read_bytes()) for path in arrow[::2]]
    compact_night(night, NIGHT, no_damage, part_rows=PART_ROWS)
    for path, data in saved:
        path.write_bytes(data)
    assert content(night) == before
    assert compact_night(night, NIGHT, no_damage, part_rows=PART_ROWS) is None
    assert files(night) == ["night-000001.parquet"]


def test_a_torn_file_is_set_aside_and_the_rest_compacted(night: Path) -> None:
    torn = min((night / str(NIGHT)).glob("*.arrow"))
    torn.write_bytes(torn.read_bytes()[:-20])
    damaged: list[RowsDamaged] = []
    done = compact_night(night, NIGHT, damaged.append, part_rows=PART_ROWS)
    assert done is not None
    assert done.rows == 36
    assert [damage.path for damage in damaged] == [torn]
    assert files(night) == [f"{torn.name}.damaged", "night-000001.parquet"]


def test_a_night_file_whose_bytes_have_changed_is_noticed(night: Path) -> None:
    compact_night(night, NIGHT, no_damage, part_rows=100)
    path = night / str(NIGHT) / "night-000001.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 4
    path.write_bytes(data)
    damaged: list[RowsDamaged] = []
    assert list(read_night(night, NIGHT, damaged.append)) == []
    assert [damage.path for damage in damaged] == [path]
    keep(night, full_batch(60, width=WIDTH), 60)
    with pytest.raises(RowsDamaged):
        compact_night(night, NIGHT, no_damage)
    assert len(files(night)) == 2


def test_a_disk_that_gives_back_something_else_loses_nothing(night: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(night)
    with monkeypatch.context() as patch:
        patch.setattr(compact, "_whole", lambda *_arguments: compact.np.zeros(10, "i8"))
        with pytest.raises(UpstreamError, match="not as it was written"):
            compact_night(night, NIGHT, no_damage, part_rows=PART_ROWS)
    assert len(files(night)) == 8
    assert content(night) == before


def test_files_stay_while_somebody_reads_them(night: Path) -> None:
    before = content(night)
    reading: Iterator[Any] = read_night(night, NIGHT, no_damage)
    found = [next(reading)]
    compaction = threading.Thread(target=compact_night, args=(night, NIGHT, no_damage))
    compaction.start()
    found.extend(reading)
    compaction.join(4)
    assert rows_in(found) == before
    assert files(night) == ["night-000001.parquet"]
    with locked(night / str(NIGHT), alone=True):
        assert not compaction.is_alive()
