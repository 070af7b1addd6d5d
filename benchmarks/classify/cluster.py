"""Classifier servers as processes, asked by one node."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from splanc.crossmatch.service import Router
from splanc.metrics import Metrics

from .figures import taking
from .sky import Sky, alerts

START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs, and where it listens."""

    process: subprocess.Popen[bytes]
    address: str


def served(data_dir: Path, sky: Sky, n_alert: int, rounds: int, n_server: int) -> dict[str, float]:
    """Return what a warm visit over so many servers costs: alerts/s, and the CPU of an alert, µs, of node and servers.

    Parameters
    ----------
    data_dir : with the catalogues below it.
    """
    field = sky.fields()[0]
    with _servers(data_dir, n_server) as servers:
        router = Router([server.address for server in servers], timeout_seconds=60.0, patience_seconds=120.0, metrics=Metrics())
        for seed in range(3):
            router.classify(*alerts(sky, field, n_alert, seed))
        batches = [alerts(sky, field, n_alert, 3 + seed) for seed in range(rounds)]
        used = _cpu(servers)
        with taking() as taken:
            for batch in batches:
                router.classify(*batch)
            cpu, wall = taken()
        used = _cpu(servers) - used
        router.close()
    n = rounds * n_alert
    return {"alerts/s": n / wall, "node: CPU µs": 1e6 * cpu / n, "servers: CPU µs": 1e6 * used / n}


@contextmanager
def _servers(data_dir: Path, n_server: int) -> Iterator[list[Server]]:
    """Yield servers that run; they are stopped at the end."""
    logs = [data_dir / f"server-{number}.log" for number in range(n_server)]
    processes = [_start(data_dir, log) for log in logs]
    try:
        yield [Server(process, _address(process, log)) for process, log in zip(processes, logs, strict=True)]
    finally:
        for process in processes:
            process.terminate()
            process.wait(START_SECONDS)


def _start(data_dir: Path, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        command = [sys.executable, "-m", "splanc", "classify", "serve", "--port", "0", "--data-dir", str(data_dir)]
        return subprocess.Popen(command, stdout=out, stderr=out)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        for line in log.read_text().splitlines():
            if "classifier server started" in line:
                return str(json.loads(line)["flight"])
        time.sleep(0.1)
    raise RuntimeError(f"a server does not start: {log.read_text()[-2000:]}")


def _cpu(servers: list[Server]) -> float:
    times = [psutil.Process(server.process.pid).cpu_times() for server in servers]
    return sum(one.user + one.system for one in times)
