"""Commands on the blob store: `splanc blobs expire`, `verify`, `restore`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from .. import archive, head
from ..logs import configure_logs
from ._context import Config, DataDir, command, say, settings_of

blobs_app = typer.Typer(help="The blob store: packs of cutouts.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(blobs_app, name="blobs")


@blobs_app.command("expire")
@command
def expire(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be deleted.")] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Delete the packs of nights that are longer ago than blobs.retention_days, and print their names."""
    configure_logs(quiet=True)
    settings = head.start_services(settings_of(data_dir, config), say, kafka=False)
    packs = size_bytes = 0
    for blob in head.expire_packs(settings, now=datetime.now(UTC), dry_run=dry_run):
        print(blob.name)
        packs, size_bytes = packs + 1, size_bytes + blob.size_bytes
    say(f"{'would delete' if dry_run else 'deleted'} {packs:,} packs, {size_bytes / 1e9:,.1f} GB (blobs.retention_days = {settings.blobs.retention_days:g})")


@blobs_app.command("verify")
@command
def verify(
    sample: Annotated[int | None, typer.Option("--sample", min=1, help="Read only so many packs, chosen at random; default: all.")] = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Read packs whole and compare them with the archive's index and checksums; print what is amiss and exit with 1 if anything is."""
    configure_logs(quiet=True)
    settings = head.start_services(settings_of(data_dir, config), say, kafka=False)
    checked: list[str] = []
    flaws = 0
    for flaw in head.verify_packs(settings, sample=sample, on_checked=checked.append):
        print(f"{flaw.pack}: {flaw.why}")
        flaws += 1
    say(f"read {len(checked):,} packs; {flaws or 'nothing'} amiss")
    if flaws:
        raise typer.Exit(1)


@blobs_app.command("restore")
@command
def restore(
    host: Annotated[str, typer.Option("--host", help="The host whose disk is lost, as `splanc blobs verify` names it.")],
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Make packs again, from Kafka, that waited on a disk that is lost, and print their names; exit with 1 if some cannot be made."""
    configure_logs(quiet=True)
    settings = head.start_services(settings_of(data_dir, config), say)
    failures: list[str] = []

    def fail(damage: archive.PackDamaged) -> None:
        failures.append(damage.name)
        say(str(damage))

    restored = 0
    for name in head.restore_packs(settings, host, fail):
        print(name)
        restored += 1
    say(f"restored {restored:,} packs; {len(failures) or 'none'} cannot be made again")
    if failures:
        raise typer.Exit(1)
