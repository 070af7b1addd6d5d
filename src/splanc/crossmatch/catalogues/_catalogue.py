"""A catalogue, opened: what it says of itself, its tiles, and the rows of each."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from obstore.exceptions import BaseError

from ...errors import SplancError, UpstreamError, UserError, first_line
from ._elsewhere import FilesElsewhere
from ._large import read_large
from ._manifest import INDEX_OF_TILES, LARGE, read_manifest, sum_file
from ._own_files import OwnFiles
from ._profile import Profile
from ._tile_cache import TileCache
from ._tiles import Tiles, read_tiles


class TileDamaged(UpstreamError):
    """A tile of a catalogue, or the file of its large sources, cannot be read, or is not as it was written.

    Parameters
    ----------
    catalogue : its name.
    file : the file that the tile is in, below the catalogue's place.
    tile : number of the tile in the catalogue; None: it is the file of the large sources.
    why : what is wrong with it.
    """

    def __init__(self, catalogue: str, file: str, tile: int | None, why: str) -> None:
        super().__init__(f"catalogue {catalogue}, {file if tile is None else f'tile {tile} ({file})'}: {why}")
        self.catalogue = catalogue
        self.file = file
        self.tile = tile
        self.why = why


class Catalogue:
    """A catalogue on the shelf, read-only; opening it reads no rows.

    Parameters
    ----------
    folder : of the catalogue.
    cache : of tiles, for catalogues that lie elsewhere.

    Raises
    ------
    UserError
        If the folder holds no whole catalogue.
    """

    def __init__(self, folder: Path, cache: TileCache) -> None:
        again = f"import it again, or take it away: splanc catalogue remove {folder.name}"
        try:
            self.manifest = read_manifest(folder)
            self.tiles: Tiles = read_tiles(folder / INDEX_OF_TILES)
            changed = self.manifest.files[INDEX_OF_TILES] != sum_file(folder / INDEX_OF_TILES)
        except (OSError, KeyError, ValueError, pa.ArrowException) as error:
            raise UserError(f"the catalogue in {folder} cannot be opened: {error}; {again}") from error
        if changed:
            raise UserError(f"the catalogue in {folder} cannot be opened: {INDEX_OF_TILES} is not as it was written; {again}")
        self.name = self.manifest.name
        self.version = self.manifest.version
        self.n_rows = self.manifest.n_rows
        self.profile = Profile(str(self.manifest.profile["name"]), self.manifest.profile)
        self._large = folder / LARGE
        place = self.manifest.place
        self._files: OwnFiles | FilesElsewhere = (
            FilesElsewhere(place, self.tiles, self.profile, cache, key=f"{self.name}-{self.version}") if place else OwnFiles(folder, self.tiles)
        )

    def read_tile(self, number: int) -> pa.Table:
        """Return the rows of a tile, `SOURCE_COLUMNS`, in the order of their cells.

        Raises
        ------
        TileDamaged
            If it cannot be read, a checksum of its pages does not fit, or it is not the tile that the index tells of.
        """
        try:
            return self._files.read(number)
        except (OSError, pa.ArrowException, ValueError, IndexError, BaseError, SplancError) as error:
            raise TileDamaged(self.name, self.tiles.path_of(number), number, first_line(error)) from error

    @property
    def has_large(self) -> bool:
        """Whether it has a file of its large sources; one that an earlier splanc made has none, nor one that lies elsewhere and was added without."""
        return LARGE in self.manifest.files

    def read_large(self) -> pa.Table:
        """Return the sources of `LARGE_ARCSEC` or more, in the order of their cells: `SOURCE_COLUMNS`, and `tile` and `row`, which say where each is.

        Raises
        ------
        TileDamaged
            If the file of them cannot be read, or is not as it was written.
        """
        try:
            return read_large(self._large, self.manifest.files[LARGE])
        except (OSError, pa.ArrowException, ValueError) as error:
            raise TileDamaged(self.name, LARGE, None, first_line(error)) from error
