"""`splanc deadletters list|replay`: packets that could not be read."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from .. import head, kafka
from ..logs import configure_logs
from ._context import Config, DataDir, command, say, settings_of

deadletters_app = typer.Typer(help="Packets that could not be read, kept as they came.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(deadletters_app, name="deadletters")


@deadletters_app.command("list")
@command
def list_(
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many, the newest.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a packet.")] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """List packets that could not be read: where they came from and why."""
    configure_logs(quiet=True)
    settings = head.start_services(settings_of(data_dir, config), say, postgres=False)
    letters = kafka.list_deadletters(settings, limit)
    if as_json:
        for letter in letters:
            print(
                json.dumps(
                    {
                        "topic": letter.topic,
                        "partition": letter.partition,
                        "offset": letter.offset,
                        "kind": letter.kind,
                        "why": letter.why,
                        "bytes": len(letter.value),
                    }
                )
            )
        return
    table = Table()
    for name in ("topic", "partition", "offset", "kind", "bytes", "why"):
        table.add_column(name, overflow="fold")
    for letter in letters:
        table.add_row(letter.topic, str(letter.partition), str(letter.offset), letter.kind, f"{len(letter.value):,}", letter.why)
    Console().print(table)


@deadletters_app.command()
@command
def replay(data_dir: DataDir = None, config: Config = None) -> None:
    """Send the packets that could not be read to their topic again, each once, for instance after a schema was added."""
    configure_logs(quiet=True)
    settings = head.start_services(settings_of(data_dir, config), say, postgres=False)
    print(f"{kafka.replay_deadletters(settings)} packets sent again")
