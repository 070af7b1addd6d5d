"""`splanc filter`: users' filters."""

from __future__ import annotations

import typer

from . import _filter_stats

filter_app = typer.Typer(help="Users' filters: what they did.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    filter_app.command()(_filter_stats.stats)
    app.add_typer(filter_app, name="filter")
