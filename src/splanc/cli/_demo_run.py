"""One run of the demo: simulator, nodes, progress, and the comparison of what was sent with what was taken."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from .. import archive, head, ingest, simulator
from ..config import Settings
from ..errors import UpstreamError
from ..filters.definition import Filter
from ..night import VISITS_PER_NIGHT
from ._demo_classes import count_classes
from ._demo_filters import untried
from ._ingest import supervise

_KILL_SECONDS = (4.0, 8.0)
"""A node is killed after a random time between these."""

_REFRESH_SECONDS = 0.5
_STALLED_SECONDS = 120.0
"""A demo whose lag does not change for so long has failed."""

_RESTARTS_WHEN_KILLING = 1000
"""With --kill the restarts are meant, and the supervisor's budget must not end them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """What came of a run.

    Parameters
    ----------
    made : the demo's filters.
    filters : the counts of the night by their names.
    classes : how many objects of the night are of which class.
    """

    night: int
    sent: simulator.Sent
    counts: dict[str, int]
    per_node: dict[str, dict[str, int]]
    seconds: float
    latency: dict[str, dict[str, float | None]]
    kills: int
    example: int | None
    made: Sequence[Filter]
    filters: dict[str, dict[str, Any]]
    classes: dict[str, int]
    problems: list[str] = field(default_factory=list)

    def report(self) -> dict[str, Any]:
        """Return the summary as JSON holds it."""
        return {
            "night": self.night,
            "sent": {"messages": self.sent.messages, "alerts": self.sent.alerts, "repeated": self.sent.repeated, "damaged": self.sent.damaged},
            **self.counts,
            "per_node": self.per_node,
            "seconds": round(self.seconds, 2),
            "latency": self.latency,
            "kills": self.kills,
            "filters": self.filters,
            "classes": self.classes,
            "ledger_ok": not self.problems,
            "problems": self.problems,
        }


def free_sequence(settings: Settings, night: int) -> int:
    """Return the first sequence number of a visit that no alert of the night has."""
    first = night * VISITS_PER_NIGHT
    statement = "SELECT max(visit) AS last FROM alerts WHERE visit BETWEEN %s AND %s"
    (row,) = archive.read_rows(settings.archive_dsn, statement, (first, first + VISITS_PER_NIGHT - 1))
    return int(row["last"]) - first + 1 if row["last"] else 1


class DemoRun:
    """A simulated night and the nodes that take it.

    Parameters
    ----------
    settings : with services started.
    simulation : the night.
    made : the demo's filters.
    pace, nodes, kill : as the command's options.
    console : where progress is shown.
    """

    def __init__(
        self, settings: Settings, simulation: simulator.Simulation, made: Sequence[Filter], *, pace: str, nodes: int, kill: bool, console: Console
    ) -> None:
        ingest = settings.ingest.model_copy(update={"restarts": _RESTARTS_WHEN_KILLING}) if kill else settings.ingest
        self._settings = settings.model_copy(update={"ingest": ingest})
        self._simulation = simulation
        self._made = made
        self._pace = pace
        self._names = [f"demo-{number}" for number in range(1, nodes + 1)]
        self._kill_at = time.monotonic() + 10.0 if kill else float("inf")
        self._kills = 0
        self._console = console
        self._earlier = set(head.read_registry(settings).reports)

    def run(self, config: Path | None) -> DemoResult:
        """Run the night to its end.

        Raises
        ------
        UpstreamError
            If the simulator or a node fails for good, or nothing moves any more.
        """
        before = head.read_ledger(self._settings, self._simulation.night)
        with tempfile.TemporaryDirectory() as folder:
            supervisor = supervise(self._settings, self._names, None if config is None else str(config), log=self._settings.data_dir / "demo-nodes.log")
            supervisor.start()
            try:
                self._await_nodes(supervisor)
                began = time.monotonic()
                sender = self._start_simulator(Path(folder) / "sent.json", config)
            except BaseException:
                supervisor.stop()
                raise
            try:
                self._follow(supervisor, sender)
                seconds = time.monotonic() - began
                if not self._console.is_terminal:
                    self._console.print()  # the last picture has no end of line there
            finally:
                sender.kill()
                supervisor.stop()
            if sender.wait() != 0:
                assert sender.stderr is not None
                raise UpstreamError(f"the simulator failed: {sender.stderr.read().decode().strip()}")
            sent = simulator.Sent.read(Path(folder) / "sent.json")
        return self._result(sent, before, seconds)

    def _start_simulator(self, sent: Path, config: Path | None) -> subprocess.Popen[bytes]:
        plan = self._simulation
        options: dict[str, object] = {
            "--night": plan.night,
            "--visits": plan.visits,
            "--alerts-per-visit": plan.alerts_per_visit,
            "--seed": plan.seed,
            "--first-sequence": plan.first_sequence,
            "--damaged": plan.damaged_share,
            "--repeated": plan.repeated_share,
            "--pace": self._pace,
            "--sent": sent,
            "--data-dir": self._settings.data_dir,
        }
        extra = [*(["--hosts"] if plan.hosts else []), *([] if config is None else ["--config", str(config)])]
        command = [sys.executable, "-m", "splanc", "simulate", "--json", *(str(part) for option in options.items() for part in option), *extra]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def _await_nodes(self, supervisor: ingest.Supervisor) -> None:
        """Wait until every node has partitions, so that the first alerts find all of them at work."""
        deadline = time.monotonic() + _STALLED_SECONDS
        while sum(bool(report["partitions"]) for report in self._ours(head.read_registry(self._settings)).alive()) < min(
            len(self._names), self._settings.kafka.partitions
        ):
            supervisor.watch()
            if time.monotonic() > deadline:
                raise UpstreamError(f"the nodes did not start within {_STALLED_SECONDS:.0f} s; see {self._settings.data_dir / 'demo-nodes.log'}")
            time.sleep(_REFRESH_SECONDS)

    def _follow(self, supervisor: ingest.Supervisor, sender: subprocess.Popen[bytes]) -> None:
        """Show progress until all that was sent has been published and archived."""
        moved_at, last = time.monotonic(), None
        with Live(console=self._console, refresh_per_second=4, transient=False) as live:
            while True:
                supervisor.watch()
                self._kill_sometimes(supervisor)
                status = head.read_status(self._settings)
                live.update(self._picture(head.read_registry(self._settings), status))
                if sender.poll() is not None and (sender.returncode or status["lag"] == {"publish": 0, "archive": 0}):
                    return
                if status["partitions"] != last:
                    moved_at, last = time.monotonic(), status["partitions"]
                if time.monotonic() - moved_at > _STALLED_SECONDS:
                    raise UpstreamError(
                        f"nothing has moved for {_STALLED_SECONDS:.0f} s; lags {status['lag']}; see {self._settings.data_dir / 'demo-nodes.log'}"
                    )
                time.sleep(_REFRESH_SECONDS)

    def _kill_sometimes(self, supervisor: ingest.Supervisor) -> None:
        if time.monotonic() >= self._kill_at and supervisor.pids:
            os.kill(random.choice(list(supervisor.pids.values())), signal.SIGKILL)
            self._kills += 1
            self._kill_at = time.monotonic() + random.uniform(*_KILL_SECONDS)

    def _picture(self, registry: head.Registry, status: dict[str, Any]) -> Group:
        table = Table("node", "state")
        for name in ("partitions", "published", "per s", "archived", "per s", "waiting"):
            table.add_column(name, justify="right")
        ours = self._ours(registry)
        for name in self._names:
            lives = [report for report in ours.reports.values() if report["node"] == name]
            if not lives:
                table.add_row(name, "starting")
                continue
            newest = max(lives, key=lambda report: float(report["at"]))
            totals = {count: sum(life[count] for life in lives) for count in ("published", "archived")}
            numbers = (
                len(newest["partitions"]),
                totals["published"],
                newest["rates"]["published"],
                totals["archived"],
                newest["rates"]["archived"],
                newest["waiting_batches"],
            )
            table.add_row(name, newest["state"], *(f"{number:,.0f}" for number in numbers))
        lines = [
            f"lag: {status['lag']['publish']:,} to publish, {status['lag']['archive'] or 0:,} to archive"
            + (f"; {self._kills} nodes killed" if self._kills else "")
        ]
        for side, place in (("publish", "the lite topic"), ("archive", "the archive")):
            latency = ours.latency(side).summary()
            if latency["p50"] is not None and latency["p99"] is not None:
                lines.append(f"latency to {place}: p50 {latency['p50']:.2f} s, p99 {latency['p99']:.2f} s")
        return Group(table, *map(Text, lines))

    def _ours(self, registry: head.Registry) -> head.Registry:
        return head.Registry(reports={name: report for name, report in registry.reports.items() if name not in self._earlier and report["node"] in self._names})

    def _result(self, sent: simulator.Sent, before: head.Ledger, seconds: float) -> DemoResult:
        ledger = head.read_ledger(self._settings, sent.night)
        registry = self._ours(head.read_registry(self._settings))
        per_node: dict[str, dict[str, int]] = {name: dict.fromkeys(("published", "archived", "rejected", "repeated"), 0) for name in self._names}
        for report in registry.reports.values():
            for count, total in per_node[report["node"]].items():
                per_node[report["node"]][count] = total + report[count]
        names = {one.id: one.definition.name for one in self._made}
        problems = [*ledger.problems(), *disagreements(sent, before, ledger), *untried(self._made, sent.alerts + sent.repeated, before, ledger)]
        return DemoResult(
            night=sent.night,
            sent=sent,
            counts={name: ledger.total[name] - before.total[name] for name in ledger.total},
            per_node=per_node,
            seconds=seconds,
            latency={name: registry.latency(side).summary() for name, side in (("lite_topic", "publish"), ("archive", "archive"))},
            kills=self._kills,
            example=_example(self._settings, sent),
            made=self._made,
            filters={names[one.filter]: one.report() for one in ledger.filters if one.filter in names},
            classes=count_classes(self._settings, sent.night),
            problems=problems,
        )


def disagreements(sent: simulator.Sent, before: head.Ledger, after: head.Ledger) -> list[str]:
    """Return where a ledger does not agree with what was sent since an earlier state of it, visit by visit; empty when it does."""
    old = {entry.visit: entry for entry in before.visits}
    new = {entry.visit: entry for entry in after.visits}
    problems = []

    def compare(name: str, visit: int | None, count: str, expected: int) -> None:
        taken = (getattr(new[visit], count) if visit in new else 0) - (getattr(old[visit], count) if visit in old else 0)
        if taken != expected:
            problems.append(f"{name}: {count} is {taken:,}, but should be {expected:,}")

    for visit in sent.visits:
        compare(f"visit {visit.visit}", visit.visit, "received", visit.alerts + visit.repeated)
        compare(f"visit {visit.visit}", visit.visit, "archived", visit.alerts)
        compare(f"visit {visit.visit}", visit.visit, "published", visit.alerts + visit.repeated)
        compare(f"visit {visit.visit}", visit.visit, "repeated", visit.repeated)
    compare("unreadable packets", None, "rejected", sent.damaged)
    compare("unreadable packets", None, "dead_letters", sent.damaged)
    return problems


def _example(settings: Settings, sent: simulator.Sent) -> int | None:
    """Return the diaSourceId of some alert of the run."""
    statement = "SELECT diasourceid FROM alerts WHERE visit = %s AND diaobjectid IS NOT NULL LIMIT 1"
    rows = archive.read_rows(settings.archive_dsn, statement, [sent.visits[-1].visit])
    return rows[0]["diasourceid"] if rows else None
