"""`splanc access`: users of Kafka, and who may read which filter's topic."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from .. import archive, filters, head, kafka
from ..config import Settings
from ..errors import UserError
from ..logs import configure_logs
from ._context import Config, DataDir, command, print_whole, say, settings_of

access_app = typer.Typer(help="Users of Kafka, and who may read which filter's topic.", no_args_is_help=True)

UserName = Annotated[str, typer.Argument(metavar="NAME", help="The user's name, as filters give it as their owner's.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(access_app, name="access")


@access_app.command("add-user")
@command
def add_user(
    name: UserName,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Take the password from the first line of standard input.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Give a user that is there already a new password.")] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Let a user in, and print the password that was made: it is shown this once."""
    configure_logs(quiet=True)
    given = sys.stdin.readline().rstrip("\n") if password_stdin else None
    settings = _ready(data_dir, config)
    password = _access(settings).add_user(name, given, replace=replace)
    say(f"{name} reads from {_public_servers(settings)} by SCRAM-SHA-512, in groups whose names begin with {name}:")
    if given is None:
        print(password)


@access_app.command("remove-user")
@command
def remove_user(name: UserName, data_dir: DataDir = None, config: Config = None) -> None:
    """Take away a user's password and rights; the user's filters stay."""
    configure_logs(quiet=True)
    removed = _access(_ready(data_dir, config)).remove_user(name)
    print(f"{name} is removed" if removed else f"there was no user {name}")


@access_app.command("list")
@command
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a user.")] = False, data_dir: DataDir = None, config: Config = None
) -> None:
    """List the users with the topics that they may read; what everybody may read stands under `*`."""
    configure_logs(quiet=True)
    readable = _access(_ready(data_dir, config)).readable()
    if as_json:
        for name, topics in readable.items():
            print(json.dumps({"user": name, "topics": topics}))
        return
    table = Table("user", "topic")
    for name, topics in readable.items():
        table.add_row(name, "\n".join(topics))
    print_whole(table)


@access_app.command()
@command
def sync(data_dir: DataDir = None, config: Config = None) -> None:
    """Make the rights on filters' topics what the filters ask for: read by their owners, and by everybody if public."""
    configure_logs(quiet=True)
    settings = head.start_services(settings_of(data_dir, config), say)
    changes = filters.sync_access(settings, archive.FilterStore(settings.archive_dsn).all())
    if changes is None:
        raise UserError("rights on topics are not splanc's to give: set kafka.public_port, or kafka.manage_acls for a Kafka of your own")
    print(f"{changes.made} rights given, {changes.removed} taken away")


def _ready(data_dir: Path | None, config: Path | None) -> Settings:
    return head.start_services(settings_of(data_dir, config), say, postgres=False)


def _access(settings: Settings) -> kafka.Access:
    return kafka.Access(settings.kafka, settings.filters.topic_prefix)


def _public_servers(settings: Settings) -> str:
    own = settings.kafka
    return own.bootstrap_servers or f"{own.public_host}:{own.public_port}"
