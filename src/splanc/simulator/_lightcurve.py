"""What objects do: transients that rise and decline, and periodic variables, with noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from . import _chance, _sphere
from ._chance import Purpose
from ._fields import Field, Ints

Floats = npt.NDArray[np.float64]

DETECTION_SNR = 5.0
"""Signal-to-noise ratio from which Rubin makes a diaSource of a difference."""

_COLOUR = np.array([0.6, 0.95, 1.1, 1.0, 0.95, 0.8])
"""Brightness of every object by band u, g, r, i, z, y, relative to i."""

_RISE = 3.0
"""How much steeper a transient rises than it declines."""

_YOUNG_DAYS = 30.0
"""Time scale of transients without a history: nothing changes much within their one night, days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Laws:
    """The law of each object, shape (n_object,).

    Parameters
    ----------
    periodic : whether it is a periodic variable.
    peak_njy : flux at the maximum in band i.
    scale_days : time scale of a transient's decline, or a variable's period.
    zero_days : time of a transient's maximum from the beginning of tonight; for a variable its phase at that time, in turns.
    noise_njy : its flux error, roughly.
    """

    periodic: npt.NDArray[np.bool_]
    peak_njy: Floats
    scale_days: Floats
    zero_days: Floats
    noise_njy: Floats


def draw_laws(field: Field, objects: Ints, ages_days: Floats) -> Laws:
    """Return the objects' laws, such that about the corpus's share of each history is bright enough to be detected.

    Parameters
    ----------
    ages_days : time from the first epoch of each object to tonight; 0 for those without a history.
    """
    noise, brightness, phase, period, law = (
        _chance.uniform(field.seed, purpose, field.number, objects)
        for purpose in (Purpose.NOISE_LEVEL, Purpose.BRIGHTNESS, Purpose.PHASE, Purpose.PERIOD, Purpose.LAW)
    )
    old, solar = ages_days > 0, field.solar[objects]
    periodic = (law < 0.5 if field.hosts is None else field.hosts.varies(objects, law < 0.5)) & ~solar
    over_limit = np.where(solar, 1.1 + 40 * brightness * brightness, np.where(old, 2 + 8 * brightness, 1.1 + 3 * brightness))
    # A decline 1 / (1 + x²) from a peak of p times the limit is above the limit until x = √(p - 1), a rise with 3x for x from a third of that.
    width = np.sqrt(over_limit - 1)
    decline = np.where(old, field.corpus.brightness * ages_days / (width * (1 + 1 / _RISE)), _YOUNG_DAYS)
    # |sine| exceeds the cosine of (share · 90 degrees) for that share of the time.
    limit_of_variable, _ = _sphere.cosine_sine(np.full(len(objects), field.corpus.brightness / 4))
    noise_njy = 180 + 200 * noise
    return Laws(
        periodic=periodic,
        peak_njy=DETECTION_SNR * noise_njy * np.where(periodic, 1 / limit_of_variable, over_limit),
        scale_days=np.where(periodic, 0.4 + 60 * period * period * period, decline),
        zero_days=np.where(periodic, phase, np.where(old, -decline * width, 0.0)),
        noise_njy=noise_njy,
    )


def true_flux(laws: Laws, objects: Ints, days: Floats, bands: Ints) -> Floats:
    """Return difference fluxes without noise, nJy, shape (n,).

    Parameters
    ----------
    objects : row of `laws` for each.
    days : time since the beginning of tonight.
    bands : number of the band, 0 (u) to 5 (y).
    """
    scale, zero, periodic = laws.scale_days[objects], laws.zero_days[objects], laws.periodic[objects]
    since = np.where(periodic, 0.0, (days - zero) / scale)
    since = np.where(since < 0, _RISE * since, since)
    _, sine = _sphere.cosine_sine(np.where(periodic, days / scale + zero, 0.0))
    return laws.peak_njy[objects] * _COLOUR[bands] * np.where(periodic, sine, 1 / (1 + since * since))
