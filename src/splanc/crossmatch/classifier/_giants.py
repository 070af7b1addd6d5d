"""The giants: sources of a catalogue that reach so far that their tiles may be degrees away, in one list for the whole sky."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ...sky import healpix29
from ..catalogues import LARGE_ARCSEC, TileDamaged
from ._records import SOURCE, Records, joined_names
from ._rules import SYNONYM_MOST_ARCSEC, Search
from ._tiles import GIANT_ARCSEC, Searchable, Subset, Tile, TileStore, motions_of, reaches, split


@dataclass(frozen=True, slots=True, kw_only=True)
class Giants:
    """The giants of a catalogue, in the order of the sky.

    Parameters
    ----------
    records, names : of `SOURCE` and of `NAMES`, shape (n,).
    subsets : those that are searched together.
    tiles, rows : where each is in the catalogue, shape (n,).
    unread : numbers of the tiles that could not be read; None stands for the file of the large sources.
    """

    records: Records
    names: pa.RecordBatch
    subsets: tuple[Subset, ...]
    tiles: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int32]
    unread: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """Some of the giants, and where each is in the catalogue."""

    records: Records
    names: pa.RecordBatch
    tiles: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int32]


class GiantList:
    """The giants of a catalogue, gathered when they are first asked for.

    They are in the file of the large sources, if the catalogue has one and no search takes smaller ones as far; else all tiles are read.
    What cannot be read is tried again later.

    Parameters
    ----------
    number : of the catalogue in the store.
    searches : over the catalogue.
    """

    def __init__(self, number: int, catalogue: Searchable, searches: Sequence[Search], store: TileStore) -> None:
        self._number = number
        self._searches = searches
        self._store = store
        self._lock = threading.Lock()
        self._parts: list[_Part] = []
        self._unread: deque[int | None] = deque(_places(catalogue, searches))
        self._giants: Giants | None = None

    def get(self) -> Giants:
        """Return the giants, as far as they can be read now."""
        with self._lock:
            if self._giants is None:
                self._parts = []  # of a question that was broken off
                self._unread = deque(place for place in self._unread if not self._read(place))
                self._giants = self._joined()
            elif self._unread and self._read_again():
                self._giants = self._joined()
            return self._giants

    def _read_again(self) -> bool:
        """Read what could not be read, and return whether any could.

        The first that still cannot be ends it, and is the last the next time: a catalogue that is out of reach holds up no batch for long.
        """
        before = len(self._unread)
        while self._unread and self._read(self._unread[0]):
            self._unread.popleft()
        self._unread.rotate(-1)
        return len(self._unread) < before

    def _read(self, place: int | None) -> bool:
        """Add the giants of a tile, or of the file of the large sources, and return whether it could be read."""
        found = self._store.large(self._number) if place is None else self._store.tile(self._number, place, keep=False)
        if isinstance(found, TileDamaged):
            return False
        if isinstance(found, Tile):
            self._add(found, np.full(len(found.rows), place, np.int32), found.rows)
        else:
            tile, rows = found
            self._add(tile, *(rows[name].to_numpy()[tile.rows] for name in ("tile", "row")))
        return True

    def _add(self, tile: Tile, tiles: npt.NDArray[np.int32], rows: npt.NDArray[np.int32]) -> None:
        if len(tile.giants):
            self._parts.append(_Part(tile.records.take(tile.giants), tile.names.take(pa.array(tile.giants)), tiles[tile.giants], rows[tile.giants]))

    def _joined(self) -> Giants:
        """Return what has been read."""
        records = np.concatenate([np.zeros(0, SOURCE), *(part.records for part in self._parts)])
        tiles, rows = (np.concatenate([np.zeros(0, np.int32), *(getattr(part, name) for part in self._parts)]) for name in ("tiles", "rows"))
        cells = healpix29(records["ra"], records["dec"])
        order = np.lexsort((rows, tiles, cells))
        records = records.take(order)
        _, wide = reaches(records, self._searches, SYNONYM_MOST_ARCSEC)
        return Giants(
            records=records,
            names=joined_names(part.names for part in self._parts).take(pa.array(order)),
            subsets=split(wide, cells[order], motions_of(records)),
            tiles=tiles[order],
            rows=rows[order],
            unread=tuple(self._unread),
        )


def _places(catalogue: Searchable, searches: Sequence[Search]) -> Sequence[int | None]:
    """Return where giants may be: numbers of tiles, None for the file of the large sources; nowhere, if only large ones can be some and no sizes are known."""
    least = [one.semi_major_min_arcsec for one in searches if (one.outer_arcsec or 0.0) > GIANT_ARCSEC]
    if None not in least and not catalogue.profile.gives("semi_major_arcsec"):
        return []
    if catalogue.has_large and all(one is not None and one >= LARGE_ARCSEC for one in least):
        return [None]
    return range(len(catalogue.tiles.n_rows))
