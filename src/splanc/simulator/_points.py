"""The light curves that the alerts of one visit carry, as flat columns: each alert's points in the order of time, its trigger last."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from . import _chance
from ._chance import Purpose
from ._fields import BANDS, MAX_OBJECTS, Field, Ints
from ._lightcurve import DETECTION_SNR, Floats, draw_laws, true_flux

_DETECTORS = 189
"""CCDs of Rubin's camera."""

_COUNTER_BITS = 19
"""Bits of a packed id that are below visit and detector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Measurements, shape (n_point,) each; the last of each alert is the trigger.

    Parameters
    ----------
    alert : row of the alert, ascending.
    key : what random numbers about this object at this epoch are drawn with.
    detected : whether there is a diaSource; there is forced photometry of every one.
    source_id, forced_id : diaSourceId and diaForcedSourceId.
    band : number, 0 (u) to 5 (y).
    flux, error : difference flux and its error, nJy, single precision as in the packets.
    """

    alert: Ints
    key: Ints
    detected: npt.NDArray[np.bool_]
    trigger: npt.NDArray[np.bool_]
    visit: Ints
    detector: Ints
    source_id: Ints
    forced_id: Ints
    mjd_tai: Floats
    processed_mjd_tai: Floats
    band: Ints
    flux: npt.NDArray[np.float32]
    error: npt.NDArray[np.float32]

    def select(self, chosen: npt.NDArray[np.bool_]) -> Points:
        """Return the chosen points."""
        return Points(**{column.name: getattr(self, column.name)[chosen] for column in fields(self)})

    def starts(self) -> Ints:
        """Return the place of each alert's first point; every alert has one."""
        return np.flatnonzero(np.concatenate([[True], self.alert[1:] != self.alert[:-1]]))

    def ends(self) -> Ints:
        """Return the place of each alert's last point."""
        return np.append(self.starts()[1:], len(self.alert)) - 1


def trigger_ids(field: Field, epoch: int, objects: Ints) -> Ints:
    """Return the diaSourceIds of objects' alerts in a visit."""
    return _packed_ids(field, np.full(len(objects), epoch), objects, _keys(field, np.full(len(objects), epoch), objects))


def points_of(field: Field, epoch: int, objects: Ints) -> Points:
    """Return what the alerts of these objects in a visit know of them: for each object the points from its first epoch to this one."""
    # A solar-system object has no light curve in its alerts.
    first = np.where(field.solar[objects], epoch, field.first[objects])
    counts = epoch - first + 1
    alert = np.repeat(np.arange(len(objects)), counts)
    epochs = np.arange(len(alert)) - np.repeat(np.cumsum(counts) - counts, counts) + first[alert]
    number, table = objects[alert], epochs + field.epochs.depth
    key = _keys(field, epochs, number)
    mjd_tai = field.epochs.mjd_tai[table]
    band = (epochs + field.number) % len(BANDS)
    tonight = field.epochs.mjd_tai[field.epochs.depth]
    ages = np.where(field.first[objects] < 0, tonight - field.epochs.mjd_tai[field.first[objects] + field.epochs.depth], 0.0)
    laws = draw_laws(field, objects, ages)
    error = laws.noise_njy[alert] * (0.8 + 0.4 * _chance.uniform(key, Purpose.ERROR))
    flux = true_flux(laws, alert, mjd_tai - tonight, band) + error * _chance.normal(key, Purpose.NOISE)
    # What was alerted tonight is known; before, what was bright enough.
    detected = np.where(epochs >= 0, field.alerted[np.maximum(epochs, 0), number], np.abs(flux) >= DETECTION_SNR * error)
    flux = np.where(detected, _at_least_detected(flux, error, key), flux)
    packed = _packed_ids(field, epochs, number, key)
    return Points(
        alert=alert,
        key=key,
        detected=detected,
        trigger=epochs == epoch,
        visit=field.epochs.visits[table],
        detector=_chance.below(_DETECTORS, key, Purpose.DETECTOR),
        source_id=packed,
        forced_id=packed | MAX_OBJECTS,
        mjd_tai=mjd_tai,
        processed_mjd_tai=mjd_tai + (60 + 60 * _chance.uniform(key, Purpose.PROCESSED)) / 86_400,
        band=band,
        flux=flux.astype(np.float32),
        error=error.astype(np.float32),
    )


def _keys(field: Field, epochs: Ints, objects: Ints) -> Ints:
    """Return what the random numbers about objects at epochs are drawn with."""
    return _chance.bits(field.seed, field.number, objects, epochs).view(np.int64)


def _packed_ids(field: Field, epochs: Ints, objects: Ints, keys: Ints) -> Ints:
    """Return ids that hold visit and detector as Rubin's do, and the object's number to tell them apart."""
    detector = _chance.below(_DETECTORS, keys, Purpose.DETECTOR)
    return field.epochs.packed[epochs + field.epochs.depth] | (detector << _COUNTER_BITS) | objects


def _at_least_detected(flux: Floats, error: Floats, key: Ints) -> Floats:
    """Return fluxes of at least the limit of detection: an object that was alerted was, by luck or truth, that bright."""
    limit = (DETECTION_SNR + 0.01 + 0.5 * _chance.uniform(key, Purpose.FLOOR)) * error
    faint = np.abs(flux) < DETECTION_SNR * error * (1 + 1e-6)
    return np.where(faint, np.where(flux < 0, -limit, limit), flux)
