"""The passes over the catalogues: near every position first, then farther out near those that are no known source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..catalogues import TileDamaged
from ._giants import GiantList
from ._join import LIMITS, join
from ._positions import Cover, Positions
from ._records import FASTEST_MAS_YR, HIT, SOURCE, Records, joined_names
from ._rules import SYNONYM_MOST_ARCSEC, Search
from ._tiles import GIANT_ARCSEC, Searchable, Subset, Tile, TileStore, farthest_arcsec

_EPOCHS = (1991.0, 2020.0)
"""Julian years between which the positions of sources that move are, in catalogues that do not say: from Hipparcos to Gaia. They bound how far
away tiles are looked for, no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """Positions, by the caller's numbers, near which searches (their places among those over a catalogue) could not be made, as a tile is damaged.

    `tile` is None where it is the file of the large sources.
    """

    positions: npt.NDArray[np.int32]
    catalogue: int
    tile: int | None
    searches: tuple[int, ...]


class Hits:
    """What the passes find: hits, where their sources and names are, and the tiles that could not be read."""

    def __init__(self) -> None:
        self.damages: list[Damage] = []
        self._found, self._n = np.empty(1024, HIT), 0
        self._parts: list[tuple[slice, Records, pa.RecordBatch]] = []

    def add(self, positions: Positions, records: Records, names: pa.RecordBatch, subsets: Sequence[tuple[Subset | None, Records]]) -> Records:
        """Add the hits among subsets of some sources, each with the limits that it is searched by, and return them; `row` is that of the source."""
        begin = self._n
        for subset, limits in subsets:
            if subset is not None:
                self._join(positions, records, subset, limits)
        found = self._found[begin : self._n]
        if len(found):
            found["position"] = positions.numbers[found["position"]]
            rows = found["row"].copy()
            self._parts.append((slice(begin, self._n), records.take(rows), names.take(pa.array(rows))))
        return found

    def _join(self, positions: Positions, records: Records, subset: Subset, limits: Records) -> None:
        widening = subset.widening_arcsec(positions.span) if positions.span else 0.0
        cover = positions.cover(subset.most_arcsec + widening)
        first, last = cover.between(*subset.ends)
        if first < last:
            ranges = (cover.firsts[first:last], cover.lasts[first:last], cover.begins[first:last], cover.ends[first:last], cover.shift)
            sources = (subset.cells, subset.rows, subset.reach, widening, records)
            self._found, self._n = join(*ranges, positions.vectors, positions.years, *sources, limits, self._found, self._n)

    def synonyms(self, n: int) -> npt.NDArray[np.bool_]:
        """Return which of the caller's n positions are a source."""
        hits, found = self._found[: self._n], np.zeros(n, np.bool_)
        found[hits["position"][hits["synonym"] > 0]] = True
        return found

    def all(self) -> tuple[Records, Records, pa.RecordBatch]:
        """Return all hits, their sources, and their names."""
        sources = np.empty(self._n, SOURCE)
        for part, records, _ in self._parts:
            sources[part] = records
        return self._found[: self._n], sources, joined_names(part[2] for part in self._parts)


class CatalogueSearch:
    """All searches over one catalogue.

    Parameters
    ----------
    number : of the catalogue in the store.
    """

    def __init__(self, number: int, catalogue: Searchable, searches: Sequence[Search], synonym_arcsec: float, store: TileStore) -> None:
        self._number = number
        self._catalogue = catalogue
        self._searches = searches
        self._store = store
        radii = [(_synonym(one, synonym_arcsec), one.outer_arcsec or -1.0, one.physical_kpc or np.nan, one.within_extent) for one in searches]
        self._limits = np.array(radii, LIMITS)
        is_wide = self._limits["outer_arcsec"] > SYNONYM_MOST_ARCSEC
        self._near, self._wide = self._limits.copy(), self._limits.copy()
        self._near["outer_arcsec"][is_wide] = -1.0
        self._wide["outer_arcsec"][~is_wide] = -1.0
        self._wide["synonym_arcsec"] = -1.0
        self._near_arcsec = float(max(self._near["synonym_arcsec"].max(), self._near["outer_arcsec"].max()))
        self._wide_arcsec = float(self._wide["outer_arcsec"].max())
        self._far = self._wide.copy()
        self._far["outer_arcsec"][self._wide["outer_arcsec"] <= GIANT_ARCSEC] = -1.0
        self._giants = GiantList(number, catalogue, searches, store)

    def search_near(self, positions: Positions, hits: Hits) -> None:
        """Add sources within the narrow radii; of those that move fast, within all."""
        reach, epoch = self._near_arcsec, self._catalogue.profile.epoch
        if self._catalogue.profile.gives("pmra") and positions.span:
            reach = min(max(reach, self._wide_arcsec), GIANT_ARCSEC) + farthest_arcsec(FASTEST_MAS_YR, positions.span, (epoch,) if epoch else _EPOCHS)
        for number in self._tiles(positions.cover(max(reach, 0.0))):
            tile = self._store.tile(self._number, number)
            if isinstance(tile, TileDamaged):
                self._mark(positions, number, self._near, hits)
            else:
                self._join(tile, number, [*((subset, self._near) for subset in tile.near), (tile.movers, self._limits)], positions, hits)

    def search_wide(self, positions: Positions, hits: Hits) -> None:
        """Add sources within the wide radii."""
        if self._wide_arcsec < 0:
            return
        for number in self._tiles(positions.cover(min(self._wide_arcsec, GIANT_ARCSEC))):
            tile = self._store.tile(self._number, number)
            if isinstance(tile, TileDamaged):
                self._mark(positions, number, self._wide, hits)
            else:
                self._join(tile, number, [(subset, self._wide) for subset in tile.wide], positions, hits)
        if self._wide_arcsec > GIANT_ARCSEC:
            self._search_giants(positions, hits)

    def _search_giants(self, positions: Positions, hits: Hits) -> None:
        giants = self._giants.get()
        for tile in giants.unread:
            self._mark(positions, tile, self._far, hits)
        found = hits.add(positions, giants.records, giants.names, [(subset, self._wide) for subset in giants.subsets])
        rows = found["row"].copy()
        found["catalogue"], found["tile"], found["row"] = self._number, giants.tiles[rows], giants.rows[rows]

    def _tiles(self, cover: Cover) -> list[int]:
        tiles = self._catalogue.tiles
        return cover.overlapping(tiles.first, tiles.last).tolist()

    def _mark(self, positions: Positions, tile: int | None, limits: Records, hits: Hits) -> None:
        """Note which positions are so near a tile that its sources might have been found; the file of the large sources is near all."""
        radii = np.maximum(limits["synonym_arcsec"], limits["outer_arcsec"])
        if radii.max() < 0:
            return
        near = np.arange(len(positions.numbers)) if tile is None else self._near_tile(positions, tile, float(radii.max()))
        if len(near):
            made = tuple(np.flatnonzero(radii > 0).tolist())
            hits.damages.append(Damage(positions=positions.numbers[near], catalogue=self._number, tile=tile, searches=made))

    def _near_tile(self, positions: Positions, tile: int, arcsec: float) -> npt.NDArray[np.int64]:
        cover, tiles = positions.cover(arcsec), self._catalogue.tiles
        first, last = cover.between(int(tiles.first[tile]), int(tiles.last[tile]))
        ranges = zip(cover.lasts[first:last].tolist(), cover.begins[first:last].tolist(), cover.ends[first:last].tolist(), strict=True)
        runs = [np.arange(begin, end) for most, begin, end in ranges if most >= int(tiles.first[tile]) >> cover.shift]
        return np.unique(np.concatenate([np.zeros(0, np.int64), *runs]))

    def _join(self, tile: Tile, number: int, subsets: Sequence[tuple[Subset | None, Records]], positions: Positions, hits: Hits) -> None:
        found = hits.add(positions, tile.records, tile.names, subsets)
        found["catalogue"], found["tile"], found["row"] = self._number, number, tile.rows[found["row"]]


def _synonym(search: Search, synonym_arcsec: float) -> float:
    return -1.0 if search.synonym is None else search.synonym_arcsec or synonym_arcsec
