"""Looking after catalogues: comparing their files with what was written, and taking them away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ...errors import SplancError, UpstreamError, UserError
from ._catalogue import Catalogue, TileDamaged
from ._elsewhere import Place
from ._manifest import File, read_manifest, sum_file
from ._register import registered, unregister
from ._shelf import Shelf
from ._tile_cache import CACHE_BYTES, TileCache


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """Something that is not as it was written: the catalogue, the file, the tile if one is known to be damaged, and what is wrong."""

    catalogue: str
    file: str
    tile: int | None
    why: str


def verify_catalogue(shelf: Shelf, name: str, on_file: Callable[[int, int], None] = lambda _done, _all: None) -> Iterator[Flaw]:
    """Yield what is not as it was written: all bytes of a catalogue of splanc's own; the sizes of files that lie elsewhere.

    Parameters
    ----------
    on_file : called with how many files have been looked at, and how many there are.

    Raises
    ------
    UserError
        If there is no catalogue of the name.
    UpstreamError
        If the place of one that lies elsewhere cannot be reached.
    """
    try:
        catalogue = shelf.open(name)
    except UserError as error:
        if name not in shelf.names():
            raise
        yield Flaw(catalogue=name, file="", tile=None, why=str(error))
        return
    place = Place(catalogue.manifest.place) if catalogue.manifest.place else None
    for done, (file, known) in enumerate(catalogue.manifest.files.items(), 1):
        why = _own_flaw(shelf.folder / name / file, known) if place is None or known.sha256 else _flaw_elsewhere(place, file, known)
        if why:
            yield from _flaws(catalogue, file, why)
        on_file(done, len(catalogue.manifest.files))


def _own_flaw(path: Path, known: File) -> str:
    try:
        there = sum_file(path)
    except OSError as error:
        return error.strerror or str(error)
    if there.size_bytes != known.size_bytes:
        return f"it has {there.size_bytes:,} bytes instead of {known.size_bytes:,}"
    return "" if there == known else "its checksum does not fit"


def _flaw_elsewhere(place: Place, file: str, known: File) -> str:
    size_bytes = place.size_bytes(file)
    if size_bytes is None:
        return f"it is no more in {place.url}"
    return "" if size_bytes == known.size_bytes else f"it has {size_bytes:,} bytes instead of {known.size_bytes:,}: it was replaced; add the catalogue again"


def _flaws(catalogue: Catalogue, file: str, why: str) -> Iterator[Flaw]:
    """Yield the damaged tiles of a file, or the file where no tile of it is known to be damaged."""
    found = False
    if not catalogue.manifest.place and file in catalogue.tiles.files:
        for number in (catalogue.tiles.file == catalogue.tiles.files.index(file)).nonzero()[0].tolist():
            try:
                catalogue.read_tile(number)
            except TileDamaged as damage:
                found = True
                yield Flaw(catalogue=catalogue.name, file=file, tile=number, why=damage.why)
    if not found:
        yield Flaw(catalogue=catalogue.name, file=file, tile=None, why=why)


def remove_catalogue(shelf: Path, name: str) -> None:
    """Take a catalogue from a shelf, whatever its state; files that lie elsewhere stay.

    Raises
    ------
    UserError
        If there is none of the name.
    UpstreamError
        If its files cannot be deleted.
    """
    if name not in registered(shelf):
        Shelf(shelf).open(name)  # says which is nearest
    try:
        key = f"{name}-{read_manifest(shelf / name).version}"
    except (OSError, ValueError, SplancError):
        key = f"{name}-"
    TileCache(shelf / ".tiles", CACHE_BYTES).forget(key)
    try:
        unregister(shelf / name)
    except OSError as error:
        raise UpstreamError(f"cannot delete the catalogue {shelf / name}: {error}") from error
