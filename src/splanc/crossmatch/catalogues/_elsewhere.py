"""Catalogues in HATS that are used where they lie: in another folder, behind HTTP, in an object store. Only what is asked for is read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urljoin

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
from obstore.exceptions import BaseError
from obstore.store import LocalStore
from typing_extensions import override

from ...errors import UpstreamError, UserError, first_line
from ...object_stores import store_at
from ._hats import PROPERTIES
from ._mapping import columns_for, map_rows
from ._profile import Profile
from ._read import numbered
from ._rows import INDEX, in_sky_order
from ._tile_cache import TileCache
from ._tiles import Tiles


class Place:
    """Where the files of a catalogue lie.

    Parameters
    ----------
    url : a folder, `http://…`, `https://…`, `s3://…`, `gs://…` or `az://…`; object stores take endpoint and credentials from the
        environment variables of their providers (`AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, …; `AWS_SKIP_SIGNATURE=true` for open ones).

    Raises
    ------
    UserError
        If it is none of these.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            # A folder's links are followed, as everywhere; the store itself would not.
            self._store: Any = store_at(url) if "://" in url else LocalStore(Path(url).resolve(strict=True))
        except (BaseError, OSError, ValueError) as error:
            raise UserError(f"{url} is no folder and no address of a catalogue that can be read: {first_line(error)}") from error

    def get(self, path: str) -> bytes | None:
        """Return a file; None if there is none.

        Raises
        ------
        UpstreamError
            If the place cannot be reached.
        """
        with suppress(FileNotFoundError), self._reaching(path):
            return bytes(obstore.get(self._store, path).bytes())
        return None

    def size_bytes(self, path: str) -> int | None:
        """Return the size of a file; None if there is none.

        Raises
        ------
        UpstreamError
            If the place cannot be reached.
        """
        with suppress(FileNotFoundError), self._reaching(path):
            return int(obstore.head(self._store, path)["size"])
        return None

    @contextmanager
    def parquet(self, path: str) -> Iterator[pq.ParquetFile]:
        """Open a file of Parquet, of which ranges are read.

        Raises
        ------
        OSError, BaseError, pa.ArrowException
            If it cannot be read.
        """
        reader = pa.PythonFile(_Ranges(self._store, path), mode="r")
        with pq.ParquetFile(reader, pre_buffer=True, page_checksum_verification=True) as file:
            yield file

    @contextmanager
    def _reaching(self, path: str) -> Iterator[None]:
        """Name the place and the file if it cannot be reached; that there is no such file is for the caller."""
        try:
            yield
        except FileNotFoundError:
            raise
        except (BaseError, OSError) as error:
            raise UpstreamError(f"{self.url}, {path}: {first_line(error)}") from error


class _Ranges(io.RawIOBase):
    """A file of a store, of which what is asked for is read; the Parquet library asks for few and large parts."""

    def __init__(self, store: Any, path: str) -> None:
        self._store = store
        self._path = path
        self._size_bytes = int(obstore.head(store, path)["size"])
        self._at = 0

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def tell(self) -> int:
        return self._at

    @override
    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size_bytes}[whence]
        return self._at

    @override
    def read(self, size: int = -1) -> bytes:
        end = self._size_bytes if size < 0 else min(self._at + size, self._size_bytes)
        if end <= self._at:
            return b""
        part = bytes(obstore.get_range(self._store, self._path, start=self._at, end=end))
        self._at += len(part)
        return part


class FilesElsewhere:
    """The tiles of a catalogue that lies elsewhere, made into the common record by its profile, and kept on this machine for a while.

    Parameters
    ----------
    url : of its place.
    tiles : its index.
    profile : what its columns mean.
    cache : of tiles.
    key : name of the catalogue with its version, in the cache.
    """

    def __init__(self, url: str, tiles: Tiles, profile: Profile, cache: TileCache, *, key: str) -> None:
        self._url = url
        self._tiles = tiles
        self._profile = profile
        self._cache = cache
        self._key = key
        self._place: Place | None = None

    def read(self, number: int) -> pa.Table:
        """Return the rows of a tile; rows that the profile cannot use are left out.

        Raises
        ------
        OSError, ValueError, BaseError, SplancError, pa.ArrowException
            If it cannot be read.
        """
        key = f"{self._key}-{number}"
        rows = self._cache.get(key)
        if rows is None:
            self._place = self._place or Place(self._url)
            rows = fetch_tile(self._place, self._tiles, self._profile, number)
            self._cache.put(key, rows)
        return rows


def fetch_tile(place: Place, tiles: Tiles, profile: Profile, number: int) -> pa.Table:
    """Return the rows of a tile from its place; rows that the profile cannot use are left out.

    Raises
    ------
    OSError, ValueError, BaseError, SplancError, pa.ArrowException
        If it cannot be read.
    """
    with place.parquet(tiles.path_of(number)) as file:
        columns = columns_for(profile, file.schema_arrow.names).values()
        raw = file.read_row_group(int(tiles.group[number]), columns=list(dict.fromkeys([INDEX, *columns])), use_threads=False)
    tiles.check(number, raw[INDEX])
    return in_sky_order(map_rows(numbered(raw, 1), profile).rows)


def primary(url: str) -> str:
    """Return the address of a catalogue, or of the main one of a collection.

    Raises
    ------
    UserError
        If there is no catalogue in HATS.
    """
    url = url.rstrip("/")
    place = Place(url)
    if _properties(place) is not None:
        return url
    collection = place.get("collection.properties")
    main = _parsed(collection).get("hats_primary_table_url") if collection is not None else None
    if not main:
        raise UserError(f"{url} has no {PROPERTIES}: it is no catalogue in HATS; import other files with splanc catalogue import")
    return main if "://" in main else str(Path(url) / main) if "://" not in url else urljoin(f"{url}/", main)


def partition_paths(place: Place) -> list[str]:
    """Return the files of a catalogue.

    Raises
    ------
    UserError
        If it does not say which it has, or has several in one partition.
    """
    suffix = (_properties(place) or {}).get("hats_npix_suffix", ".parquet")
    listed = place.get("partition_info.csv")
    if listed is None or suffix == "/":
        why = "it has no partition_info.csv" if listed is None else "its partitions are folders of several files"
        raise UserError(f"{place.url}: {why}, which splanc does not read; import its files instead")
    rows = csv.DictReader(io.StringIO(listed.decode()))
    cells = [(int(row["Norder"]), int(row["Npix"])) for row in rows]
    return [str(PurePosixPath(f"dataset/Norder={order}/Dir={pixel // 10_000 * 10_000}/Npix={pixel}{suffix}")) for order, pixel in cells]


def fraction_of_sky(place: Place) -> float:
    """Return the part of the sky that a catalogue says it covers; 0 if it does not say."""
    return float((_properties(place) or {}).get("moc_sky_fraction", 0.0))


def _properties(place: Place) -> dict[str, str] | None:
    for name in (PROPERTIES, "properties"):
        text = place.get(name)
        if text is not None:
            return _parsed(text)
    return None


def _parsed(text: bytes) -> dict[str, str]:
    lines = [line.partition("=") for line in text.decode().splitlines() if not line.startswith("#")]
    return {key.strip(): value.strip() for key, _, value in lines}
