"""All commands, in the order of the help."""

from __future__ import annotations

import faulthandler

import typer

from . import _archive, _config, _deadletters, _demo, _ingest, _night, _packets, _services, _simulate

app = typer.Typer(
    name="splanc",
    help="splanc takes each alert of the Rubin Observatory's stream exactly once, streams it out within seconds, and keeps everything.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for _module in (_demo, _services, _ingest, _night, _simulate, _archive, _packets, _deadletters, _config):
    _module.register(app)


def main() -> None:
    """Run the command line."""
    faulthandler.enable()
    app()
