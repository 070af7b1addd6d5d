"""The installed commands, run as processes in a data directory of their own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from splanc.archive import postgres_status
from splanc.config import KafkaSettings, Settings
from tests.support.kafka import free_port

SPLANC = Path(sys.executable).parent / "splanc"
"""The command as it was installed."""

COMMAND_SECONDS = 120.0
"""Longest time of one command that is to end by itself, on a busy machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The last line of its output, from JSON."""
        return json.loads(self.out.strip().splitlines()[-1])

    @property
    def lines(self) -> list[Any]:
        """All lines of its output, from JSON."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(slots=True, kw_only=True)
class Site:
    """A data directory with a Kafka and a PostgreSQL of its own.

    Parameters
    ----------
    variables : `SPLANC_…` variables of every command.
    """

    data_dir: Path
    variables: dict[str, str]
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(self, *arguments: object, code: int = 0, seconds: float = COMMAND_SECONDS, **variables: str) -> Said:
        """Run a command to its end, and check its exit code."""
        command = [str(SPLANC), *map(str, arguments)]
        done = subprocess.run(command, env=self._environment(variables), capture_output=True, text=True, timeout=seconds, check=False)
        assert done.returncode == code, f"{command} ended with {done.returncode}, not {code}\n{done.stdout}\n{done.stderr}"
        return Said(code=done.returncode, out=done.stdout, err=done.stderr)

    def start(self, *arguments: object, log: str, **variables: str) -> subprocess.Popen[bytes]:
        """Start a command that goes on, its output in a file of the data directory; it is stopped with the site."""
        with self.log(log).open("ab") as output:
            process = subprocess.Popen([str(SPLANC), *map(str, arguments)], env=self._environment(variables), stdout=output, stderr=output)
        self.running.append(process)
        return process

    def log(self, name: str) -> Path:
        """Return the file that the output of a started command goes to."""
        return self.data_dir / f"{name}.log"

    def logged(self, name: str) -> list[dict[str, Any]]:
        """Return the events that a started command logged; lines for people, and one that is being written, are left out."""
        lines = self.log(name).read_text().splitlines(keepends=True) if self.log(name).exists() else []
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}\n")]

    @property
    def settings(self) -> Settings:
        """What the commands' settings are as far as reading topics needs them."""
        return Settings(data_dir=self.data_dir, kafka=KafkaSettings(port=self.port))

    @property
    def port(self) -> int:
        """Kafka's port."""
        return int(self.variables["SPLANC_KAFKA__PORT"])

    @property
    def dsn(self) -> str:
        """The DSN of the PostgreSQL, which must be up."""
        status = postgres_status(self.data_dir)
        assert status is not None
        return status.dsn

    def stop(self) -> None:
        """End what was started, and the servers."""
        for process in self.running:
            process.terminate()
        for process in self.running:
            end(process)
        self.run("down")

    def _environment(self, variables: dict[str, str]) -> dict[str, str]:
        # As a user has it: bytecode is kept, since a node's start would take twice as long without.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SPLANC_", "PYTHON"))}
        return {**inherited, "COLUMNS": "200", "PYTHONFAULTHANDLER": "1", "SPLANC_DATA_DIR": str(self.data_dir), **self.variables, **variables}


@contextmanager
def site(**variables: str) -> Iterator[Site]:
    """Yield a site in a temporary folder; at the end everything that runs there is stopped, and the folder deleted."""
    folder = Path(tempfile.mkdtemp(prefix="splanc-acceptance-"))
    own = Site(data_dir=folder, variables={"SPLANC_KAFKA__PORT": str(free_port()), **variables})
    try:
        yield own
    finally:
        try:
            own.stop()
        finally:
            shutil.rmtree(folder)


def end(process: subprocess.Popen[bytes], seconds: float = 20.0) -> int:
    """Wait for a process that was told to end, and return its exit code; kill it if it does not."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        return process.wait()


def wait_until(condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.1)
