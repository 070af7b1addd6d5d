"""N nodes on one machine: start them, start them again when they die, within a budget."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import structlog

from ..errors import UpstreamError, UserError

_log = structlog.get_logger()

RESTART_WINDOW_SECONDS = 600.0
"""A node may be restarted `ingest.restarts` times within this long; more means that something is wrong for good."""

STOP_SECONDS = 12.0
"""A node has ten seconds to end its batch after SIGTERM; then it is killed, and Kafka replays what it had not finished."""


CANNOT_RUN = 2
"""Exit code of a node that cannot run as it is configured, as of any command: starting it again would not help."""


@dataclass(slots=True, kw_only=True)
class _Node:
    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    restarts: deque[float] = field(default_factory=deque)
    restart_at: float = 0.0

    def launch(self, environment: dict[str, str], log: Path | None) -> None:
        if log is None:
            self.process = subprocess.Popen(self.command, env=environment)
            return
        with log.open("ab") as file:
            self.process = subprocess.Popen(self.command, env=environment, stdout=file, stderr=file)

    def restarts_in_window(self) -> int:
        while self.restarts and self.restarts[0] < time.monotonic() - RESTART_WINDOW_SECONDS:
            self.restarts.popleft()
        return len(self.restarts)


class Supervisor:
    """Runs nodes as child processes until told to stop.

    Parameters
    ----------
    names : one node each.
    command : makes the command line of a node from its name.
    environment : variables that nodes get besides this process's own.
    restarts : restarts that each node has in ten minutes.
    log : file that the nodes' logs are appended to; None: this process's standard error.
    """

    def __init__(
        self, names: Sequence[str], command: Callable[[str], Sequence[str]], *, environment: dict[str, str], restarts: int, log: Path | None = None
    ) -> None:
        self._nodes = [_Node(name=name, command=command(name)) for name in names]
        self._environment = {**os.environ, **environment}
        self._restarts = restarts
        self._log = log
        self._stopping = False

    @property
    def pids(self) -> dict[str, int]:
        """The running nodes' process ids by name."""
        return {n.name: n.process.pid for n in self._nodes if n.process and n.process.poll() is None}

    def start(self) -> None:
        """Start all nodes."""
        for node in self._nodes:
            node.launch(self._environment, self._log)

    def watch(self) -> None:
        """Restart nodes that have died; return at once.

        Raises
        ------
        UserError
            If a node cannot run as it is configured.
        UpstreamError
            If a node has spent its restarts.
        """
        for node in self._nodes:
            if node.process is None or node.process.poll() is None or self._stopping:
                continue
            if node.restart_at == 0.0:
                self._plan_restart(node)
            elif time.monotonic() >= node.restart_at:
                node.restart_at = 0.0
                node.restarts.append(time.monotonic())
                node.launch(self._environment, self._log)

    def run(self) -> None:
        """Start all nodes and keep them running until SIGTERM or SIGINT."""

        def stop(_signal: int, _frame: FrameType | None) -> None:
            self._stopping = True

        previous = {s: signal.signal(s, stop) for s in (signal.SIGTERM, signal.SIGINT)}
        try:
            self.start()
            while not self._stopping:
                self.watch()
                time.sleep(0.2)
        finally:
            self.stop()
            for number, handler in previous.items():
                signal.signal(number, handler)

    def stop(self) -> None:
        """Ask all nodes to stop, wait, and kill those that do not."""
        self._stopping = True
        running = [n.process for n in self._nodes if n.process and n.process.poll() is None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _log.warning("node killed", pid=process.pid, why=f"still running {STOP_SECONDS:.0f} s after SIGTERM")
                process.kill()
                process.wait()

    def _plan_restart(self, node: _Node) -> None:
        assert node.process is not None
        if node.process.returncode == CANNOT_RUN:
            raise UserError(f"node {node.name} cannot run as it is configured; its log {self._log or 'above'} says what to mend")
        done = node.restarts_in_window()
        if done >= self._restarts:
            raise UpstreamError(
                f"node {node.name} died {done + 1} times in {RESTART_WINDOW_SECONDS / 60:.0f} minutes (last exit code {node.process.returncode}); "
                f"its log {self._log or 'above'} says why. It is not started again: mend the cause, or raise ingest.restarts"
            )
        _log.warning("node died", node=node.name, exit_code=node.process.returncode, restarts=done + 1, budget=self._restarts)
        node.restart_at = time.monotonic() + min(0.2 * 2**done, 5.0)


def node_command(data_dir: str, config: str | None) -> Callable[[str], list[str]]:
    """Return what makes the command line of one supervised node."""

    def command(name: str) -> list[str]:
        options = ["--config", config] if config else []
        return [sys.executable, "-m", "splanc", "ingest", "--data-dir", data_dir, *options, "--name", name, "--parent", str(os.getpid())]

    return command
