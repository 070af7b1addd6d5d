"""What happens to a night: nodes killed, servers stopped."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time

import psutil

from splanc.archive import start_postgres, stop_postgres
from splanc.kafka import EmbeddedBroker
from tests.acceptance.commands import Site


class Chaos:
    """Kills random nodes of a supervisor every few seconds; reproducible as far as which and when.

    Parameters
    ----------
    seed : printed, so that pytest shows it with a failure.
    pause_seconds : shortest and longest time from one kill to the next.
    """

    def __init__(self, site: Site, supervisor: subprocess.Popen[bytes], *, seed: int, pause_seconds: tuple[float, float]) -> None:
        print(f"chaos with seed {seed}")
        self.kills = 0
        self._site = site
        self._supervisor = supervisor
        self._random = random.Random(seed)
        self._pause_seconds = pause_seconds
        self._kill_at = time.monotonic() + self._random.uniform(*pause_seconds)

    def step(self) -> None:
        """Kill a node if it is time."""
        if time.monotonic() < self._kill_at:
            return
        nodes = sorted(psutil.Process(self._supervisor.pid).children(), key=lambda node: node.pid)
        alive = [node for node in nodes if node.status() != psutil.STATUS_ZOMBIE]
        if alive:
            victim = self._random.choice(alive)
            os.kill(victim.pid, signal.SIGKILL)
            self.kills += 1
            print(f"{time.strftime('%X')} killed {victim.pid}")
        self._kill_at = time.monotonic() + self._random.uniform(*self._pause_seconds)

    def go_on(self, seconds: float) -> None:
        """Kill for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.step()
            time.sleep(0.1)

    def without_postgres(self, seconds: float) -> None:
        """Take PostgreSQL away for a while; the killing goes on."""
        print(f"{time.strftime('%X')} PostgreSQL stopped")
        assert stop_postgres(self._site.data_dir)
        self.go_on(seconds)
        start_postgres(self._site.data_dir)
        print(f"{time.strftime('%X')} PostgreSQL started")

    def restart_kafka(self) -> None:
        """Stop Kafka and start it again."""
        print(f"{time.strftime('%X')} Kafka stopped")
        assert EmbeddedBroker(self._site.settings).stop()
        self._site.run("up")
        print(f"{time.strftime('%X')} Kafka started")
