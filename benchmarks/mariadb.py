"""A MariaDB server of a benchmark's own (Debian's package mariadb-server)."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pymysql

START_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MariaDb:
    """A server that runs.

    Parameters
    ----------
    process : the server.
    connection : over its socket, as root.
    port : on 127.0.0.1, on which others may ask it; 0: none.
    """

    process: subprocess.Popen[bytes]
    connection: pymysql.Connection[pymysql.cursors.Cursor]
    port: int

    def cpu_seconds(self) -> float:
        """Return the CPU that server and client have used so far, seconds."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") + time.process_time()


@contextmanager
def running(*, with_port: bool = False) -> Iterator[MariaDb]:
    """Yield a server in a temporary folder, on a socket there; it is stopped at the end.

    Parameters
    ----------
    with_port : whether it listens on a port of 127.0.0.1 too.
    """
    with tempfile.TemporaryDirectory() as folder:
        data, path, port = Path(folder, "data"), Path(folder, "socket"), _free_port() if with_port else 0
        here = [f"--datadir={data}", "--user=root"]
        subprocess.run(["mariadb-install-db", "--no-defaults", *here, "--auth-root-authentication-method=normal"], check=True, capture_output=True)
        listens = ["--bind-address=127.0.0.1", f"--port={port}"] if with_port else ["--skip-networking"]
        server = ["/usr/sbin/mariadbd", "--no-defaults", *here, f"--socket={path}", *listens, "--innodb-buffer-pool-size=1G"]
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen(server, stdout=log, stderr=log)
        try:
            yield MariaDb(process=process, connection=_connect(path, process), port=port)
        finally:
            process.terminate()
            process.wait(START_SECONDS)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _connect(path: Path, process: subprocess.Popen[bytes]) -> pymysql.Connection[pymysql.cursors.Cursor]:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return pymysql.connect(unix_socket=str(path), user="root", charset="utf8mb4")
        except pymysql.err.OperationalError:
            if time.monotonic() > deadline or process.poll() is not None:
                raise
            time.sleep(0.1)
