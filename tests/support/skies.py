"""Skies for tests of the classifier: catalogues in memory, made row by row or by the column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from splanc.crossmatch.catalogues import LARGE_ARCSEC, SOURCE_COLUMNS, TileDamaged
from splanc.sky import healpix29


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryTiles:
    """The index of a catalogue in memory."""

    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]
    n_rows: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryProfile:
    """What a catalogue in memory says of its rows: as little as possible."""

    epoch: float | None = None

    def gives(self, column: str) -> bool:
        """Whether rows may have a column."""
        return True


class MemoryCatalogue:
    """A catalogue in memory, with what the classifier asks of one.

    Parameters
    ----------
    columns : of `SOURCE_COLUMNS`, of which `id`, `ra` and `dec` must be there.
    tile_rows : most rows of a tile.
    damaged : tiles that cannot be read; None: the file of the large sources.
    has_large : whether there is such a file.
    """

    def __init__(self, name: str, columns: Mapping[str, Any], *, tile_rows: int = 100, damaged: Sequence[int | None] = (), has_large: bool = True) -> None:
        self.name, self.version, self.damaged = name, "v1", set(damaged)
        self.n_read, self.profile, self.has_large = 0, MemoryProfile(), has_large
        given = pa.table({column: pa.array(values, SOURCE_COLUMNS.field(column).type, from_pandas=True) for column, values in columns.items()})
        cells = healpix29(given["ra"].to_numpy(), given["dec"].to_numpy())
        full = [given[field.name] if field.name in columns else pa.nulls(len(cells), field.type) for field in SOURCE_COLUMNS]
        order = np.argsort(cells, kind="stable")
        self.rows = pa.table([pa.array(cells), *full[1:]], schema=SOURCE_COLUMNS).take(pa.array(order)).combine_chunks()
        cells, begins = cells[order], np.arange(0, len(cells), tile_rows)
        ends = np.minimum(begins + tile_rows, len(cells))
        self._tile_rows = tile_rows
        self.tiles = MemoryTiles(first=cells[begins], last=cells[ends - 1], n_rows=ends - begins)

    def read_tile(self, number: int) -> pa.Table:
        """Return the rows of a tile."""
        self.n_read += 1
        if number in self.damaged:
            raise TileDamaged(self.name, "memory", number, "a test has damaged it")
        return self.rows.slice(number * self._tile_rows, self._tile_rows)

    def read_large(self) -> pa.Table:
        """Return the large sources, and where they are."""
        assert self.has_large
        if None in self.damaged:
            raise TileDamaged(self.name, "memory", None, "a test has damaged it")
        places = np.flatnonzero(self.rows["semi_major_arcsec"].to_numpy() >= LARGE_ARCSEC)
        tiles, rows = (pa.array(numbers, pa.int32()) for numbers in np.divmod(places, self._tile_rows))
        return self.rows.take(pa.array(places)).append_column("tile", tiles).append_column("row", rows)


def catalogue_of(name: str, sources: Sequence[Mapping[str, Any]], **options: Any) -> MemoryCatalogue:
    """Return a catalogue of sources given one by one; those without a name get one."""
    keys = list(dict.fromkeys(key for source in sources for key in source) | {"id": None, "ra": None, "dec": None})
    columns = {key: [source.get(key) for source in sources] for key in keys}
    columns["id"] = [one or f"{name} {number}" for number, one in enumerate(columns["id"])]
    return MemoryCatalogue(name, columns, **options)


def at(ra: float, dec: float, *, north: float = 0.0, east: float = 0.0) -> tuple[float, float]:
    """Return the position some arcseconds north and east of another, along great circles.

    Parameters
    ----------
    ra, dec : degrees.
    north, east : arcsec.
    """
    distance, angle = np.radians(np.hypot(north, east) / 3600), np.arctan2(east, north)
    a, d = np.radians(ra), np.radians(dec)
    sine = np.sin(d) * np.cos(distance) + np.cos(d) * np.sin(distance) * np.cos(angle)
    turn = np.arctan2(np.sin(angle) * np.sin(distance) * np.cos(d), np.cos(distance) - np.sin(d) * sine)
    return float(np.degrees(a + turn) % 360), float(np.degrees(np.arcsin(sine)))
