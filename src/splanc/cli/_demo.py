"""`splanc demo`: a night, from the simulator to the ledger, in two minutes."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from .. import head, simulator
from ..config import Settings
from ..logs import configure_logs
from ..night import night_now
from ._context import Config, DataDir, command, say, settings_of
from ._demo_classes import install_catalogues, show_classes
from ._demo_filters import OWNER, make_filters, show_filters
from ._demo_run import DemoResult, DemoRun, free_sequence
from ._lightcurve import draw_lightcurve
from ._night import print_ledger

_EXAMPLE_QUERY = "SELECT diaObjectId, nDiaSources, r_psfFluxMean FROM objects ORDER BY nDiaSources DESC LIMIT 5"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


@command
def demo(
    visits: Annotated[int, typer.Option("--visits", min=1, help="Number of visits.")] = 8,
    alerts_per_visit: Annotated[int, typer.Option("--alerts-per-visit", min=1, help="Alerts of each visit.")] = 1000,
    nodes: Annotated[int, typer.Option("--nodes", min=1, max=16, help="Number of ingest nodes.")] = 2,
    pace: Annotated[str, typer.Option("--pace", help="burst (a visit every 39 s), 5x (five times as fast), 250/s, or max.")] = "5x",
    kill: Annotated[bool, typer.Option("--kill", help="Kill -9 a random node every few seconds.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave Kafka and PostgreSQL running at the end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON summary as the last line, and nothing else.")] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Simulate a small night, ingest it with a few nodes, and prove at the end that nothing was lost or repeated."""
    configure_logs(quiet=True)
    console = Console(quiet=as_json, highlight=False)
    settings = settings_of(data_dir, config)
    tell = (lambda _line: None) if as_json else say
    services = head.start_services(settings, tell)
    try:
        night = night_now()
        first = free_sequence(services, night)
        install_catalogues(services, console)
        made = make_filters(services)
        simulation = simulator.Simulation(
            night=night, visits=visits, alerts_per_visit=alerts_per_visit, first_sequence=first, damaged_share=0.002, repeated_share=0.005, hosts=True
        )
        console.print(f"night {night}: {visits} visits of {alerts_per_visit:,} alerts made from real Rubin packets, {nodes} nodes")
        console.print(f"filters of the demo: {', '.join(one.definition.name for one in made)}")
        run = DemoRun(services, simulation, made, pace=pace, nodes=nodes, kill=kill, console=console)
        result = run.run(config)
        _show(services, result, console)
    finally:
        if not keep:
            head.stop_services(settings)
    _next_steps(settings, result, console, keep=keep)
    if as_json:
        print(json.dumps(result.report()))
    if result.problems:
        raise typer.Exit(1)


def _show(settings: Settings, result: DemoResult, console: Console) -> None:
    if not console.quiet:
        ledger = head.read_ledger(settings, result.night)
        print_ledger(ledger, console)
        show_classes(settings, result.night, result.classes, console)
        show_filters(settings, ledger, result.made, console)
        draw_lightcurve(settings, result.night, console)
    for side, latency in result.latency.items():
        p50, p99 = (f"{latency[name]:.2f} s" if latency[name] is not None else "-" for name in ("p50", "p99"))
        console.print(f"from Kafka's timestamp to {side}: p50 {p50}, p99 {p99}")
    sent = result.sent
    console.print(
        f"sent: {sent.messages:,} messages = {sent.alerts:,} alerts + {sent.repeated:,} sent twice + {sent.damaged:,} damaged, in {result.seconds:.0f} s"
    )
    for problem in result.problems:
        console.print(f"[red]does not agree with what was sent:[/red] {problem}")
    if not result.problems:
        console.print("[green]the ledger agrees with what the simulator sent: nothing lost, nothing repeated[/green]")


def _next_steps(settings: Settings, result: DemoResult, console: Console, *, keep: bool) -> None:
    where = f" --data-dir {settings.data_dir}"
    console.print("\nwhat to try next:")
    console.print(f"  splanc ledger {result.night}{where}", soft_wrap=True)
    console.print(f'  splanc query "{_EXAMPLE_QUERY}"{where}', soft_wrap=True)
    if result.made:
        console.print(f"  splanc filter show {result.made[0].definition.name} --owner {OWNER}{where}", soft_wrap=True)
    if result.example is not None:
        console.print(f"  splanc cutout {result.example} -o cutout.fits{where}", soft_wrap=True)
    console.print(f"  splanc demo --kill --nodes 3{where}", soft_wrap=True)
    if keep:
        console.print(f"  splanc down{where}", soft_wrap=True)
    console.print(f"everything is in {settings.data_dir}; delete that folder to be rid of it", soft_wrap=True)
