"""Latency of both sides, from Kafka's timestamp of an alert until a side is done with it.

At a steady rate, and for a visit that comes within five seconds as a visit does, broker, nodes and database on the same machine.

    python -m benchmarks.latency --nodes 2
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.night.__main__ import follow, node_reports, wait_for_nodes
from splanc.cli._ingest import supervise
from splanc.config import Settings, load_settings
from splanc.head import start_services, stop_services
from splanc.logs import configure_logs
from splanc.night import night_now
from splanc.simulator import Pace, Simulation, send

LOADS = {
    "250 alerts/s, steady": (Pace(per_second=250), 10_000),
    "a visit of 10,000 alerts in 5 s": (Pace(visit_seconds=39, burst_seconds=5), 10_000),
}
"""The loads: pace and number of alerts."""


def main() -> None:
    """Run the benchmark and print JSON, one line a load."""
    parser = argparse.ArgumentParser(description="latency of both sides")
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--port", type=int, default=25_192)
    options = parser.parse_args()
    configure_logs(quiet=True)
    folder = Path(tempfile.mkdtemp(prefix="splanc-latency-"))
    os.environ["SPLANC_KAFKA__PORT"] = str(options.port)
    settings = load_settings(folder)
    try:
        services = start_services(settings, lambda line: print(line, file=sys.stderr))
        for number, name in enumerate(LOADS):
            print(json.dumps(measure(services, name, number, options.nodes)), flush=True)
    finally:
        stop_services(settings)
        shutil.rmtree(folder, ignore_errors=True)


def measure(settings: Settings, name: str, number: int, nodes: int) -> dict[str, Any]:
    """Send one load to nodes that wait for it, and return the latencies in seconds."""
    pace, alerts = LOADS[name]
    names = [f"latency-{number}-{node}" for node in range(1, nodes + 1)]
    supervisor = supervise(settings, names, None, log=settings.data_dir / "nodes.log")
    supervisor.start()
    try:
        wait_for_nodes(settings, names)
        # A node's first batches load code; a small visit takes them out of the figures by being counted beforehand.
        send(Simulation(night=night_now(), visits=1, alerts_per_visit=500, first_sequence=1 + 10 * number), settings.kafka)
        follow(settings, supervisor)
        time.sleep(1.5)
        before = node_reports(settings, names)
        send(Simulation(night=night_now(), visits=1, alerts_per_visit=alerts, first_sequence=2 + 10 * number), settings.kafka, pace=pace)
        follow(settings, supervisor)
        time.sleep(1.5)
        after = node_reports(settings, names)
    finally:
        supervisor.stop()
    return {"load": name, "nodes": nodes} | {side: after.latency(side).less(before.latency(side)).summary() for side in ("publish", "archive")}


if __name__ == "__main__":
    main()
