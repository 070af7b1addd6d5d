"""All commands, in the order of the help."""

from __future__ import annotations

import faulthandler
from typing import Annotated

import typer

from .. import __version__
from . import (
    _access,
    _archive,
    _blobs,
    _catalogue,
    _classify,
    _classify_backfill,
    _config,
    _deadletters,
    _deliver,
    _demo,
    _dust,
    _filter,
    _filter_past,
    _ingest,
    _lightcurve,
    _night,
    _packets,
    _services,
    _simulate,
)

app = typer.Typer(
    name="splanc",
    help="splanc takes each alert of the Rubin Observatory's stream exactly once, streams it out within seconds, and keeps everything.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"splanc {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)] = False,
) -> None:
    pass


for _module in (
    _demo,
    _services,
    _ingest,
    _deliver,
    _night,
    _simulate,
    _filter,
    _filter_past,
    _archive,
    _lightcurve,
    _classify,
    _classify_backfill,
    _blobs,
    _packets,
    _deadletters,
    _access,
    _catalogue,
    _dust,
    _config,
):
    _module.register(app)


def main() -> None:
    """Run the command line."""
    faulthandler.enable()
    app()
