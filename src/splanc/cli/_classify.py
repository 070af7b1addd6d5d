"""What is near: `splanc classify`, for a position, for a file of them, and as a service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich import box
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup
from typing_extensions import override

from .. import archive, crossmatch, sky
from ..config import Settings
from ..crossmatch import service
from ..errors import UserError
from ..logs import configure_logs
from ..metrics import Metrics
from ..night import mjd_now
from ._archive import Format, print_answer
from ._classify_file import classify_file, read_positions
from ._context import Config, DataDir, command, finite, print_whole, say, settings_of
from ._names import places_of

_IN_A_TABLE = ("classification", "summary")
"""Columns that a table of many positions shows; CSV and JSON have all of them."""

_OF_A_MATCH = {
    "rank": "rank",
    "class": "association_type",
    "catalogues": "catalogue_table_name",
    "name": "catalogue_object_id",
    "type": "catalogue_object_type",
    "arcsec": "separationArcsec",
    "kpc": "physical_separation_kpc",
    "Mpc": "best_distance",
    "z": "z",
    "mag": "Mag",
    "filter": "MagFilter",
}
"""What the table of a position's matches shows, by its headings; JSON has all columns."""


class _AtByDefault(TyperGroup):
    """A group whose first command needs no name: `splanc classify RA DEC`."""

    @override
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = not args or args[0] in self.commands or args[0] in ctx.help_option_names
        return super().parse_args(ctx, args if named else ["at", *args])


classify_app = typer.Typer(cls=_AtByDefault, help="What is near on the sky: splanc classify RA DEC, and more.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(classify_app, name="classify")


@classify_app.command("at", context_settings={"ignore_unknown_options": True})
@command
def at(
    ra: Annotated[str | None, typer.Argument(metavar="RA", help="Right ascension, ICRS: degrees, or hours such as 10:18:00.5 or 10h18m0.5s.")] = None,
    dec: Annotated[str | None, typer.Argument(metavar="DEC", help="Declination: degrees, or such as -05:12:30 or -5d12m30s.")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="Classify the positions in this file instead: CSV with the columns name, ra, dec.", show_default=False)
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="How to print those; a table has only class and reason.")] = Format.table,
    as_json: Annotated[bool, typer.Option("--json", help="Print the class and the matches of the position as JSON.")] = False,
    lite: Annotated[bool, typer.Option("--lite", help="Only the best match of the position.")] = False,
    mjd: Annotated[
        float | None, typer.Option("--mjd", help="When it is seen there, MJD (TAI): stars are looked for where they are then. Now, unless given.")
    ] = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Say what a position, or each of a file, is near: class and reason, then all matches. The word `at` may be left out.

    Exit with 1 if a line of the file cannot be read, or something could not be classified.
    """
    configure_logs(quiet=True)
    if (file is None) == (ra is None or dec is None):
        raise UserError("give a position, as in `splanc classify 10.5 -5.2`, or a file of positions with --file")
    settings, mjd = settings_of(data_dir, config), mjd_now() if mjd is None else mjd
    if file is None:
        assert ra is not None
        assert dec is not None
        complete = _classify_one(settings, (sky.parse_ra(ra), sky.parse_dec(dec)), mjd, lite=lite, as_json=as_json)
    else:
        complete = _classify_all(settings, file, mjd, format_)
    if not complete:
        raise typer.Exit(1)


@classify_app.command("serve")
@command
def serve(
    host: Annotated[str, typer.Option("--host", help="Address of this machine to listen on; 0.0.0.0: all. Keep it within your own network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port on which nodes ask, by Arrow Flight; 0: any that is free.")] = 29110,
    http_port: Annotated[
        int | None, typer.Option("--http-port", min=0, max=65535, help="Port on which people ask, by HTTP. Unset: none.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Serve this machine's catalogues to nodes and people until SIGTERM."""
    configure_logs()
    settings = settings_of(data_dir, config)
    metrics = Metrics()
    opened = service.open_own_classifier(settings, metrics)
    if opened is None:
        raise _no_catalogues(settings)
    classifier, health = opened
    service.serve(classifier, health, metrics, host=host, port=port, http_port=http_port, places_of=places_of(settings))


def _open(settings: Settings) -> service.CachedClassifier:
    classifier = service.open_classifier(settings)
    if classifier is None:
        raise _no_catalogues(settings)
    return classifier


def _no_catalogues(settings: Settings) -> UserError:
    return UserError(f"there are no catalogues in {settings.catalogues_folder}; import some, or start with `splanc catalogue install demo`")


def _classify_one(settings: Settings, place: tuple[float, float], mjd: float, *, lite: bool, as_json: bool) -> bool:
    """Print what a position is near; return whether that could be told."""
    classifier = _open(settings)
    ra_deg, dec_deg = (np.array([angle]) for angle in place)
    said = classifier.classify(ra_deg, dec_deg, np.array([mjd]), matches=True)
    classifier.close()
    shown = service.as_json([service.QUERY_NAME], said, lite=lite)
    (row,) = said.classifications.select(["classification", "summary"]).to_pylist()
    if as_json:
        print(json.dumps(finite(shown)))
    else:
        print(f"{row['classification']}: {row['summary']}")
        _print_matches([{key: value for key, value in match.items() if key != "transient_object_id"} for match in shown["crossmatches"]])
    return bool(row["classification"] != crossmatch.UNCLASSIFIED)


def _print_matches(matches: list[dict[str, Any]]) -> None:
    """Print matches as a table that fits a terminal, without the columns that none has a value in."""
    if not matches:
        return
    shown = {heading: name for heading, name in _OF_A_MATCH.items() if any(match.get(name) is not None for match in matches)}
    table = Table(*shown, box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for match in matches:
        table.add_row(*(_cell(match.get(name)) for name in shown.values()))
    print_whole(table)


def _cell(value: Any) -> Text:
    return Text("" if value is None else f"{value:.5g}" if isinstance(value, float) else str(value))


def _classify_all(settings: Settings, path: Path, mjd: float, format_: Format) -> bool:
    """Print what the positions of a file are near; return whether that could be told of all."""
    positions = read_positions(path)
    for error in positions.errors:
        say(error)
    classifier = _open(settings)
    said = classify_file(classifier, positions, mjd)
    classifier.close()
    shown = said.select(_IN_A_TABLE) if format_ is Format.table else said
    rows = list(zip(positions.names, *(column.to_pylist() for column in shown.columns), strict=True))
    print_answer(archive.Answer(columns=("name", "class", *shown.column_names[1:]), rows=rows, complete=True), format_)
    return not positions.errors and crossmatch.UNCLASSIFIED not in said["classification"].unique().to_pylist()
