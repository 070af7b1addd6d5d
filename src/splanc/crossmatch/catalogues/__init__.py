"""Catalogues: how each is read from its published files, how it lies on disk, and its rows."""

from typing import TYPE_CHECKING

from ...lazy import load_on_use

if TYPE_CHECKING:
    from ._add import add_catalogue
    from ._build import Division
    from ._catalogue import Catalogue, TileDamaged
    from ._columns import SOURCE_COLUMNS
    from ._demo import install_demo
    from ._import import REJECTED, Imported, Sizes, import_catalogue
    from ._large import LARGE_ARCSEC
    from ._profile import Profile, load_profile, profile_names
    from ._shelf import Shelf
    from ._tiles import Tiles
    from ._upkeep import Flaw, remove_catalogue, verify_catalogue
    from ._write import write_catalogue
else:
    __getattr__ = load_on_use(__name__)

__all__ = [
    "LARGE_ARCSEC",
    "REJECTED",
    "SOURCE_COLUMNS",
    "Catalogue",
    "Division",
    "Flaw",
    "Imported",
    "Profile",
    "Shelf",
    "Sizes",
    "TileDamaged",
    "Tiles",
    "add_catalogue",
    "import_catalogue",
    "install_demo",
    "load_profile",
    "profile_names",
    "remove_catalogue",
    "verify_catalogue",
    "write_catalogue",
]
