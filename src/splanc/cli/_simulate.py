"""`splanc simulate`: send a night made from real packets."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .. import head, simulator
from ..logs import configure_logs
from ..night import night_now
from ._context import Config, DataDir, command, say, settings_of


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(simulate)


@command
def simulate(
    visits: Annotated[int, typer.Option("--visits", min=1, help="Number of visits.")] = 20,
    alerts_per_visit: Annotated[int, typer.Option("--alerts-per-visit", min=1, help="Alerts of each visit.")] = 1000,
    pace: Annotated[str, typer.Option("--pace", help="burst (a visit within 5 s, every 39 s), 10x (bursts ten times as fast), 250/s, or max.")] = "burst",
    seed: Annotated[int, typer.Option("--seed", help="Equal seeds make equal nights.")] = 1,
    night: Annotated[int | None, typer.Option("--night", help="YYYYMMDD; default: tonight.")] = None,
    first_sequence: Annotated[int, typer.Option("--first-sequence", min=1, help="Sequence number of the first visit in the night.")] = 1,
    corpus: Annotated[str, typer.Option("--corpus", help="History that objects bring along: shallow, mixed or deep.")] = "mixed",
    schema: Annotated[str, typer.Option("--schema", help="Version of the alert schema.")] = "11.1",
    solar: Annotated[float, typer.Option("--solar", min=0, max=1, help="Share of solar-system alerts.")] = 0.15,
    damaged: Annotated[float, typer.Option("--damaged", min=0, max=1, help="Damaged packets sent beside the good ones, as a share of them.")] = 0.0,
    repeated: Annotated[float, typer.Option("--repeated", min=0, max=1, help="Share of packets that are sent twice.")] = 0.0,
    hosts: Annotated[bool, typer.Option("--hosts", help="Put objects on and near real stars and galaxies, in the first fields.")] = False,
    topic: Annotated[str | None, typer.Option("--topic", help="Where to send; default: the first input topic.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write an Avro file instead of sending.")] = None,
    sent: Annotated[Path | None, typer.Option("--sent", help="Write what was sent to this JSON file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was sent as JSON.")] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Send a simulated night to Kafka, or write it to a file, and say what was sent."""
    configure_logs(quiet=True)
    simulation = simulator.Simulation(
        night=night or night_now(), visits=visits, alerts_per_visit=alerts_per_visit, seed=seed, first_sequence=first_sequence, corpus=corpus,
        schema_version=schema, solar_share=solar, damaged_share=damaged, repeated_share=repeated, hosts=hosts,
    )  # fmt: skip
    speed = simulator.Pace.parse(pace)
    settings = settings_of(data_dir, config)

    def tell(visit: simulator.VisitSent) -> None:
        if not as_json:
            print(
                f"visit {visit.visit}: {visit.alerts:,} alerts ({visit.solar:,} solar-system), {visit.repeated} repeated, {visit.damaged} damaged", flush=True
            )

    if out:
        result = simulator.write_file(simulation, out, on_visit=tell)
    else:
        settings = head.start_services(settings, say, postgres=False)
        result = simulator.send(simulation, settings.kafka, topic=topic, pace=speed, on_visit=tell)
    if sent is not None:
        result.write(sent)
    print(json.dumps(_report(result)) if as_json else _line(result))


def _report(result: simulator.Sent) -> dict[str, object]:
    return {name: getattr(result, name) for name in ("messages", "alerts", "repeated", "damaged", "digest")} | asdict(result)


def _line(result: simulator.Sent) -> str:
    return (
        f"{result.messages:,} messages to {result.destination} in {result.seconds:.1f} s: "
        f"{result.alerts:,} alerts, {result.repeated:,} repeated, {result.damaged:,} damaged; night {result.night}"
    )
