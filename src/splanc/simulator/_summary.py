"""What a diaObject says of its light curve, band by band, as Rubin computes it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ._fields import BANDS, Ints
from ._lightcurve import Floats

Bools = npt.NDArray[np.bool_]


class Column(NamedTuple):
    """One value for each object and band, shape (n_object, 6), and where there is one."""

    values: npt.NDArray[Any]
    present: Bools | None


def difference_statistics(objects: Ints, bands: Ints, mjd_tai: Floats, *, flux: Floats, error: Floats, n_objects: int) -> dict[str, Column]:
    """Return statistics of the diaSources' difference fluxes, by the end of the column's name.

    Parameters
    ----------
    objects, bands : of each diaSource, shape (n_source,).
    mjd_tai : days, ascending within each object.
    flux, error : nJy.
    """
    order = np.argsort(objects * len(BANDS) + bands, kind="stable")
    group = (objects * len(BANDS) + bands)[order]
    time, flux, error = mjd_tai[order], flux[order], error[order]
    n_groups = n_objects * len(BANDS)
    counts = np.bincount(group, minlength=n_groups)
    several, some = counts > 1, counts > 0
    plain = np.bincount(group, flux, n_groups) / np.maximum(counts, 1)
    squares = np.bincount(group, (flux - plain[group]) ** 2, n_groups)
    same = group[1:] == group[:-1]
    slopes = ((flux[1:] - flux[:-1])[same]) / (time[1:] - time[:-1])[same]
    columns = {
        "psfFluxNdata": Column(counts, None),
        "psfFluxSigma": Column(np.sqrt(squares / np.maximum(counts - 1, 1)), several),
        "psfFluxMin": Column(-_greatest(group, -flux, n_groups), some),
        "psfFluxMax": Column(_greatest(group, flux, n_groups), some),
        "psfFluxMaxSlope": Column(_greatest(group[1:][same], slopes, n_groups), several),
        "psfFluxErrMean": Column(np.bincount(group, error, n_groups) / np.maximum(counts, 1), some),
    }
    return {name: Column(column.values.reshape(-1, len(BANDS)), _reshape(column.present)) for name, column in columns.items()}


def mean_and_error(name: str, objects: Ints, bands: Ints, *, flux: Floats, error: Floats, n_objects: int) -> dict[str, Column]:
    """Return `…Mean` weighted by the errors' inverse squares, and its error `…MeanErr`, nJy."""
    group, n_groups = objects * len(BANDS) + bands, n_objects * len(BANDS)
    weight = 1 / (error * error)
    total = np.bincount(group, weight, n_groups)
    some = total > 0
    total = np.where(some, total, 1.0)
    return {
        f"{name}Mean": Column((np.bincount(group, weight * flux, n_groups) / total).reshape(-1, len(BANDS)), _reshape(some)),
        f"{name}MeanErr": Column(np.sqrt(1 / total).reshape(-1, len(BANDS)), _reshape(some)),
    }


def _greatest(group: Ints, values: Floats, n_groups: int) -> Floats:
    """Return the greatest value of each group, 0 where it is empty; groups ascend."""
    greatest = np.zeros(n_groups)
    if len(group):
        starts = np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]]))
        greatest[group[starts]] = np.maximum.reduceat(values, starts)
    return greatest


def _reshape(present: Bools | None) -> Bools | None:
    return None if present is None else present.reshape(-1, len(BANDS))
