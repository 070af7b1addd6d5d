"""Tiles of catalogues in memory, prepared for the searches, the last used of them within a bound."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..catalogues import TileDamaged
from ._positions import REACHES_ARCSEC
from ._records import Records, names_of, records_of
from ._rules import SYNONYM_MOST_ARCSEC, Search
from ._selection import motion_mas_yr, reach_arcsec, select

Cells: TypeAlias = npt.NDArray[np.int64]

SLOW_MAS_YR = 50.0
"""Sources that move slower hardly leave their place in the years between two surveys. The few that are faster are searched apart, farther out."""

GIANT_ARCSEC = 260.0
"""Sources that reach farther are kept in one list for the whole sky, since their tiles may be far away."""

_BOUNDS_ARCSEC = tuple(0.85 * reach for reach in REACHES_ARCSEC)
"""Sources are kept apart by how far they reach; what is left of a cover's reach is for those that move a little."""

_RETRY_SECONDS = 60.0
"""A damaged tile is tried again after this: what could not be read over the network may be there again."""


class TileIndex(Protocol):
    """Which part of the sky each tile of a catalogue holds, in the order of the sky; arrays of int64, shape (n_tile,)."""

    @property
    def first(self) -> Cells:
        """Least order-29 cell of each."""

    @property
    def last(self) -> Cells:
        """Greatest cell of each, included."""

    @property
    def n_rows(self) -> Cells:
        """Number of rows."""


class SaysWhatIsThere(Protocol):
    """What is asked of a profile."""

    @property
    def epoch(self) -> float | None:
        """Julian year of the positions; None where rows differ."""

    def gives(self, column: str) -> bool:
        """Return whether rows may have a value in a column."""


class Searchable(Protocol):
    """What the classifier asks of a catalogue; `Catalogue` is one."""

    @property
    def name(self) -> str:
        """Name on the shelf."""

    @property
    def version(self) -> str:
        """Changes with the content."""

    @property
    def tiles(self) -> TileIndex:
        """Where its tiles are."""

    @property
    def profile(self) -> SaysWhatIsThere:
        """What its rows have."""

    def read_tile(self, number: int) -> pa.Table:
        """Return the rows of a tile, `SOURCE_COLUMNS`; raises `TileDamaged`."""

    @property
    def has_large(self) -> bool:
        """Whether it has a file of its large sources."""

    def read_large(self) -> pa.Table:
        """Return the sources of `LARGE_ARCSEC` or more, in the order of their cells, with `tile` and `row` of each; raises `TileDamaged`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subset:
    """Sources of a tile that are searched together.

    Parameters
    ----------
    cells : order-29 cells, ascending, shape (n,).
    rows : their rows in the tile's records, int32, shape (n,).
    reach : how far from each it is found, arcsec, float32, shape (n,); not less than it is.
    most_arcsec : greatest reach.
    motion_mas_yr : greatest proper motion.
    epochs : least and greatest epoch of those that move, Julian years; nan if none does.
    """

    cells: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int32]
    reach: npt.NDArray[np.float32]
    most_arcsec: float
    motion_mas_yr: float
    epochs: tuple[float, float]

    @property
    def ends(self) -> tuple[int, int]:
        """The first cell and the last one."""
        return int(self.cells[0]), int(self.cells[-1])

    @property
    def nbytes(self) -> int:
        """Size, bytes."""
        return self.cells.nbytes + self.rows.nbytes + self.reach.nbytes

    def widening_arcsec(self, years: tuple[float, float]) -> float:
        """Return the farthest that any of them is from its place between two Julian years, arcsec."""
        if self.motion_mas_yr == 0:
            return 0.0
        return farthest_arcsec(self.motion_mas_yr, years, self.epochs)


def farthest_arcsec(motion_mas_yr: float, years: Sequence[float], epochs: Sequence[float]) -> float:
    """Return how far a source moves at most between any of its epochs and any of some years, Julian ones, arcsec."""
    return motion_mas_yr / 1000.0 * max(abs(year - epoch) for year in years for epoch in epochs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A tile, prepared; sources that no search takes are left out.

    Parameters
    ----------
    records : of `SOURCE`, in the order of the catalogue, shape (n,).
    names : ids, types and filters of magnitudes, shape (n,).
    rows : row of each in the tile as it is read, shape (n,).
    near : slow sources, as far as the narrow radii; `movers`: fast ones, as far as all radii; `wide`: slow ones, as far as the wide radii.
    giants : places in `records` of the sources that reach farther than `GIANT_ARCSEC`.
    """

    records: Records
    names: pa.RecordBatch
    rows: npt.NDArray[np.int32]
    near: tuple[Subset, ...]
    movers: Subset | None
    wide: tuple[Subset, ...]
    giants: npt.NDArray[np.int64]

    @property
    def nbytes(self) -> int:
        """Size, bytes."""
        subsets = [subset.nbytes for subset in (*self.near, self.movers, *self.wide) if subset]
        return self.records.nbytes + self.names.nbytes + self.rows.nbytes + sum(subsets)


def prepare(rows: pa.Table, searches: Sequence[Search], synonym_arcsec: float) -> Tile:
    """Return a tile's rows, prepared for the searches over their catalogue.

    Parameters
    ----------
    rows : `SOURCE_COLUMNS`, in the order of their cells.
    synonym_arcsec : radius of searches that have none of their own.
    """
    records, cells = records_of(rows), rows["_healpix_29"].to_numpy()
    records["searches"] = select(rows, records, searches)
    names = names_of(rows)
    taken = np.flatnonzero(records["searches"])
    if len(taken) < len(records):
        records, cells, names = records.take(taken), cells[taken], names.take(pa.array(taken))
    near, wide = reaches(records, searches, synonym_arcsec)
    is_giant, motions = wide > GIANT_ARCSEC, motions_of(records)
    wide_here = np.where(is_giant, 0.0, wide)
    slow = motions.mas_yr < SLOW_MAS_YR
    movers = np.where(slow, 0.0, np.maximum(near, wide_here))
    return Tile(
        records=records,
        names=names,
        rows=taken.astype(np.int32),
        near=split(np.where(slow, near, 0.0), cells, motions),
        movers=subset_of(np.flatnonzero(movers), movers, cells, motions) if movers.any() else None,
        wide=split(np.where(slow, wide_here, 0.0), cells, motions),
        giants=np.flatnonzero(is_giant),
    )


@dataclass(frozen=True, slots=True)
class Motions:
    """Proper motions of sources, mas/yr, and the epochs of their positions, Julian years, shape (n,) each."""

    mas_yr: npt.NDArray[np.float64]
    epochs: npt.NDArray[np.float32]


def motions_of(records: Records) -> Motions:
    """Return the motions of sources."""
    return Motions(motion_mas_yr(records), np.ascontiguousarray(records["epoch"]))


def split(reach: npt.NDArray[np.float64], cells: Cells, motions: Motions) -> tuple[Subset, ...]:
    """Return sources apart by how far they reach, so that few are looked at far out; those that reach 0 are left out.

    Parameters
    ----------
    reach : how far each is to be found, arcsec, shape (n,).
    cells : ascending, shape (n,).
    """
    parts = np.searchsorted(_BOUNDS_ARCSEC, reach).astype(np.int8)
    parts[reach == 0] = -1
    return tuple(subset_of(np.flatnonzero(parts == part), reach, cells, motions) for part in np.unique(parts) if part >= 0)


def subset_of(rows: npt.NDArray[np.int64], reach: npt.NDArray[np.float64], cells: Cells, motions: Motions) -> Subset:
    """Return some of the sources; there is at least one."""
    motion = motions.mas_yr[rows]
    epochs = motions.epochs[rows][motion > 0]
    return Subset(
        cells=cells[rows],
        rows=rows.astype(np.int32),
        reach=np.nextafter(reach[rows].astype(np.float32), np.float32(np.inf)),
        most_arcsec=float(reach[rows].max()),
        motion_mas_yr=float(motion.max()),
        epochs=(float(epochs.min()), float(epochs.max())) if len(epochs) else (np.nan, np.nan),
    )


def reaches(records: Records, searches: Sequence[Search], synonym_arcsec: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return how far each source is to be found by the narrow radii and by the wide ones, arcsec, shape (n,); 0: by none."""
    near, wide = np.zeros(len(records)), np.zeros(len(records))
    for number, search in enumerate(searches):
        taken = np.flatnonzero(records["searches"] & np.uint64(1 << number))
        if search.synonym is not None:
            near[taken] = np.maximum(near[taken], search.synonym_arcsec or synonym_arcsec)
        if search.outer_arcsec is not None:
            target = near if search.outer_arcsec <= SYNONYM_MOST_ARCSEC else wide
            target[taken] = np.maximum(target[taken], reach_arcsec(records.take(taken), search))
    return near, wide


class TileStore:
    """Tiles, prepared, the last used of them within a bound of memory.

    Parameters
    ----------
    catalogues : each with the searches over it.
    synonym_arcsec : radius of searches that have none of their own.
    memory_bytes : bound of the tiles that are kept. One more tile is in memory while it is prepared, as published and as prepared.
    """

    def __init__(self, catalogues: Sequence[tuple[Searchable, Sequence[Search]]], synonym_arcsec: float, memory_bytes: int) -> None:
        self._catalogues = catalogues
        self._synonym_arcsec = synonym_arcsec
        self._memory_bytes = memory_bytes
        self._tiles: OrderedDict[tuple[int, int], Tile] = OrderedDict()
        self._damaged: dict[tuple[int, int | None], tuple[float, TileDamaged]] = {}
        self._lock = threading.Lock()
        self.nbytes = 0

    def tile(self, catalogue: int, number: int, *, keep: bool = True) -> Tile | TileDamaged:
        """Return a tile of a catalogue, or why it cannot be read; it need not be kept."""
        key = (catalogue, number)
        with self._lock:
            if key in self._tiles:
                self._tiles.move_to_end(key)
                return self._tiles[key]
        opened, searches = self._catalogues[catalogue]
        rows = self._read(key, lambda: opened.read_tile(number))
        if isinstance(rows, TileDamaged):
            return rows
        tile = prepare(rows, searches, self._synonym_arcsec)
        if keep:
            self._keep(key, tile)
        return tile

    def large(self, catalogue: int) -> tuple[Tile, pa.Table] | TileDamaged:
        """Return the large sources of a catalogue that has a file of them, prepared, and as they are read; or why they cannot be read."""
        opened, searches = self._catalogues[catalogue]
        rows = self._read((catalogue, None), opened.read_large)
        return rows if isinstance(rows, TileDamaged) else (prepare(rows, searches, self._synonym_arcsec), rows)

    def _read(self, key: tuple[int, int | None], read: Callable[[], pa.Table]) -> pa.Table | TileDamaged:
        """Return what is read; what could not be is not tried again for a while."""
        since, damage = self._damaged.get(key, (-np.inf, None))
        if damage is not None and time.monotonic() < since + _RETRY_SECONDS:
            return damage
        try:
            rows = read()
        except TileDamaged as error:
            self._damaged[key] = (time.monotonic(), error)
            return error
        self._damaged.pop(key, None)
        return rows

    def _keep(self, key: tuple[int, int], tile: Tile) -> None:
        with self._lock:
            if key not in self._tiles:
                self._tiles[key] = tile
                self.nbytes += tile.nbytes
            while self.nbytes > self._memory_bytes:
                _, oldest = self._tiles.popitem(last=False)
                self.nbytes -= oldest.nbytes
