"""The folder of all catalogues."""

from __future__ import annotations

import difflib
from pathlib import Path

from ...errors import UserError
from ._catalogue import Catalogue
from ._register import registered
from ._tile_cache import CACHE_BYTES, TileCache


class Shelf:
    """The catalogues that are registered on this machine, by name.

    Parameters
    ----------
    folder : one folder in it for each catalogue; it need not be there. Names that begin with a dot are no catalogues.
    cache_bytes : room for tiles of catalogues that lie elsewhere.
    """

    def __init__(self, folder: Path, cache_bytes: int = CACHE_BYTES) -> None:
        self.folder = folder
        self._cache = TileCache(folder / ".tiles", cache_bytes)

    def names(self) -> list[str]:
        """Return the names of the registered catalogues, sorted."""
        return registered(self.folder)

    def open(self, name: str) -> Catalogue:
        """Return a catalogue, opened.

        Raises
        ------
        UserError
            If there is none of the name, or it is not whole.
        """
        names = self.names()
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there {'are ' + ', '.join(names) if names else 'is none'}."
            raise UserError(
                f"no catalogue {name!r} in {self.folder}; {hint} Import it with splanc catalogue import, or the demo's with splanc catalogue install demo"
            )
        return Catalogue(self.folder / name, self._cache)

    def open_all(self) -> dict[str, Catalogue]:
        """Return all registered catalogues, opened, by name.

        Raises
        ------
        UserError
            If one of them is not whole.
        """
        return {name: Catalogue(self.folder / name, self._cache) for name in self.names()}
