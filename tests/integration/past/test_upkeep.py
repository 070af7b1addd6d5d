"""Past nights are kept in order by real child processes on real files: by one of several, also when it is killed half-way."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from splanc.errors import UserError
from splanc.ingest import Upkeep, upkeep_command
from splanc.metrics import Metrics
from splanc.night import night_of
from splanc.past import QUIET_SECONDS, due_nights, expire_nights, is_untidy, nights_in, read_night, try_folder
from splanc.past._nights import COMPACTING, locked
from tests.integration.past.rows import full_batch, keep, no_damage, rows_in

TONIGHT, OVER, OLD = (night_of(datetime.now(UTC) - timedelta(days=days)) for days in (-0.5, 2, 40))
"""Tonight is not over for half a day, though noon may come while tests run."""

FILES = 40
WIDTH = 40
PATIENCE_SECONDS = 60.0


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """The present night, one that is over, and one that is too long ago; nothing has come to these for long."""
    folder = tmp_path / "rows"
    for night in (TONIGHT, OLD):
        keep(folder, full_batch(night=night, width=9))
    for first in range(0, 6 * FILES, 6):
        keep(folder, full_batch(first, night=OVER, width=WIDTH), first)
    content(folder)  # the first reader of a night leaves a lock there
    age(folder, OVER, QUIET_SECONDS + 1)
    age(folder, OLD, 86_400 * 31)
    return folder


def age(folder: Path, night: int, seconds: float) -> None:
    """Let the last change of a night be so long ago."""
    then = time.time() - seconds
    os.utime(folder / str(night), (then, then))


def content(folder: Path) -> dict[str, list[dict[str, Any]]]:
    return rows_in(list(read_night(folder, OVER, no_damage)))


def files(folder: Path, night: int = OVER) -> list[str]:
    return sorted(path.name for path in (folder / str(night)).iterdir() if path.suffix != ".lock")


def command(folder: Path) -> list[str]:
    """What a node has done, at the priority of tests: at the lowest, it may wait for what else the machine does for ever."""
    code = "import os, sys; from splanc.cli import app; os.nice = lambda _by: 0; app(sys.argv[1:])"
    python, _, _, *words = upkeep_command(str(folder.parent), None)
    return [python, "-c", code, *words]


def child(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(command(folder), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ended(children: list[subprocess.Popen[str]]) -> list[dict[str, Any]]:
    """What they logged; they printed nothing, and had nothing to complain about."""
    logged = []
    for one in children:
        out, err = one.communicate(timeout=PATIENCE_SECONDS)
        assert (one.returncode, out) == (0, ""), err
        logged += [json.loads(line) for line in err.splitlines()]
    return logged


def await_true(condition: Callable[[], bool], poll_seconds: float = 0.0) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(poll_seconds)


def errors_in(metrics: Metrics) -> set[str]:
    (family,) = metrics.errors.collect()
    return {sample.labels["error_type"] for sample in family.samples}


def test_of_several_processes_one_does_it(rows: Path) -> None:
    before = content(rows)
    logged = ended([child(rows) for _ in range(3)])
    assert sorted((line["event"], line["night"]) for line in logged) == [("past night compacted", OVER), ("past night deleted", OLD)]
    assert (files(rows), nights_in(rows)) == (["night-000001.parquet"], (OVER, TONIGHT))
    assert content(rows) == before
    assert [name.endswith(".arrow") for name in files(rows, TONIGHT)] == [True]
    assert not is_untidy(rows, 30)


def test_what_one_is_killed_at_the_next_one_ends(rows: Path) -> None:
    before = content(rows)
    killed = child(rows)
    await_true((rows / str(OVER) / "sorting").exists)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert len([name for name in files(rows) if name.endswith(".arrow")]) == FILES
    assert "sorting" in files(rows)
    assert content(rows) == before
    assert is_untidy(rows, 30) is False  # it has just been written to
    age(rows, OVER, QUIET_SECONDS + 1)
    assert is_untidy(rows, 30)
    logged = ended([child(rows)])
    assert [(line["event"], line["rows"], line["files"]) for line in logged] == [("past night compacted", 6 * FILES, FILES)]
    assert files(rows) == ["night-000001.parquet"]
    assert content(rows) == before


def test_rows_that_come_to_a_compacted_night_are_added_once_they_rest(rows: Path) -> None:
    ended([child(rows)])
    keep(rows, full_batch(6 * FILES, night=OVER, width=WIDTH), 6 * FILES)
    before = content(rows)
    assert len(before["alerts"]) == 6 * (FILES + 1)
    assert ended([child(rows)]) == []
    age(rows, OVER, QUIET_SECONDS + 1)
    assert [line["rows"] for line in ended([child(rows)])] == [6 * (FILES + 1)]
    assert files(rows) == ["night-000002.parquet"]
    assert content(rows) == before


def test_a_night_is_due_when_it_is_over_and_rests_and_nobody_is_at_it(rows: Path) -> None:
    assert due_nights(rows) == (OLD, OVER)
    age(rows, OVER, QUIET_SECONDS / 2)
    assert due_nights(rows, quiet_seconds=QUIET_SECONDS) == (OLD,)
    assert is_untidy(rows, 30)
    with locked(rows, COMPACTING, alone=True):
        assert not is_untidy(rows, 30)
    assert not is_untidy(rows / "elsewhere", 30)


def test_rows_that_were_written_lately_stay_whatever_their_night(rows: Path) -> None:
    age(rows, OLD, 86_400 * 29)
    assert list(expire_nights(rows, 30)) == []
    age(rows, OLD, 86_400 * 31)
    with locked(rows, COMPACTING, alone=True):
        assert list(expire_nights(rows, 30, wait=False)) == []
    assert [night for night, _ in expire_nights(rows, 30)] == [OLD]


def test_a_node_has_it_done(rows: Path) -> None:
    metrics = Metrics()
    upkeep = Upkeep(lambda: is_untidy(rows, 30), command(rows), metrics=metrics, patience=0.01)
    upkeep.start()
    await_true(lambda: files(rows) == ["night-000001.parquet"], 0.05)
    upkeep.stop()
    assert nights_in(rows) == (OVER, TONIGHT)
    assert errors_in(metrics) == set()


def test_a_child_gives_way_to_all_others_and_ends_with_its_node(tmp_path: Path) -> None:
    said = tmp_path / "niceness"
    work = f"[open({str(said)!r}, 'w').write(f'{{os.getpid()}} {{os.nice(0)}}'), time.sleep(60)]"
    call = f"app(['filter', 'compact', '--background', '--data-dir', {str(tmp_path)!r}])"
    code = f"import os, time; from splanc import past; from splanc.cli import app; past.expire_nights = lambda *_, **__: {work}; {call}"
    upkeep = Upkeep(lambda: True, [sys.executable, "-c", code], metrics=Metrics())
    upkeep.start()
    await_true(lambda: said.exists() and len(said.read_text().split()) == 2, 0.05)
    pid, niceness = map(int, said.read_text().split())
    assert niceness == 19
    upkeep.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_failures_are_counted_and_said(tmp_path: Path) -> None:
    metrics = Metrics()
    with capture_logs() as logs:
        assert not Upkeep(lambda: True, [sys.executable, "-c", "raise SystemExit(3)"], metrics=metrics).look()
        assert not Upkeep(lambda: True, [str(tmp_path / "nothing")], metrics=metrics).look()
    assert [line["event"] for line in logs] == ["past nights not kept in order"] * 2
    assert errors_in(metrics) == {"exit", "FileNotFoundError"}


def test_a_folder_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    try_folder(tmp_path / "shared" / "rows")
    assert list((tmp_path / "shared" / "rows").iterdir()) == []
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(UserError, match=r"file/rows: .*Not a directory.*filters\.rows_folder"):
        try_folder(tmp_path / "file" / "rows")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSPC])
def test_a_folder_without_locks_or_room_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(*((fcntl, "flock") if number == errno.ENOLCK else (Path, "write_bytes")), refuse)
    with pytest.raises(UserError, match=os.strerror(number)):
        try_folder(tmp_path)
    assert list(tmp_path.iterdir()) == []
