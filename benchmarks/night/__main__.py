"""The whole path on one machine: a topic loaded beforehand, then broker, nodes and database together.

Two passes over the same objects: at first sight, and known to the archive with one new source each. For each pass the
rate, and the processor time an alert of each part. Nodes are started before the topic is loaded, and held back until it is.

    python -m benchmarks.night --corpus mixed --alerts 20000 --nodes 2
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from splanc.archive import postgres_status
from splanc.cli._ingest import supervise
from splanc.config import Settings, load_settings
from splanc.head import Registry, read_ledger, read_registry, read_status, start_services, stop_services
from splanc.kafka import EmbeddedBroker
from splanc.logs import configure_logs
from splanc.night import night_now
from splanc.simulator import Simulation, send


def main() -> None:
    """Run the benchmark and print a table, and JSON with --json."""
    options = parse()
    configure_logs(quiet=True)
    folder = Path(tempfile.mkdtemp(prefix="splanc-night-", dir=options.folder))
    os.environ["SPLANC_KAFKA__PORT"] = str(options.port)
    settings = load_settings(folder)
    try:
        services = start_services(settings, lambda line: print(line, file=sys.stderr))
        results = [measure(services, options, number, name) for number, name in enumerate(("first sight", "known"))]
        for result in results:
            print(json.dumps(result) if options.json else as_text(result), flush=True)
    finally:
        stop_services(settings)
        shutil.rmtree(folder, ignore_errors=True)


def parse() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description="alerts a second and processor time an alert over the whole path")
    parser.add_argument("--corpus", default="mixed", choices=("shallow", "mixed", "deep"))
    parser.add_argument("--alerts", type=int, default=20_000, help="alerts of each pass")
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--port", type=int, default=25_092)
    parser.add_argument("--folder", default=None, help="where the data goes; default: the temporary folder")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def measure(settings: Settings, options: argparse.Namespace, number: int, name: str) -> dict[str, Any]:
    """Load the topic with one pass, let the nodes take it, and return what it cost."""
    names = [f"bench-{number}-{node}" for node in range(1, options.nodes + 1)]
    log = settings.data_dir / "nodes.log"
    supervisor = supervise(settings, names, None, log=log)
    supervisor.start()
    try:
        wait_for_nodes(settings, names)
        pids = list(supervisor.pids.values())
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        visits = -(-options.alerts // 10_000)
        simulation = Simulation(
            night=night_now(), visits=2 * visits, alerts_per_visit=options.alerts // visits, visits_per_field=2, recurrence=1.0, corpus=options.corpus
        )
        sent = send(simulation, settings.kafka, first=number * visits, last=(number + 1) * visits)
        mean_bytes = topic_bytes(settings) / sent.messages / (number + 1)
        before = cpu_seconds(settings)
        reports = node_reports(settings, names)
        began = time.monotonic()
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        published_at = archived_at = None
        while archived_at is None:
            time.sleep(0.2)
            lag = read_status(settings)["lag"]
            published_at = published_at or (time.monotonic() if not lag["publish"] else None)
            archived_at = time.monotonic() if lag == {"publish": 0, "archive": 0} else None
            supervisor.watch()
        seconds = archived_at - began
        time.sleep(1.5)
        return summarise(
            settings,
            options,
            name,
            (sent.messages, mean_bytes, seconds, (published_at or archived_at) - began),
            before,
            (reports, node_reports(settings, names)),
        )
    finally:
        supervisor.stop()


def wait_for_nodes(settings: Settings, names: list[str]) -> None:
    """Wait until every node has partitions."""
    deadline = time.monotonic() + 120
    while sum(bool(r["partitions"]) for r in read_registry(settings).alive() if r["node"] in names) < len(names):
        if time.monotonic() > deadline:
            raise SystemExit(f"the nodes did not start: see {settings.data_dir / 'nodes.log'}\n{(settings.data_dir / 'nodes.log').read_text()[-3000:]}")
        time.sleep(0.3)


def topic_bytes(settings: Settings) -> float:
    """Return the size of the input topic on disk, bytes."""
    topic = settings.kafka.input_topics[0]
    return float(sum(p.stat().st_size for p in (settings.data_dir / "kafka").rglob("*.log") if p.parent.name.startswith(topic)))


def node_reports(settings: Settings, names: list[str]) -> Registry:
    """Return what the nodes of this pass said last."""
    return Registry(reports={key: report for key, report in read_registry(settings).reports.items() if report["node"] in names})


def cpu_seconds(settings: Settings) -> dict[str, float]:
    """Return the processor time so far of the broker, of all PostgreSQL processes, and of the whole machine."""
    broker = EmbeddedBroker(settings).status()
    postgres = postgres_status(settings.data_dir)
    assert broker.pid is not None
    assert postgres is not None
    servers = [psutil.Process(postgres.pid), *psutil.Process(postgres.pid).children(recursive=True)]
    # The ended children of the postmaster are in its own account.
    used = sum(sum(p.cpu_times()[:2]) for p in servers) + sum(servers[0].cpu_times()[2:4])
    machine = psutil.cpu_times()
    return {
        "broker": sum(psutil.Process(broker.pid).cpu_times()[:2]),
        "postgres": used,
        "machine": machine.user + machine.system + machine.nice + machine.softirq,
    }


def summarise(
    settings: Settings,
    options: argparse.Namespace,
    name: str,
    run: tuple[int, float, float, float],
    before: dict[str, float],
    reports: tuple[Registry, Registry],
) -> dict[str, Any]:
    """Return the figures of a pass."""
    messages, mean_bytes, seconds, publish_seconds = run
    after = cpu_seconds(settings)
    old, new = reports
    stages = {
        stage: sum(r["cpu_seconds"][stage] - old.reports[key]["cpu_seconds"][stage] for key, r in new.reports.items())
        for stage in next(iter(new.reports.values()))["cpu_seconds"]
    }
    process = stages.pop("process")
    per_alert = {stage: 1e6 * value / messages for stage, value in stages.items()}
    per_alert["node, rest (Kafka client threads, interpreter)"] = 1e6 * (process - sum(stages.values())) / messages
    per_alert["nodes, all"] = 1e6 * process / messages
    for part, total in after.items():
        per_alert[part] = 1e6 * (total - before[part]) / messages
    ledger = read_ledger(settings, night_now())
    return {
        "objects": name,
        "corpus": options.corpus,
        "nodes": options.nodes,
        "messages": messages,
        "mean_kb": round(mean_bytes / 1000, 1),
        "seconds": round(seconds, 2),
        "alerts_per_second": round(messages / seconds),
        "published_per_second": round(messages / publish_seconds),
        "cpu_us_per_alert": {part: round(value, 1) for part, value in per_alert.items()},
        "ledger_adds_up": not ledger.problems(),
    }


def as_text(result: dict[str, Any]) -> str:
    """Return the figures of a pass for a person."""
    head = (
        f"{result['corpus']}, {result['objects']}, {result['nodes']} nodes: {result['messages']:,} alerts of {result['mean_kb']} kB in {result['seconds']} s: "
        f"{result['alerts_per_second']:,}/s archived, {result['published_per_second']:,}/s published; ledger adds up: {result['ledger_adds_up']}"
    )
    return "\n".join([head, *(f"  {part:48s} {value:8.1f} µs CPU an alert" for part, value in result["cpu_us_per_alert"].items())])


if __name__ == "__main__":
    main()
