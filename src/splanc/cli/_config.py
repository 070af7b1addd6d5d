"""`splanc config show|check`."""

from __future__ import annotations

import json

import typer

from ._context import Config, DataDir, command, settings_of

config_app = typer.Typer(help="The configuration.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(config_app, name="config")


@config_app.command()
@command
def show(data_dir: DataDir = None, config: Config = None) -> None:
    """Print the configuration as it stands, as TOML, with secrets masked."""
    values = settings_of(data_dir, config).model_dump(mode="json")
    sections = {name: value for name, value in values.items() if isinstance(value, dict)}
    for name, value in values.items():
        if name not in sections:
            print(f"{name} = {json.dumps(value)}")
    for section, fields in sections.items():
        print(f"\n[{section}]")
        for name, value in fields.items():
            print(f"# {name}: not set" if value is None else f"{name} = {json.dumps(value)}")


@config_app.command()
@command
def check(data_dir: DataDir = None, config: Config = None) -> None:
    """Check the configuration, and say what is wrong with it."""
    settings = settings_of(data_dir, config)
    print(f"the configuration is valid; data directory {settings.data_dir}")
