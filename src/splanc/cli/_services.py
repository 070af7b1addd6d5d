"""`splanc up`, `splanc down`, `splanc fetch`: the embedded parts."""

from __future__ import annotations

import typer

from .. import head, kafka
from ..logs import configure_logs
from ._context import Config, DataDir, command, say, settings_of


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(up)
    app.command()(down)
    app.command()(fetch)


@command
def up(data_dir: DataDir = None, config: Config = None) -> None:
    """Start the embedded Kafka and PostgreSQL, if they are not up."""
    configure_logs(quiet=True)
    given = settings_of(data_dir, config)
    embedded = given.archive.dsn is None
    settings = head.start_services(given, say)
    assert settings.archive.dsn is not None
    print(f"Kafka       {kafka.bootstrap_servers(settings.kafka)}")
    print(f"PostgreSQL  {settings.archive.dsn.get_secret_value() if embedded else settings.archive.dsn}")
    print(f"data        {settings.data_dir}")


@command
def down(data_dir: DataDir = None, config: Config = None) -> None:
    """Stop the embedded Kafka and PostgreSQL; what they hold stays."""
    configure_logs(quiet=True)
    stopped = head.stop_services(settings_of(data_dir, config))
    print(f"stopped {' and '.join(stopped)}" if stopped else "nothing was running")


@command
def fetch() -> None:
    """Fetch what the embedded Kafka needs, so that `up` works without a network."""
    configure_logs(quiet=True)
    jars = kafka.fetch_jars()
    print(f"{len(jars)} jars in {jars[0].parent}")
