"""`splanc packet show`: what is in a file of packets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from .. import packet
from ..config import Settings
from ..errors import PacketError
from ..logs import configure_logs
from ._context import Config, DataDir, command, finite, print_whole, say, settings_of

packet_app = typer.Typer(help="Packets in files.", no_args_is_help=True)

_SHOWN = ("diaSourceId", "diaObjectId", "ssObjectId", "visit", "detector", "band", "midpointMjdTai", "ra", "decl", "psfFlux", "snr", "reliability")
_PLACE = ("message", "partition", "offset", "timestamp", "topic")


class Format(StrEnum):
    """How packets are shown."""

    table = "table"
    jsonl = "jsonl"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(packet_app, name="packet")


@packet_app.callback()
def _group() -> None:
    """Packets in files."""


@packet_app.command()
@command
def show(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Avro containers, single messages, folders or tarballs of them.")],
    format_: Annotated[Format, typer.Option("--format", help="A line an alert in a table, or one JSON object an alert.")] = Format.table,
    history: Annotated[bool, typer.Option("--history", help="With jsonl: the previous sources too, not only their number.")] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Show the packets in files, without the bytes of their cutouts; exit with 1 if some cannot be read."""
    configure_logs(quiet=True)
    settings = settings_of(data_dir, config)
    table = _new_table()
    rejected: list[PacketError] = []

    def reject(error: PacketError) -> None:
        rejected.append(error)
        say(str(error))

    for batch in batches_of(files, settings, reject):
        if format_ is Format.table:
            _add_rows(table, batch)
        else:
            for record in records_of(batch, history=history):
                print(json.dumps(finite(record), default=_plain))
    if format_ is Format.table:
        print_whole(table)
    if rejected:
        raise typer.Exit(1)


def batches_of(files: list[Path], settings: Settings, reject: Callable[[PacketError], None]) -> Iterator[packet.Batch]:
    """Yield what files hold, decoded; `reject` is told of what cannot be read."""
    schemas = packet.SchemaStore(settings.schemas, settings.schemas_cache)
    decoder = packet.Decoder(schemas, settings.ingest.max_packet_bytes)
    for messages in packet.read_files(files, schemas, on_error=reject):
        batch = decoder.decode(messages)
        for _, error in batch.rejects:
            reject(error)
        yield batch


def records_of(batch: packet.Batch, *, history: bool) -> Iterator[dict[str, Any]]:
    """Yield each alert of a batch as nested records, as the survey nests them."""
    parts = {name: _by_alert(batch, name) for name in batch.tables}
    alerts = batch.alerts.drop_columns(list(_PLACE)).to_pylist()
    for row, alert in enumerate(alerts):
        sources = parts["diaSource"].get(row, [])
        record = {**alert, "diaSource": sources[0] if sources else None}
        if history:
            record |= {"prvDiaSources": sources[1:], "prvDiaForcedSources": parts.get("diaForcedSource", {}).get(row, [])}
        record |= {name: next(iter(found.get(row, [])), None) for name, found in parts.items() if name not in {"diaSource", "diaForcedSource"}}
        yield record | {f"{name}Bytes": _length(batch, name, row) for name in packet.CUTOUTS}


def _by_alert(batch: packet.Batch, name: str) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for record in batch.tables[name].to_pylist():
        found.setdefault(record.pop("alert"), []).append(record)
    return found


def _length(batch: packet.Batch, name: str, row: int) -> int | None:
    length = int(batch.cutouts[name].lengths[row]) if name in batch.cutouts else -1
    return None if length < 0 else length


def _new_table() -> Table:
    table = Table()
    for name in (*_SHOWN, "history", "forced", "cutout kB"):
        table.add_column(name, justify="left" if name == "band" else "right", no_wrap=True)
    return table


def _add_rows(table: Table, batch: packet.Batch) -> None:
    for row, alert in enumerate(batch.alerts.to_pylist()):
        size = sum(_length(batch, name, row) or 0 for name in packet.CUTOUTS)
        cells: Mapping[str, Any] = alert
        counts = [str(alert["nPrvDiaSources"]), str(alert["nPrvDiaForcedSources"]), f"{size / 1e3:.1f}"]
        table.add_row(
            *("" if cells[name] is None else f"{cells[name]:.5g}" if name in {"psfFlux", "snr", "reliability"} else str(cells[name]) for name in _SHOWN),
            *counts,
        )


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(value)
