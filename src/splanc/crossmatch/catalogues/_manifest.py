"""What a catalogue says of itself: `catalogue.json`, beside its files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

MANIFEST, INDEX_OF_TILES, LARGE = "catalogue.json", "tiles.arrow", "large.parquet"
"""Files of a catalogue's folder: this record, the index of the tiles, and the large sources, which are in tiles too."""

_OF_ROWS = (".parquet", ".arrow")
"""Files that say which rows there are; others tell the day on which they were written."""

_FORMAT = 1
"""Raised when what is written here changes its meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of a catalogue: its size, and its SHA-256 in hexadecimal (empty where the file lies elsewhere: it was not read)."""

    size_bytes: int
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What is known of a catalogue without reading its rows.

    Parameters
    ----------
    name : on the shelf.
    profile : the profile's document.
    n_rows : rows in all.
    area_deg2 : of the sky that its sources cover, roughly, square degrees.
    place : where the files lie; empty for the catalogue's own folder.
    sources : the files that it was made from.
    rejected : rows of those that are not in it.
    files : by path below the place, `tiles.arrow` and `large.parquet` too.
    """

    name: str
    profile: dict[str, Any]
    n_rows: int
    area_deg2: float
    place: str = ""
    sources: tuple[str, ...] = ()
    rejected: int = 0
    files: dict[str, File] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """Twelve hexadecimal digits that change with the rows and with the profile."""
        rows = {name: [file.size_bytes, file.sha256] for name, file in sorted(self.files.items()) if name.endswith(_OF_ROWS) and name != LARGE}
        said = [self.profile, rows]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the record into a catalogue's folder."""
    (folder / MANIFEST).write_text(json.dumps({"format": _FORMAT, **asdict(manifest)}, indent=1), "utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Return the record of a catalogue's folder.

    Raises
    ------
    OSError, ValueError
        If it is not there, or not as it was written.
    """
    document = json.loads((folder / MANIFEST).read_text("utf-8"))
    if document.pop("format", None) != _FORMAT:
        raise ValueError(f"{MANIFEST} is of another format than {_FORMAT}")
    try:
        files = {name: File(**file) for name, file in document.pop("files").items()}
        return Manifest(files=files, sources=tuple(document.pop("sources")), **document)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{MANIFEST} is not as it was written ({error})") from error


def sum_file(path: Path) -> File:
    """Return the size and the sum of a file."""
    with path.open("rb") as file:
        return File(size_bytes=path.stat().st_size, sha256=hashlib.file_digest(file, "sha256").hexdigest())


def sum_bytes(data: bytes) -> File:
    """Return the size and the sum of what a file has."""
    return File(size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
