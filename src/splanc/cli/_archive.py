"""Commands on the archive: `splanc archive`, `query`, `cutout`, `backfill`."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from .. import archive, head, ingest
from ..errors import PacketError, UserError
from ..logs import configure_logs
from ._context import Config, DataDir, command, finite, print_whole, say, settings_of

archive_app = typer.Typer(help="The archive's tables.", no_args_is_help=True)


class Format(StrEnum):
    """How rows are printed."""

    table = "table"
    json = "json"
    csv = "csv"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("query")(ask)
    app.command()(cutout)
    app.command()(backfill)
    app.add_typer(archive_app, name="archive")


@archive_app.command("migrate")
@command
def migrate_(data_dir: DataDir = None, config: Config = None) -> None:
    """Bring the archive's tables up to this version of splanc."""
    configure_logs(quiet=True)
    archive.migrate(head.start_services(settings_of(data_dir, config), say, kafka=False).archive_dsn)
    print("the archive is up to date")


@archive_app.command("check")
@command
def check_(data_dir: DataDir = None, config: Config = None) -> None:
    """Say whether the archive's tables are those of this version of splanc; exit with 1 if not."""
    configure_logs(quiet=True)
    report = archive.check(head.start_services(settings_of(data_dir, config), say, kafka=False, migrated=False).archive_dsn)
    if report.revision != report.newest:
        print(f"the archive is at migration {report.revision or 'none'}, this version needs {report.newest}: run `splanc archive migrate`")
    for difference in report.differences:
        print(difference)
    if not report.ok:
        raise typer.Exit(1)
    print("the archive is up to date")


@command
def ask(
    sql: Annotated[str, typer.Argument(help="One SELECT; names in any case, without quotes.")],
    format_: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.table,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Ask the archive one question in SQL, read-only."""
    configure_logs(quiet=True)
    settings = head.start_services(settings_of(data_dir, config), say, kafka=False)
    answer = archive.query(settings.archive_dsn, sql, seconds=settings.archive.query_seconds, rows=settings.archive.query_rows)
    print_answer(answer, format_)
    if not answer.complete:
        say(f"only the first {settings.archive.query_rows:,} rows; narrow the query, or raise archive.query_rows")


@command
def cutout(
    dia_source_id: Annotated[int, typer.Argument(metavar="DIASOURCEID", help="The alert's diaSourceId.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="FITS file of the science cutout; the others go beside it, as .template and .difference.")
    ] = None,
    png: Annotated[Path | None, typer.Option("--png", help="Picture of the three side by side, north up, in zscale.")] = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Write an alert's cutouts as FITS files, byte for byte as they came, or as one picture, or both."""
    configure_logs(quiet=True)
    if out is None and png is None:
        raise UserError("say where the cutouts should go: -o FILE for FITS files, --png FILE for a picture")
    settings = head.start_services(settings_of(data_dir, config), say)
    cutouts = head.cutouts_of(settings, dia_source_id)
    for path in [*([] if out is None else archive.write_fits(cutouts, out)), *([] if png is None else [archive.write_png(cutouts, png)])]:
        print(path)


@command
def backfill(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Avro containers, single messages, folders or tarballs of them.")],
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Archive the packets in files, without Kafka; safe to repeat. Exit with 1 if some cannot be read."""
    configure_logs(quiet=True)
    settings = head.start_services(settings_of(data_dir, config), say, kafka=False)
    rejected: list[PacketError] = []

    def reject(error: PacketError) -> None:
        rejected.append(error)
        say(str(error))

    loads = list(ingest.backfill(settings, paths, on_reject=reject))
    totals = {name: sum(getattr(loaded, name) for loaded in loads) for name in ("archived", "repeated", "cutouts")}
    print(f"archived {totals['archived']:,} alerts with {totals['cutouts']:,} cutouts; repeated {totals['repeated']:,}, rejected {len(rejected):,}")
    if rejected:
        raise typer.Exit(1)


def print_answer(answer: archive.Answer, format_: Format) -> None:
    """Print rows."""
    _PRINTERS[format_](answer)


def _print_table(answer: archive.Answer) -> None:
    table = Table()
    for name in answer.columns:
        table.add_column(Text(name), overflow="fold")
    for row in answer.rows:
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    print_whole(table)


def _print_json(answer: archive.Answer) -> None:
    print(json.dumps(finite([dict(zip(answer.columns, row, strict=True)) for row in answer.rows]), default=_plain))


def _print_csv(answer: archive.Answer) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(answer.columns)
    writer.writerows(answer.rows)


def _plain(value: object) -> object:
    """Return a value that JSON lacks as one that it has."""
    if isinstance(value, Decimal):
        if not value.is_finite():
            return None
        return int(value) if value == value.to_integral_value() else float(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)


_PRINTERS: dict[Format, Callable[[archive.Answer], Any]] = {Format.table: _print_table, Format.json: _print_json, Format.csv: _print_csv}
