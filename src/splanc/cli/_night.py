"""`splanc ledger` and `splanc status`: what became of a night, and what goes on now."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from .. import head
from ..logs import configure_logs
from ._context import Config, DataDir, command, print_whole, say, settings_of

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(ledger)
    app.command()(status)


@command
def ledger(
    night: Annotated[int, typer.Argument(help="Night, YYYYMMDD (date of UTC minus 12 hours).")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Print what came in a night and what became of it, by visit; exit with 1 if it does not add up."""
    configure_logs(quiet=True)
    result = head.read_ledger(head.start_services(settings_of(data_dir, config), say), night)
    if as_json:
        print(json.dumps(result.report()))
    else:
        print_ledger(result, Console())
    if result.problems():
        raise typer.Exit(1)


def print_ledger(result: head.Ledger, console: Console) -> None:
    """Print a ledger as a table, and whether it adds up."""
    table = Table(title=f"ledger of night {result.night}", title_justify="left", show_footer=True, box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("visit", footer="total", no_wrap=True)
    for name in head.SHOWN:
        table.add_column(name, justify="right", footer=f"{result.total[name]:,}")
    table.add_column("arrived (UTC)", no_wrap=True)
    for visit in result.visits:
        arrivals = [moment.strftime("%H:%M") for moment in (visit.first_arrival, visit.last_arrival) if moment]
        table.add_row("unreadable" if visit.visit is None else str(visit.visit), *(f"{getattr(visit, name):,}" for name in head.SHOWN), " to ".join(arrivals))
    print_whole(table, console)
    problems = result.problems()
    for problem in problems:
        console.print(f"[red]does not add up:[/red] {problem}")
    if not problems:
        console.print("it adds up: received = archived + rejected + repeated, and all that came from Kafka was published")
    if result.filters:
        matched, published = (sum(getattr(one, name) for one in result.filters) for name in ("matched", "published"))
        withheld = sum(n for one in result.filters for n in one.withheld.values())
        console.print(f"filters: {len(result.filters):,} with {matched:,} matches, {published:,} published, {withheld:,} withheld (splanc filter stats)")


@command
def status(as_json: AsJson = False, data_dir: DataDir = None, config: Config = None) -> None:
    """Print the nodes, their partitions, both lags, rates, and what waits."""
    configure_logs(quiet=True)
    report = head.read_status(head.running_services(settings_of(data_dir, config), say))
    if as_json:
        print(json.dumps(report))
        return
    console = Console()
    print_whole(_nodes_table(report))
    print_whole(_partitions_table(report))
    console.print(f"lag: {_number(report['lag']['publish'])} messages to publish, {_number(report['lag']['archive'])} to archive")
    if report["uploads"]["packs"]:
        console.print(f"uploads waiting: {report['uploads']['packs']:,} packs, {report['uploads']['bytes'] / 1e6:,.0f} MB")
    if report["unclassified"]:
        console.print(f"unclassified: {report['unclassified']:,} objects (splanc classify backfill)")
    if report["archive_error"] is not None:
        console.print(f"archive: {report['archive_error']}", markup=False, soft_wrap=True)


def _nodes_table(report: dict[str, Any]) -> Table:
    table = Table(title="nodes", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("node", "state", "partitions", "published/s", "archived/s", "waiting batches", "waiting MB", "newest published", "newest archived"):
        table.add_column(name, justify="left" if name in {"node", "state"} else "right")
    for node in report["nodes"]:
        table.add_row(
            node["node"], node["state"], str(len(node["partitions"])),
            f"{node['rates']['published']:,.0f}", f"{node['rates']['archived']:,.0f}",
            str(node["waiting_batches"]), f"{node['waiting_bytes'] / 1e6:,.0f}",
            *(_age(node["newest_ms"][side]) for side in ("publish", "archive")),
        )  # fmt: skip
    return table


def _partitions_table(report: dict[str, Any]) -> Table:
    table = Table(title="partitions", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("partition", "node", "end", "published", "archived", "lag publish", "lag archive"):
        table.add_column(name, justify="left" if name in {"partition", "node"} else "right")
    for row in report["partitions"]:
        table.add_row(
            row["partition"], row["node"] or "nobody", *(_number(row[name]) for name in ("end", "published", "archived", "lag_publish", "lag_archive"))
        )
    return table


def _number(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


def _age(timestamp_ms: int | None) -> str:
    return "" if timestamp_ms is None else f"{max(0.0, time.time() - timestamp_ms / 1000):,.1f} s ago"
