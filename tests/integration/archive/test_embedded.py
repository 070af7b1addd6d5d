from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from splanc.archive import Archive, migrate, postgres_status, start_postgres, stop_postgres
from splanc.archive import _embedded as embedded
from splanc.errors import Superseded, UpstreamError, UserError
from splanc.packet import Partition
from tests.unit.archive.packets import Packet, load_of


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A folder outside of pytest's, whose modes every other run of pytest sets back while the server passes through."""
    with tempfile.TemporaryDirectory(prefix="splanc-pg-") as folder:
        yield Path(folder) / "data"
        stop_postgres(Path(folder) / "data")


def one(dsn: str, statement: str) -> object:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(statement).fetchone()
        assert row is not None
        return row[0]


def kill(data_dir: Path) -> int:
    status = postgres_status(data_dir)
    assert status is not None
    os.kill(status.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while postgres_status(data_dir) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return status.pid


def test_start_is_idempotent_and_data_outlives_a_stop(data_dir: Path) -> None:
    assert postgres_status(data_dir) is None
    assert stop_postgres(data_dir) is False
    dsn = start_postgres(data_dir)
    status = postgres_status(data_dir)
    assert status is not None
    assert status.dsn == dsn
    assert start_postgres(data_dir) == dsn
    assert postgres_status(data_dir) == status
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert stop_postgres(data_dir) is True
    assert postgres_status(data_dir) is None
    assert start_postgres(data_dir) == dsn
    assert one(dsn, "SELECT answer FROM kept") == 42


def test_settings_are_those_for_loading_and_nobody_else_can_connect(data_dir: Path) -> None:
    dsn = start_postgres(data_dir)
    for name, value in {
        "shared_buffers": "512MB",
        "max_wal_size": "8GB",
        "checkpoint_timeout": "15min",
        "synchronous_commit": "on",
        "listen_addresses": "",
    }.items():
        assert one(dsn, f"SHOW {name}") == value
    assert (data_dir / "postgres" / "run").stat().st_mode & 0o777 == 0o700


def test_the_server_outlives_its_starter(data_dir: Path) -> None:
    code = f"from pathlib import Path; from splanc.archive import start_postgres; print(start_postgres(Path({str(data_dir)!r})))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, start_new_session=True, timeout=110)
    assert one(done.stdout.splitlines()[-1], "SELECT 1") == 1


def test_a_killed_server_starts_again(data_dir: Path) -> None:
    dsn = start_postgres(data_dir)
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    kill(data_dir)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsn)
    assert start_postgres(data_dir) == dsn
    assert one(dsn, "SELECT answer FROM kept") == 42


def test_a_pid_file_whose_number_another_program_has_is_stale(data_dir: Path) -> None:
    dsn = start_postgres(data_dir)
    stop_postgres(data_dir)
    for path in (data_dir / "postgres" / "data" / "postmaster.pid", data_dir / "postgres" / "run" / ".s.PGSQL.5432.lock"):
        path.write_text(f"{os.getpid()}\n{data_dir}\n1\n5432\n\n\n\n\n")
        path.chmod(0o644)
    assert postgres_status(data_dir) is None
    assert start_postgres(data_dir) == dsn
    status = postgres_status(data_dir)
    assert status is not None
    assert status.pid != os.getpid()


def test_an_unfinished_first_start_is_begun_again(data_dir: Path) -> None:
    unfinished = data_dir / "postgres" / "data.new"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    assert one(start_postgres(data_dir), "SELECT 1") == 1


def test_several_may_start_it_at_once(data_dir: Path) -> None:
    dsns: list[str] = []
    threads = [threading.Thread(target=lambda: dsns.append(start_postgres(data_dir))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(dsns)) == 1
    assert len(dsns) == 3


def test_a_path_too_long_for_a_socket_is_no_obstacle(data_dir: Path) -> None:
    deep = data_dir / ("x" * 100)
    try:
        dsn = start_postgres(deep)
        assert one(dsn, "SELECT 1") == 1
        assert str(deep) not in dsn
    finally:
        stop_postgres(deep)


def test_a_broken_cluster_says_what_postgresql_said(data_dir: Path) -> None:
    start_postgres(data_dir)
    stop_postgres(data_dir)
    (data_dir / "postgres" / "data" / "global" / "pg_control").unlink()
    with pytest.raises(UpstreamError, match=r"PostgreSQL does not start: (?s:.*)pg_control"):
        start_postgres(data_dir)


def test_a_data_directory_that_cannot_be_made_is_the_users_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="choose another data directory"):
        start_postgres(tmp_path / "file")


def test_a_missing_wheel_says_what_to_do(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"set archive\.dsn"):
        start_postgres(data_dir)


def test_loads_survive_a_server_that_is_stopped_and_killed_in_the_middle(data_dir: Path) -> None:
    """A node's way: try a load until it is done; when superseded, see where the mark is."""
    dsn = start_postgres(data_dir)
    migrate(dsn)
    span = Partition("alerts", 0)
    n_batch, size = 60, 20
    done = threading.Event()
    failures: list[UpstreamError] = []

    def node() -> None:
        with Archive(dsn) as archive:
            at = 0
            while at < n_batch:
                packets = [Packet(trigger=(1 + at * size + i, 61_041.0 + at), diaObject=i, history=[(10_000 + i, 61_000.0)]) for i in range(size)]
                try:
                    archive.load(load_of(packets, spans={span: (at, at + 1)}))
                    at += 1
                except Superseded:
                    at = archive.marks([span])[span] or 0
                except UpstreamError as error:
                    failures.append(error)
                    time.sleep(0.02)
        done.set()

    thread = threading.Thread(target=node)
    thread.start()
    stop_postgres(data_dir)
    time.sleep(1)
    start_postgres(data_dir)
    time.sleep(0.3)
    kill(data_dir)
    start_postgres(data_dir)
    thread.join(60)
    assert done.is_set()
    assert failures != []
    assert one(dsn, "SELECT count(*) FROM alerts") == n_batch * size
    assert one(dsn, "SELECT count(*) FROM diasources") == n_batch * size + size
    assert one(dsn, "SELECT sum(received) FROM ledger") == n_batch * size
    assert one(dsn, "SELECT sum(archived) FROM ledger") == n_batch * size
    assert one(dsn, "SELECT next_offset FROM ingest_mark") == n_batch


def test_a_load_whose_connection_is_cut_is_tried_again(archive_dsn: str) -> None:
    with Archive(archive_dsn) as archive:
        archive.load(load_of([Packet(trigger=(1, 61_041.0))]))
        with psycopg.connect(archive_dsn, autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'splanc load' AND datname = current_database()")
        assert archive.load(load_of([Packet(trigger=(2, 61_041.0))])).archived == 1


def test_processes_end_with_the_server(data_dir: Path) -> None:
    start_postgres(data_dir)
    status = postgres_status(data_dir)
    assert status is not None
    family = psutil.Process(status.pid).children()
    stop_postgres(data_dir)
    _, alive = psutil.wait_procs(family, timeout=60)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
