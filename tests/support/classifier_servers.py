"""Classifier servers as processes, for tests that stop and kill them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.support.kafka import free_port

ROOT = Path(__file__).resolve().parents[2]

START_SECONDS = 60.0
"""Longest time that a server may take to start, on a busy machine."""


@dataclass
class Server:
    """A classifier server (`tests.support.whole_degrees`) that can be started, stopped, killed, and started again on the same ports.

    Parameters
    ----------
    log : file of its log, new with each start.
    """

    log: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where nodes ask."""
        return f"127.0.0.1:{self.port}"

    @property
    def http_port(self) -> int:
        """Where people ask."""
        return self.port + 1

    def start(self, version: str = "whole-1", seconds: float = 0.0, answers: Path | None = None) -> None:
        """Begin to start it."""
        command = [sys.executable, "-m", "tests.support.whole_degrees", str(self.port), str(self.http_port), version, str(seconds), str(answers or "")]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)

    def await_start(self) -> None:
        """Wait until it serves."""
        wait_until(lambda: self.said("classifier server started"), "a server starts", START_SECONDS)

    def said(self, event: str) -> list[dict[str, Any]]:
        """Return what it has logged of a kind."""
        assert self.process is not None
        assert self.process.poll() is None or event.endswith("stopped"), self.log.read_text()
        lines = self.log.read_text().splitlines(keepends=True)
        logged = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}\n")]
        return [one for one in logged if one["event"] == event]

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self.process is not None
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        """End it at once."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """Have it stop as an operator would, and return its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(20)


@dataclass
class Cluster:
    """Several servers."""

    servers: list[Server] = field(default_factory=list)

    @property
    def addresses(self) -> list[str]:
        """Where nodes ask."""
        return [server.address for server in self.servers]

    def start(self, **options: Any) -> None:
        """Start all servers that do not run, with the same options, and wait for them."""
        started = [server for server in self.servers if server.process is None or server.process.poll() is not None]
        for server in started:
            server.start(**options)
        for server in started:
            server.await_start()

    def at(self, address: str) -> Server:
        """Return the server of an address."""
        return next(server for server in self.servers if server.address == address)


@contextmanager
def cluster(n_servers: int, **options: Any) -> Iterator[Cluster]:
    """Yield so many servers that run; they are killed at the end."""
    with TemporaryDirectory(prefix="splanc-classifiers-") as folder:
        made = Cluster([Server(Path(folder) / f"server-{number}.log") for number in range(n_servers)])
        try:
            made.start(**options)
            yield made
        finally:
            for server in made.servers:
                if server.process is not None and server.process.poll() is None:
                    server.signal(signal.SIGCONT)
                    server.kill()


def wait_until(condition: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.02)
