"""Registering a catalogue in HATS that is used where it lies: its index is made of the ends of its files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
from obstore.exceptions import BaseError

from ...errors import SplancError, UpstreamError, UserError
from ...sky import SKY_DEG2
from ._build import index_files
from ._elsewhere import Place, fetch_tile, fraction_of_sky, partition_paths, primary
from ._large import AXIS, large_among, write_large
from ._manifest import INDEX_OF_TILES, LARGE, File, Manifest, sum_file, write_manifest
from ._mapping import columns_for, lacking, without
from ._profile import Profile
from ._register import WORK, register
from ._rows import in_sky_order
from ._tiles import Tiles, write_tiles

_THREADS = 16
"""Files or tiles that are read at the same time: most of it is waiting."""


def add_catalogue(
    shelf: Path,
    name: str,
    url: str,
    profile: Profile,
    *,
    large: bool = False,
    on_progress: Callable[[str, int, int], None] = lambda _what, _done, _all: None,
) -> Manifest:
    """Put a catalogue that lies elsewhere on a shelf, and return its record.

    Parameters
    ----------
    shelf : folder of the catalogues.
    url : a folder or an address, of a catalogue in HATS or of a collection of such.
    large : whether to gather its large sources now, for which all of it is read once.
    on_progress : called with what is read, how many of them have been, and how many there are.

    Raises
    ------
    UserError
        If there is no catalogue in HATS, it does not have the columns that the profile needs, or the name is taken.
    UpstreamError
        If the place cannot be reached, or the shelf not written.
    """
    target, work = shelf / name, shelf / WORK / f"{name}.adding"
    if target.exists():
        raise UserError(f"there is a catalogue {name} in {shelf} already; take it away first (splanc catalogue remove {name}), or give another name")
    url = primary(url if "://" in url else str(Path(url).absolute()))
    place = Place(url)
    paths = partition_paths(place)
    footers: list[tuple[str, Any]] = []
    with ThreadPoolExecutor(_THREADS) as pool:
        for path, footer in zip(paths, pool.map(lambda path: _footer(place, path), paths), strict=True):
            footers.append((path, footer))
            on_progress("ends of files", len(footers), len(paths))
    if footers:
        names = footers[0][1].schema.to_arrow_schema().names
        missing = lacking(profile, columns_for(profile, names))
        if missing:
            raise UserError(f"{url}: {without(profile, missing)}; it has {', '.join(names)}")
    try:
        tiles = index_files(footers)
    except ValueError as error:
        raise UserError(f"{url}: {error}; import its files instead") from error
    sizes = {path: File(size_bytes=place.size_bytes(path) or 0) for path in paths}
    try:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        write_tiles(work / INDEX_OF_TILES, tiles)
        if large:
            sources = _large(place, tiles, profile, lambda done: on_progress("tiles", done, len(tiles)))
            write_large(work / LARGE, sources)
        files = {**{path.name: sum_file(path) for path in sorted(work.iterdir())}, **sizes}
        manifest = Manifest(
            name=name,
            profile=dict(profile.document),
            n_rows=int(tiles.n_rows.sum()),
            area_deg2=round(fraction_of_sky(place) * SKY_DEG2, 1),
            place=url,
            files=files,
        )
        write_manifest(work, manifest)
        register(work, target)
    except OSError as error:
        raise UpstreamError(f"cannot put {name} on the shelf {shelf}: {error}; make room there") from error
    return manifest


def _footer(place: Place, path: str) -> Any:
    try:
        with place.parquet(path) as file:
            return file.metadata
    except (BaseError, OSError, pa.ArrowException) as error:
        raise UpstreamError(f"{place.url}, {path}: {str(error).partition(chr(10))[0]}") from error


def _large(place: Place, tiles: Tiles, profile: Profile, on_tile: Callable[[int], None]) -> pa.Table:
    """Return the large sources of all tiles; there are none where the profile tells no sizes."""

    def fetch(number: int) -> pa.Table:
        try:
            return large_among([(number, fetch_tile(place, tiles, profile, number))])
        except (BaseError, OSError, ValueError, SplancError, pa.ArrowException) as error:
            raise UpstreamError(f"{place.url}, {tiles.path_of(number)}: {str(error).partition(chr(10))[0]}") from error

    parts = [large_among([])]
    with ThreadPoolExecutor(_THREADS) as pool:
        for found in pool.map(fetch, range(len(tiles)) if profile.gives(AXIS) else []):
            parts.append(found)
            on_tile(len(parts) - 1)
    return in_sky_order(pa.concat_tables(parts))
