"""Tiles of catalogues that lie elsewhere, kept on this machine: bounded, those longest unused go first."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

CACHE_BYTES = 20_000_000_000
"""Room on the disk for tiles, unless the configuration says otherwise: the fields of several nights in a dense catalogue."""

_ROOM = 0.9
"""Down to this part of the room is made when it is full, so that it is not done for each tile."""


class TileCache:
    """Tiles by name, in a folder that several processes may share.

    Parameters
    ----------
    folder : made when it is not there.
    most_bytes : room for all tiles.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes

    def get(self, key: str) -> pa.Table | None:
        """Return a tile; None if it is not there, or is not as it was written."""
        path = self._path(key)
        try:
            with pq.ParquetFile(path, memory_map=True, page_checksum_verification=True) as file:
                rows = file.read(use_threads=False)
            os.utime(path)
        except FileNotFoundError:
            return None
        except (OSError, pa.ArrowException, ValueError):
            path.unlink(missing_ok=True)
            return None
        return rows

    def put(self, key: str, rows: pa.Table) -> None:
        """Keep a tile; a full disk is no reason not to use it now."""
        path = self._path(key)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            pq.write_table(rows, partial, compression="zstd", compression_level=1, write_page_checksum=True)
            partial.replace(path)
            self._make_room()
        partial.unlink(missing_ok=True)

    def forget(self, key: str) -> None:
        """Delete all tiles of a catalogue."""
        for path in self._folder.glob(f"{key}-*.parquet"):
            path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.parquet"

    def _make_room(self) -> None:
        held = [(path.stat().st_mtime, path.stat().st_size, path) for path in self._folder.glob("*.parquet")]
        total = sum(size for _, size, _ in held)
        if total <= self._most_bytes:
            return
        for _, size, path in sorted(held):
            if total <= _ROOM * self._most_bytes:
                return
            path.unlink(missing_ok=True)
            total -= size
