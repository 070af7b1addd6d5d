"""`splanc ingest`: one node, or N of them under a supervisor."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated

import typer

from .. import head, ingest, kafka
from ..config import Settings
from ..logs import configure_logs
from ._context import Config, DataDir, command, say, settings_of


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ingest")(ingest_)


@command
def ingest_(
    nodes: Annotated[
        int | None, typer.Option("--nodes", min=1, max=64, help="Run this many nodes under a supervisor, which starts them again when they die.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the node, unique in the group; default: the host's name.")] = None,
    parent: Annotated[int | None, typer.Option("--parent", hidden=True, help="Process without which this node ends.")] = None,
    metrics_port: Annotated[
        int | None, typer.Option("--metrics-port", min=1, max=65535, help="Port of this node's Prometheus metrics, instead of ingest.metrics_port.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log everything.")] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Run an ingest node until SIGTERM: read alerts, publish them, archive them."""
    configure_logs(verbose=verbose)
    settings = settings_of(data_dir, config)
    base = name or socket.gethostname()
    if parent is None:
        # Somebody else's PostgreSQL may be away, or not migrated yet: alerts are streamed out all the same, and archived when it is ready.
        settings = head.start_services(settings, say, migrated=settings.archive.dsn is None)
    config_path = None if config is None else str(config)
    if nodes is None:
        upkeep = ingest.upkeep_command(str(settings.data_dir), config_path)
        ingest.run_node(settings, base, upkeep=upkeep, parent=parent, metrics_port=metrics_port or settings.ingest.metrics_port)
        return
    names = [f"{base}-{number}" for number in range(1, nodes + 1)]
    supervise(settings, names, config_path).run()


def supervise(settings: Settings, names: list[str], config: str | None, log: Path | None = None) -> ingest.Supervisor:
    """Return a supervisor of nodes with these names, each with a metrics port of its own when there is one, logging to a file if given."""
    environment = dict(kafka.NODE_ENVIRONMENT)
    if settings.archive.dsn is not None:
        environment["SPLANC_ARCHIVE__DSN"] = settings.archive.dsn.get_secret_value()
    ports = {node: settings.ingest.metrics_port + number for number, node in enumerate(names)} if settings.ingest.metrics_port else {}
    commands = ingest.node_command(str(settings.data_dir), config)

    def command_of(node: str) -> list[str]:
        return [*commands(node), *(["--metrics-port", str(ports[node])] if node in ports else [])]

    return ingest.Supervisor(names, command_of, environment=environment, restarts=settings.ingest.restarts, log=log)
