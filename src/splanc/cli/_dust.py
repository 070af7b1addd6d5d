"""Commands on the map of the Milky Way's dust: `splanc dust`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import sky
from ..errors import UserError
from ._context import Config, DataDir, command, settings_of

dust_app = typer.Typer(help="The map of the Milky Way's dust.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(dust_app, name="dust")


@dust_app.command("install")
@command
def install(
    path: Annotated[Path, typer.Argument(help="Folder with SFD's two images, or a FITS file with a HEALPix map of E(B-V).")],
    order: Annotated[int, typer.Option(min=0, max=13, help="HEALPix order of the table; 11 has cells of 1.7 arcminutes, 201 MB.")] = 11,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Make the table of reddening from published maps; nodes that start afterwards use it."""
    if not path.exists():
        raise UserError(f"no file or folder {path}; give a folder with {' and '.join(sky.SFD_FILES.values())}, or a HEALPix map in FITS")
    target = settings_of(data_dir, config).dust_path
    sky.install_dust(path, target, order=order)
    print(target)
