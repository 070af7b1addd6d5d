"""The whole path on one machine: a topic loaded beforehand, then broker, nodes and database together.

Two passes over the same objects: at first sight, and known to the archive with one new source each. For each pass the
rate, and the processor time an alert of each part. Nodes are started before the topic is loaded, and held back until it is.
The memory is filled with a file's pages first: so is that of a machine that has run for a night, while a new virtual
machine gets each page slowly from its host (`--fresh` shows how much that costs).

    python -m benchmarks.night --corpus mixed --alerts 20000 --nodes 2 [--classes]
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
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from splanc.archive import postgres_status
from splanc.cli._ingest import supervise
from splanc.config import Settings, load_settings
from splanc.crossmatch.catalogues import install_demo
from splanc.head import Registry, read_ledger, read_registry, read_status, start_services, stop_services
from splanc.ingest import Supervisor
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
    os.environ["SPLANC_INGEST__SESSION_SECONDS"] = "60"  # the nodes are held back while the topic is loaded, and must stay in the group
    settings = load_settings(folder)
    try:
        if not options.fresh:
            fill_page_cache(folder / "filler")
        if options.classes:
            install_demo(settings.catalogues_folder)
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
    parser.add_argument("--fresh", action="store_true", help="take the memory as it is")
    parser.add_argument("--classes", action="store_true", help="classify by the demo's catalogues, with objects on and near what is in them")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def fill_page_cache(path: Path) -> None:
    """Fill the memory that is free with the pages of a file without content, which the kernel then takes back as it needs them."""
    with path.open("w+b") as file:
        file.truncate(psutil.virtual_memory().free)
        while file.read(1 << 20):
            pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What was measured of one pass: times in seconds, processor times and reports before and after."""

    objects: str
    messages: int
    mean_bytes: float
    seconds: float
    publish_seconds: float
    cpu: tuple[dict[str, float], dict[str, float]]
    reports: tuple[Registry, Registry]


def measure(settings: Settings, options: argparse.Namespace, number: int, name: str) -> dict[str, Any]:
    """Load the topic with one pass, let the nodes take it, and return what it cost."""
    names = [f"bench-{node}" for node in range(1, options.nodes + 1)]
    supervisor = supervise(settings, names, None, log=settings.data_dir / "nodes.log")
    supervisor.start()
    try:
        wait_for_nodes(settings, names)
        pids = list(supervisor.pids.values())
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        messages = load(settings, options, number)
        os.sync()  # the disk's work for the loading is not the night's
        cpu, reports = cpu_seconds(settings), node_reports(settings, names)
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        publish_seconds, seconds = follow(settings, supervisor)
        cpu_after = cpu_seconds(settings)
        time.sleep(1.5)
        done = Pass(
            objects=name,
            messages=messages,
            mean_bytes=topic_bytes(settings) / messages / (number + 1),
            seconds=seconds,
            publish_seconds=publish_seconds,
            cpu=(cpu, cpu_after),
            reports=(reports, node_reports(settings, names)),
        )
    finally:
        supervisor.stop()
    return summarise(settings, options, done)


def load(settings: Settings, options: argparse.Namespace, number: int) -> int:
    """Send a pass's alerts to the topic, and return how many there are; the second pass is of the objects of the first."""
    visits = -(-options.alerts // 10_000)
    per_visit = options.alerts // visits
    fields = {"visits": 2 * visits, "visits_per_field": 2, "recurrence": 1.0, "hosts": options.classes}
    simulation = Simulation(night=night_now(), alerts_per_visit=per_visit, corpus=options.corpus, **fields)
    return send(simulation, settings.kafka, first=number * visits, last=(number + 1) * visits).messages


def follow(settings: Settings, supervisor: Supervisor) -> tuple[float, float]:
    """Return after how many seconds everything was published, and archived."""
    began, published_at = time.monotonic(), None
    while True:
        lag = read_status(settings)["lag"]
        if lag["publish"] == 0 and published_at is None:
            published_at = time.monotonic()
        if published_at is not None and lag["archive"] == 0:
            return published_at - began, time.monotonic() - began
        supervisor.watch()
        time.sleep(0.2)


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
    postmaster = psutil.Process(postgres.pid)
    # The ended children of the postmaster are in its own account.
    used = sum(postmaster.cpu_times()[:4])
    for server in postmaster.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            used += sum(server.cpu_times()[:2])
    machine = psutil.cpu_times()
    return {
        "broker": sum(psutil.Process(broker.pid).cpu_times()[:2]),
        "postgres": used,
        "machine": machine.user + machine.system + machine.nice + machine.softirq,
    }


def summarise(settings: Settings, options: argparse.Namespace, done: Pass) -> dict[str, Any]:
    """Return the figures of a pass."""
    old, new = done.reports
    stages = {
        stage: sum(report["cpu_seconds"][stage] - old.reports[key]["cpu_seconds"][stage] for key, report in new.reports.items())
        for stage in next(iter(new.reports.values()))["cpu_seconds"]
    }
    process = stages.pop("process")
    seconds = stages | {"node, the rest (Kafka client's threads, Python)": process - sum(stages.values()), "nodes, all": process}
    seconds |= {part: total - done.cpu[0][part] for part, total in done.cpu[1].items()}
    return {
        "objects": done.objects,
        "corpus": options.corpus,
        "nodes": options.nodes,
        "messages": done.messages,
        "mean_kb": round(done.mean_bytes / 1000, 1),
        "seconds": round(done.seconds, 2),
        "alerts_per_second": round(done.messages / done.seconds),
        "published_per_second": round(done.messages / done.publish_seconds),
        "cpu_us_per_alert": {part: round(1e6 * value / done.messages, 1) for part, value in seconds.items()},
        "ledger_adds_up": not read_ledger(settings, night_now()).problems(),
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
