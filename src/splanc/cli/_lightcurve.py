"""Light curves: `splanc lightcurve`, and the drawing in the terminal, where each diaSource is the letter of its band."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from .. import archive, head, packet
from ..config import Settings
from ..errors import UserError
from ..logs import configure_logs
from ._archive import Format, print_answer
from ._context import Config, DataDir, command, say, settings_of
from ._names import dia_object_id

_COLOURS = {"u": "magenta", "g": "blue", "r": "green", "i": "yellow", "z": "red", "y": "white"}
"""One colour a band, blue to red."""

_ROWS = 14
_COLUMNS = 66

_LONGEST = """
    SELECT diaobjectid FROM objects WHERE ndiasources BETWEEN 5 AND 200 AND diaobjectid IN (SELECT diaobjectid FROM alerts WHERE night = %s)
    ORDER BY ndiasources DESC, diaobjectid LIMIT 1"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("lightcurve")(lightcurve)


def _object_id(text: str) -> int:
    """Return the diaObjectId that an argument means."""
    try:
        return dia_object_id(text)
    except UserError as error:
        raise typer.BadParameter(str(error)) from error


@command
def lightcurve(
    dia_object_id: Annotated[int, typer.Argument(metavar="DIAOBJECTID", help="The object's diaObjectId, or ZTF's name of it.", parser=_object_id)],
    plot: Annotated[Path | None, typer.Option(help="Draw it into this file instead (.png, .pdf, .svg).", show_default=False)] = None,
    since: Annotated[float | None, typer.Option(help="Only points from this time on, MJD (TAI).", show_default=False)] = None,
    format_: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.table,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Print an object's light curve, or draw it: diaSources and forced photometry, fluxes in nJy."""
    configure_logs(quiet=True)
    settings = head.start_services(settings_of(data_dir, config), say, kafka=False)
    with archive.PostgresLightcurves(settings.archive_dsn) as lightcurves:
        points = lightcurves.get([dia_object_id], since)
    name = packet.object_name(dia_object_id) or f"diaObject {dia_object_id}"
    if not points.num_rows:
        when = "" if since is None else f" since MJD {since:g}"
        raise UserError(f"the archive has no light curve of {name}{when}; `splanc query` finds the objects that are there")
    if plot is None:
        columns = [_printed(points[name]) for name in points.column_names]
        print_answer(archive.Answer(columns=tuple(points.column_names), rows=list(zip(*columns, strict=True)), complete=True), format_)
        return
    drawn = archive.write_figure(points, plot, name)
    if drawn < points.num_rows:
        say(f"{points.num_rows - drawn} of {points.num_rows} points are not drawn: they have no time, or no flux, or are upper limits above all fluxes")
    print(plot)


def _printed(column: Any) -> list[Any]:
    """Return the values of an Arrow column; numbers of single precision with the digits that they have, not those of the nearest double."""
    values: list[Any] = (column.cast("string").cast("double") if column.type == "float" else column).to_pylist()
    return values


def draw_lightcurve(settings: Settings, night: int, console: Console) -> None:
    """Draw the light curve of the object with the longest history among those alerted in a night; nothing if none has any."""
    dsn = settings.archive_dsn
    longest = archive.read_rows(dsn, _LONGEST, [night])
    if not longest:
        return
    (dia_object_id,) = longest[0].values()
    with archive.PostgresLightcurves(dsn) as lightcurves:
        points = lightcurves.get([dia_object_id]).to_pylist()
    sources = [p for p in points if not p["isForced"]]
    console.print(f"\ndiaObject {dia_object_id}: {len(sources)} diaSources and {len(points) - len(sources)} forced ones in the archive; difference flux, µJy")
    drawn = [p for p in sources if p["band"] in _COLOURS and p["midpointMjdTai"] is not None and p["psfFlux"] is not None and math.isfinite(p["psfFlux"])]
    for line in lightcurve_lines(drawn):
        console.print(line)


def lightcurve_lines(sources: Sequence[Mapping[str, Any]]) -> list[Text]:
    """Return a picture of diaSources as lines of text: flux in µJy upwards, MJD (TAI) to the right.

    Parameters
    ----------
    sources : with `midpointMjdTai` (MJD, TAI), `psfFlux` (nJy) and `band`.
    """
    if not sources:
        return []
    times = [source["midpointMjdTai"] for source in sources]
    fluxes = [source["psfFlux"] / 1000 for source in sources]
    low, high = min(fluxes), max(fluxes)
    cells: list[list[str]] = [[" "] * _COLUMNS for _ in range(_ROWS)]
    for time, flux, source in zip(times, fluxes, sources, strict=True):
        cells[_place(high - flux, high - low, _ROWS)][_place(time - min(times), max(times) - min(times), _COLUMNS)] = source["band"]
    lines = []
    for number, row in enumerate(cells):
        label = f"{high - (high - low) * number / (_ROWS - 1):10.2f}" if number % 3 == 0 or number == _ROWS - 1 else " " * 10
        lines.append(Text.assemble(f"{label} │", *((cell, _COLOURS.get(cell, "")) for cell in row)))
    lines.append(Text(" " * 11 + "└" + "─" * _COLUMNS))
    ends = f"{min(times):.2f}", f"MJD (TAI) {max(times):.2f}"
    lines.append(Text(" " * 12 + ends[0] + " " * (_COLUMNS - len(ends[0]) - len(ends[1])) + ends[1]))
    return lines


def _place(distance: float, span: float, cells: int) -> int:
    return round(distance / span * (cells - 1)) if span > 0 else 0
