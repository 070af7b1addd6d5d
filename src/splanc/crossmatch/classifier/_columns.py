"""What is said of each match, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ._cosmology import luminosity_distances
from ._records import Records
from ._resolve import CLASSES, STARS
from ._words import texts_of, texts_of_pairs

Floats: TypeAlias = npt.NDArray[np.float64]

DIRECT, SPECTROSCOPIC, PHOTOMETRIC = "dd", "sz", "pz"
"""How a distance is known, in Lasair's words."""

_DECIMALS = 5
"""Numbers of single precision are given with so many decimals: the rest is not the catalogue's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All that was found: hits with sources and names, shape (n_hit,), and the matches they make (`resolve`).

    Parameters
    ----------
    hits, sources : of `HIT` and `SOURCE`.
    names : id, type and mag_filter.
    matches : of `MATCH`.
    members, match_of : as `resolve` returns them.
    catalogues : names of the catalogues, by their numbers.
    """

    hits: Records
    sources: Records
    names: pa.RecordBatch
    matches: Records
    members: npt.NDArray[np.int32]
    match_of: npt.NDArray[np.int32]
    catalogues: tuple[str, ...]


def match_columns(found: Found, chosen: npt.NDArray[np.int64]) -> dict[str, pa.Array]:
    """Return the columns of some matches, but for texts that tell of them, by name; a row each, NULL for what is not known.

    Parameters
    ----------
    chosen : the matches.
    """
    matches = found.matches.take(chosen)
    hits, first = found.hits.take(matches["decider"]), found.members[matches["begin"]]
    columns: dict[str, Any] = {"association_type": texts_of(matches["classification"], CLASSES)}
    columns["catalogue_table_name"] = _catalogues_of(found, matches)
    columns["catalogue_object_id"], columns["catalogue_object_type"] = (found.names[name].take(pa.array(first)) for name in ("id", "type"))
    ours = ("ra", "dec", "separation", "north", "east")
    theirs = ("raDeg", "decDeg", "separationArcsec", "northSeparationArcsec", "eastSeparationArcsec")
    columns |= {name: hits[one] for name, one in zip(theirs, ours, strict=True)}
    columns["physical_separation_kpc"] = matches["physical_kpc"]
    columns |= _distances(found, matches)
    columns |= {
        "photoZErr": _of(found, matches["photometric"], "photo_z_err").round(_DECIMALS),
        "Mag": _of(found, matches["magnitude"], "mag").round(_DECIMALS),
        "MagFilter": _text_of(found.names["mag_filter"], matches["magnitude"]),
        "MagErr": _of(found, matches["magnitude"], "mag_err").round(_DECIMALS),
        "classificationReliability": matches["phase"].astype(np.int32),
        "major_axis_arcsec": _of(found, matches["size"], "semi_major_arcsec").round(_DECIMALS),
    }
    return {name: column if isinstance(column, pa.Array) else pa.array(column, from_pandas=True) for name, column in columns.items()}


def _catalogues_of(found: Found, matches: Records) -> pa.Array:
    """Return the catalogues that have each match, the one that names it first."""
    named = found.hits["catalogue"][found.members[matches["begin"]]]
    return texts_of_pairs(named, matches["catalogues"], lambda first, bits: "/".join(_names_in(found.catalogues, bits, first)))


def _names_in(catalogues: Sequence[str], bits: int, first: int) -> list[str]:
    others = [name for number, name in enumerate(catalogues) if bits >> number & 1 and number != first]
    return [catalogues[first], *others]


def _distances(found: Found, matches: Records) -> dict[str, Any]:
    """Return the columns of distances and redshifts: measured goes before spectroscopic, and that before photometric."""
    is_star = np.isin(matches["classification"], STARS)
    direct, z = _of(found, matches["direct"], "distance_mpc"), _of(found, matches["spectroscopic"], "redshift")
    photo_z = _of(found, matches["photometric"], "photo_z")
    by_redshift = [np.where(is_star, np.nan, luminosity_distances(one)) for one in (z, photo_z)]
    known = [np.isfinite(one) for one in (direct, *by_redshift)]
    best = np.select(known, [direct, *by_redshift], np.nan)
    which = np.select(known, [0, 1, 2], 3)
    hit = np.select(known, [matches["direct"], matches["spectroscopic"], matches["photometric"]], -1)
    source = np.where(hit < 0, len(found.catalogues), found.hits["catalogue"][hit]) if len(matches) else hit
    return {
        "direct_distance": direct,
        "distance": best,
        "best_distance": best,
        "best_distance_flag": texts_of(which, [DIRECT, SPECTROSCOPIC, PHOTOMETRIC, None]),
        "best_distance_source": texts_of(source, [*found.catalogues, None]),
        "z": z,
        "photoZ": photo_z.round(_DECIMALS),
    }


def _of(found: Found, hits: npt.NDArray[np.int32], name: str) -> Floats:
    """Return a number of the sources of some hits, NaN where there is no hit, shape (n,)."""
    numbers = found.sources[name][hits].astype(np.float64) if len(found.sources) else np.zeros(0)
    return np.where(hits >= 0, numbers, np.nan)


def _text_of(texts: pa.Array, hits: npt.NDArray[np.int32]) -> pa.Array:
    """Return a text of some hits, NULL where there is no hit, shape (n,)."""
    return texts.take(pa.array(hits, mask=hits < 0))
