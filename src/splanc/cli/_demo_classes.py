"""What the demo shows of classes: its catalogues, how many objects of the night are of which class, and an example."""

from __future__ import annotations

from collections.abc import Mapping

from rich import box
from rich.console import Console
from rich.table import Table

from .. import archive
from ..config import Settings
from ..crossmatch import catalogues
from ..errors import UserError
from ._context import print_whole

_MEANINGS = {
    "VS": "on a star: it varies",
    "BS": "beside a bright star: probably its light",
    "HPMS": "on a star that moves fast",
    "CV": "on a cataclysmic variable",
    "AGN": "on an active galaxy",
    "NT": "in the nucleus of a galaxy",
    "SN": "within or near a galaxy",
    "ORPHAN": "nothing is near",
    "UNCLEAR": "on something of unknown kind",
    "UNCLASSIFIED": "not classified yet",
}
"""What classes mean, in the order in which they are shown."""

_COUNTED = """
    SELECT classification, count(*) AS n FROM sherlock_classifications
    WHERE diaobjectid IN (SELECT diaobjectid FROM alerts WHERE night = %s) GROUP BY classification"""

_EXAMPLE = """
    SELECT diaobjectid, ra, decl, classification, summary FROM objects JOIN sherlock_classifications USING (diaobjectid)
    WHERE diaobjectid IN (SELECT diaobjectid FROM alerts WHERE night = %s) ORDER BY classification = 'SN' DESC, diaobjectid LIMIT 1"""
"""An object in a galaxy, of which there is most to say; without any, some object."""


def install_catalogues(settings: Settings, console: Console) -> None:
    """Install the demo's catalogues, unless there are others, or servers; without them the demo goes on, and nothing is classified."""
    if settings.crossmatch.servers or catalogues.Shelf(settings.catalogues_folder).names():
        return
    try:
        installed = catalogues.install_demo(settings.catalogues_folder)
    except UserError as error:
        console.print(f"[yellow]objects will have no class:[/yellow] {error}", soft_wrap=True)
        return
    console.print(f"catalogues of the demo: {', '.join(f'{one.name} ({one.n_rows:,} rows)' for one in installed)}", soft_wrap=True)


def count_classes(settings: Settings, night: int) -> dict[str, int]:
    """Return how many objects of a night are of which class, in the order in which they are shown."""
    counts = {row["classification"]: row["n"] for row in archive.read_rows(settings.archive_dsn, _COUNTED, [night])}
    return {name: counts[name] for name in _MEANINGS if name in counts}


def show_classes(settings: Settings, night: int, classes: Mapping[str, int], console: Console) -> None:
    """Print the classes of a night's objects, and what is said of one of them."""
    if not classes:
        return
    table = Table(title=f"what is near the objects of night {night}", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("class")
    table.add_column("objects", justify="right")
    table.add_column("meaning")
    for name, count in classes.items():
        table.add_row(name, f"{count:,}", _MEANINGS[name])
    print_whole(table, console)
    (example,) = archive.read_rows(settings.archive_dsn, _EXAMPLE, [night])
    console.print(f"diaObject {example['diaobjectid']} is {example['classification']}. {example['summary']}", soft_wrap=True)
    console.print(f"all that is near it: splanc classify {example['ra']:.5f} {example['decl']:.5f} --data-dir {settings.data_dir}", soft_wrap=True)
