"""diaSources, forced photometry and diaObjects of alerts, as rows to be encoded. What is not set here is as in the real alerts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from . import _chance, _sphere
from ._chance import Purpose
from ._fields import BANDS, Field, Ints
from ._lightcurve import Floats
from ._points import Points
from ._prototypes import Prototypes
from ._summary import difference_statistics, mean_and_error
from ._wire import Bytes, Rows

_JITTER = 0.05 / 206_265
"""Scatter of measured positions, radians: 0.05 arcseconds."""

_SCIENCE_ERROR = np.float32(0.97)
"""Error of a science flux relative to that of the difference, as in the real alerts."""

_PIXELS = 4_000
"""Width of a detector, pixels."""

_NULL_TIMES_SHARE = 1 / 8
"""Share of diaObjects without first and last times: in the real alerts of schema 10.0 all are null."""

_LETTERS = np.frombuffer(BANDS.encode(), np.uint8)
"""The bands as characters."""


def measured(directions: Floats, points: Points) -> Floats:
    """Return directions with noise for each point, shape (n_point, 3), not normalised.

    Parameters
    ----------
    directions : where each alert's object is, unit vectors, shape (n_alert, 3).
    """
    noise = [_chance.normal(points.key, Purpose.JITTER, axis) for axis in range(3)]
    return directions[points.alert] + _JITTER * np.stack(noise, axis=1)


def source_rows(prototypes: Prototypes, points: Points, kinds: Ints, directions: Floats) -> Rows:
    """Return diaSources as measured in the given directions, each like the prototype of its kind."""
    rows = Rows(prototypes.sources, kinds)
    ra, dec = _sphere.to_ra_dec(directions)
    columns: dict[str, npt.NDArray[Any]] = {
        "diaSourceId": points.source_id,
        "visit": points.visit,
        "detector": points.detector,
        "midpointMjdTai": points.mjd_tai,
        "timeProcessedMjdTai": points.processed_mjd_tai,
        "ra": ra,
        "dec": dec,
        "x": _PIXELS * _chance.uniform(points.key, Purpose.PIXEL_X),
        "y": _PIXELS * _chance.uniform(points.key, Purpose.PIXEL_Y),
        "psfFlux": points.flux,
        "psfFluxErr": points.error,
        "scienceFluxErr": _SCIENCE_ERROR * points.error,
        "snr": np.abs(points.flux) / points.error,
        "isNegative": points.flux < 0,
        "band": _letters(points),
    }
    for name, values in columns.items():
        rows.set(name, values)
    for name, values in (("trailRa", ra), ("trailDec", dec)):
        rows.set(name, values, rows.has(name))
    return rows


def forced_rows(prototypes: Prototypes, points: Points, directions: Floats, template: Floats) -> Rows:
    """Return forced photometry at the objects' own positions, given for each alert with the flux of its template."""
    rows = Rows(prototypes.forced, np.zeros(len(points.alert), np.int64))
    ra, dec = _sphere.to_ra_dec(directions)
    columns: dict[str, npt.NDArray[Any]] = {
        "diaForcedSourceId": points.forced_id,
        "ra": ra[points.alert],
        "dec": dec[points.alert],
        "visit": points.visit,
        "detector": points.detector,
        "midpointMjdTai": points.mjd_tai,
        "timeProcessedMjdTai": points.processed_mjd_tai,
        "psfFlux": points.flux,
        "psfFluxErr": points.error,
        "scienceFlux": points.flux + template[points.alert],
        "scienceFluxErr": _SCIENCE_ERROR * points.error,
        "band": _letters(points),
    }
    for name, values in columns.items():
        rows.set(name, values)
    return rows


def object_rows(field: Field, prototypes: Prototypes, objects: Ints, sources: Points, directions: Floats) -> Rows:
    """Return diaObjects that agree with the diaSources that their alerts carry.

    Parameters
    ----------
    sources : the diaSources, each alert's in the order of time.
    directions : where each of the sources was measured, shape (n_source, 3).
    """
    kinds = _chance.below(len(prototypes.objects.bytes), field.seed, Purpose.PROTOTYPE, field.number, objects)
    rows = Rows(prototypes.objects, kinds)
    starts, ends = sources.starts(), sources.ends()
    sums = [np.bincount(sources.alert, axis) for axis in directions.T]
    ra, dec = _sphere.to_ra_dec(np.stack(sums, axis=1))
    times_known = _chance.uniform(field.seed, Purpose.NULL_TIMES, field.number, objects) >= _NULL_TIMES_SHARE
    rows.set("diaObjectId", sources.source_id[starts])
    rows.set("ra", ra)
    rows.set("dec", dec)
    rows.set("nDiaSources", ends - starts + 1)
    rows.set("validityStartMjdTai", sources.processed_mjd_tai[ends])
    rows.set("firstDiaSourceMjdTai", sources.mjd_tai[starts], times_known)
    rows.set("lastDiaSourceMjdTai", sources.mjd_tai[ends], times_known)
    return rows


def set_statistics(rows: Rows, sources: Points, forced: Points, template: Floats) -> None:
    """Set the diaObjects' columns by band, from the diaSources and forced photometry that their alerts carry."""
    n_objects = len(template)
    flux, error = sources.flux.astype(np.float64), sources.error.astype(np.float64)
    science = flux + template[sources.alert]
    columns = {
        **difference_statistics(sources.alert, sources.band, sources.mjd_tai, flux=flux, error=error, n_objects=n_objects),
        **mean_and_error("psfFlux", sources.alert, sources.band, flux=flux, error=error, n_objects=n_objects),
        **mean_and_error("scienceFlux", sources.alert, sources.band, flux=science, error=error * _SCIENCE_ERROR, n_objects=n_objects),
        **mean_and_error("fpFlux", forced.alert, forced.band, flux=forced.flux.astype(np.float64), error=forced.error.astype(np.float64), n_objects=n_objects),
    }
    for name, column in columns.items():
        for number, band in enumerate(BANDS):
            rows.set(f"{band}_{name}", column.values[:, number], None if column.present is None else column.present[:, number])


def _letters(points: Points) -> Bytes:
    return _LETTERS[points.band][:, None]
